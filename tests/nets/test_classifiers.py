"""Weights of classification networks: files known by their checksums, conv5 at the student's scale."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.nets.backbone import CLASSIFIERS, Backbone, BackboneSpec
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import Layers, read_caffemodel, write_caffemodel
from rpn2t.nets.classifiers import (
    PUBLISHED,
    PublishedFile,
    feature_length,
    fetch_backbone,
    identify,
    import_backbone,
    is_matched,
    match_backbone,
)
from rpn2t.nets.device import choose_device
from rpn2t.nets.weight_sets import find_set
from support import Clip, make_clip

SHIPPED = find_set("shipped")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of their own, empty."""
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with AlexNet's layers, and CaffeNet's, which have the same shapes."""
    caffe = load_caffe()
    spec = BackboneSpec.find("alexnet")
    net = caffe.Net(str(spec.folder / spec.prototxt), caffe.TEST)
    rng = np.random.default_rng(0)
    layers: Layers = {}
    for layer, (kernel, bias) in net.params.items():
        spread = (2 / np.prod(kernel.data.shape[1:])) ** 0.5
        layers[layer] = [
            rng.normal(0, spread, kernel.data.shape).astype(np.float32),
            rng.normal(0, 0.1, bias.data.shape).astype(np.float32),
        ]
    file = tmp_path_factory.mktemp("weights") / "net.caffemodel"
    write_caffemodel(file, layers)
    return file


def published(backbone: str, file: Path) -> PublishedFile:
    """As if this file were the published one."""
    sha1 = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
    return PublishedFile(backbone, file.name, file.parent.as_uri(), sha1)


def test_the_list_of_published_files_is_sound() -> None:
    assert {each.backbone for each in PUBLISHED} == set(CLASSIFIERS) - {"zf"}
    assert all(re.fullmatch("[0-9a-f]{40}", each.sha1) for each in PUBLISHED)
    assert len({each.sha1 for each in PUBLISHED}) == len(PUBLISHED)


def test_caffenet_does_not_pass_for_alexnet(home: Path, alexnet: Path) -> None:
    """Their layers have the same shapes: only the checksum tells them apart."""
    known = [published("caffenet", alexnet)]
    assert identify(alexnet, known) == known[0]
    assert identify(alexnet) is None
    with pytest.raises(InputError, match=r"is net\.caffemodel, caffenet's weights; import it as caffenet"):
        import_backbone("alexnet", alexnet, published=known)
    assert import_backbone("caffenet", alexnet, published=known).name == "caffenet.caffemodel"


def test_a_file_is_fetched_and_checked(home: Path, alexnet: Path) -> None:
    right = published("alexnet", alexnet)
    other = PublishedFile("alexnet", alexnet.name, right.folder, "0" * 40)
    with pytest.raises(InputError, match=r"not the published net\.caffemodel, or not all of it: nothing was"):
        fetch_backbone("alexnet", published=[other])
    assert not list(home.rglob("*.caffemodel"))
    place = fetch_backbone("alexnet", published=[right])
    assert list(read_caffemodel(place)) == ["conv1", "conv2", "conv3", "conv4", "conv5"]
    with pytest.raises(InputError, match="--force replaces it"):
        fetch_backbone("alexnet", published=[right])
    with pytest.raises(InputError, match="zf: no published file is known"):
        fetch_backbone("zf", published=[right])


def test_conv5_is_brought_to_the_student_s_magnitude(home: Path, alexnet: Path, clip: Clip) -> None:
    """And by one factor: the features point where they did."""
    place = import_backbone("alexnet", alexnet)
    cpu, images = choose_device("cpu"), clip.images[:1]
    patches = np.random.default_rng(1).uniform(-128, 127, (1, 3, 243, 243)).astype(np.float32)
    student = Backbone(BackboneSpec.find("student"), SHIPPED, cpu)
    before = Backbone(BackboneSpec.find("alexnet"), SHIPPED, cpu)
    assert not is_matched("alexnet", SHIPPED)
    factor = match_backbone("alexnet", images, SHIPPED)
    assert factor != pytest.approx(1, rel=0.1)
    after = Backbone(BackboneSpec.find("alexnet"), SHIPPED, cpu)
    assert feature_length(after, images) == pytest.approx(feature_length(student, images), rel=1e-4)
    wanted = factor * before.conv5(patches)
    np.testing.assert_allclose(after.conv5(patches), wanted, rtol=1e-3, atol=1e-4 * factor)
    assert is_matched("alexnet", SHIPPED)
    place.write_bytes(alexnet.read_bytes())
    assert not is_matched("alexnet", SHIPPED)  # the record is of the file that was replaced


def test_the_command_says_what_it_installed_and_scales_it(
    home: Path, alexnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", "match-backbone", "alexnet", str(tmp_path)]) == 2
    assert "no images in this folder" in capsys.readouterr().err
    make_clip(tmp_path / "clip", 2)
    assert main(["weights", "match-backbone", "alexnet", str(tmp_path / "clip")]) == 2
    assert "alexnet: not installed; `rpn2t weights import-backbone alexnet FILE`" in capsys.readouterr().err
    assert main(["weights", "import-backbone", "alexnet", str(alexnet)]) == 0
    told = capsys.readouterr().out
    assert "no published file that is known" in told
    assert "rpn2t weights match-backbone alexnet SOURCE" in told
    assert main(["weights", "match-backbone", "alexnet", str(tmp_path / "clip")]) == 0
    assert re.search(r"alexnet: conv5 times [0-9.e+-]+, so that on 1 frames", capsys.readouterr().out)


def test_only_installed_weights_of_a_classifier_are_scaled(home: Path, clip: Clip) -> None:
    with pytest.raises(InputError, match="student: not installed"):
        match_backbone("student", clip.images[:1], SHIPPED)
