"""Input patches: the box with some context around it, warped to the network's square input.

The box is widened about its centre so that `context` px are left on each side at the network's scale;
the aspect ratio is not kept. What lies outside the frame is 0 after the subtraction of 128.
"""

from typing import cast

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import as_boxes, centre_size, round_half_up
from rpn2t.errors import InputError

Image = NDArray[np.uint8]

GREY_LEVEL = 128


def as_bgr(image: NDArray[np.generic]) -> Image:
    """A frame as uint8 BGR of shape (height, width, 3); grey is copied to three channels.

    Raises:
        InputError: any other type or shape.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.size == 0:
        raise InputError(f"image: expected a uint8 array with pixels, not {_told(image)}")
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim == 3 and image.shape[2] == 3:
        return cast(Image, image)
    raise InputError(f"image: expected (height, width, 3) in BGR or (height, width), not {_told(image)}")


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


def cut_patches(
    image: Image, boxes: ArrayLike, side: int, context: int, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """The network's input for each box.

    Args:
        image: uint8 (height, width, 3), BGR.
        boxes: shape (n, 4), frame px.
        side: of the network's input.
        context: px of it that lie outside the box on each side.
        out: where to write, of the result's shape; made where not given.

    Returns:
        Shape (n, 3, side, side), BGR minus 128.
    """
    patches = np.empty((len(as_boxes(boxes)), 3, side, side), dtype=np.float32) if out is None else out
    patches[...] = 0
    for patch, corners in zip(patches, widened_corners(boxes, side, context), strict=True):
        _cut(image, corners, patch)
    return patches


def _cut(image: Image, corners: NDArray[np.int64], patch: NDArray[np.float32]) -> None:
    side = patch.shape[-1]
    first, last = corners[:2], corners[2:]  # each as x, y
    whole = last - first + 1
    inside_first = np.maximum(first, 0)
    inside_last = np.minimum(last, (image.shape[1] - 1, image.shape[0] - 1))
    if (inside_last < inside_first).any():
        return
    scale = side / whole
    offset = np.minimum(round_half_up((inside_first - first) * scale), side - 1).astype(int)
    size = np.maximum(round_half_up((inside_last - inside_first + 1) * scale), 1).astype(int)
    size = np.minimum(size, side - offset)
    part = image[inside_first[1] : inside_last[1] + 1, inside_first[0] : inside_last[0] + 1]
    resized = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_LINEAR)
    rows, columns = slice(offset[1], offset[1] + size[1]), slice(offset[0], offset[0] + size[0])
    patch[:, rows, columns] = resized.transpose(2, 0, 1)
    patch[:, rows, columns] -= GREY_LEVEL


def _told(image: object) -> str:
    return f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
