"""The backbone: against another implementation of the same files, and what it refuses."""

import cv2
import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffemodel import read_caffemodel, write_caffemodel
from rpn2t.nets.device import choose_device
from rpn2t.nets.patch import cut_patches
from rpn2t.nets.weight_sets import find_set
from rpn2t.paths import prototxt_dir
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.paper.windows import WindowStore, cut_windows


def load(name: str = "student", weights: str = "shipped") -> Backbone:
    return Backbone(BackboneSpec.find(name), find_set(weights), choose_device("cpu"))


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    rng = np.random.default_rng(0)
    return cv2.resize(
        rng.integers(0, 256, (15, 20, 3), dtype=np.uint8), (160, 120), interpolation=cv2.INTER_CUBIC
    )


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_conv5_equals_opencvs_caffe_importer(name: str, image: np.ndarray) -> None:
    """The one check that nobody here wrote: OpenCV reads the same prototxt and weights."""
    backbone = load(name)
    spec = backbone.spec
    patches = cut_patches(image, [(40, 30, 50, 40), (-10, 5, 30, 30)], spec.input_side, spec.context)
    ours = backbone.conv5(patches)
    net = cv2.dnn.readNetFromCaffe(str(spec.folder / spec.prototxt), str(backbone.weights_file))
    net.setInput(patches)
    theirs = net.forward(spec.feature)
    assert ours.shape == theirs.shape == (2, 256, 14, 14)
    assert ours.max() > 1
    assert np.linalg.norm(ours - theirs) <= 1e-4 * np.linalg.norm(theirs)
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def test_windows_are_the_middle_of_each_patchs_map(image: np.ndarray) -> None:
    backbone = load()
    features = PatchFeatures(backbone, 1)
    boxes = np.random.default_rng(1).uniform(10, 40, (features.batch + 2, 4))
    store = WindowStore(len(boxes), features.shape)
    windows = cut_windows(features, image, boxes, store)
    assert windows.array().shape == (features.batch + 2, 256, 12, 12)
    alone = backbone.conv5(cut_patches(image, boxes[-1], 107, 16))
    np.testing.assert_allclose(windows.array()[-1], alone[0, :, 1:13, 1:13], rtol=1e-4, atol=1e-4)
    assert len(cut_windows(features, image, boxes[:0], store)) == 0


@pytest.mark.parametrize("feature", ["relu5", "conv5", "norm2"])
@pytest.mark.parametrize("rim", [0, 1, 3])
def test_a_rim_is_left_out(tmp_path, image: np.ndarray, feature: str, rim: int) -> None:
    """By less padding, as far as it goes; by cropping, where a convolution does not make the feature."""
    folder = own_backbone(tmp_path / "mine")
    text = (folder / "backbone.toml").read_text().replace("conv4", feature)
    (folder / "backbone.toml").write_text(text)
    write_caffemodel(folder / "own.caffemodel", read_caffemodel(find_set("shipped").files["student"]))
    backbone = load(str(folder))
    boxes = [(40, 30, 50, 40), (20, 5, 30, 30)]
    whole = backbone.conv5(cut_patches(image, boxes, 107, 16)).copy()
    features = PatchFeatures(backbone, rim)
    inside = cut_windows(features, image, boxes, WindowStore(2, features.shape)).array()
    kept = slice(rim, 14 - rim)
    np.testing.assert_allclose(inside, whole[:, :, kept, kept], rtol=1e-4, atol=1e-4)
    padding = {"relu5": 0, "conv5": 0, "norm2": 1}[feature] if rim else 1
    names = list(features.net._layer_names)
    assert ("crop" in names) == ((feature == "norm2" and rim > 0) or rim == 3)
    assert len(names) == len(set(names))
    if feature != "norm2":
        assert features.net.blobs["conv5"].shape[2] == 14 - 2 * (1 - padding)


def small_backbone(folder, definition: str) -> Backbone:
    """A net of one convolution, "conv", on a map of 14 x 14."""
    own_backbone(folder)
    (folder / "net.prototxt").write_text(definition)
    (folder / "backbone.toml").write_text((folder / "backbone.toml").read_text().replace("conv4", "conv"))
    kernel = np.random.default_rng(0).normal(0, 1, (4, 3, 3, 3)).astype(np.float32)
    write_caffemodel(folder / "own.caffemodel", {"conv": [kernel, np.zeros(4, np.float32)]})
    return load(str(folder))


def test_a_strided_convolution_keeps_its_padding(tmp_path, image: np.ndarray) -> None:
    backbone = small_backbone(
        tmp_path / "mine",
        'layer { name: "data" type: "Input" top: "data" input_param { '
        "shape { dim: 1 dim: 3 dim: 107 dim: 107 } } } "
        'layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { '
        "num_output: 4 kernel_size: 3 pad: 1 stride_h: 8 stride_w: 8 } }",
    )
    whole = backbone.conv5(cut_patches(image, [(40, 30, 50, 40)], 107, 16)).copy()
    features = PatchFeatures(backbone, 1)
    inside = cut_windows(features, image, [(40, 30, 50, 40)], WindowStore(1, features.shape)).array()
    np.testing.assert_allclose(inside, whole[:, :, 1:13, 1:13], rtol=1e-4, atol=1e-4)


def test_a_net_in_caffes_old_format_is_refused(tmp_path) -> None:
    backbone = small_backbone(
        tmp_path / "mine",
        'input: "data" input_shape { dim: 1 dim: 3 dim: 107 dim: 107 } '
        'layers { name: "conv" type: CONVOLUTION bottom: "data" top: "conv" convolution_param { '
        "num_output: 4 kernel_size: 3 pad: 1 stride: 8 } }",
    )
    with pytest.raises(InputError, match=r"net\.prototxt: no `layer` makes 'conv'; .*upgrade_net_proto"):
        PatchFeatures(backbone, 1)


def test_an_interrupted_pass_gives_its_room_back() -> None:
    features = PatchFeatures(load(), 1)
    store = WindowStore(2, features.shape)
    with pytest.raises(AttributeError):
        cut_windows(features, None, [(40, 30, 50, 40), (20, 5, 30, 30)], store)
    assert len(store.reserve(2)) == 2


def own_backbone(folder, text: str | None = None):
    folder.mkdir()
    (folder / "net.prototxt").write_text((prototxt_dir() / "student/deploy.prototxt").read_text())
    (folder / "backbone.toml").write_text(
        text
        or 'prototxt = "net.prototxt"\nweights = "own.caffemodel"\nfeature = "conv4"\n'
        "input_side = 107\ncontext = 16\nstride = 8\n"
    )
    return folder


def test_a_backbone_is_any_folder(tmp_path) -> None:
    folder = own_backbone(tmp_path / "mine")
    with pytest.raises(InputError, match=r"weights shipped: no own.caffemodel in .*mine"):
        load(str(folder))
    layers = read_caffemodel(find_set("shipped").files["student"])
    write_caffemodel(folder / "own.caffemodel", layers)
    backbone = load(str(folder))
    assert (backbone.channels, backbone.map_size) == (384, 14)
    # features in the middle of the net, and a 3x3 layer only where its own file has one
    assert backbone.conv5(np.zeros((2, 3, 107, 107), np.float32)).shape == (2, 384, 14, 14)
    assert backbone.proposal(find_set("shipped")) is None
    kernel = np.full((256, 384, 3, 3), 0.5, np.float32)
    write_caffemodel(
        folder / "own.caffemodel", layers | {"conv_proposal1": [kernel, np.zeros(256, np.float32)]}
    )
    np.testing.assert_array_equal(load(str(folder)).proposal(find_set("shipped"))[0], kernel)
    layers["conv3"][0] = layers["conv3"][0][:, :100]
    write_caffemodel(folder / "own.caffemodel", layers)
    with pytest.raises(InputError, match=r"own.caffemodel: layer conv3"):
        load(str(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prototxt = 'net.prototxt'\n", "missing or unknown: context"),
        ("prototxt = \n", "backbone.toml: "),
        (
            "prototxt = 'net.prototxt'\nweights = 'x'\nfeature = 'conv5'\n"
            "input_side = '107'\ncontext = 16\nstride = 8\n",
            "input_side = '107'",
        ),
    ],
)
def test_an_incomplete_backbone_is_refused(tmp_path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(str(own_backbone(tmp_path / "mine", text)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input_side = 107", "input_side = 123", "input_side = 123, but net.prototxt takes"),
        ("context = 16", "context = 60", "leaves no room"),
        ('"conv4"', '"conv9"', "has no blob 'conv9'"),
    ],
)
def test_a_backbone_that_contradicts_its_net_is_refused(tmp_path, old: str, new: str, message: str) -> None:
    folder = own_backbone(tmp_path / "mine")
    write_caffemodel(folder / "own.caffemodel", read_caffemodel(find_set("shipped").files["student"]))
    text = (folder / "backbone.toml").read_text()
    assert old in text
    (folder / "backbone.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        load(str(folder))


def test_a_net_that_does_not_parse_does_not_end_the_process(tmp_path) -> None:
    folder = own_backbone(tmp_path / "mine")
    write_caffemodel(folder / "own.caffemodel", read_caffemodel(find_set("shipped").files["student"]))
    (folder / "net.prototxt").write_text("layer { no")
    with pytest.raises(InputError, match=r"net\.prototxt: not a Caffe net"):
        load(str(folder))


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(InputError, match=r"^nothing: no backbone; give alexnet, .*teacher.*, or a folder"):
        load("nothing")
