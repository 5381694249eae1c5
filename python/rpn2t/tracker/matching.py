"""Matching: which positions of the map each term of the loss looks at (section 3.2, fig. 2, eq. 2).

Term 1 uses the anchors that match the target (IoU above a threshold: the region proposal view, which
keeps the target). Term 2 uses the map without its rim, whatever stands there (which keeps the box).

Every position of the 14 x 14 map carries one square anchor, as large as the receptive field (fig. 1, right).
The target, too, is a square of that size in the middle of the patch. So how well an anchor matches it depends
only on how many steps away from the middle it stands. An even map has no middle position: its central 2 x 2
count as exactly on the target.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats

OBJECT, BACKGROUND, IGNORED = 0, 1, -1
"""Class indices of the label maps: channel 0 of a score map is the object's."""


@dataclass(frozen=True)
class Matching:
    """The two terms' positions on a map, as boolean arrays of shape (rows, columns).

    ``iou`` is the anchors' IoU with the target, of the same shape.
    """

    anchor: NDArray[np.bool_]
    quality: NDArray[np.bool_]
    iou: Floats

    @property
    def rim(self) -> int:
        """Rows, and columns, around the map that neither term looks at."""
        used = self.anchor | self.quality
        return int(min(used.any(axis=0).argmax(), used.any(axis=1).argmax()))

    def crop(self, rim: int) -> "Matching":
        """These positions on a map that lacks `rim` rows and columns on every side.

        Raises:
            ValueError: a position that one of the terms uses would be lost.
        """
        inside = slice(rim, len(self.iou) - rim)
        cropped = Matching(
            self.anchor[inside, inside], self.quality[inside, inside], self.iou[inside, inside]
        )
        if cropped.anchor.sum() < self.anchor.sum() or cropped.quality.sum() < self.quality.sum():
            raise ValueError(f"a crop of {rim} cuts off positions that the loss uses")
        return cropped

    def score_weights(self, anchor_weight: float, quality_weight: float) -> tuple[Floats, Floats]:
        """The maps by which the two object probabilities are weighted into one score.

        A patch's score is `anchor_weight` times the IoU-weighted mean of term 1's probabilities plus
        `quality_weight` times the plain mean of term 2's.
        """
        weighted = np.where(self.anchor, self.iou, 0)
        return (
            anchor_weight * weighted / weighted.sum(),
            quality_weight * self.quality / self.quality.sum(),
        )


def anchor_iou_map(map_size: int, anchor_size: int, stride: int) -> Floats:
    """IoU of every position's anchor with the target.

    Args:
        map_size: rows, and columns, of the map.
        anchor_size: side of anchor and target, px of the network's input.
        stride: px between neighbouring anchors.

    Returns:
        Shape (map_size, map_size). With a, b steps from the nearest central row and column,
        inter = (size - stride a)(size - stride b) and IoU = inter / (2 size^2 - inter).
    """
    steps = np.floor(np.abs(np.arange(map_size) - (map_size - 1) / 2))
    side = np.maximum(anchor_size - stride * steps, 0)
    inter: Floats = np.outer(side, side)
    iou: Floats = inter / (2 * anchor_size**2 - inter)
    return iou


def anchor_shifts(map_size: int, anchor_size: int, stride: int) -> Floats:
    """Where every position's anchor stands: its centre's way from the target's, over the anchor's side.

    Args:
        map_size, anchor_size, stride: see :func:`anchor_iou_map`.

    Returns:
        Shape (2, map_size, map_size): to the right, and down; 0 at the central rows and columns.
    """
    from_middle = np.arange(map_size) - (map_size - 1) / 2
    steps = np.sign(from_middle) * np.floor(np.abs(from_middle))
    shifts: Floats = np.stack(np.meshgrid(steps, steps)) * (stride / anchor_size)
    return shifts


def match_anchors(map_size: int, anchor_size: int, stride: int, threshold: float, margin: int) -> Matching:
    """Both terms' positions.

    Args:
        map_size: rows, and columns, of the map.
        anchor_size: side of anchor and target, px of the network's input.
        stride: px between neighbouring anchors.
        threshold: term 1 takes the anchors whose IoU is above it.
        margin: term 2 leaves out this many rows and columns of the rim.

    Raises:
        ValueError: one of the terms would use no position at all.
    """
    iou = anchor_iou_map(map_size, anchor_size, stride)
    quality = np.zeros((map_size, map_size), dtype=bool)
    quality[margin : map_size - margin, margin : map_size - margin] = True
    matching = Matching(iou > threshold, quality, iou)
    if not matching.anchor.any() or not matching.quality.any():
        raise ValueError(
            f"no position left: IoU threshold {threshold}, margin {margin} on a {map_size} x {map_size} map"
        )
    return matching


def label_map(positions: NDArray[np.bool_], is_object: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Class indices for a batch of samples.

    Args:
        positions: shape (rows, columns), True if the term looks there.
        is_object: shape (n,), True for a positive sample (p* = 1 in the paper).

    Returns:
        Shape (n, 1, rows, columns): the sample's class at the term's positions, IGNORED elsewhere.
    """
    classes = np.where(is_object, OBJECT, BACKGROUND)[:, None, None, None]
    return np.where(positions, classes, IGNORED).astype(np.float32)


def object_probability(scores: NDArray[np.float32]) -> Floats:
    """The object's probability, shape (n, rows, columns), from both classes' scores (n, 2, rows, columns)."""
    # In single precision all that is surer than 17 would be equally sure.
    difference = (scores[:, BACKGROUND] - scores[:, OBJECT]).astype(np.float64)
    probability: Floats = 1 / (1 + np.exp(difference))
    return probability
