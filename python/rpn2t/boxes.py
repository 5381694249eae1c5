"""Boxes: (x, y, w, h) in pixels, 0-based floats; x, y is the top-left corner.

A box covers the plane from x to x + w, so intersections are continuous: no "+ 1" anywhere.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.errors import InputError, one_line

Box = tuple[float, float, float, float]
Floats = NDArray[np.float64]


def as_boxes(boxes: ArrayLike) -> Floats:
    """Any box or list of boxes as a float array of shape (n, 4)."""
    return np.asarray(boxes, dtype=np.float64).reshape(-1, 4)


def as_box(values: ArrayLike) -> Box:
    """Four numbers as a tuple of plain floats.

    Args:
        values: anything that NumPy takes for four numbers in a row: a list, an array, a tensor, also one of
            shape (1, 4).

    Raises:
        InputError: it is none.
    """
    try:
        numbers = np.squeeze(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # the last is PyTorch's
        raise InputError(
            f"box {_told(values)}: needs four finite numbers x,y,w,h ({one_line(error)})"
        ) from None
    if numbers.shape != (4,):
        raise InputError(f"box {_told(values)}: needs four finite numbers x,y,w,h")
    x, y, w, h = numbers.tolist()
    return x, y, w, h


def _told(values: object) -> str:
    """A value on one short line."""
    return " ".join(repr(values).split())[:80]


def centre_size(boxes: ArrayLike) -> Floats:
    """(n, 4) boxes as (n, 4) rows of centre x, centre y, width, height."""
    corner = as_boxes(boxes)
    return np.concatenate([corner[:, :2] + corner[:, 2:] / 2, corner[:, 2:]], axis=1)


def from_centre_size(rows: ArrayLike) -> Floats:
    """The inverse of :func:`centre_size`."""
    centre = as_boxes(rows)
    return np.concatenate([centre[:, :2] - centre[:, 2:] / 2, centre[:, 2:]], axis=1)


FIRST_PIXEL = np.array([1.0, 1.0, 0.0, 0.0])
"""What a box of OTB's files has more than ours: they count pixels from 1, as MATLAB does."""


def to_one_based(boxes: ArrayLike) -> Floats:
    """(n, 4) boxes as OTB's files and rules count them, from 1."""
    shifted: Floats = as_boxes(boxes) + FIRST_PIXEL
    return shifted


def from_one_based(boxes: ArrayLike) -> Floats:
    """The inverse of :func:`to_one_based`."""
    shifted: Floats = as_boxes(boxes) - FIRST_PIXEL
    return shifted


LARGEST_STEP = 4.135
"""The most by which :func:`decode` changes a side's logarithm (62-fold), as a guard against overflow."""


def mirrored_boxes(boxes: ArrayLike, width: int) -> Floats:
    """Where boxes lie in the mirror image of a frame of this width in px; shape (n, 4), a copy."""
    x, y, w, h = as_boxes(boxes).T
    return np.stack([width - x - w, y, w, h], axis=1)


def encode(boxes: ArrayLike, goals: ArrayLike) -> Floats:
    """How goals differ from boxes: R-CNN's four numbers.

    Args:
        boxes: shape (n, 4).
        goals: shape (n, 4), one for each; or one for all.

    Returns:
        Shape (n, 4): dx, dy, the centre's shift over the box's sides; dw, dh, the logarithms of the sides'
        ratios.
    """
    at, to = centre_size(boxes), centre_size(goals)
    return np.concatenate([(to[:, :2] - at[:, :2]) / at[:, 2:], np.log(to[:, 2:] / at[:, 2:])], axis=1)


def decode(boxes: ArrayLike, steps: NDArray[np.floating]) -> Floats:
    """The inverse of :func:`encode`: boxes, moved and scaled by (n, 4) steps."""
    at = centre_size(boxes)
    sides = at[:, 2:] * np.exp(np.minimum(steps[:, 2:], LARGEST_STEP))
    return from_centre_size(np.concatenate([at[:, :2] + steps[:, :2] * at[:, 2:], sides], axis=1))


def iou(first: ArrayLike, second: ArrayLike) -> Floats:
    """Intersection over union, row by row.

    Args:
        first: boxes of shape (n, 4), or one box that is compared with every row of the other.
        second: boxes, or one box, likewise.

    Returns:
        Shape (n,), values in [0, 1]; 0 if a box has no area. NaN boxes give NaN.
    """
    return _overlap(as_boxes(first), as_boxes(second))


def iou_matrix(first: ArrayLike, second: ArrayLike) -> Floats:
    """Intersection over union of each of n boxes with each of m, shape (n, m); see :func:`iou`."""
    return _overlap(as_boxes(first)[:, None], as_boxes(second)[None])


def _overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of arrays of boxes that broadcast, shape (..., 4)."""
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    inter = np.prod(np.maximum(sides, 0), axis=-1)
    areas = [np.prod(np.maximum(boxes[..., 2:], 0), axis=-1) for boxes in (a, b)]
    union = areas[0] + areas[1] - inter
    ratio: Floats = np.divide(inter, union, out=np.zeros_like(inter), where=union != 0)
    return ratio


def round_half_up(values: ArrayLike) -> Floats:
    """Round to whole numbers, halves upwards.

    MATLAB rounds halves away from zero; its 1-based coordinates are positive wherever a frame is, so
    there both are the same, and this one does not depend on where the origin lies (NumPy's own
    rounds halves to even).
    """
    return np.floor(np.asarray(values, dtype=np.float64) + 0.5)
