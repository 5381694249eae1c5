"""Eq. 1's regression term, learned online in paper mode's head (figure 3)."""

import json

import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.boxes import as_box, encode, from_centre_size
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.device import choose_device
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.matching import anchor_iou_map, anchor_shifts
from rpn2t.tracker.paper.box_head import BoxHead
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.windows import WindowStore
from support import Clip

caffe = load_caffe()
CPU = choose_device("cpu")
SMALL = Config(
    regression_weight=1, beta=0, score_weight_anchor=1, score_weight_quality=0, batch_positives=4,
    batch_negatives=6, mining_pool=8, positives_first=8, long_term_frames=2, short_term_frames=2,
)  # fmt: skip
GEOMETRY = HeadGeometry(SMALL, 14)


def box_head(config: Config = SMALL, seed: int = 0) -> BoxHead:
    return BoxHead(config, GEOMETRY, 256, None, seed, CPU)


def test_an_anchor_s_shift_is_what_its_iou_comes_from() -> None:
    """A square, moved by its shift, overlaps itself as well as the map of IoUs says."""
    across, down = anchor_shifts(14, 171, 16)
    assert (across[:, :6] < 0).all()
    assert (across[:, 6:8] == 0).all()
    np.testing.assert_array_equal(across, down.T)
    inter = np.maximum(1 - np.abs(across), 0) * np.maximum(1 - np.abs(down), 0)
    np.testing.assert_allclose(inter / (2 - inter), anchor_iou_map(14, 171, 16))


def test_targets_are_the_ways_from_each_matched_anchor_to_the_target(tmp_path) -> None:
    settings = {
        "map_size": 14,
        "anchor_size": 171,
        "stride": 16,
        "iou_threshold": 0.7,
        "margin": 2,
        "crop": 2,
    }
    net = f"""
        layer {{ name: "flag" type: "Input" top: "flag" input_param {{ shape {{ dim: 2 }} }} }}
        layer {{ name: "step" type: "Input" top: "step" input_param {{ shape {{ dim: 2 dim: 4 }} }} }}
        layer {{ name: "t" type: "Python" bottom: "flag" bottom: "step" top: "target" top: "weight"
          python_param {{ module: "rpn2t.layers" layer: "AnchorStepLayer"
            param_str: {json.dumps(json.dumps(settings))} }} }}"""
    (tmp_path / "net.prototxt").write_text(net)
    made = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    box, target = np.array([50.0, 40, 60, 30]), np.array([56.0, 38, 66, 33])
    made.blobs["flag"].data[...] = [1, 0]
    made.blobs["step"].data[...] = encode(box, target)
    made.forward()
    targets, weights = made.blobs["target"].data, made.blobs["weight"].data
    assert targets.shape == weights.shape == (2, 4, 10, 10)
    # row 5, column 4 of the map is row 3, column 2 here: one step up, two to the left
    anchor = from_centre_size([80 - 2 * 16 / 171 * 60, 55 - 1 * 16 / 171 * 30, 60, 30])[0]
    np.testing.assert_allclose(targets[0, :, 3, 2], encode(anchor, target)[0], atol=1e-6)
    assert weights[0].sum() == pytest.approx(4)  # the mean over 12 anchors, the sum over four numbers
    assert (weights[0] > 0).sum() == 12 * 4
    assert not weights[1].any()
    assert not targets[1].any()


def maps(n: int, seed: int) -> np.ndarray:
    size = GEOMETRY.window_size
    return np.random.default_rng(seed).random((n, 256, size, size), np.float32)


def test_it_learns_where_the_target_is_and_then_corrects_boxes() -> None:
    """Windows that show a shifted target differ in some channels; after learning the boxes are better."""
    config = Config(**SMALL.to_dict() | {"learning_rate": 0.002})
    head, target = box_head(config), (40.0, 40.0, 40.0, 40.0)
    boxes = np.array([[48.0, 40, 40, 40], [32, 40, 40, 40], [40, 40, 48, 48], [40, 40, 33, 33]])
    shown = maps(4, 1)
    for index in range(4):
        shown[index, 64 * index : 64 * (index + 1)] *= 4
    store = WindowStore(16, shown.shape[1:])
    positives, negatives = store.put(shown), store.put(maps(6, 2))
    head.note_target(positives, boxes, target)

    def distance() -> float:
        return float(np.abs(encode(head.predict(shown, boxes).reported, target)).mean())

    before = distance()
    losses = [head.learn(positives, negatives) for _ in range(60)]
    assert losses[-1] < losses[0]
    assert distance() < before / 2


def test_the_loss_is_eq_1() -> None:
    """Cross entropy of not knowing, and lambda times smooth L1 of the steps that nothing was learned of."""
    boxes, target = np.array([[44.0, 40, 40, 40]] * 4), (40.0, 40.0, 40.0, 40.0)
    losses = []
    for weight in (1.0, 3.0):
        head = box_head(Config(**SMALL.to_dict() | {"regression_weight": weight, "score_std": 1e-9}))
        store = WindowStore(16, maps(1, 0).shape[1:])
        positives, negatives = store.put(maps(4, 1)), store.put(maps(6, 2))
        head.note_target(positives, boxes, target)
        losses.append(head.learn(positives, negatives))
    shifts = anchor_shifts(14, 171, 16)
    matched = anchor_iou_map(14, 171, 16) > 0.7
    steps = np.stack([-0.1 - shifts[0], -shifts[1]])[:, matched]
    smooth = np.where(np.abs(steps) < 1 / 9, 4.5 * steps**2, np.abs(steps) - 1 / 18).sum() / 12
    assert losses == [pytest.approx(np.log(2) + weight * smooth, rel=1e-4) for weight in (1, 3)]


def test_without_what_it_adds_the_head_is_the_papers() -> None:
    """The scores start and are read as in the head without the term."""
    paper, ours = PaperHead(SMALL, GEOMETRY, 256, None, 3, CPU), box_head(seed=3)
    for name, blobs in paper.net.params.items():
        for one, other in zip(blobs, ours.net.params[name], strict=True):
            other.data[...] = one.data
    store = WindowStore(8, maps(1, 0).shape[1:])
    windows = store.put(maps(5, 4))
    np.testing.assert_array_equal(paper.scores(windows), ours.scores(windows))


def test_a_tracker_with_it_reports_the_head_s_box_and_follows_it(clip: Clip, tiny: dict[str, int]) -> None:
    config = Config(**tiny, regression_weight=1, centre_follows=1, size_follows=1)
    tracker = Tracker(config, mode="paper", device="cpu")
    tracker.init(clip.images[0], clip.truth[0])
    assert isinstance(tracker._mode.regressor, BoxHead)
    states = []
    for image in clip.images[1:3]:
        box, _ = tracker.update(image)
        states.append((box, as_box(tracker._state)))
    assert all(box == state for box, state in states)


def test_fast_mode_refuses_it() -> None:
    with pytest.raises(InputError, match=r"regression_weight = 1: only paper mode's head learns boxes; add"):
        Tracker(Config(regression_weight=1), mode="fast", device="cpu")
