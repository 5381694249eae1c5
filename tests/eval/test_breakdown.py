"""The breakdown of success: what a tracker would have with the true centre, size or aspect ratio."""

from dataclasses import astuple

import numpy as np
import pytest

from rpn2t.boxes import iou
from rpn2t.eval.otb.breakdown import (
    Breakdown,
    break_down,
    mean_breakdown,
    with_true_aspect,
    with_true_centre,
    with_true_size,
)

PERFECT = 20 / 21  # success counts overlaps above, never at, each of 21 thresholds
TRUTH = np.tile([100.0, 100, 20, 40], (5, 1))


def shifted(x: float = 0, y: float = 0, w: float = 0, h: float = 0) -> np.ndarray:
    return TRUTH + (x, y, w, h)


def test_a_box_beside_the_object_lacks_only_the_centre() -> None:
    found = break_down([(shifted(x=10), TRUTH)], "otb")
    assert found.true_centre == pytest.approx(PERFECT)
    # a third overlaps: above 0, 0.05 ... 0.3
    assert found.true_size == found.true_aspect == pytest.approx(7 / 21)
    assert found.lost == 0


def test_a_box_of_another_size_lacks_only_the_size() -> None:
    twice = np.tile([90.0, 80, 40, 80], (5, 1))  # around the same centre
    found = break_down([(twice, TRUTH)], "otb")
    assert found.true_size == pytest.approx(PERFECT)
    # a quarter overlaps, and 0.25 is not above 0.25
    assert found.true_centre == found.true_aspect == pytest.approx(5 / 21)


def test_a_box_of_another_shape_lacks_the_aspect_ratio() -> None:
    wide = np.tile([90.0, 110, 40, 20], (5, 1))  # the same centre and area
    found = break_down([(wide, TRUTH)], "otb")
    assert found.true_aspect == found.true_size == pytest.approx(PERFECT)
    assert found.true_centre == pytest.approx(7 / 21)


def test_lost_frames_are_those_that_hardly_overlap() -> None:
    boxes = np.vstack([TRUTH[:2], shifted(x=17)[:1], shifted(x=15)[:1], shifted(x=300)[:1]])
    assert iou(boxes[2], TRUTH[0])[0] < 0.1 < iou(boxes[3], TRUTH[0])[0]
    assert break_down([(boxes, TRUTH)], "otb").lost == pytest.approx(2 / 5)


def test_frames_without_a_truth_are_not_lost_and_boxes_that_are_none_are() -> None:
    truth = TRUTH.copy()
    truth[1] = (0, 0, 0, 0)
    assert break_down([(shifted(x=300), truth)], "otb").lost == 1
    boxes = TRUTH.copy()
    boxes[3] = np.nan
    assert break_down([(boxes, truth)], "pysot").lost == pytest.approx(1 / 4)


def test_runs_are_counted_together_and_sequences_weigh_the_same() -> None:
    far = shifted(x=300)
    both = break_down([(TRUTH, TRUTH), (far[:3], TRUTH[:3])], "otb")
    assert both.lost == pytest.approx(3 / 8)
    assert both.true_size == pytest.approx(PERFECT * 5 / 8)
    mean = mean_breakdown([Breakdown(0.2, 0.4, 0.6, 0.0), Breakdown(0.4, 0.4, 0.2, 1.0)])
    assert astuple(mean) == pytest.approx((0.3, 0.4, 0.4, 0.5))


@pytest.mark.parametrize("change", [with_true_centre, with_true_size, with_true_aspect])
def test_nothing_can_be_gained_by_a_perfect_box_and_inputs_stay(change) -> None:
    boxes, truth = TRUTH.copy(), TRUTH.copy()
    np.testing.assert_allclose(change(boxes, truth), TRUTH)
    np.testing.assert_array_equal(boxes, TRUTH)
    np.testing.assert_array_equal(truth, TRUTH)


def test_a_box_without_area_has_no_aspect_ratio_to_mend() -> None:
    boxes = np.array([[100.0, 100, 0, 40], [100, 100, 40, 20]])
    changed = with_true_aspect(boxes, TRUTH[:2])
    np.testing.assert_allclose(changed[0], boxes[0])
    assert changed[1, 2] * changed[1, 3] == pytest.approx(800)
    assert changed[1, 3] / changed[1, 2] == pytest.approx(2)
