"""Rulers and a grid over a frame, from which a box can be read."""

from math import ceil

import cv2
import numpy as np

from rpn2t.images import Image

_READABLE = 800
"""Pixels of the longer side from which a frame is not enlarged. Lines and numbers are made for this size."""
_MOST_STEPS = 20
_RULER, _INK = 32, 255
_STRENGTH = 0.4
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4


def with_grid(image: Image) -> Image:
    """A picture of the frame with a grid over it and rulers around it, which count its pixels from 0.

    A small frame is enlarged by a whole number. A grid line is half light and half dark, so it shows on any
    frame. Where the two halves meet, the pixel begins whose number the rulers say.

    Args:
        image: uint8 (height, width, 3), BGR; stays as it is.
    """
    height, width = image.shape[:2]
    enlarged = ceil(_READABLE / max(height, width))
    picture = image.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
    unit = max(1, round(max(picture.shape[:2]) / _READABLE))
    step = _step(max(height, width))
    for line in range(step, width, step):
        _draw_line(picture, line * enlarged, unit)
    for line in range(step, height, step):
        _draw_line(picture.swapaxes(0, 1), line * enlarged, unit)
    return _with_rulers(picture, (height, width), enlarged, unit, step)


def _step(side: int) -> int:
    """Pixels between two lines: 1, 2 or 5, with noughts."""
    steps = (figure * unit for unit in (1, 10, 100, 1000, 10_000) for figure in (1, 2, 5))
    return next(step for step in steps if step * _MOST_STEPS >= side)


def _draw_line(picture: Image, x: int, unit: int) -> None:
    """A line down the picture: dark to the left of x, light from there on."""
    for left, ink in ((x - unit, 0.0), (x, 255.0)):
        strip = picture[:, left : left + unit]
        strip[:] = np.rint((1 - _STRENGTH) * strip + _STRENGTH * ink)


def _with_rulers(picture: Image, size: tuple[int, int], enlarged: int, unit: int, step: int) -> Image:
    """The picture with a dark border, in which every line of the grid has its number.

    Args:
        picture: the enlarged frame.
        size: height and width of the frame itself.
        enlarged: how many pixels of the picture a side of the frame's pixel is.
        unit: thickness of lines, px.
        step: pixels of the frame between two lines. A fifth of it has a short tick.
    """
    scale = _FONT_SCALE * unit
    (text_width, text_height), _ = cv2.getTextSize(str(max(size)), _FONT, scale, unit)
    tick, gap = 4 * unit, 3 * unit
    across, along = tick + text_width + 2 * gap, tick + text_height + 2 * gap
    ruled: Image = np.pad(
        picture, ((along, along), (across, across), (0, 0)), constant_values=np.uint8(_RULER)
    )
    bottom, right = along + picture.shape[0], across + picture.shape[1]

    def write(text: str, x: int, y: int) -> None:
        """Centred on this point."""
        width = cv2.getTextSize(text, _FONT, scale, unit)[0][0]
        at = (x - width // 2, y + text_height // 2)
        cv2.putText(ruled, text, at, _FONT, scale, (_INK,) * 3, unit, cv2.LINE_AA)

    for line in range(0, size[1], max(1, step // 5)):
        x, length = across + line * enlarged, tick if line % step == 0 else tick // 2
        ruled[along - length : along, x : x + unit] = ruled[bottom : bottom + length, x : x + unit] = _INK
        if line % step == 0:
            write(str(line), x, (along - tick) // 2)
            write(str(line), x, bottom + (along + tick) // 2)
    for line in range(0, size[0], max(1, step // 5)):
        y, length = along + line * enlarged, tick if line % step == 0 else tick // 2
        ruled[y : y + unit, across - length : across] = ruled[y : y + unit, right : right + length] = _INK
        if line % step == 0:
            write(str(line), (across - tick) // 2, y)
            write(str(line), right + (across + tick) // 2, y)
    return ruled
