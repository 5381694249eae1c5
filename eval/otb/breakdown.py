"""Where success is lost: at the centre, at the size, at the aspect ratio, or because the object is lost.

Each figure is the success AUC that a tracker would have if one thing about each of its boxes were true, and
the rest were its own:

    true centre        the truth's centre, the tracker's width and height
    true size          the truth's width and height, the tracker's centre
    true aspect ratio  the truth's ratio of width to height, the tracker's area and centre

What such a figure gains over the AUC itself is what the tracker could gain there. A lost frame is one whose
overlap with the truth is below 0.1. The protocol decides which frames count (:mod:`rpn2t.eval.otb.metrics`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from rpn2t.boxes import Floats, centre_size, from_centre_size
from rpn2t.eval.otb import metrics
from rpn2t.sequences.protocols import Protocol

LOST_BELOW = 0.1
"""Overlap below which the object is lost."""


@dataclass(frozen=True)
class Breakdown:
    """The breakdown of one sequence, or the mean over several.

    Attributes:
        true_centre, true_size, true_aspect: success AUC if that were the truth's.
        lost: share of the frames with a ground truth whose overlap is below LOST_BELOW, or NaN.
    """

    true_centre: float
    true_size: float
    true_aspect: float
    lost: float


def break_down(runs: Sequence[tuple[Floats, Floats]], protocol: Protocol) -> Breakdown:
    """The breakdown of a tracker's runs over a sequence; their frames are counted together.

    Args:
        runs: boxes as they are measured and their ground truth, (n, 4) each, for each run.
        protocol: whose rules.
    """

    def overlaps(change: Callable[[Floats, Floats], Floats]) -> Floats:
        return np.concatenate([metrics.overlaps(change(*run), run[1], protocol) for run in runs])

    return Breakdown(
        true_centre=metrics.success_auc(overlaps(with_true_centre), protocol),
        true_size=metrics.success_auc(overlaps(with_true_size), protocol),
        true_aspect=metrics.success_auc(overlaps(with_true_aspect), protocol),
        lost=lost_share(overlaps(lambda boxes, truth: boxes)),
    )


def lost_share(found: Floats) -> float:
    """Share of the frames with a ground truth in which the object is lost; 0 if there is none.

    Args:
        found: the frames' overlaps, -1 where there is no ground truth.
    """
    with_truth = found[found != -1]
    return float(np.mean(~(with_truth >= LOST_BELOW))) if len(with_truth) else 0.0


def mean_breakdown(parts: Iterable[Breakdown]) -> Breakdown:
    """The mean over sequences, each of which counts the same."""
    return Breakdown(*np.mean([astuple(part) for part in parts], axis=0).tolist())


def with_true_centre(boxes: Floats, truth: Floats) -> Floats:
    """Boxes of their own size around the truth's centres."""
    return from_centre_size(np.concatenate([centre_size(truth)[:, :2], boxes[:, 2:]], axis=1))


def with_true_size(boxes: Floats, truth: Floats) -> Floats:
    """Boxes of the truth's size around their own centres."""
    return from_centre_size(np.concatenate([centre_size(boxes)[:, :2], truth[:, 2:]], axis=1))


def with_true_aspect(boxes: Floats, truth: Floats) -> Floats:
    """Boxes of their own area and centre, and the truth's ratio of width to height. No area: they stay."""
    rows = centre_size(boxes)
    usable = (boxes[:, 2:] > 0).all(axis=1) & (truth[:, 2:] > 0).all(axis=1)
    own, wanted = rows[usable, 2:], truth[usable, 2:]
    rows[usable, 2:] = wanted * np.sqrt(own.prod(axis=1) / wanted.prod(axis=1))[:, None]
    return from_centre_size(rows)
