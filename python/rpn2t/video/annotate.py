"""Draws what the tracker found onto a frame."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike

from rpn2t.images import Image

Colour = tuple[int, int, int]

# BGR. Yellow and blue stay apart for colour-blind eyes too.
BOX: Colour = (0, 215, 255)
TRUTH: Colour = (255, 160, 60)
_PLAIN: Colour = (255, 255, 255)
_RIM: Colour = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(
    image: Image,
    box: ArrayLike,
    score: float | None,
    index: int,
    truth: ArrayLike | None = None,
    text: str = "",
) -> Image:
    """A copy of the frame with the tracked box, the frame's number and the score.

    Args:
        image: uint8 (height, width, 3), BGR; stays as it is.
        box: the tracked (x, y, w, h) in pixels, 0-based, which is drawn in yellow. With NaN nothing is drawn.
        score: the target score, or None on the frame whose box was given.
        index: the frame's 0-based number in its source.
        truth: the true box, which is drawn in blue; None if it is not known.
        text: what else to say in the caption.
    """
    caption = [(f"#{index}", BOX), ("given" if score is None else f"{score:.2f}", BOX)]
    boxes = [(_corners(image, box), BOX)]
    if truth is not None:
        caption.append(("truth", TRUTH))
        boxes.insert(0, (_corners(image, truth), TRUTH))
    if text:
        caption.append((text, _PLAIN))

    picture = image.copy()
    _draw_caption(picture, caption, avoid=boxes[-1][0])
    _outline(picture, [(corners, colour) for corners, colour in boxes if corners is not None])
    return picture


def outline(image: Image, boxes: Sequence[ArrayLike]) -> Image:
    """A copy of the frame with these boxes, (x, y, w, h) in pixels, 0-based, drawn in yellow."""
    picture = image.copy()
    _outline(picture, [(corners, BOX) for box in boxes if (corners := _corners(image, box)) is not None])
    return picture


def _outline(picture: Image, boxes: list[tuple["Corners", Colour]]) -> None:
    """Draw boxes, the last on top."""
    lines = min(picture.shape[:2])
    thickness = max(1, round(lines / 240))
    if lines >= 240:  # on a smaller frame a rim would hide too much of it
        for (upper, lower), _ in boxes:
            cv2.rectangle(picture, upper, lower, _RIM, thickness + 2)
    for (upper, lower), colour in boxes:
        cv2.rectangle(picture, upper, lower, colour, thickness)


Corners = tuple[tuple[int, int], tuple[int, int]]


def _corners(image: Image, box: ArrayLike) -> Corners | None:
    """The box's first and last pixel: w pixels from x are the columns x to x + w - 1."""
    x, y, w, h = np.asarray(box, dtype=np.float64)
    if not np.isfinite([x, y, w, h]).all():
        return None
    height, width = image.shape[:2]
    # Far outside is as good as just outside, and OpenCV's coordinates are short.
    left, right = np.clip(np.round([x, x + w - 1]), -width, 2 * width).astype(int).tolist()
    top, bottom = np.clip(np.round([y, y + h - 1]), -height, 2 * height).astype(int).tolist()
    return (left, top), (right, bottom)


def _draw_caption(picture: Image, words: list[tuple[str, Colour]], avoid: Corners | None) -> None:
    """Draw one line on a dark strip: upper left, or lower left if the box is in the way."""
    height, width = picture.shape[:2]
    scale = max(0.35, min(height, width) / 800)
    thickness = max(1, round(scale * 1.6))
    sizes = [cv2.getTextSize(word, _FONT, scale, thickness)[0] for word, _ in words]
    gap = round(14 * scale)
    line = max(size[1] for size in sizes)
    strip_height = line + 2 * gap
    strip_width = min(width, sum(size[0] for size in sizes) + gap * (len(words) + 1))

    top = 0
    if avoid is not None and avoid[0][0] < strip_width and avoid[0][1] < strip_height:
        top = max(0, height - strip_height)
    strip = picture[top : top + strip_height, :strip_width]
    strip[:] = strip // 3
    x = gap
    for (word, colour), size in zip(words, sizes, strict=True):
        cv2.putText(picture, word, (x, top + line + gap), _FONT, scale, colour, thickness, cv2.LINE_AA)
        x += size[0] + gap
