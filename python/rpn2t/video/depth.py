"""Pixels of more than 8 bits as 8-bit images.

A file of 16 bits a pixel may use all of them, as a photograph does. Then an image is its upper 8 bits. Or
the camera had 12 or 14 bits, or counts temperatures: most of the values never occur, and the upper 8 bits
are nearly black or nearly one grey. Then the range of the first frame becomes 0 to 255.
"""

import numpy as np
from numpy.typing import NDArray

from rpn2t.images import Image, as_bgr

_HALF = 1 << 15
_ODD_ONES = 1e-4
"""Share of the pixels, at each end, that does not count: cameras have dead pixels, of the value 0."""


class To8Bits:
    """Makes the frames of one source 8 bits deep, all in the same way.

    Attributes:
        range: the values that become 0 and 255, those of the first frame that was scaled. What lies beyond
            them in later frames is cut off. None as long as nothing was scaled.
    """

    def __init__(self) -> None:
        self.range: tuple[float, float] | None = None
        self._decided = False

    def __call__(self, pixels: NDArray[np.generic]) -> Image:
        """The pixels, of shape (h, w, 3) in BGR or (h, w), as uint8 BGR."""
        if pixels.dtype == np.uint8:
            return as_bgr(pixels)
        if not self._decided:
            self._decided, self.range = True, _used_range(pixels)
        if self.range is None:
            shift = 8 if pixels.dtype == np.uint16 else 0
            return as_bgr(
                (np.clip(pixels, 0, (256 << shift) - 1).astype(np.uint16) >> shift).astype(np.uint8)
            )
        low, high = self.range
        scaled = (np.nan_to_num(pixels.astype(np.float32), nan=low) - low) * (255 / (high - low))
        return as_bgr(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8))

    def note(self) -> str:
        """What the user is told once something was scaled."""
        assert self.range is not None, "nothing was scaled"
        low, high = (f"{value:g}" for value in self.range)
        return (
            f"The frames have more than 8 bits a pixel and use few of them: {low} to {high}, the range of "
            "the first frame, becomes 0 to 255 in all of them."
        )


def _used_range(pixels: NDArray[np.generic]) -> tuple[float, float] | None:
    """The lowest and the highest value; None if they are one, or 16 bits that are used."""
    values = pixels[np.isfinite(pixels)]
    if not len(values):
        return None
    odd = int(len(values) * _ODD_ONES)
    ends = (odd, len(values) - 1 - odd)
    low, high = np.partition(values, ends)[list(ends)].astype(float).tolist()
    if low == high or (pixels.dtype == np.uint16 and high - low >= _HALF):
        return None
    return low, high
