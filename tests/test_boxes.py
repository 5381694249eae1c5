"""Boxes: continuous IoU and rounding."""

import numpy as np
import pytest

from rpn2t.boxes import as_box, centre_size, from_centre_size, iou, round_half_up
from rpn2t.errors import InputError


class Tensor:
    """As PyTorch's: NumPy asks it for an array."""

    def __init__(self, values: list[float], error: Exception | None = None) -> None:
        self._values, self._error = values, error

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        if self._error:
            raise self._error
        return np.array(self._values, np.float32)

    def __repr__(self) -> str:
        return "tensor([60., 70.,\n        50., 50.])"


@pytest.mark.parametrize(
    "values",
    [
        (60, 70, 50, 50),
        [[60, 70, 50, 50]],
        np.array([[60, 70, 50, 50]], np.int32),
        np.array([60, 70, 50, 50], np.float32)[:, None],
        Tensor([60, 70, 50, 50]),
    ],
)
def test_whatever_holds_four_numbers_is_a_box(values) -> None:
    assert as_box(values) == (60.0, 70.0, 50.0, 50.0)
    assert all(type(number) is float for number in as_box(values))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (None, "None"),
        ("60,70,50,50", "'60,70,50,50'"),
        ((1, 2, 3), "(1, 2, 3)"),
        ([[1, 2], [3, 4]], "[[1, 2], [3, 4]]"),
        ([1, 2, [3], 4], "[1, 2, [3], 4]"),
        ({"x": 1}, "{'x': 1}"),
        ([10**400, 0, 1, 1], f"[{10**79}"),
        (Tensor([], TypeError("it is on a GPU; use .cpu()")), "tensor([60., 70., 50., 50.])"),
        (Tensor([], RuntimeError("it requires grad; use .detach()")), "tensor([60., 70., 50., 50.])"),
    ],
)
def test_what_holds_none_is_refused_in_a_line(values, told: str) -> None:
    with pytest.raises(InputError) as caught:
        as_box(values)
    assert str(caught.value).startswith(f"box {told}"[:80])
    assert "needs four finite numbers x,y,w,h" in str(caught.value)
    assert "\n" not in str(caught.value)


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
