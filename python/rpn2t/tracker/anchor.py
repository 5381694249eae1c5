"""Anchors for tracking (section 3.2, fig. 1 right).

Every position of the 14 x 14 map carries one square anchor, as large as the receptive field. The
target, too, is a square of that size in the middle of the patch, so how well an anchor matches it
depends only on how many steps away from the middle it stands. An even map has no middle position:
its central 2 x 2 count as exactly on the target.
"""

import numpy as np

from rpn2t.boxes import Floats


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
