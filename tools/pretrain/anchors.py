"""Boxes and anchors of the region proposal network in PyTorch, as defined in rpn2t.nets.proposals.

Boxes are (x, y, width, height) in px of the network's input. Anchors are numbered row by row, position by
position, ratio by ratio, scale by scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

STRIDE = 16
RATIOS = (0.5, 1.0, 2.0)  # heights over widths
PROPOSAL_SCALES = (40.0, 113.0, 320.0)  # square roots of areas: of photographs whose shorter side is 480 px
TRACKING_SCALES = (103.0, 171.0, 262.0)  # of targets that are 171 px large when the tracker is right
LARGEST_STEP = 4.135

BEFORE_NMS, NMS_IOU, PROPOSALS, SMALLEST_SIDE = 6000, 0.7, 300, 8.0


def grid(rows: int, columns: int, scales: Sequence[float], stride: int = STRIDE) -> Tensor:
    """All anchors of a map, (rows * columns * 9, 4). Position 0 is centred on pixel 0, of middle 0.5."""
    root = torch.tensor(RATIOS, dtype=torch.float64).sqrt()[:, None]
    sides = torch.tensor(scales, dtype=torch.float64) * torch.stack([1 / root, root])  # (2, ratios, scales)
    sides = sides.flatten(1).T
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    centres = torch.stack([x, y], -1).view(-1, 1, 2) * stride + 0.5
    return torch.cat(torch.broadcast_tensors(centres - sides / 2, sides), -1).flatten(0, 1).float()


def shared(first: Tensor, second: Tensor) -> Tensor:
    """Areas that boxes share, (first's number, second's number)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum((first[:, :2] + first[:, 2:])[:, None], (second[:, :2] + second[:, 2:])[None])
    return (high - low).clamp(min=0).prod(-1)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersections over unions, (first's number, second's number)."""
    common = shared(first, second)
    return common / (first[:, 2:].prod(-1)[:, None] + second[:, 2:].prod(-1)[None] - common)


def encode(anchors: Tensor, boxes: Tensor) -> Tensor:
    """How boxes differ from anchors: shift of the centre over the side, logarithm of the sides' ratio."""
    shift = boxes[:, :2] + boxes[:, 2:] / 2 - anchors[:, :2] - anchors[:, 2:] / 2
    return torch.cat([shift / anchors[:, 2:], torch.log(boxes[:, 2:] / anchors[:, 2:])], 1)


def decode(anchors: Tensor, steps: Tensor) -> Tensor:
    """The reverse of `encode`."""
    sides = anchors[:, 2:] * steps[:, 2:].clamp(max=LARGEST_STEP).exp()
    centres = anchors[:, :2] + anchors[:, 2:] / 2 + steps[:, :2] * anchors[:, 2:]
    return torch.cat([centres - sides / 2, sides], 1)


@dataclass
class Targets:
    """What the anchors of an image are to say.

    Attributes:
        positive: numbers of the anchors that are an object's.
        share: of each of those, one over the number of its object's anchors: all objects weigh the same.
        boxes: of each of those, (n, 4), its object's.
        negative: numbers of those that are background.
        objects: how many objects have an anchor.
    """

    positive: Tensor
    share: Tensor
    boxes: Tensor
    negative: Tensor
    objects: int


def targets(
    anchors: Tensor,
    boxes: Tensor,
    taught: Tensor,
    *,
    complete: bool,
    positive_iou: float,
    negative_iou: float = 0.3,
) -> Targets:
    """Which anchors are objects' and which background; the others do not teach.

    An anchor is an object's at an IoU of `positive_iou`, and the best of each object is its own. It is
    background below `negative_iou` with every box. Where boxes may be missing it must also lie in a labelled
    box by half, as a part of the object does: elsewhere there may be an object that nobody labelled.

    Args:
        anchors: (n, 4).
        boxes: (m, 4), every labelled box.
        taught: (m,), which of them are to be proposed; the others are merely no background.
        complete: every object in the photograph has a box.
        positive_iou: see above.
        negative_iou: see above.
    """
    if not len(boxes):
        nothing = torch.zeros(0, dtype=torch.long)
        negative = torch.arange(len(anchors)) if complete else nothing
        return Targets(nothing, torch.zeros(0), torch.zeros(0, 4), negative, 0)
    overlap = iou(anchors, boxes)
    best, nearest = overlap.max(1)
    of_box = overlap.amax(0)
    own = (overlap >= of_box - 1e-6) & (of_box > 0.05) & taught
    positive = (best >= positive_iou) & taught[nearest] | own.any(1)
    nearest = torch.where(own.any(1), torch.where(own, overlap, -1.0).argmax(1), nearest)
    background = (best < negative_iou) & ~positive
    if not complete:
        background &= (shared(anchors, boxes) / anchors[:, 2:].prod(-1, keepdim=True)).amax(1) >= 0.5
    chosen = positive.nonzero()[:, 0]
    counts = torch.bincount(nearest[chosen], minlength=len(boxes))
    share = 1 / counts[nearest[chosen]]
    return Targets(chosen, share, boxes[nearest[chosen]], background.nonzero()[:, 0], int((counts > 0).sum()))


def propose(anchors: Tensor, scores: Tensor, steps: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The likeliest boxes that do not overlap too much, and their scores.

    Args:
        anchors: (n, 4).
        scores: (n,), of the object, the higher the likelier.
        steps: (n, 4), see `encode`.
        size: width and height of the input, to which boxes are clipped.
    """
    order = scores.argsort(descending=True, stable=True)[:BEFORE_NMS]
    boxes = clipped(decode(anchors[order], steps[order]), size)
    large = (boxes[:, 2:] >= SMALLEST_SIDE).all(1)
    boxes, scores = boxes[large], scores[order][large]
    kept: list[int] = []
    left = torch.arange(len(boxes))
    while len(left) and len(kept) < PROPOSALS:
        kept.append(int(left[0]))
        left = left[1:][iou(boxes[left[:1]], boxes[left[1:]])[0] <= NMS_IOU]
    return boxes[kept], scores[kept]


def clipped(boxes: Tensor, size: tuple[float, float]) -> Tensor:
    """What of boxes lies within an image of this width and height."""
    limit = torch.tensor(size)
    low = torch.minimum(boxes[:, :2].clamp(min=0), limit)
    high = torch.minimum((boxes[:, :2] + boxes[:, 2:]).clamp(min=0), limit)
    return torch.cat([low, high - low], 1)
