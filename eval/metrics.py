"""Success and precision of one tracked sequence, by the protocol of the OTB benchmark (needs NumPy only).

The protocol (Wu, Lim, Yang: Object Tracking Benchmark, PAMI 2015) as its toolkit computes it:

- the first frame's box is given, not tracked: it is replaced by the ground truth;
- a predicted box that is not finite or has no area counts as the box of the frame before;
- a frame whose ground truth is not a box (NaN, no area, or left or above of the image) gets overlap
  -1 and centre error -1. So it is a failure for success, and precise for precision;
- success at a threshold t is the fraction of frames with overlap > t, never >=. A perfect result
  therefore scores 20/21 = 0.952, not 1.

:func:`as_tracked` does the first two; the other functions measure what they are given. Boxes are
(n, 4) arrays of x, y, w, h in pixels, 0-based; row i is frame i of the sequence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import as_boxes, iou
from rpn2t.errors import InputError

Floats = NDArray[np.float64]

SUCCESS_THRESHOLDS: Floats = np.arange(21) / 20
"""Overlaps 0, 0.05 ... 1 at which success is counted."""

PRECISION_THRESHOLDS: Floats = np.arange(51.0)
"""Centre errors 0, 1 ... 50 px at which precision is counted."""


@dataclass(frozen=True)
class Summary:
    """One sequence in numbers; all but ``frames`` lie in [0, 1]."""

    mean_overlap: float
    success_auc: float
    precision_20: float
    frames: int


def summary(predicted: ArrayLike, truth: ArrayLike) -> Summary:
    """Measure one sequence from its first frame on.

    Args:
        predicted: (n, 4) tracked boxes; the first row is replaced by the ground truth.
        truth: (n, 4) ground truth, NaN rows where there is none.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes = as_tracked(predicted, truth)
    found = overlaps(boxes, truth)
    return Summary(
        mean_overlap=mean_overlap(found),
        success_auc=success_auc(found),
        precision_20=precision_at(centre_errors(boxes, truth), 20),
        frames=len(boxes),
    )


def as_tracked(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """The boxes that are measured: the first is the truth, an unusable one repeats the one before.

    Args:
        predicted: (n, 4) tracked boxes.
        truth: (n, 4) ground truth.

    Returns:
        A new (n, 4) array.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    boxes = boxes.copy()
    boxes[0] = target[0]
    usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    latest = np.maximum.accumulate(np.where(usable, np.arange(len(boxes)), 0))
    return boxes[latest]


def valid_truth(truth: ArrayLike) -> NDArray[np.bool_]:
    """Which rows of the ground truth are boxes: all four numbers positive in OTB's 1-based pixels.

    Args:
        truth: (n, 4) ground truth, 0-based here as everywhere.

    Returns:
        Shape (n,).
    """
    one_based = as_boxes(truth) + np.array([1, 1, 0, 0])
    valid: NDArray[np.bool_] = (one_based > 0).all(axis=1)
    return valid


def overlaps(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """Intersection over union of each frame.

    Returns:
        Shape (n,): values in [0, 1], and -1 where the ground truth is not a box.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    return np.where(valid_truth(target), iou(boxes, target), -1.0)


def centre_errors(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """Distance of the centres in pixels; a centre is x + (w - 1) / 2, that of the box's own pixels.

    Returns:
        Shape (n,): values from 0 on, and -1 where the ground truth is not a box.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    apart = (boxes[:, :2] + (boxes[:, 2:] - 1) / 2) - (target[:, :2] + (target[:, 2:] - 1) / 2)
    return np.where(valid_truth(target), np.hypot(apart[:, 0], apart[:, 1]), -1.0)


def mean_overlap(found: Floats) -> float:
    """Mean of the overlaps over the frames that have a ground truth; NaN if none has."""
    known = found[found >= 0]
    return float(known.mean()) if len(known) else float("nan")


def success_curve(found: Floats) -> Floats:
    """Fraction of frames with overlap > each of :data:`SUCCESS_THRESHOLDS`; shape (21,)."""
    curve: Floats = (found[:, None] > SUCCESS_THRESHOLDS).mean(axis=0)
    return curve


def success_auc(found: Floats) -> float:
    """Area under the success curve: the mean of its 21 values."""
    return float(success_curve(found).mean())


def precision_curve(errors: Floats) -> Floats:
    """Fraction of frames with centre error <= each of :data:`PRECISION_THRESHOLDS`; shape (51,)."""
    curve: Floats = (errors[:, None] <= PRECISION_THRESHOLDS).mean(axis=0)
    return curve


def precision_at(errors: Floats, pixels: float = 20) -> float:
    """Fraction of frames with centre error <= ``pixels``."""
    return float((errors <= pixels).mean())


def _pair(predicted: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    boxes, target = as_boxes(predicted), as_boxes(truth)
    if len(boxes) != len(target) or len(boxes) == 0:
        raise InputError(
            f"{len(boxes)} tracked boxes cannot be measured against {len(target)} rows of ground truth: "
            "give one row for each tracked frame, and at least one"
        )
    return boxes, target
