"""Caffe's file formats, filling nets, and sets of weights; all files are made here."""

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.nets import caffemodel, install, weight_sets
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import Layers, read_caffemodel, write_caffemodel
from rpn2t.paths import models_dir, prototxt_dir
from rpn2t.system.files import sha256

NET = """
input: "data" input_shape { dim: 1 dim: 3 dim: 5 dim: 5 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv"
        convolution_param { num_output: 4 kernel_size: 3 } }
layer { name: "fc" type: "InnerProduct" bottom: "conv" top: "fc" inner_product_param { num_output: 2 } }
"""


@pytest.fixture
def caffe() -> ModuleType:
    return load_caffe()


@pytest.fixture
def net(caffe: ModuleType, tmp_path: Path) -> Any:
    (tmp_path / "net.prototxt").write_text(NET)
    return caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)


@pytest.fixture
def net_layers() -> Layers:
    return random_layers({"conv": [(4, 3, 3, 3), (4,)], "fc": [(2, 36), (2,)]})


@pytest.fixture(scope="module")
def zf() -> Layers:
    return random_layers(caffemodel.ZF_SHAPES)


@pytest.fixture(scope="module")
def zf_file(zf: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zf") / "some.caffemodel"
    write_caffemodel(path, zf)
    return path


@pytest.fixture(scope="module")
def rpn_file(zf: Layers, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rpn = random_layers({"rpn_conv/3x3": [(256, 256, 3, 3), (256,)]}, seed=1)
    path = tmp_path_factory.mktemp("rpn") / "rpn.caffemodel"
    write_caffemodel(path, zf | rpn)
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


def random_layers(shapes: dict[str, list[tuple[int, ...]]], seed: int = 0) -> Layers:
    rng = np.random.default_rng(seed)
    return {name: [rng.standard_normal(s, np.float32) for s in each] for name, each in shapes.items()}


def same(one: Layers, other: Layers) -> bool:
    return list(one) == list(other) and all(
        np.array_equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True)
    )


def write_old(path: Path, layers: Layers, field: str = "layers", numbers: str = "data") -> None:
    """A file from before 2015, with four sizes for every array."""
    old = load_caffe().proto.caffe_pb2.NetParameter(name="old")
    getattr(old, field).add(name="data")  # layers without weights are passed over
    for name, arrays in layers.items():
        layer = getattr(old, field).add(name=name)
        for array in arrays:
            num, channels, height, width = (1,) * (4 - array.ndim) + array.shape
            blob = layer.blobs.add(num=num, channels=channels, height=height, width=width)
            getattr(blob, numbers).extend(array.ravel().tolist())
    path.write_bytes(old.SerializeToString())


# Caffe's file format


def test_written_file_reads_back_exactly(net_layers: Layers, tmp_path: Path) -> None:
    write_caffemodel(tmp_path / "a.caffemodel", net_layers)
    assert same(read_caffemodel(tmp_path / "a.caffemodel"), net_layers)


def test_caffe_reads_what_is_written(net: Any, net_layers: Layers, tmp_path: Path) -> None:
    write_caffemodel(tmp_path / "a.caffemodel", net_layers)
    net.copy_from(str(tmp_path / "a.caffemodel"))
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, net_layers)


def test_what_caffe_saves_is_read(net: Any, net_layers: Layers, tmp_path: Path) -> None:
    caffemodel.load_into(net, net_layers, source="made")
    net.save(str(tmp_path / "saved.caffemodel"))
    assert same(read_caffemodel(tmp_path / "saved.caffemodel"), net_layers)


@pytest.mark.parametrize("field", ["layer", "layers"])
@pytest.mark.parametrize("numbers", ["data", "double_data"])
def test_old_files_with_four_sizes(
    net: Any, net_layers: Layers, tmp_path: Path, field: str, numbers: str
) -> None:
    path = tmp_path / "old.caffemodel"
    write_old(path, net_layers, field, numbers)

    layers = read_caffemodel(path)
    assert [array.shape for array in layers["conv"]] == [(4, 3, 3, 3), (1, 1, 1, 4)]
    assert caffemodel.load_into(net, layers, source=path) == {"conv": "conv", "fc": "fc"}
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, net_layers)


def test_only_the_numbers_of_a_blob_are_read(caffe: ModuleType, tmp_path: Path) -> None:
    net = caffe.proto.caffe_pb2.NetParameter()
    blob = net.layer.add(name="conv").blobs.add(data=[1.0, 2.0], diff=[3.0, 4.0, 5.0], double_diff=[6.0])
    blob.shape.dim.extend([2])
    unknown = b"\xba\x06\x04some"  # field 103, which no version of Caffe has
    blob.MergeFromString(unknown)
    assert unknown in net.SerializeToString()
    (tmp_path / "a.caffemodel").write_bytes(net.SerializeToString())
    assert read_caffemodel(tmp_path / "a.caffemodel")["conv"][0].tolist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"\x00" * 64, b"not a model, but a line of text\n", b"\x89PNG\r\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.caffemodel"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.caffemodel: not a Caffe model") as caught:
        read_caffemodel(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_truncated_file_is_refused(zf_file: Path, tmp_path: Path, kept: float) -> None:
    content = zf_file.read_bytes()
    path = tmp_path / "cut.caffemodel"
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"cut\.caffemodel: not a Caffe model, or a damaged one"):
        read_caffemodel(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.caffemodel", tmp_path):
        with pytest.raises(InputError, match=f"{path}: cannot be read"):
            read_caffemodel(path)


def test_sizes_that_disagree_with_the_numbers_are_refused(caffe: ModuleType, tmp_path: Path) -> None:
    bad = caffe.proto.caffe_pb2.NetParameter()
    blob = bad.layer.add(name="conv").blobs.add(data=[1.0, 2.0, 3.0])
    blob.shape.dim.extend([2, 2])
    (tmp_path / "bad.caffemodel").write_bytes(bad.SerializeToString())
    with pytest.raises(InputError, match=r"bad\.caffemodel: layer conv: 3 numbers .* shape 2 x 2"):
        read_caffemodel(tmp_path / "bad.caffemodel")


# Filling a net


def test_wrong_shape_names_the_first_layer_and_changes_nothing(net: Any, net_layers: Layers) -> None:
    before = {name: [b.data.copy() for b in blobs] for name, blobs in net.params.items()}
    wrong = net_layers | random_layers({"fc": [(2, 35), (2,)]})
    with pytest.raises(
        InputError, match=r"w\.caffemodel: layer fc does not fit: it is 2 x 35 and 2, and 2 x 36"
    ):
        caffemodel.load_into(net, wrong, source="w.caffemodel")
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, before)


def test_same_size_in_another_shape_does_not_fit(net: Any, net_layers: Layers) -> None:
    turned = net_layers | {"conv": [net_layers["conv"][0].reshape(3, 4, 3, 3), net_layers["conv"][1]]}
    with pytest.raises(InputError, match="layer conv does not fit: it is 3 x 4 x 3 x 3 and 4"):
        caffemodel.load_into(net, turned, source="f")


def test_missing_bias_does_not_fit(net: Any, net_layers: Layers) -> None:
    with pytest.raises(InputError, match="layer conv does not fit"):
        caffemodel.load_into(net, net_layers | {"conv": net_layers["conv"][:1]}, source="f")


def test_required_layers(net: Any, net_layers: Layers) -> None:
    conv = {"conv": net_layers["conv"]}
    with pytest.raises(InputError, match=r"f: has no layer fc \(it has conv\)"):
        caffemodel.load_into(net, conv, source="f")
    with pytest.raises(InputError, match="f: has no layer fc or ip1"):
        caffemodel.load_into(net, conv, source="f", aliases={"fc": ["ip1"]}, required=["fc"])
    assert caffemodel.load_into(net, conv, source="f", required=["conv"]) == {"conv": "conv"}
    assert caffemodel.load_into(net, {"extra": net_layers["fc"]}, source="f", required=False) == {}


def test_aliases_are_second_to_the_layers_own_name(net: Any, net_layers: Layers) -> None:
    other = random_layers({"old_fc": [(2, 36), (2,)]}, seed=5)
    renamed = {"conv": net_layers["conv"], **other}
    aliases = {"fc": ("ip1", "old_fc")}
    assert caffemodel.load_into(net, renamed, source="f", aliases=aliases)["fc"] == "old_fc"
    np.testing.assert_array_equal(net.params["fc"][0].data, other["old_fc"][0])
    assert caffemodel.load_into(net, net_layers | other, source="f", aliases=aliases)["fc"] == "fc"
    np.testing.assert_array_equal(net.params["fc"][0].data, net_layers["fc"][0])


# Sets


def test_shipped_set_is_whole() -> None:
    shipped = weight_sets.find_set("shipped")
    assert shipped.folder == models_dir()
    files = (*weight_sets.FILES.values(), "zf_refiner.caffemodel")
    assert weight_sets.verify(shipped) == dict.fromkeys(files, "ok")
    assert list(weight_sets.checked_layers(shipped.file("refiner"))) == list(caffemodel.REFINER_SHAPES)
    for part in ("student", "teacher"):
        layers = read_caffemodel(shipped.file(part))
        caffemodel.check_zf(layers, source=part)
        rpn = ["conv_proposal1", "rpn_cls_score", "rpn_bbox_pred"] if part == "teacher" else []
        assert list(layers) == [*caffemodel.ZF_SHAPES, *rpn]
        assert all(np.isfinite(array).all() for arrays in layers.values() for array in arrays)
    assert weight_sets.rpn_conv3x3(shipped) is not None


def test_checksum_file_is_sha256sums() -> None:
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", weight_sets.SUMS], cwd=models_dir(), check=True
    )


def test_imported_set_is_found_and_listed(home: Path, zf_file: Path, rpn_file: Path) -> None:
    made = install.import_set("mine", zf_file, rpn_file)
    assert made == weight_sets.find_set("mine")
    assert made.folder == home / "mine"
    assert [each.name for each in weight_sets.installed_sets()] == ["shipped", "mine"]
    assert weight_sets.verify(made) == dict.fromkeys(weight_sets.FILES.values(), "ok")
    assert made.file("student").read_bytes() == zf_file.read_bytes()
    assert [path.name for path in home.iterdir()] == ["mine"]


def test_set_without_a_teacher(home: Path, zf_file: Path) -> None:
    made = install.import_set("student-only", zf_file)
    assert weight_sets.rpn_conv3x3(made) is None
    with pytest.raises(InputError, match=r"weights student-only: the set has no zf_teacher\.caffemodel"):
        made.file("teacher")


def test_any_folder_is_a_set(home: Path, zf_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match=f"weights {folder}: no zf_student"):
        weight_sets.find_set(folder)
    (folder / "zf_student.caffemodel").write_bytes(zf_file.read_bytes())
    found = weight_sets.find_set(str(folder))
    assert (found.name, found.folder, list(found.files)) == ("folder", folder, ["student"])
    assert weight_sets.verify(found) == {"zf_student.caffemodel": "unlisted"}


def test_unknown_set_is_named_as_typed(home: Path) -> None:
    with pytest.raises(InputError, match=r"weights nobody's: no such set or folder \(installed: shipped\)"):
        weight_sets.find_set("nobody's")


def test_verify_sees_a_changed_and_a_missing_file(home: Path, zf_file: Path) -> None:
    made = install.import_set("mine", zf_file, zf_file)
    with made.file("student").open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    made.file("teacher").unlink()
    assert weight_sets.verify(made) == {
        "zf_student.caffemodel": "changed",
        "zf_teacher.caffemodel": "missing",
    }


def test_user_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPN2T_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert weight_sets.user_weights_dir() == Path.home() / ".local/share/rpn2t/weights"
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert weight_sets.user_weights_dir() == Path("/x/rpn2t/weights")
    monkeypatch.setenv("RPN2T_HOME", "/r")
    assert weight_sets.user_weights_dir() == Path("/r/weights")


@pytest.mark.parametrize("name", caffemodel.RPN_CONV3X3)
@pytest.mark.parametrize("part", ["student", "teacher"])
def test_3x3_layer_by_each_name_in_either_file(tmp_path: Path, name: str, part: str) -> None:
    rpn = random_layers({name: [(256, 256, 3, 3), (1, 1, 1, 256)]}, seed=1)
    files = {each: tmp_path / file for each, file in weight_sets.FILES.items()}
    for each, path in files.items():
        write_caffemodel(path, rpn if each == part else {"other": [np.zeros(1, np.float32)]})
    found = weight_sets.rpn_conv3x3(weight_sets.WeightSet("t", tmp_path, files))
    assert found is not None
    np.testing.assert_array_equal(found[0], rpn[name][0])
    np.testing.assert_array_equal(found[1], rpn[name][1].ravel())


def test_3x3_layer_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vgg.caffemodel"
    write_caffemodel(path, random_layers({"rpn_conv/3x3": [(2, 2, 3, 3), (2,)]}))
    with pytest.raises(InputError, match=r"vgg\.caffemodel: layer rpn_conv/3x3 does not fit"):
        weight_sets.rpn_conv3x3(weight_sets.WeightSet("t", tmp_path, {"teacher": path}))


# Import


def test_import_refuses_what_is_no_zf_net(home: Path, zf: Layers, zf_file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.caffemodel"
    write_caffemodel(wrong, zf | random_layers({"conv4": [(384, 192, 3, 3), (384,)]}))
    with pytest.raises(
        InputError, match=r"wrong\.caffemodel: layer conv4 does not fit: it is 384 x 192 x 3 x 3"
    ):
        install.import_set("mine", zf_file, wrong)
    write_caffemodel(wrong, {name: arrays for name, arrays in zf.items() if name != "conv2"})
    with pytest.raises(InputError, match=r"wrong\.caffemodel: has no layer conv2"):
        install.import_set("mine", wrong)
    assert list(home.iterdir()) == []


def test_import_replaces_only_when_forced(home: Path, zf_file: Path, rpn_file: Path) -> None:
    install.import_set("mine", zf_file, rpn_file)
    with pytest.raises(InputError, match=r"weights mine: already installed .* --force"):
        install.import_set("mine", rpn_file)
    made = install.import_set("mine", rpn_file, force=True)
    assert weight_sets.verify(made) == {"zf_student.caffemodel": "ok"}
    assert weight_sets.rpn_conv3x3(made) is not None
    assert [path.name for path in home.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["shipped", "", "..", "a/b", ".hidden", "two words"])
def test_import_refuses_names_that_are_no_folder_names(home: Path, zf_file: Path, name: str) -> None:
    with pytest.raises(InputError, match="not a name for a set"):
        install.import_set(name, zf_file)


def test_import_into_a_place_that_cannot_be_written(
    zf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="weights mine: cannot write to"):
        install.import_set("mine", zf_file)


# The two pretrained sources

FRCNN_MEAN = (102.98, 115.95, 122.77)


def rpn_layers(conv3x3: str, cls_score: str, bbox_pred: str) -> Layers:
    """The three layers of a region proposal network under these names, and two that are not its."""
    return random_layers(
        {
            conv3x3: [(256, 256, 3, 3), (256,)],
            cls_score: [(18, 256, 1, 1), (18,)],
            bbox_pred: [(36, 256, 1, 1), (36,)],
            "fc6": [(8, 16), (8,)],
            "cls_score": [(21, 8), (21,)],
        },
        seed=1,
    )


CANONICAL = ("conv_proposal1", "rpn_cls_score", "rpn_bbox_pred")
MATLAB = ("conv_proposal1", "proposal_cls_score", "proposal_bbox_pred")


@pytest.mark.parametrize(
    ("names", "mean", "old"),
    [
        (("rpn_conv/3x3", *CANONICAL[1:]), FRCNN_MEAN, False),
        (("rpn_conv1", *CANONICAL[1:]), FRCNN_MEAN, True),
        (("rpn_conv1", *CANONICAL[1:]), install.GREY, False),
        (CANONICAL, FRCNN_MEAN, False),
        (MATLAB, install.GREY, True),
    ],
)
def test_other_names_or_another_mean_are_made_ours(
    home: Path, zf: Layers, tmp_path: Path, names: tuple[str, str, str], mean: tuple[float, ...], old: bool
) -> None:
    rpn = rpn_layers(*names)
    (write_old if old else write_caffemodel)(tmp_path / "zf.caffemodel", zf | rpn)
    made = install.import_set("mine", teacher=tmp_path / "zf.caffemodel", mean=mean)
    layers = read_caffemodel(made.file("teacher"))
    change = np.array([[[128 - m]] for m in mean])
    conv1 = [zf["conv1"][0], zf["conv1"][1] + (zf["conv1"][0] * change).sum((1, 2, 3))]
    np.testing.assert_allclose(layers["conv1"][1], conv1[1], rtol=1e-5, atol=1e-3)
    want = zf | {"conv1": [conv1[0], layers["conv1"][1]]}
    want |= {ours: rpn[theirs] for ours, theirs in zip(CANONICAL, names, strict=True)}
    assert same(layers, want)
    assert same(read_caffemodel(made.file("student")), {name: layers[name] for name in caffemodel.ZF_SHAPES})
    assert weight_sets.verify(made) == dict.fromkeys(weight_sets.FILES.values(), "ok")
    assert weight_sets.rpn_conv3x3(made) is not None


@pytest.mark.parametrize("old", [False, True])
def test_the_authors_form_is_copied_as_it_is(home: Path, zf: Layers, tmp_path: Path, old: bool) -> None:
    files = [tmp_path / "student", tmp_path / "teacher"]
    write = write_old if old else write_caffemodel
    write(files[0], zf)
    write(files[1], zf | rpn_layers(*CANONICAL))
    made = install.import_set("mine", *files)
    assert [made.file(part).read_bytes() for part in weight_sets.FILES] == [
        file.read_bytes() for file in files
    ]


def test_a_teacher_alone_is_its_own_student(home: Path, zf: Layers, tmp_path: Path) -> None:
    write_old(tmp_path / "teacher", zf | rpn_layers(*CANONICAL))
    made = install.import_set("mine", teacher=tmp_path / "teacher")
    assert made.file("teacher").read_bytes() == (tmp_path / "teacher").read_bytes()
    assert same(read_caffemodel(made.file("student")), zf)


def test_with_the_mean_folded_in_the_net_computes_the_same(home: Path, tmp_path: Path) -> None:
    """Of a picture minus 128 what the original does of it minus its own mean, away from the padding."""
    original = read_caffemodel(weight_sets.find_set("shipped").file("teacher"))
    write_old(tmp_path / "frcnn", original | rpn_layers("rpn_conv1", *CANONICAL[1:]))
    made = install.import_set("mine", teacher=tmp_path / "frcnn", mean=FRCNN_MEAN)
    picture = np.random.default_rng(2).integers(0, 256, (1, 3, 203, 203)).astype(np.float32)
    caffe = load_caffe()
    maps = []
    for layers, mean in (
        (original, FRCNN_MEAN),
        (read_caffemodel(made.file("teacher")), install.GREY),
        (original, install.GREY),
    ):
        net = caffe.Net(str(prototxt_dir() / "teacher/deploy.prototxt"), caffe.TEST)
        caffemodel.load_into(net, layers, source="made")
        net.blobs["data"].data[...] = picture - np.array(mean, np.float32).reshape(3, 1, 1)
        net.forward()
        maps.append(net.blobs["conv5"].data.copy())
    # A position is 16 px apart from the next, and sees 69 px on each side of its own.
    inner = (..., slice(5, 9), slice(5, 9))
    size = np.abs(maps[0][inner]).max()
    np.testing.assert_allclose(maps[1][inner], maps[0][inner], rtol=0, atol=1e-4 * size)
    assert np.abs(maps[2][inner] - maps[0][inner]).max() > 1e-2 * size  # the mean matters


@pytest.mark.parametrize(
    ("part", "layer", "shapes"),
    [
        ("student", "rpn_conv/3x3", [(512, 256, 3, 3), (512,)]),
        ("teacher", "rpn_cls_score", [(18, 512, 1, 1), (18,)]),
        ("teacher", "proposal_bbox_pred", [(36, 256, 1, 1), (18,)]),
    ],
)
def test_import_refuses_an_rpn_that_does_not_fit(
    home: Path, zf: Layers, tmp_path: Path, part: str, layer: str, shapes: list[tuple[int, ...]]
) -> None:
    file = tmp_path / "vgg.caffemodel"
    write_caffemodel(file, zf | random_layers({layer: shapes}))
    with pytest.raises(InputError, match=rf"vgg\.caffemodel: layer {layer} does not fit"):
        install.import_set("mine", **{part: file})
    assert list(home.iterdir()) == []


def test_import_of_nothing(home: Path) -> None:
    with pytest.raises(InputError, match="weights mine: nothing to import; give --teacher FILE, --student"):
        install.import_set("mine")


# Scale

SCALED = """
input: "conv4" input_shape {{ dim: 2 dim: 384 dim: 6 dim: 5 }}
layer {{ name: "conv5" type: "Convolution" bottom: "conv4" top: "conv5"
        convolution_param {{ num_output: 256 kernel_size: 3 pad: 1 }} }}
layer {{ name: "relu5" type: "ReLU" bottom: "conv5" top: "relu5" }}
layer {{ name: "{rpn}" type: "Convolution" bottom: "relu5" top: "proposal"
        convolution_param {{ num_output: 256 kernel_size: 3 pad: 1 }} }}
"""


@pytest.mark.parametrize(
    ("rpn", "factor"),
    [("conv_proposal1", 0.01), ("conv_proposal1", 4.0), ("rpn_conv/3x3", 37.0), ("rpn_conv1", 0.3)],
)
def test_scaled_features_give_the_same_proposals(
    caffe: ModuleType, zf: Layers, tmp_path: Path, rpn: str, factor: float
) -> None:
    (tmp_path / "net.prototxt").write_text(SCALED.format(rpn=rpn))
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST)
    layers = zf | random_layers({rpn: [(256, 256, 3, 3), (256,)]}, seed=1)
    net.blobs["conv4"].data[...] = np.random.default_rng(2).standard_normal((2, 384, 6, 5))
    conv5, proposal = [], []
    for each in (layers, caffemodel.scale_conv5(layers, factor, source="here")):
        caffemodel.load_into(net, each, source="made")
        net.forward()
        conv5.append(net.blobs["conv5"].data.copy())
        proposal.append(net.blobs["proposal"].data.copy())
    # Sums of thousands of numbers round in their fifth or sixth digit, by the machine.
    np.testing.assert_allclose(proposal[1], proposal[0], rtol=0, atol=5e-6 * np.abs(proposal[0]).max())
    np.testing.assert_allclose(conv5[1], conv5[0] * factor, rtol=0, atol=1e-5 * np.abs(conv5[1]).max())
    if factor == 4:
        np.testing.assert_array_equal(proposal[1], proposal[0])


def test_scaling_leaves_every_other_array(zf: Layers) -> None:
    layers = zf | rpn_layers(*CANONICAL)
    copy = {name: [array.copy() for array in arrays] for name, arrays in layers.items()}
    scaled = caffemodel.scale_conv5(layers, 3, source="here")
    assert same(layers, copy)
    assert list(scaled) == list(layers)
    changed = {name for name in layers if not same({name: layers[name]}, {name: scaled[name]})}
    assert changed == {"conv5", "conv_proposal1"}
    np.testing.assert_array_equal(scaled["conv_proposal1"][1], layers["conv_proposal1"][1])
    assert {array.dtype for arrays in scaled.values() for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("factor", [0, -1, 1e-300, float("nan"), float("inf")])
def test_a_factor_that_is_none_is_refused(zf: Layers, factor: float) -> None:
    with pytest.raises(InputError, match=f"factor {factor}: give a number from"):
        caffemodel.scale_conv5(zf, factor, source="here")


def test_a_scaled_set(home: Path, zf: Layers, zf_file: Path, rpn_file: Path, tmp_path: Path) -> None:
    mine = install.import_set("mine", zf_file, rpn_file)
    made = install.scale_set(mine, 0.5, tmp_path / "new" / "half")
    assert made == weight_sets.find_set(tmp_path / "new" / "half")
    assert weight_sets.verify(made) == dict.fromkeys(weight_sets.FILES.values(), "ok")
    for part in weight_sets.FILES:
        layers = read_caffemodel(mine.file(part))
        assert same(read_caffemodel(made.file(part)), caffemodel.scale_conv5(layers, 0.5, source="here"))
    with pytest.raises(InputError, match=f"{made.folder}: not an empty folder"):
        install.scale_set(mine, 0.25, made.folder)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["half"]
    (tmp_path / "empty").mkdir()
    assert weight_sets.verify(install.scale_set(made, 2, tmp_path / "empty"))
    assert (tmp_path / "empty" / "zf_student.caffemodel").read_bytes() == zf_file.read_bytes()
    rounded = install.scale_set(mine, 1, tmp_path / "rounded", half=True)
    for name, arrays in read_caffemodel(rounded.file("student")).items():
        for array, exact in zip(arrays, zf[name], strict=True):
            assert (array == array.astype(np.float16)).all()
            np.testing.assert_allclose(array, exact, rtol=2**-11, atol=2**-25)


# Fetch, from a server on this machine


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def remote(zf_file: Path, rpn_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "remote"
    folder.mkdir()
    (folder / "learned").write_bytes(zf_file.read_bytes())
    (folder / "proposal").write_bytes(rpn_file.read_bytes())
    return folder


def remote_files(folder: Path) -> list[install.RemoteFile]:
    parts = {"student": "learned", "teacher": "proposal"}
    ids = {part: install.git_blob_id(folder / name) for part, name in parts.items()}
    return [install.RemoteFile(part, name, ids[part]) for part, name in parts.items()]


def test_git_blob_id_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello\n")
    assert install.git_blob_id(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_fetch_makes_a_verified_set(home: Path, remote: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    with served(remote) as url:
        made = install.fetch_authors(url + "/", remote_files(remote), tell=lambda *step: seen.append(step))
    assert made == weight_sets.find_set("authors")
    assert weight_sets.verify(made) == dict.fromkeys(weight_sets.FILES.values(), "ok")
    assert weight_sets.rpn_conv3x3(made) is not None
    sizes = {name: (remote / name).stat().st_size for name in ("learned", "proposal")}
    assert {name: (here, total) for name, here, total in seen} == {k: (v, v) for k, v in sizes.items()}


def test_fetch_refuses_another_file_and_leaves_the_old_set(home: Path, remote: Path) -> None:
    files = remote_files(remote)
    with served(remote) as url:
        install.fetch_authors(url, files)
        content = (remote / "proposal").read_bytes()
        (remote / "proposal").write_bytes(content[:-1])
        with pytest.raises(InputError, match="/proposal: not the authors' file, or not all of it"):
            install.fetch_authors(url, files, force=True)
    assert weight_sets.verify(weight_sets.find_set("authors")) == dict.fromkeys(
        weight_sets.FILES.values(), "ok"
    )
    assert [path.name for path in home.iterdir()] == ["authors"]


def test_fetch_of_a_file_that_is_not_there(home: Path, remote: Path) -> None:
    files = remote_files(remote)
    (remote / "learned").unlink()
    with (
        served(remote) as url,
        pytest.raises(InputError, match=r"/learned: cannot be fetched .*not found") as caught,
    ):
        install.fetch_authors(url, files)
    assert "\n" not in str(caught.value)
    assert list(home.iterdir()) == []


def test_the_authors_files_are_the_published_ones() -> None:
    assert {file.name: file.git_blob for file in install.AUTHORS_FILES} == {
        "ZF_iter_160000": "615bc03a41e867eae9e3ed10aebddd8e91329dd7",
        "proposal_learn_160k_voc_5_9000": "54a3343dd95f07460237c61905fc11f7185e5297",
    }


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 1000)
    assert sha256(tmp_path / "f") == hashlib.sha256(b"abc" * 1000).hexdigest()


# Damage


def damaged_file(folder: Path, change: Callable[[Any], None]) -> Path:
    """A file of one layer, conv5 with weights and a bias, with something about it changed."""
    net = load_caffe().proto.caffe_pb2.NetParameter()
    layer = net.layer.add(name="conv5")
    for _ in range(2):
        layer.blobs.add(data=[1.0, 2.0]).shape.dim.append(2)
    change(layer)
    file = folder / "net.caffemodel"
    file.write_bytes(net.SerializeToString().replace(b"~~", b"\xff\xfe"))
    return file


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(tmp_path: Path, number: float) -> None:
    file = damaged_file(tmp_path, lambda layer: layer.blobs[0].data.__setitem__(0, number))
    with pytest.raises(InputError, match="layer conv5: holds numbers that are infinite or NaN"):
        read_caffemodel(file)


def test_a_name_that_is_no_text_is_read_as_one(tmp_path: Path) -> None:
    file = damaged_file(tmp_path, lambda layer: setattr(layer, "name", "conv~~"))
    with pytest.raises(InputError, match="has no layer conv1"):
        caffemodel.check_zf(read_caffemodel(file), source=file)


def test_scaling_refuses_what_has_no_bias_or_gets_too_large(tmp_path: Path) -> None:
    file = damaged_file(tmp_path, lambda layer: layer.blobs.__delitem__(1))
    with pytest.raises(InputError, match="here: layer conv5: has 1 arrays, not weights and a bias"):
        caffemodel.scale_conv5(read_caffemodel(file), 2, source="here")
    file = damaged_file(tmp_path, lambda layer: layer.blobs[0].data.__setitem__(0, 1e38))
    with pytest.raises(InputError, match="get too large; give a smaller factor"):
        caffemodel.scale_conv5(read_caffemodel(file), 1000, source="here")


def test_checksums_of_a_file_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_text("0" * 64 + "  " + "x" * 5000)
    (tmp_path / weight_sets.FILES["student"]).touch()
    assert weight_sets.verify(weight_sets.find_set(tmp_path)) == {
        weight_sets.FILES["student"]: "unlisted",
        "x" * 5000: "missing",
    }
    with pytest.raises(InputError, match="no such set or folder"):
        weight_sets.find_set("x" * 5000)
    with pytest.raises(InputError, match="no such set or folder"):
        weight_sets.find_set("~nobody-of-that-name/weights")
