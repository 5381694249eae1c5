"""The paper's comparisons: their variants, the networks they need, and `rpn2t ablate`."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.variants import VARIANTS, find_variants, of_figure
from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone, BackboneSpec, backbone_names
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import Layers, read_caffemodel, write_caffemodel
from rpn2t.nets.classifiers import import_backbone
from rpn2t.nets.device import choose_device
from rpn2t.nets.lanes import lane_count
from rpn2t.nets.weight_sets import find_set
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.regression import BoxRegressor
from support import Clip, make_clip, set_options

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of their own, empty."""
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def random_weights(name: str, file: Path) -> Layers:
    """Random weights for a backbone, written to a file."""
    caffe = load_caffe()
    spec = BackboneSpec.find(name)
    net = caffe.Net(str(spec.folder / spec.prototxt), caffe.TEST)
    rng = np.random.default_rng(0)
    layers: Layers = {}
    for layer, (kernel, bias) in net.params.items():
        spread = (2 / np.prod(kernel.data.shape[1:])) ** 0.5
        layers[layer] = [
            rng.normal(0, spread, kernel.data.shape).astype(np.float32),
            np.zeros(bias.data.shape, np.float32),
        ]
    write_caffemodel(file, layers)
    return layers


def variant(name: str):
    return find_variants(name)[0]


def test_each_variant_changes_what_it_says() -> None:
    base = TrackerSpec()
    changed = {each.name: each.of(base) for each in VARIANTS}
    assert changed["full"] == base
    assert [changed[f"iou-{iou}"].config.matching_iou for iou in (0.5, 0.6, 0.8, 0.9)] == [0.5, 0.6, 0.8, 0.9]
    assert all(spec.config.regressor_matching_iou == 0.7 for spec in changed.values())
    term1, term2 = changed["term1"].config, changed["term2"].config
    assert (term1.alpha, term1.beta, term1.score_weight_anchor, term1.score_weight_quality) == (1, 0, 1, 0)
    assert (term2.alpha, term2.beta, term2.score_weight_anchor, term2.score_weight_quality) == (0, 10, 0, 1)
    before = {name: config for name, config in changed.items() if name.startswith("term1")}
    assert {spec.config.beta for spec in before.values()} == {0}
    assert {spec.config.score_weight_quality for spec in before.values()} == {0}
    assert [before[f"term1-{iou}"].config.matching_iou for iou in (0.5, 0.6, 0.8, 0.9)] == [
        0.5,
        0.6,
        0.8,
        0.9,
    ]
    assert {name for name, spec in changed.items() if spec.config.regression_weight} == {"term1-box"}
    assert changed["term1-alpha11"].config == Config(**term1.to_dict() | {"alpha": 11.0})
    backbones = {name: spec.backbone for name, spec in changed.items() if spec.backbone != "student"}
    assert set(backbones.values()) == set(backbone_names()) - {"student"}


def test_the_paper_s_comparisons_by_name() -> None:
    named = {
        name: [each.name for each in of_figure(name)]
        for name in ("fig3", "section3.1", "section3.2", "section3.3")
    }
    assert named["fig3"] == [
        "full", "term1-0.5", "term1-0.6", "term1", "term1-0.8", "term1-0.9", "term1-box", "term1-all",
    ]  # fmt: skip
    assert named["section3.1"] == ["full", "alexnet", "caffenet", "zf", "vgg16", "vgg19"]
    assert {"full", "iou-0.5", "term1", "term1-alpha11", "term2"} < set(named["section3.2"])
    assert named["section3.3"] == ["full", "teacher", "teacher-half", "undistilled"]
    assert {name for names in named.values() for name in names} == {each.name for each in VARIANTS}
    assert len({each.name for each in VARIANTS}) == len(VARIANTS)
    with pytest.raises(InputError, match=r"fig4: no comparison of the paper's; there are fig3, section3\.1"):
        of_figure("fig4")


@pytest.mark.parametrize(
    ("name", "anchors"),
    [("iou-0.5", 40), ("iou-0.9", 4), ("full", 12), ("term1-0.5", 40), ("term1-all", 14 * 14)],
)
def test_the_regressor_keeps_its_positions(name: str, anchors: int) -> None:
    config = variant(name).of(TrackerSpec()).config
    geometry = HeadGeometry(config, 14)
    assert geometry.matching.anchor.sum() == anchors
    assert BoxRegressor(config, 14, geometry.window_rim).positions.sum() == 12


def test_half_the_teacher_s_input_matches_one_anchor() -> None:
    """A step of the map is 32 of the anchor's 171 px there: the neighbour's IoU is 0.685."""
    config = variant("teacher-half").of(TrackerSpec()).config
    geometry = HeadGeometry(config, 7)
    assert geometry.matching.anchor.sum() == 1
    assert geometry.matching.quality.sum() == 25
    assert geometry.matching.anchor[2, 2]  # the middle, in the map without its rim


@pytest.mark.parametrize("name", backbone_names())
def test_the_networks_give_square_maps(name: str) -> None:
    caffe = load_caffe()
    spec = BackboneSpec.find(name)
    net = caffe.Net(str(spec.folder / spec.prototxt), caffe.TEST)
    side = 7 if name == "teacher_half" else 14
    channels = 512 if name.startswith("vgg") else 256
    assert net.blobs[spec.feature].data.shape == (1, channels, side, side)
    assert net.blobs["data"].data.shape[2] == spec.input_side


@pytest.mark.parametrize("name", ["term1", "term1-box", "term1-all", "term2", "teacher-half", "undistilled"])
def test_a_variant_tracks(name: str, clip: Clip, tiny: dict[str, int]) -> None:
    spec = TrackerSpec(config=Config(**tiny), device="cpu")
    tracker = variant(name).of(spec).make(0)
    tracker.init(clip.images[0], tuple(clip.truth[0]))
    box, score = tracker.update(clip.images[1])
    assert np.isfinite(box).all()
    assert 0 < score < 1


def test_a_classification_network_tracks_once_its_weights_are_there(
    home: Path, tmp_path: Path, clip: Clip, tiny: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    alexnet = variant("alexnet")
    assert "`rpn2t weights import-backbone alexnet FILE` installs it" in (alexnet.lacking("shipped") or "")
    random_weights("alexnet", tmp_path / "bvlc_alexnet.caffemodel")
    assert main(["weights", "import-backbone", "alexnet", str(tmp_path / "bvlc_alexnet.caffemodel")]) == 0
    assert str(home / "backbones" / "alexnet.caffemodel") in capsys.readouterr().out
    assert alexnet.lacking("shipped") is None
    tracker = alexnet.of(TrackerSpec(config=Config(**tiny), device="cpu")).make(0)
    tracker.init(clip.images[0], tuple(clip.truth[0]))
    assert 0 < tracker.update(clip.images[1])[1] < 1


def test_another_mean_goes_into_the_first_bias(home: Path, tmp_path: Path) -> None:
    """A net without padding answers to (image - 128) as it did to (image - mean)."""
    caffe = load_caffe()
    layers = random_weights("alexnet", tmp_path / "x.caffemodel")
    installed = read_caffemodel(import_backbone("alexnet", tmp_path / "x.caffemodel", (100.0, 110.0, 120.0)))
    spec = BackboneSpec.find("alexnet")
    net = caffe.Net(str(spec.folder / spec.prototxt), caffe.TEST)
    image = np.random.default_rng(1).uniform(0, 255, net.blobs["data"].data.shape)
    answers = []
    for weights, mean in ((layers, (100, 110, 120)), (installed, (128, 128, 128))):
        for blob, values in zip(net.params["conv1"], weights["conv1"], strict=True):
            blob.data[...] = values
        net.blobs["data"].data[...] = image - np.reshape(mean, (1, 3, 1, 1))
        answers.append(net.forward(end="conv1")["conv1"].copy())
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["resnet", "x"], "resnet: no such backbone; there are alexnet"),
        (["teacher", "{zf}"], "teacher: no classification network; there are alexnet"),
        (["alexnet", "{zf}"], "layer conv1 does not fit"),
        (["alexnet", "{zf}", "--mean", "1,2"], "--mean 1,2: give three numbers"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    home: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    zf = str(find_set("shipped").file("teacher"))
    assert main(["weights", "import-backbone", *(word.format(zf=zf) for word in arguments)]) == 2
    assert words in capsys.readouterr().err
    assert not home.exists() or not list(home.rglob("*.caffemodel"))


def test_a_vgg_tracks_with_its_512_channels_a_few_patches_at_a_time(
    home: Path, clip: Clip, tiny: dict[str, int]
) -> None:
    (home / "backbones").mkdir(parents=True)
    random_weights("vgg16", home / "backbones" / "vgg16.caffemodel")
    one = (
        "positives_first", "negatives_first", "regressor_positives", "candidates", "best_candidates",
        "positives_later", "negatives_later", "iterations_first",
    )  # fmt: skip
    config = Config(**tiny | dict.fromkeys(one, 1))
    tracker = variant("vgg16").of(TrackerSpec(config=config, device="cpu")).make(0)
    features = tracker._mode.features
    assert (features.batch, features.shape) == (max(1, 8 // lane_count(tracker.device)), (512, 12, 12))
    tracker.init(clip.images[0], tuple(clip.truth[0]))
    assert np.isfinite(tracker.update(clip.images[1])[0]).all()


@pytest.mark.parametrize("name", ["student", "teacher", "teacher_half"])
def test_other_networks_run_as_many_patches_at_a_time_as_suits_the_device(name: str) -> None:
    backbone = Backbone(BackboneSpec.find(name), find_set("shipped"), choose_device("cpu"))
    assert PatchFeatures(backbone, 1).batch == Backbone.batches["cpu"]


def test_a_classification_network_does_not_take_the_rpns_layer(tmp_path: Path) -> None:
    """Even where its file lies in a set whose teacher has one."""
    kernel, bias = np.ones((256, 256, 3, 3), np.float32), np.ones(256, np.float32)
    layers = random_weights("zf", tmp_path / "zf_imagenet.caffemodel")
    for file, more in (("zf_student", {}), ("zf_teacher", {"conv_proposal1": [kernel, bias]})):
        write_caffemodel(tmp_path / f"{file}.caffemodel", layers | more)
    weights, cpu = find_set(tmp_path), choose_device("cpu")
    assert Backbone(BackboneSpec.find("teacher"), weights, cpu).proposal(weights) is not None
    assert Backbone(BackboneSpec.find("zf"), weights, cpu).proposal(weights) is None


def test_only_the_convolutions_of_a_classifier_are_unpacked_and_kept(home: Path, tmp_path: Path) -> None:
    layers = random_weights("alexnet", tmp_path / "x.caffemodel")
    whole = layers | {"fc6": [np.ones((4, 6), np.float32), np.ones(4, np.float32)]}
    write_caffemodel(tmp_path / "x.caffemodel", whole)
    assert list(read_caffemodel(tmp_path / "x.caffemodel")) == list(whole)
    assert read_caffemodel(tmp_path / "x.caffemodel", only=["conv1"])["fc6"] == []
    assert list(read_caffemodel(import_backbone("alexnet", tmp_path / "x.caffemodel"))) == list(layers)


def test_a_threshold_of_08_matches_what_07_matches() -> None:
    one, other = (HeadGeometry(variant(name).of(TrackerSpec()).config, 14) for name in ("full", "iou-0.8"))
    np.testing.assert_array_equal(one.matching.anchor, other.matching.anchor)


def test_installed_weights_are_not_replaced_unasked(home: Path, tmp_path: Path) -> None:
    random_weights("zf", tmp_path / "zf.caffemodel")
    import_backbone("zf", tmp_path / "zf.caffemodel")
    with pytest.raises(InputError, match="--force replaces it"):
        import_backbone("zf", tmp_path / "zf.caffemodel")
    import_backbone("zf", tmp_path / "zf.caffemodel", force=True)


def test_the_command_compares_the_variants_and_goes_on(
    tmp_path: Path, rpn2t: Run, tiny: dict[str, int], home: Path
) -> None:
    make_clip(tmp_path / "clips" / "Square")
    arguments = [
        "ablate", tmp_path / "clips", "--variants", "full,term1", "--frames", 3, "--device", "cpu",
        *set_options(tiny),
    ]  # fmt: skip
    done = rpn2t(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "results" / "clips-ABLATION"
    table = (folder / "ablation.md").read_text()
    assert "1 sequences, first 3 frames, otb protocol, seed 0" in table
    assert [line.split(" | ")[0] for line in table.splitlines()[4:6]] == ["| full", "| term1"]
    assert len((folder / "ablation.csv").read_text().splitlines()) == 3
    again = rpn2t(*arguments, cwd=tmp_path)
    assert again.stdout.count("1 runs are there, 0 to do") == 2
    assert table == (folder / "ablation.md").read_text()
    export = ("results", "export", tmp_path / "clips", "ablate-full", "--for", "got10k", "--output", "out")
    assert rpn2t(*export, cwd=tmp_path).returncode == 0


def test_a_variant_without_weights_is_refused_where_it_was_asked_for(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip(tmp_path / "clips" / "Square", 2)
    assert main(["ablate", str(tmp_path / "clips"), "--variants", "vgg16", "--results", str(tmp_path)]) == 2
    assert "--variants vgg16: weights shipped: no vgg16.caffemodel" in capsys.readouterr().err
    assert main(["ablate", str(tmp_path / "clips"), "--variants", "full,nothing"]) == 2
    assert "--variants nothing: no such variant; there are full, term1-0.5" in capsys.readouterr().err
