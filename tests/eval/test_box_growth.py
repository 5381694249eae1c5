"""How figure 3's growing box is measured."""

import numpy as np
import pytest

from rpn2t.eval.otb.box_growth import BoxGrowth, box_growth, mean_growth

FRAMES = 60


def boxes(ratio: np.ndarray) -> np.ndarray:
    """Boxes around one centre whose area is this many times 40 x 30."""
    sides = np.sqrt(ratio)[:, None] * (40, 30)
    return np.concatenate([(100, 100) - sides / 2, sides], axis=1)


TRUTH = boxes(np.ones(FRAMES))


def test_a_perfect_box_does_not_grow() -> None:
    found = box_growth(TRUTH, TRUTH)
    assert (found.at_end, found.in_100_frames) == (pytest.approx(1), pytest.approx(1))


def test_a_box_that_doubles_in_50_frames() -> None:
    found = box_growth(boxes(2 ** (np.arange(FRAMES) / 50)), TRUTH)
    assert found.in_100_frames == pytest.approx(4)
    assert found.at_end == pytest.approx(2 ** (56.5 / 50))  # the middle of frames 54 to 59


def test_growth_is_of_the_box_and_not_of_the_target() -> None:
    growing = boxes(1.5 ** np.arange(FRAMES))
    assert box_growth(growing, growing).in_100_frames == pytest.approx(1)


def test_frames_without_a_truth_do_not_count_but_pass() -> None:
    tracked, truth = boxes(2 ** (np.arange(FRAMES) / 50)), TRUTH.copy()
    truth[20:40] = np.nan
    truth[45] = 0
    assert box_growth(tracked, truth).in_100_frames == pytest.approx(4)


def test_what_cannot_be_measured_does_not_enter_the_mean() -> None:
    nothing = box_growth(TRUTH[:1], TRUTH[:1])
    assert np.isnan(nothing.at_end)
    found = mean_growth([nothing, BoxGrowth(4.0, 1.0), BoxGrowth(1.0, 0.25)])
    assert (found.at_end, found.in_100_frames) == (pytest.approx(2), pytest.approx(0.5))
    assert np.isnan(mean_growth([nothing]).in_100_frames)
