"""Images: uint8 arrays of shape (height, width, 3) in BGR order, and the names of their files."""

from typing import cast

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError

Image = NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({
    ".avif", ".bmp", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
})  # fmt: skip
"""What image files end in, in lower case."""


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


def mirrored(image: Image) -> Image:
    """Left and right exchanged; a copy."""
    return np.ascontiguousarray(image[:, ::-1])


def _told(image: object) -> str:
    return f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
