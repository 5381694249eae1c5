"""Boxes: continuous IoU and rounding."""

import numpy as np
import pytest

from rpn2t.boxes import centre_size, from_centre_size, iou, round_half_up


def test_iou_of_hand_computed_boxes() -> None:
    one = (0, 0, 10, 10)
    others = [(0, 0, 10, 10), (5, 0, 10, 10), (10, 0, 10, 10), (2, 2, 5, 5), (20, 20, 1, 1), (1, 1, 0, 5)]
    np.testing.assert_allclose(iou(one, others), [1, 50 / 150, 0, 0.25, 0, 0])


def test_iou_is_symmetric_and_row_by_row() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(1, 50, (2, 20, 4))
    np.testing.assert_allclose(iou(a, b), iou(b, a))
    np.testing.assert_allclose(iou(a, b)[7], iou(a[7], b[7])[0])


def test_iou_of_nan_is_nan() -> None:
    assert np.isnan(iou((np.nan, 0, 1, 1), (0, 0, 1, 1)))[0]


def test_centre_size_round_trip() -> None:
    assert centre_size((10, 20, 4, 6)).tolist() == [[12, 23, 4, 6]]
    assert from_centre_size(centre_size((10, 20, 5, 7))).tolist() == [[10, 20, 5, 7]]


@pytest.mark.parametrize(("value", "whole"), [(0.5, 1), (1.5, 2), (2.5, 3), (2.49, 2), (-0.5, 0), (-0.6, -1)])
def test_halves_round_upwards(value: float, whole: int) -> None:
    assert round_half_up(value) == whole
