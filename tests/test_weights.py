"""Caffe's file formats, filling nets, and sets of weights; all files are made here."""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rpn2t import weights, weights_install
from rpn2t.errors import InputError
from rpn2t.paths import models_dir
from rpn2t.runtime import load_caffe
from rpn2t.weights import Layers, read_caffemodel, write_caffemodel

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
    return random_layers(weights.ZF_SHAPES)


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


# Caffe's file format


def test_written_file_reads_back_exactly(net_layers: Layers, tmp_path: Path) -> None:
    write_caffemodel(tmp_path / "a.caffemodel", net_layers)
    assert same(read_caffemodel(tmp_path / "a.caffemodel"), net_layers)


def test_caffe_reads_what_is_written(net: Any, net_layers: Layers, tmp_path: Path) -> None:
    write_caffemodel(tmp_path / "a.caffemodel", net_layers)
    net.copy_from(str(tmp_path / "a.caffemodel"))
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, net_layers)


def test_what_caffe_saves_is_read(net: Any, net_layers: Layers, tmp_path: Path) -> None:
    weights.load_into(net, net_layers, source="made")
    net.save(str(tmp_path / "saved.caffemodel"))
    assert same(read_caffemodel(tmp_path / "saved.caffemodel"), net_layers)


@pytest.mark.parametrize("field", ["layer", "layers"])
@pytest.mark.parametrize("numbers", ["data", "double_data"])
def test_old_files_with_four_sizes(
    caffe: ModuleType, net: Any, net_layers: Layers, tmp_path: Path, field: str, numbers: str
) -> None:
    pb2 = caffe.proto.caffe_pb2
    old = pb2.NetParameter(name="old")
    getattr(old, field).add(name="data")  # layers without weights are passed over
    for name, arrays in net_layers.items():
        layer = getattr(old, field).add(name=name)
        for array in arrays:
            num, channels, height, width = (1,) * (4 - array.ndim) + array.shape
            blob = layer.blobs.add(num=num, channels=channels, height=height, width=width)
            getattr(blob, numbers).extend(array.ravel().tolist())
    path = tmp_path / "old.caffemodel"
    path.write_bytes(old.SerializeToString())

    layers = read_caffemodel(path)
    assert [array.shape for array in layers["conv"]] == [(4, 3, 3, 3), (1, 1, 1, 4)]
    assert weights.load_into(net, layers, source=path) == {"conv": "conv", "fc": "fc"}
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, net_layers)


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
        weights.load_into(net, wrong, source="w.caffemodel")
    assert same({name: [b.data for b in blobs] for name, blobs in net.params.items()}, before)


def test_same_size_in_another_shape_does_not_fit(net: Any, net_layers: Layers) -> None:
    turned = net_layers | {"conv": [net_layers["conv"][0].reshape(3, 4, 3, 3), net_layers["conv"][1]]}
    with pytest.raises(InputError, match="layer conv does not fit: it is 3 x 4 x 3 x 3 and 4"):
        weights.load_into(net, turned, source="f")


def test_missing_bias_does_not_fit(net: Any, net_layers: Layers) -> None:
    with pytest.raises(InputError, match="layer conv does not fit"):
        weights.load_into(net, net_layers | {"conv": net_layers["conv"][:1]}, source="f")


def test_required_layers(net: Any, net_layers: Layers) -> None:
    conv = {"conv": net_layers["conv"]}
    with pytest.raises(InputError, match=r"f: has no layer fc \(it has conv\)"):
        weights.load_into(net, conv, source="f")
    with pytest.raises(InputError, match="f: has no layer fc or ip1"):
        weights.load_into(net, conv, source="f", aliases={"fc": ["ip1"]}, required=["fc"])
    assert weights.load_into(net, conv, source="f", required=["conv"]) == {"conv": "conv"}
    assert weights.load_into(net, {"extra": net_layers["fc"]}, source="f", required=False) == {}


def test_aliases_are_second_to_the_layers_own_name(net: Any, net_layers: Layers) -> None:
    other = random_layers({"old_fc": [(2, 36), (2,)]}, seed=5)
    renamed = {"conv": net_layers["conv"], **other}
    aliases = {"fc": ("ip1", "old_fc")}
    assert weights.load_into(net, renamed, source="f", aliases=aliases)["fc"] == "old_fc"
    np.testing.assert_array_equal(net.params["fc"][0].data, other["old_fc"][0])
    assert weights.load_into(net, net_layers | other, source="f", aliases=aliases)["fc"] == "fc"
    np.testing.assert_array_equal(net.params["fc"][0].data, net_layers["fc"][0])


# Sets


def test_shipped_set_is_whole() -> None:
    shipped = weights.find_set("shipped")
    assert shipped.folder == models_dir()
    assert weights.verify(shipped) == dict.fromkeys(weights.FILES.values(), "ok")
    for part in ("student", "teacher"):
        layers = read_caffemodel(shipped.file(part))
        weights.check_zf(layers, source=part)
        assert list(layers) == list(weights.ZF_SHAPES)
        assert all(np.isfinite(array).all() for arrays in layers.values() for array in arrays)
    assert weights.rpn_conv3x3(shipped) is None


def test_checksum_file_is_sha256sums() -> None:
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", weights.SUMS], cwd=models_dir(), check=True
    )


def test_imported_set_is_found_and_listed(home: Path, zf_file: Path, rpn_file: Path) -> None:
    made = weights_install.import_set("mine", zf_file, rpn_file)
    assert made == weights.find_set("mine")
    assert made.folder == home / "mine"
    assert [each.name for each in weights.installed_sets()] == ["shipped", "mine"]
    assert weights.verify(made) == dict.fromkeys(weights.FILES.values(), "ok")
    assert made.file("student").read_bytes() == zf_file.read_bytes()
    assert [path.name for path in home.iterdir()] == ["mine"]


def test_set_without_a_teacher(home: Path, zf_file: Path) -> None:
    made = weights_install.import_set("student-only", zf_file)
    assert weights.rpn_conv3x3(made) is None
    with pytest.raises(InputError, match=r"weights student-only: the set has no zf_teacher\.caffemodel"):
        made.file("teacher")


def test_any_folder_is_a_set(home: Path, zf_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some" / "folder"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match=f"weights {folder}: no zf_student"):
        weights.find_set(folder)
    (folder / "zf_student.caffemodel").write_bytes(zf_file.read_bytes())
    found = weights.find_set(str(folder))
    assert (found.name, found.folder, list(found.files)) == ("folder", folder, ["student"])
    assert weights.verify(found) == {"zf_student.caffemodel": "unlisted"}


def test_unknown_set_is_named_as_typed(home: Path) -> None:
    with pytest.raises(InputError, match=r"weights nobody's: no such set or folder \(installed: shipped\)"):
        weights.find_set("nobody's")


def test_verify_sees_a_changed_and_a_missing_file(home: Path, zf_file: Path) -> None:
    made = weights_install.import_set("mine", zf_file, zf_file)
    with made.file("student").open("r+b") as file:
        file.seek(1000)
        file.write(b"x")
    made.file("teacher").unlink()
    assert weights.verify(made) == {"zf_student.caffemodel": "changed", "zf_teacher.caffemodel": "missing"}


def test_user_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RPN2T_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert weights.user_weights_dir() == Path.home() / ".local/share/rpn2t/weights"
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert weights.user_weights_dir() == Path("/x/rpn2t/weights")
    monkeypatch.setenv("RPN2T_HOME", "/r")
    assert weights.user_weights_dir() == Path("/r/weights")


@pytest.mark.parametrize("name", weights.RPN_CONV3X3)
@pytest.mark.parametrize("part", ["student", "teacher"])
def test_3x3_layer_by_each_name_in_either_file(tmp_path: Path, name: str, part: str) -> None:
    rpn = random_layers({name: [(256, 256, 3, 3), (1, 1, 1, 256)]}, seed=1)
    files = {each: tmp_path / file for each, file in weights.FILES.items()}
    for each, path in files.items():
        write_caffemodel(path, rpn if each == part else {"other": [np.zeros(1, np.float32)]})
    found = weights.rpn_conv3x3(weights.WeightSet("t", tmp_path, files))
    assert found is not None
    np.testing.assert_array_equal(found[0], rpn[name][0])
    np.testing.assert_array_equal(found[1], rpn[name][1].ravel())


def test_3x3_layer_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vgg.caffemodel"
    write_caffemodel(path, random_layers({"rpn_conv/3x3": [(2, 2, 3, 3), (2,)]}))
    with pytest.raises(InputError, match=r"vgg\.caffemodel: layer rpn_conv/3x3 does not fit"):
        weights.rpn_conv3x3(weights.WeightSet("t", tmp_path, {"teacher": path}))


# Import


def test_import_refuses_what_is_no_zf_net(home: Path, zf: Layers, zf_file: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.caffemodel"
    write_caffemodel(wrong, zf | random_layers({"conv4": [(384, 192, 3, 3), (384,)]}))
    with pytest.raises(
        InputError, match=r"wrong\.caffemodel: layer conv4 does not fit: it is 384 x 192 x 3 x 3"
    ):
        weights_install.import_set("mine", zf_file, wrong)
    write_caffemodel(wrong, {name: arrays for name, arrays in zf.items() if name != "conv2"})
    with pytest.raises(InputError, match=r"wrong\.caffemodel: has no layer conv2"):
        weights_install.import_set("mine", wrong)
    assert list(home.iterdir()) == []


def test_import_replaces_only_when_forced(home: Path, zf_file: Path, rpn_file: Path) -> None:
    weights_install.import_set("mine", zf_file, rpn_file)
    with pytest.raises(InputError, match=r"weights mine: already installed .* --force"):
        weights_install.import_set("mine", rpn_file)
    made = weights_install.import_set("mine", rpn_file, force=True)
    assert weights.verify(made) == {"zf_student.caffemodel": "ok"}
    assert weights.rpn_conv3x3(made) is not None
    assert [path.name for path in home.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["shipped", "", "..", "a/b", ".hidden", "two words"])
def test_import_refuses_names_that_are_no_folder_names(home: Path, zf_file: Path, name: str) -> None:
    with pytest.raises(InputError, match="not a name for a set"):
        weights_install.import_set(name, zf_file)


def test_import_into_a_place_that_cannot_be_written(
    zf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="weights mine: cannot write to"):
        weights_install.import_set("mine", zf_file)


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


def remote_files(folder: Path) -> list[weights_install.RemoteFile]:
    parts = {"student": "learned", "teacher": "proposal"}
    ids = {part: weights_install.git_blob_id(folder / name) for part, name in parts.items()}
    return [weights_install.RemoteFile(part, name, ids[part]) for part, name in parts.items()]


def test_git_blob_id_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "hello").write_text("hello\n")
    assert weights_install.git_blob_id(tmp_path / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_fetch_makes_a_verified_set(home: Path, remote: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    with served(remote) as url:
        made = weights_install.fetch_authors(
            url + "/", remote_files(remote), progress=lambda *step: seen.append(step)
        )
    assert made == weights.find_set("authors")
    assert weights.verify(made) == dict.fromkeys(weights.FILES.values(), "ok")
    assert weights.rpn_conv3x3(made) is not None
    sizes = {name: (remote / name).stat().st_size for name in ("learned", "proposal")}
    assert {name: (here, total) for name, here, total in seen} == {k: (v, v) for k, v in sizes.items()}


def test_fetch_refuses_another_file_and_leaves_the_old_set(home: Path, remote: Path) -> None:
    files = remote_files(remote)
    with served(remote) as url:
        weights_install.fetch_authors(url, files)
        content = (remote / "proposal").read_bytes()
        (remote / "proposal").write_bytes(content[:-1])
        with pytest.raises(InputError, match="/proposal: not the authors' file, or not all of it"):
            weights_install.fetch_authors(url, files, force=True)
    assert weights.verify(weights.find_set("authors")) == dict.fromkeys(weights.FILES.values(), "ok")
    assert [path.name for path in home.iterdir()] == ["authors"]


def test_fetch_of_a_file_that_is_not_there(home: Path, remote: Path) -> None:
    files = remote_files(remote)
    (remote / "learned").unlink()
    with (
        served(remote) as url,
        pytest.raises(InputError, match=r"/learned: cannot be fetched .*not found") as caught,
    ):
        weights_install.fetch_authors(url, files)
    assert "\n" not in str(caught.value)
    assert list(home.iterdir()) == []


def test_the_authors_files_are_the_published_ones() -> None:
    assert {file.name: file.git_blob for file in weights_install.AUTHORS_FILES} == {
        "ZF_iter_160000": "615bc03a41e867eae9e3ed10aebddd8e91329dd7",
        "proposal_learn_160k_voc_5_9000": "54a3343dd95f07460237c61905fc11f7185e5297",
    }


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 1000)
    assert weights.sha256(tmp_path / "f") == hashlib.sha256(b"abc" * 1000).hexdigest()
