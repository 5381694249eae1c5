"""Success and precision of one tracked sequence, as OTB's toolkits compute them (needs NumPy only).

Success at a threshold t is the fraction of frames with overlap > t, never >=, at t = 0, 0.05 ... 1: a perfect
result scores 20/21 = 0.952, not 1. Precision is the fraction of frames whose centre is at most 0, 1 ... 50 px
off; the score is the one at 20 px. Three toolkits are in use. They differ on rows that are no box:

``otb``, the MATLAB toolkit of the benchmark (Wu, Lim, Yang: Object Tracking Benchmark, PAMI 2015):

- the first frame's box is given, not tracked: it is replaced by the ground truth;
- a predicted box that is not finite or has no area counts as the box of the frame before;
- a frame whose ground truth is not a box (NaN, no area, or left or above of the image) gets overlap -1 and
  centre error -1. So it is a failure for success, and precise for precision.

``pysot``:

- predictions are taken as they are, the first one too; one that is NaN fails in both measures;
- a frame whose ground truth has no area gets overlap -1, one whose ground truth has its centre left or
  above of the image (or NaN) gets centre error -1.

``got10k``:

- the first frame's box is replaced by the ground truth, the others are taken as they are;
- no frame is left out: ground truth without area has overlap 0 and a centre like any other, NaN fails.

:func:`as_tracked` does what concerns the predictions; the other functions measure what they are given. The
protocols also differ in where Tiger1 begins, which is data/otb.txt's business. Boxes are (n, 4) arrays of
x, y, w, h in pixels, 0-based; row i is frame i of the sequence. "Left or above of the image" is a number <= 0
in OTB's 1-based pixels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Floats, as_boxes, iou, to_one_based
from rpn2t.errors import InputError
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import valid_truth

SUCCESS_THRESHOLDS: Floats = np.arange(21) / 20
"""Overlaps 0, 0.05 ... 1 at which success is counted."""

_THRESHOLDS: dict[Protocol, Floats] = {
    "otb": SUCCESS_THRESHOLDS,
    "got10k": np.linspace(0, 1, 21),
    "pysot": np.arange(0, 1.05, 0.05),
}
"""These thresholds as each toolkit rounds them: it matters for an overlap that equals a threshold."""

PRECISION_THRESHOLDS: Floats = np.arange(51.0)
"""Centre errors 0, 1 ... 50 px at which precision is counted."""


@dataclass(frozen=True)
class OnePassScore:
    """One pass over a sequence (OPE) in numbers; all but ``frames`` lie in [0, 1]."""

    mean_overlap: float
    success_auc: float
    precision_20: float
    frames: int


def one_pass_score(predicted: ArrayLike, truth: ArrayLike, protocol: Protocol = "otb") -> OnePassScore:
    """Measure one pass over a sequence, from its first frame on.

    Args:
        predicted: (n, 4) tracked boxes.
        truth: (n, 4) ground truth; a row of NaN has no box.
        protocol: whose rules.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes = as_tracked(predicted, truth, protocol)
    found = overlaps(boxes, truth, protocol)
    return OnePassScore(
        mean_overlap=mean_overlap(found),
        success_auc=success_auc(found, protocol),
        precision_20=precision_at(centre_errors(boxes, truth, protocol), 20),
        frames=len(boxes),
    )


def as_tracked(predicted: ArrayLike, truth: ArrayLike, protocol: Protocol = "otb") -> Floats:
    """The boxes that are measured, by the protocol's rule for the first one and for unusable ones.

    Args:
        predicted: (n, 4) tracked boxes.
        truth: (n, 4) ground truth.
        protocol: whose rule.

    Returns:
        A new (n, 4) array.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    boxes = boxes.copy()
    if protocol != "pysot":
        boxes[0] = target[0]
    if protocol != "otb":
        return boxes
    usable = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    latest = np.maximum.accumulate(np.where(usable, np.arange(len(boxes)), 0))
    return boxes[latest]


def overlaps(predicted: ArrayLike, truth: ArrayLike, protocol: Protocol = "otb") -> Floats:
    """Intersection over union of each frame.

    Returns:
        Shape (n,): values in [0, 1], -1 in frames whose ground truth counts as none, NaN if a NaN is taken as
        it is.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    found = iou(boxes, target)
    if protocol == "got10k":
        return found
    valid = valid_truth(target) if protocol == "otb" else (target[:, 2:] > 0).all(axis=1)
    return np.where(valid, found, -1.0)


def centre_errors(predicted: ArrayLike, truth: ArrayLike, protocol: Protocol = "otb") -> Floats:
    """Distance of the centres in pixels; a centre is x + (w - 1) / 2, that of the box's own pixels.

    Returns:
        Shape (n,): values from 0 on, -1 in frames whose ground truth counts as none, NaN if a NaN is taken as
        it is.

    Raises:
        InputError: the numbers of boxes differ, or there is none.
    """
    boxes, target = _pair(predicted, truth)
    apart = _centres(boxes) - _centres(target)
    errors: Floats = np.hypot(apart[:, 0], apart[:, 1])
    if protocol == "got10k":
        return errors
    valid = valid_truth(target) if protocol == "otb" else (_centres(to_one_based(target)) > 0).all(axis=1)
    return np.where(valid, errors, -1.0)


def mean_overlap(found: Floats) -> float:
    """Mean of the overlaps over the frames that have a ground truth; NaN if none has."""
    known = found[found >= 0]
    return float(known.mean()) if len(known) else float("nan")


def success_curve(found: Floats, protocol: Protocol = "otb") -> Floats:
    """Fraction of frames with overlap > each of :data:`SUCCESS_THRESHOLDS`; shape (21,)."""
    curve: Floats = (found[:, None] > _THRESHOLDS[protocol]).mean(axis=0)
    return curve


def success_auc(found: Floats, protocol: Protocol = "otb") -> float:
    """Area under the success curve: the mean of its 21 values."""
    return float(success_curve(found, protocol).mean())


def success_rate(curve: Floats) -> float:
    """A success curve at overlap 0.5, the SR0.5 of the tables."""
    return float(curve[10])


def precision_curve(errors: Floats) -> Floats:
    """Fraction of frames with centre error <= each of :data:`PRECISION_THRESHOLDS`; shape (51,)."""
    curve: Floats = (errors[:, None] <= PRECISION_THRESHOLDS).mean(axis=0)
    return curve


def precision_at(errors: Floats, pixels: float = 20) -> float:
    """Fraction of frames with centre error <= ``pixels``."""
    return float((errors <= pixels).mean())


def normalised_precision(predicted: ArrayLike, truth: ArrayLike) -> Floats:
    """Centre error as a fraction of the truth's sides: TrackingNet's measure, not OTB's.

    Returns:
        Fraction of frames whose error is at most 0, 0.01 ... 0.5 of the truth's sides, shape (51,). pysot and
        pytracking report the value at 0.2, got10k the mean of the curve. A truth without area fails.
    """
    boxes, target = _pair(predicted, truth)
    apart = _centres(boxes) - _centres(target)
    sides = target[:, 2:]
    share = np.divide(apart, sides, out=np.full_like(apart, np.inf), where=sides > 0)
    curve: Floats = (np.hypot(share[:, 0], share[:, 1])[:, None] <= np.arange(51) / 100).mean(axis=0)
    return curve


def _centres(boxes: Floats) -> Floats:
    centres: Floats = boxes[:, :2] + (boxes[:, 2:] - 1) / 2
    return centres


def _pair(predicted: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    boxes, target = as_boxes(predicted), as_boxes(truth)
    if len(boxes) != len(target) or len(boxes) == 0:
        raise InputError(
            f"{len(boxes)} tracked boxes cannot be measured against {len(target)} rows of ground truth: "
            "give one row for each tracked frame, and at least one"
        )
    return boxes, target
