"""The loop: follows a target, is seeded, holds its own state, and keeps the paper's schedule."""

import dataclasses

import cv2
import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.boxes import iou
from rpn2t.config import MODES
from rpn2t.errors import InputError
from rpn2t.run.record import describe
from rpn2t.tracker.regression import Regressed


def track(tracker: Tracker, frames: list) -> list:
    tracker.init(*frames[0])
    return [tracker.update(image) for image, _ in frames[1:]]


@pytest.fixture(scope="module")
def frames(clip) -> list:
    """The shared clip as pairs of image and box."""
    return list(zip(clip.images, map(tuple, clip.truth), strict=True))


@pytest.fixture(scope="module", params=MODES)
def mode(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def config(small, mode) -> Config:
    return dataclasses.replace(Config.for_mode(mode), **small)


@pytest.fixture(scope="module")
def make(config, mode):
    """Makes a tracker in the mode, with the small numbers unless told otherwise."""

    def call(config: Config = config, seed: int = 0) -> Tracker:
        return Tracker(config, mode=mode, device="cpu", seed=seed)

    return call


@pytest.fixture(scope="module")
def tracked(frames, make):
    """One run over the clip that several tests look at."""
    tracker = make(seed=4)
    return tracker, track(tracker, frames)


def test_follows_the_target(frames, tracked) -> None:
    boxes = np.array([box for box, _ in tracked[1]])
    overlaps = iou(boxes, np.array([box for _, box in frames[1:]]))
    assert overlaps.mean() > 0.6
    assert overlaps.min() > 0.4
    assert all(0 <= score <= 1 for _, score in tracked[1])
    if tracked[0].mode == "paper":
        assert (boxes == np.round(boxes)).all()


def test_two_trackers_do_not_disturb_each_other_and_seeds_repeat(frames, make, tracked) -> None:
    """Two of one seed and one of another, interleaved: the first two equal the run alone, bit for bit."""
    trackers = [make(seed=seed) for seed in (4, 5, 4)]
    for tracker in trackers:
        tracker.init(*frames[0])
    results = [[tracker.update(image) for tracker in trackers] for image, _ in frames[1:3]]
    first, other, again = zip(*results, strict=True)
    assert list(first) == list(again) == tracked[1][:2]
    assert list(other) != list(first)


def test_updates_come_when_they_are_due(config, tracked) -> None:
    tracker, results = tracked
    failures = sum(score < config.success_score_early for _, score in results)
    assert failures == 0
    # frame 10 is one long-term update after the first frame's training
    mode = tracker._mode
    mode.settle()
    assert mode.head.solver.iter == config.iterations_first + config.iterations_later
    if tracker.mode == "fast":
        assert len(mode.memory) == 12
        assert all(0 < len(each.objects) <= config.positives_first for each in mode.memory)
        assert {len(each.background) for each in mode.memory} == {config.negatives_later}
        return
    memory = mode.memory
    assert len(memory.long_term_positives()) == config.positives_first + 11 * config.positives_later
    assert len(memory.negatives()) == 12 * config.negatives_later


def test_failed_frames_store_nothing_update_at_once_and_widen_the_search(frames, config, make) -> None:
    config = config.with_settings(["success_score_early=1"])
    tracker = make(config)
    tracker.init(*frames[0])
    for image, _ in frames[1:4]:
        tracker.update(image)
    mode = tracker._mode
    mode.settle()
    assert mode.head.solver.iter == config.iterations_first + 3 * config.iterations_later
    if tracker.mode == "fast":
        assert len(mode.memory) == 1
    else:
        assert len(mode.memory.negatives()) == config.negatives_later
    assert tracker._translation == pytest.approx(0.6 * 1.1**3)


def test_one_box_is_reported_and_the_next_frame_may_begin_from_another(
    frames, config, make, monkeypatch
) -> None:
    tracker = make(
        config.with_settings(["centre_follows=0", "size_follows=1", "rounding=0", "second_look=0"])
    )
    tracker.init(*frames[0])
    regressor, sides = tracker._mode.regressor, np.array([50.0, 40.0])
    followed, reported = ([*place, *sides] for place in ((7.0, 8.0), (1.0, 2.0)))
    monkeypatch.setattr(
        regressor,
        "predict",
        lambda _, boxes: Regressed(*(np.tile(each, (len(boxes), 1)) for each in (followed, reported))),
    )
    seen = []
    tracker.observer = seen.append
    assert [tracker.update(image)[0] for image, _ in frames[1:3]] == [tuple(reported)] * 2
    best, state = np.array(seen[0].best.box), np.array(seen[1].state)
    np.testing.assert_allclose(state[2:], sides)
    np.testing.assert_allclose(state[:2] + sides / 2, best[:2] + best[2:] / 2)


def test_init_again_forgets_everything(frames, make, tracked) -> None:
    tracker = make(seed=4)
    other = np.ascontiguousarray(frames[0][0][::-1, ::-1])
    tracker.init(other, (10, 10, 30, 30))
    tracker.update(other)
    assert track(tracker, frames[:3]) == tracked[1][:2]


def test_grey_frames_track_too(frames, make) -> None:
    grey = [(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), box) for image, box in frames[:2]]
    assert len(track(make(), grey)) == 1


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((np.nan, 0, 10, 10), "finite"),
        ((0, 0, np.inf, 10), "finite"),
        ((5, 5, 0, 10), "must be positive"),
        ((5, 5, 10, -1), "must be positive"),
        ((161, 0, 10, 10), "lies outside the frame of 161 x 121 px"),
        ((-10, 0, 10, 10), "lies outside"),
        ((1, 2, 3), "four finite numbers"),
        (None, "box None: needs four finite numbers"),
        ("60,70,50,50", "box '60,70,50,50': needs four finite numbers"),
    ],
)
def test_boxes_that_cannot_be_tracked_are_refused(frames, tracked, box, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tracked[0].init(frames[0][0], box)


@pytest.mark.parametrize(
    "box", [(155, 115, 40, 34), (-40, -40, 50, 50), (0, 0, 800, 800), (20, 20, 0.3, 0.3)]
)
def test_a_box_that_no_sample_overlaps_is_refused(frames, make, box) -> None:
    tracker = make()
    with pytest.raises(InputError, match="cannot be learned"):
        tracker.init(frames[0][0], box)
    with pytest.raises(RuntimeError, match="before init"):
        tracker.update(frames[0][0])


def test_a_configuration_without_its_mode_is_refused() -> None:
    with pytest.raises(InputError, match="needs its mode"):
        Tracker(Config(), device="cpu")


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_caffe_cannot_take_is_refused(seed: int) -> None:
    with pytest.raises(InputError, match=f"seed {seed}"):
        Tracker(seed=seed)


def test_update_needs_init_and_an_image(frames, make) -> None:
    tracker = make()
    with pytest.raises(RuntimeError, match="before init"):
        tracker.update(frames[0][0])
    with pytest.raises(InputError, match="image: expected"):
        tracker.init(frames[0][0].astype(float), (0, 0, 10, 10))


def test_every_frame_has_the_first_ones_size(frames, tracked) -> None:
    """As `rpn2t track` has it. Grey among colour is three equal channels, as it is there."""
    tracker, _ = tracked
    tracker.init(*frames[0])
    with pytest.raises(InputError, match="this frame is 121 x 161 px, the frames before it are 161 x 121 px"):
        tracker.update(np.ascontiguousarray(frames[1][0].swapaxes(0, 1)))
    tracker.update(cv2.cvtColor(frames[1][0], cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "0"}, "seed 0: give a whole number"),
        ({"seed": None}, "seed None: give"),
        ({"seed": 1.5}, "seed 1.5: give"),
        ({"config": {"candidates": 3}, "mode": "fast"}, "give a Config"),
        ({"device": None}, "device None is not known"),
        ({"mode": None}, "mode None is not known"),
        ({"weights": None}, "weights None: no such set"),
        ({"backbone": None}, "None: no backbone"),
    ],
)
def test_options_of_another_type_are_refused(options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tracker(**{"device": "cpu", **options})


def test_a_target_as_large_as_the_frame_and_a_tiny_one(frames, make) -> None:
    for box in ((0, 0, 161, 121), (40, 40, 4, 5)):
        tracker = make()
        tracker.init(frames[0][0], box)
        got, score = tracker.update(frames[1][0])
        assert np.isfinite(got).all()
        assert np.isfinite(score)


def test_describe_names_what_made_the_result(tracked) -> None:
    told = describe(tracked[0])
    assert told["seed"] == 4
    assert told["mode"] == tracked[0].mode
    assert told["configuration"]["candidates"] == 32
    assert told["blas"]["core"]
    assert told["blas"]["threads"] >= 1
    assert told["conv_proposal1_start"] == "the weights' RPN 3x3 layer"
    parts = ("refiner", "student", "teacher")
    assert list(told["weights"]["sha256"]) == [f"zf_{part}.caffemodel" for part in parts]
    refined = {"paper": "none: the paper has none", "fast": "the weights' net"}
    assert told["refinement"] == refined[tracked[0].mode]
