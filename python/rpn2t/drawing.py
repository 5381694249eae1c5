"""Draws what the tracker found onto a frame."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

Colour = tuple[int, int, int]

# BGR. Yellow and blue stay apart for colour-blind eyes, and the black rim keeps both visible on any
# background.
BOX: Colour = (0, 215, 255)
TRUTH: Colour = (255, 160, 60)
_RIM: Colour = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(
    image: NDArray[np.uint8],
    box: ArrayLike,
    score: float | None,
    index: int,
    truth: ArrayLike | None = None,
    text: str = "",
) -> NDArray[np.uint8]:
    """A copy of the frame with the tracked box, the frame's number and the score.

    Args:
        image: uint8 (height, width, 3), BGR; stays as it is.
        box: the tracked (x, y, w, h) in pixels, 0-based; drawn in yellow.
        score: the target score, or None on the frame the box was given for.
        index: the frame's 0-based number in its source.
        truth: the true box, drawn in blue; None, or a box with NaN, draws nothing.
        text: what else to say in the caption.
    """
    picture = image.copy()
    # One unit of thickness on small frames, more on large ones: 2 at 720 lines, 3 at 1080.
    thickness = max(1, round(min(image.shape[:2]) / 360))
    if truth is not None:
        _draw_box(picture, truth, TRUTH, thickness)
    _draw_box(picture, box, BOX, thickness)
    caption = [(f"{index}", BOX), ("given" if score is None else f"{score:.2f}", BOX)]
    if truth is not None:
        caption.append(("truth", TRUTH))
    if text:
        caption.append((text, (255, 255, 255)))
    _draw_caption(picture, caption)
    return picture


def _draw_box(picture: NDArray[np.uint8], box: ArrayLike, colour: Colour, thickness: int) -> None:
    x, y, w, h = np.asarray(box, dtype=np.float64)
    if not np.isfinite([x, y, w, h]).all():
        return
    height, width = picture.shape[:2]
    # A box of w pixels from x covers columns x to x + w - 1. Far outside is as good as just outside,
    # and OpenCV's coordinates are short.
    xs = np.clip(np.round([x, x + w - 1]), -width, 2 * width).astype(int).tolist()
    ys = np.clip(np.round([y, y + h - 1]), -height, 2 * height).astype(int).tolist()
    corners = (xs[0], ys[0]), (xs[1], ys[1])
    cv2.rectangle(picture, *corners, _RIM, thickness + 2)
    cv2.rectangle(picture, *corners, colour, thickness)


def _draw_caption(picture: NDArray[np.uint8], words: list[tuple[str, Colour]]) -> None:
    """One line on a dark strip in the upper left corner, as large as the frame allows."""
    height, width = picture.shape[:2]
    scale = max(0.35, min(height, width) / 800)
    thickness = max(1, round(scale * 1.6))
    sizes = [cv2.getTextSize(word, _FONT, scale, thickness)[0] for word, _ in words]
    gap = round(14 * scale)
    line = max(size[1] for size in sizes)
    right = min(width, sum(size[0] for size in sizes) + gap * (len(words) + 1))
    strip = picture[: line + 2 * gap, :right]
    strip[:] = strip // 3
    x = gap
    for (word, colour), size in zip(words, sizes, strict=True):
        cv2.putText(picture, word, (x, line + gap), _FONT, scale, colour, thickness, cv2.LINE_AA)
        x += size[0] + gap
