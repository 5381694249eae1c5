"""The second look: where the size has changed, the target is measured once more and followed faster."""

import cv2
import numpy as np
import pytest

from rpn2t.boxes import as_box
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.tracker.candidates import size_change
from rpn2t.tracker.loop import Tracker
from rpn2t.tracker.regression import Regressed

SIDE = 40.0
STATE = as_box((100, 50, 20, 40))


def test_a_change_is_that_of_the_side_that_changes_more():
    other = as_box((0, 0, 20 * np.exp(0.1), 40 * np.exp(-0.3)))
    assert size_change(STATE, other) == pytest.approx(0.3)
    assert size_change(STATE, STATE) == 0


def scene(side=SIDE):
    """A spotted square of some size in the middle of a smooth ground."""
    row, column = np.mgrid[:240, :320]
    picture = np.stack([90 + row * 0.2, 120 - column * 0.1, 100 + row * 0.1], axis=2)
    spots = np.random.default_rng(1).uniform(0, 255, (8, 8, 3)).astype(np.float32)
    count, corner = round(side), round(120 - side / 2)
    square = cv2.resize(spots, (count, count), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    picture[corner : corner + count, corner + 40 : corner + 40 + count] = square
    return picture.astype(np.uint8)


def started(**settings):
    chosen = {"iterations_first": 15, "refine_share": 0, **settings}
    config = Config.for_mode("fast").with_settings([f"{name}={value}" for name, value in chosen.items()])
    tracker = Tracker(config, mode="fast", device="cpu")
    tracker.init(scene(), (140, 100, SIDE, SIDE))
    return tracker


def test_a_target_that_comes_nearer_is_kept_up_with():
    sides = SIDE * 1.05 ** np.arange(1, 19)
    lags = {}
    for second_look in (0, 0.075):
        tracker = started(second_look=second_look)
        states = []
        tracker.observer = lambda seen, states=states: states.append(np.mean(seen.state[2:]))
        for side in sides:
            tracker.update(scene(side))
        lags[second_look] = np.log(sides[-6:] / states[-6:]).mean()
    assert 0 < lags[0.075] < 0.7 * lags[0]


def scripted(monkeypatch, first, again, **settings):
    """The side that a frame reports, the patches' sides, and the next state's, if the regressor says this."""
    tracker = started(**settings)
    said, shown, states = [first, again, *2 * [first]], [], []

    def predict(windows, boxes):
        shown.append(boxes[0, 2])
        box = np.array([[*boxes[0, :2], *2 * [SIDE * said[len(shown) - 1]]]])
        return Regressed(box, box + [0, 0, 1, 1])

    monkeypatch.setattr(tracker._mode.regressor, "predict", predict)
    tracker.observer = lambda seen: states.append(seen.state[2])
    reported = tracker.update(scene())[0][2]
    looks = shown[:]
    tracker.update(scene())
    return reported - 1, looks, states[1]


def test_what_fits_better_is_believed_and_followed_faster(monkeypatch):
    reported, looks, state = scripted(monkeypatch, 1.3, 1.4, second_look=0.2, second_look_follows=0.5)
    assert (reported, looks) == (pytest.approx(1.4 * SIDE), pytest.approx([SIDE, 1.3 * SIDE]))
    assert state == pytest.approx(SIDE * 1.4**0.5)


def test_what_fits_worse_is_not(monkeypatch):
    reported, looks, state = scripted(monkeypatch, 1.3, 1.8, second_look=0.2)
    assert (reported, looks) == (pytest.approx(1.3 * SIDE), pytest.approx([SIDE, 1.3 * SIDE]))
    assert state == pytest.approx(SIDE * 1.3**0.2)


@pytest.mark.parametrize("second_look", [0.3, 0])
def test_there_is_no_second_look_for_a_smaller_change(monkeypatch, second_look):
    reported, looks, state = scripted(monkeypatch, 1.3, 1.4, second_look=second_look)
    assert (reported, looks) == (pytest.approx(1.3 * SIDE), pytest.approx([SIDE]))
    assert state == pytest.approx(SIDE * 1.3**0.2)


def test_only_fast_mode_looks_again():
    with pytest.raises(
        InputError, match=r"second_look = 0\.075: only fast mode looks again; add --mode fast"
    ):
        Tracker(Config(second_look=0.075), mode="paper", device="cpu")
    with pytest.raises(InputError, match="second_look_follows = 2"):
        Config(second_look_follows=2)
