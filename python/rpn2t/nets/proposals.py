"""Region proposals (Faster R-CNN's RPN, with which the paper's teacher was trained; section 3.2).

At every position of conv5 stand nine anchors, of three scales and three ratios. The network says of each
how likely it is an object (`rpn_cls_score`) and how the object's box differs from it (`rpn_bbox_pred`).
Boxes here are (x, y, w, h) in px of the network's input. Anchors are numbered row by row, position by
position, ratio by ratio, scale by scale: index ((row * columns + column) * 3 + ratio) * 3 + scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats, decode, encode, from_centre_size, iou_matrix


@dataclass(frozen=True)
class AnchorShapes:
    """The anchors of one position; also the part of `param_str` that the RPN's layers share.

    Attributes:
        stride: px between neighbouring positions of conv5; position 0 is centred on pixel 0.
        scales: square roots of the anchors' areas, px.
        ratios: heights over widths.
    """

    stride: int = 16
    scales: Sequence[float] = (40, 113, 320)
    ratios: Sequence[float] = (0.5, 1, 2)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.stride < 1 or not self.scales or not self.ratios or min(*self.scales, *self.ratios) <= 0:
            raise ValueError("stride, scales and ratios must be positive")

    def __len__(self) -> int:
        """Anchors at a position."""
        return len(self.scales) * len(self.ratios)

    def over(self, rows: int, columns: int) -> Floats:
        """All anchors of a map, shape (rows * columns * len(self), 4)."""
        root = np.sqrt(np.array(self.ratios, np.float64))[:, None]
        sides = np.stack([self.scales / root, self.scales * root], axis=-1).reshape(-1, 2)
        y, x = np.mgrid[:rows, :columns] * self.stride + 0.5  # the middle of pixel 0 is 0.5
        centres = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
        shape = (rows * columns, len(self), 2)
        both = [np.broadcast_to(centres, shape), np.broadcast_to(sides, shape)]
        return from_centre_size(np.concatenate(both, axis=-1))


@dataclass(frozen=True)
class Sampling:
    """Which anchors teach in an image.

    Attributes:
        positive_iou: an anchor at or above it with an object's box is positive, and so is each object's best.
        negative_iou: an anchor below it with all boxes is negative.
        anchors: how many are drawn of both.
        positives: at most this share of them.
    """

    positive_iou: float = 0.7
    negative_iou: float = 0.3
    anchors: int = 256
    positives: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 < self.negative_iou <= self.positive_iou < 1:
            raise ValueError("0 < negative_iou <= positive_iou < 1 must hold")
        if self.anchors < 1 or not 0 < self.positives <= 1:
            raise ValueError("anchors must be at least 1, positives a share of them")


def assign(
    anchors: Floats, boxes: Floats, sampling: Sampling, rng: np.random.Generator
) -> tuple[NDArray[np.int8], Floats]:
    """What the anchors of an image are to say.

    Anchors that reach over the image's edge teach, too: photographs of a few hundred px have hardly any
    large ones that do not.

    Args:
        anchors: shape (n, 4).
        boxes: shape (m, 4), of the objects; at least one.
        sampling: thresholds and numbers.
        rng: draws those that teach.

    Returns:
        Labels (n,): 1 object, 0 background, -1 does not teach; and targets (n, 4) of those with 1, else 0.
    """
    overlap = iou_matrix(anchors, boxes)
    nearest, best = overlap.argmax(axis=1), overlap.max(axis=1)
    positive = best >= sampling.positive_iou
    of_box = overlap.max(axis=0)
    positive |= ((overlap >= of_box - 1e-9) & (of_box > 0)).any(axis=1)
    drawn = _some(np.flatnonzero(positive), int(sampling.anchors * sampling.positives), rng)
    negative = np.flatnonzero((best < sampling.negative_iou) & ~positive)
    labels = np.full(len(anchors), -1, np.int8)
    labels[_some(negative, sampling.anchors - len(drawn), rng)] = 0
    labels[drawn] = 1
    targets = np.zeros((len(anchors), 4))
    targets[drawn] = encode(anchors[drawn], boxes[nearest[drawn]])
    return labels, targets


@dataclass(frozen=True)
class Selection:
    """Which boxes become proposals.

    Attributes:
        before_nms: how many of the likeliest enter the suppression.
        nms_iou: of two boxes that overlap more, the likelier stays.
        proposals: how many stay at most.
        smallest_side: px of the input; smaller boxes are dropped.
    """

    before_nms: int = 6000
    nms_iou: float = 0.7
    proposals: int = 300
    smallest_side: float = 8

    def __post_init__(self) -> None:
        """Check the ranges."""
        if min(self.before_nms, self.proposals) < 1 or not 0 < self.nms_iou <= 1:
            raise ValueError("before_nms and proposals must be at least 1, nms_iou in (0, 1]")


def propose(
    anchors: Floats,
    scores: NDArray[np.floating],
    steps: NDArray[np.floating],
    size: tuple[int, int],
    selection: Selection,
) -> tuple[Floats, Floats]:
    """The likeliest boxes that do not overlap too much.

    Args:
        anchors: shape (n, 4).
        scores: shape (n,), of the object.
        steps: shape (n, 4), see :func:`rpn2t.boxes.encode`.
        size: width and height of the input, to which boxes are clipped.
        selection: thresholds and numbers.

    Returns:
        Boxes (m, 4) and scores (m,), the highest first.
    """
    order = np.argsort(-scores, kind="stable")[: selection.before_nms]
    boxes = _clip(decode(anchors[order], steps[order]), size)
    large = (boxes[:, 2:] >= selection.smallest_side).all(axis=1)
    boxes, kept_scores = boxes[large], np.asarray(scores[order][large], np.float64)
    survivors = cv2.dnn.NMSBoxes(boxes.tolist(), kept_scores.tolist(), 0.0, selection.nms_iou)
    kept = np.asarray(survivors, np.intp).ravel()[: selection.proposals]
    return boxes[kept], kept_scores[kept]


def found(boxes: Floats, proposals: Floats) -> Floats:
    """How well each object is proposed: its highest IoU with a proposal, shape (n,)."""
    if not len(proposals):
        return np.zeros(len(boxes))
    best: Floats = iou_matrix(boxes, proposals).max(axis=1)
    return best


def _some(indices: NDArray[np.intp], n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    return rng.permutation(indices)[:n]


def _clip(boxes: Floats, size: tuple[int, int]) -> Floats:
    first = np.clip(boxes[:, :2], 0, size)
    last = np.clip(boxes[:, :2] + boxes[:, 2:], 0, size)
    return np.concatenate([first, last - first], axis=1)
