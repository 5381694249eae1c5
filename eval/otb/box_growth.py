"""Whether a tracked box grows: what the paper saw in figure 3 (b), in numbers (needs NumPy only).

The box's area over the truth's is taken in every frame that has a ground truth. Two numbers tell of it: its
median over the last tenth of the frames, and by how much it grows in 100 frames. The growth is a factor: that
of the straight line through the logarithms of the ratios, fitted by least squares. Frames in which the object
is lost count like the others, as a box that has grown too large is lost for that reason.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Floats, as_boxes
from rpn2t.sequences.target import valid_truth

END_SHARE = 0.1
"""Share of the frames that are a sequence's end."""


@dataclass(frozen=True)
class BoxGrowth:
    """The box's area over the truth's on a sequence, or the geometric mean over several; 1 is right.

    Attributes:
        at_end: the median over the last tenth of the frames.
        in_100_frames: by which factor it grows; 1 is no growth.
    """

    at_end: float
    in_100_frames: float


def area_ratio(boxes: Floats, truth: Floats) -> Floats:
    """Area of each box over the truth's.

    Args:
        boxes: (n, 4), a tracker's.
        truth: (n, 4).

    Returns:
        Shape (n,); NaN where either is no box.
    """
    usable = valid_truth(truth) & np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    ratio: Floats = np.full(len(boxes), np.nan)
    ratio[usable] = boxes[usable, 2:].prod(axis=1) / truth[usable, 2:].prod(axis=1)
    return ratio


def box_growth(boxes: ArrayLike, truth: ArrayLike) -> BoxGrowth:
    """How a tracked box grows against the truth.

    Args:
        boxes: as they are measured, shape (n, 4).
        truth: ground truth, shape (n, 4).

    Returns:
        NaN where fewer than two frames have a box and a ground truth with an area.
    """
    areas = area_ratio(as_boxes(boxes), as_boxes(truth))
    frames = np.flatnonzero(np.isfinite(areas))
    if len(frames) < 2:
        return BoxGrowth(float("nan"), float("nan"))
    ratios = np.log(areas[frames])
    end = ratios[-max(round(END_SHARE * len(frames)), 1) :]
    slope = np.polyfit(frames, ratios, 1)[0]
    return BoxGrowth(float(np.exp(np.median(end))), float(np.exp(100 * slope)))


def mean_growth(parts: Iterable[BoxGrowth]) -> BoxGrowth:
    """The geometric mean over sequences, each of which counts the same; one that has no number does not."""
    logarithms = np.log([astuple(part) for part in parts])
    known = logarithms[np.isfinite(logarithms).all(axis=1)]
    if not len(known):
        return BoxGrowth(float("nan"), float("nan"))
    return BoxGrowth(*np.exp(known.mean(axis=0)).tolist())
