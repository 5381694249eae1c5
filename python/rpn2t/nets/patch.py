"""Input patches: the box with some context around it, warped to the network's square input.

The box is widened about its centre so that `context` px are left on each side at the network's scale;
the aspect ratio is not kept. What lies outside the frame is 0 after the subtraction of 128.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import as_boxes, centre_size, round_half_up
from rpn2t.images import Image
from rpn2t.nets.caffe import Blob, load_caffe
from rpn2t.system.stages import Stage, stage

GREY_LEVEL = 128


def widened_corners(boxes: ArrayLike, side: int, context: int) -> NDArray[np.int64]:
    """First and last pixel of each box's widened cut, both inclusive, rounded.

    Args:
        boxes: shape (n, 4), frame px.
        side: of the network's input.
        context: px of it that lie outside the box on each side.

    Returns:
        Shape (n, 4): x1, y1, x2, y2; may lie outside the frame.
    """
    rows = centre_size(boxes)
    half = rows[:, 2:] / 2 * (side / (side - 2 * context))
    corners = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
    return round_half_up(corners).astype(np.int64)


def cut_patches(image: Image, boxes: ArrayLike, side: int, context: int) -> NDArray[np.float32]:
    """The network's input for each box.

    Args:
        image: uint8 (height, width, 3), BGR.
        boxes: shape (n, 4), frame px.
        side: of the network's input.
        context: px of it that lie outside the box on each side.

    Returns:
        Shape (n, 3, side, side), BGR minus 128.
    """
    boxes = as_boxes(boxes)
    if not len(boxes):
        return np.empty((0, 3, side, side), dtype=np.float32)
    blob = load_caffe().Blob((len(boxes), 3, side, side))
    cut_into(blob, image, boxes, context)
    return np.array(blob.data)


def cut_into(blob: Blob, image: Image, boxes: ArrayLike, context: int) -> None:
    """As :func:`cut_patches`, into the first rows of a Caffe blob of shape (n or more, 3, side, side).

    Bilinear, bit for bit OpenCV's; on a GPU if Caffe computes there.
    """
    cut_corners_into(blob, image, widened_corners(boxes, blob.shape[-1], context))


def cut_corners_into(blob: Blob, image: Image, corners: NDArray[np.int64]) -> None:
    """Cut rectangles, as :func:`widened_corners` gives them, into a blob of shape (n, 3, height, width)."""
    with stage(Stage.CUT):
        _cut(blob, image, corners)


def from_further(image: Image, share: float) -> Image:
    """An image of the same size with the detail that it would have if it were taken from further away.

    Args:
        image: uint8 (height, width, 3).
        share: of the px on each axis that are left; from 1 on, the image itself.
    """
    if share >= 1:
        return image
    height, width = image.shape[:2]
    small = max(round(width * share), 1), max(round(height * share), 1)
    return cast(Image, cv2.resize(cv2.resize(image, small, interpolation=cv2.INTER_AREA), (width, height)))


def _cut(blob: Blob, image: Image, corners: NDArray[np.int64]) -> None:
    sides = np.array([blob.shape[-1], blob.shape[-2]])
    first, last = corners[:, :2], corners[:, 2:]  # each as x, y
    inside_first = np.maximum(first, 0)
    inside_last = np.minimum(last, (image.shape[1] - 1, image.shape[0] - 1))
    seen = (inside_last >= inside_first).all(axis=1)
    inside_first[~seen] = inside_last[~seen] = 0
    scale = sides / (last - first + 1)
    offset = np.minimum(round_half_up((inside_first - first) * scale), sides - 1)
    size = np.maximum(round_half_up((inside_last - inside_first + 1) * scale), 1)
    size = np.minimum(size, sides - offset)
    offset[~seen] = size[~seen] = 0  # with no pixel of the frame the patch is 0
    sources = np.concatenate([inside_first, inside_last - inside_first + 1], axis=1)
    targets = np.concatenate([offset, size], axis=1).astype(np.int64)
    load_caffe().resize_crops(image, sources, targets, GREY_LEVEL, blob)
