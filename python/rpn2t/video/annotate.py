"""Draws what the tracker found onto a frame. A box that it does not trust is dashed and red."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from rpn2t.images import Image

Colour = tuple[int, int, int]

# BGR. Yellow and blue stay apart for colour-blind eyes too.
BOX: Colour = (0, 215, 255)
TRUTH: Colour = (255, 160, 60)
LOST: Colour = (60, 60, 255)
COLOURS: tuple[Colour, ...] = (
    BOX, (250, 190, 90), (110, 220, 90), (220, 130, 220), (90, 150, 255), (230, 230, 160)
)  # fmt: skip
"""Of several objects, in order; after the last the first comes again. None is like that of lost ones."""
_PLAIN: Colour = (255, 255, 255)
_RIM: Colour = (0, 0, 0)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True)
class Drawn:
    """A box to draw.

    Attributes:
        box: (x, y, w, h) in pixels, 0-based. With NaN nothing is drawn.
        text: what is known of it, such as its score.
        name: the object's; drawn at the box if there are several.
        colour: the object's.
        lost: whether the tracker does not trust the box. It is dashed and red then.
    """

    box: ArrayLike
    text: str
    name: str = ""
    colour: Colour = BOX
    lost: bool = False


def annotate(
    image: Image,
    box: ArrayLike,
    score: float | None,
    index: int,
    truth: ArrayLike | None = None,
    text: str = "",
    *,
    lost: bool = False,
) -> Image:
    """A copy of the frame with the tracked box, the frame's number and the score.

    Args:
        image: uint8 (height, width, 3), BGR; stays as it is.
        box: the tracked (x, y, w, h) in pixels, 0-based, which is drawn in yellow. With NaN nothing is drawn.
        score: the target score, or None on the frame whose box was given.
        index: the frame's 0-based number in its source.
        truth: the true box, which is drawn in blue; None if it is not known.
        text: what else to say in the caption.
        lost: whether the score is below the tracker's threshold. The box is dashed and red then.
    """
    said = "given" if score is None else f"{score:.2f}"
    caption = [(f"#{index}", BOX), (said, LOST if lost else BOX)]
    boxes = [_Outline(_corners(image, box), BOX, lost)]
    if truth is not None:
        caption.append(("truth", TRUTH))
        boxes.insert(0, _Outline(_corners(image, truth), TRUTH))
    if text:
        caption.append((text, _PLAIN))

    picture = image.copy()
    _draw_caption(picture, caption, avoid=boxes[-1].corners)
    _draw_boxes(picture, boxes)
    return picture


def annotate_objects(image: Image, objects: Sequence[Drawn], index: int) -> Image:
    """A copy of the frame with several objects, each with its name at its box, and the frame's number.

    Args:
        image: uint8 (height, width, 3), BGR; stays as it is.
        objects: the objects in the frame.
        index: the frame's 0-based number in its source.
    """
    picture = image.copy()
    boxes = [_Outline(_corners(image, each.box), each.colour, each.lost) for each in objects]
    _draw_boxes(picture, boxes)
    for each, outline in zip(objects, boxes, strict=True):
        if outline.corners is not None:
            words = [(each.name, each.colour), (each.text, LOST if each.lost else each.colour)]
            _draw_label(picture, words, outline.corners)
    first = boxes[0].corners if boxes else None
    _draw_caption(picture, [(f"#{index}", _PLAIN)], avoid=first)
    return picture


def outline(image: Image, boxes: Sequence[ArrayLike]) -> Image:
    """A copy of the frame with these boxes, (x, y, w, h) in pixels, 0-based, drawn in yellow."""
    picture = image.copy()
    _draw_boxes(picture, [_Outline(_corners(image, box), BOX) for box in boxes])
    return picture


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


@dataclass(frozen=True)
class _Outline:
    """A box as it is drawn: where, in which colour, and whether dashed."""

    corners: Corners | None
    colour: Colour
    lost: bool = False


def _draw_boxes(picture: Image, boxes: Sequence[_Outline]) -> None:
    lines = min(picture.shape[:2])
    thickness = max(1, round(lines / 240))
    known = [(box.corners, box.colour, box.lost) for box in boxes if box.corners is not None]
    if lines >= 240:  # on a smaller frame a rim would hide too much of it
        for corners, _, lost in known:
            _rectangle(picture, corners, _RIM, thickness + 2, dashed=lost)
    for corners, colour, lost in known:
        _rectangle(picture, corners, LOST if lost else colour, thickness, dashed=lost)


def _rectangle(picture: Image, corners: Corners, colour: Colour, thickness: int, *, dashed: bool) -> None:
    (left, top), (right, bottom) = corners
    if not dashed:
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness)
        return
    dash = max(5, min(picture.shape[:2]) // 40)
    for x in range(left, right + 1, 2 * dash):
        for y in (top, bottom):
            cv2.line(picture, (x, y), (min(x + dash - 1, right), y), colour, thickness)
    for y in range(top, bottom + 1, 2 * dash):
        for x in (left, right):
            cv2.line(picture, (x, y), (x, min(y + dash - 1, bottom)), colour, thickness)


def _draw_caption(picture: Image, words: list[tuple[str, Colour]], avoid: Corners | None) -> None:
    """Draw one line on a dark strip: upper left, or lower left if the box is in the way."""
    strip_width, strip_height = _strip_size(picture, words)
    top = 0
    if avoid is not None and avoid[0][0] < strip_width and avoid[0][1] < strip_height:
        top = max(0, picture.shape[0] - strip_height)
    _draw_strip(picture, words, 0, top)


def _draw_label(picture: Image, words: list[tuple[str, Colour]], corners: Corners) -> None:
    """Draw one line on a dark strip above a box, or below it if there is no room; always in the picture."""
    height, width = picture.shape[:2]
    strip_width, strip_height = _strip_size(picture, words)
    (left, top), (_, bottom) = corners
    above = top - strip_height - 2
    place = above if above >= 0 else bottom + 3
    _draw_strip(
        picture, words, max(0, min(left, width - strip_width)), max(0, min(place, height - strip_height))
    )


def _letters(picture: Image, words: list[tuple[str, Colour]]) -> tuple[float, int, int, list[Sequence[int]]]:
    """Scale, thickness and gap of the letters of a strip, and the words' sizes in px."""
    scale = max(0.35, min(picture.shape[:2]) / 800)
    thickness = max(1, round(scale * 1.6))
    sizes = [cv2.getTextSize(word, _FONT, scale, thickness)[0] for word, _ in words]
    return scale, thickness, round(14 * scale), sizes


def _strip_size(picture: Image, words: list[tuple[str, Colour]]) -> tuple[int, int]:
    """Width and height of the strip of a line of words, in px."""
    _, _, gap, sizes = _letters(picture, words)
    width = min(picture.shape[1], sum(size[0] for size in sizes) + gap * (len(words) + 1))
    return width, max(size[1] for size in sizes) + 2 * gap


def _draw_strip(picture: Image, words: list[tuple[str, Colour]], left: int, top: int) -> None:
    """Draw a line of words on a dark strip with this upper left corner."""
    scale, thickness, gap, sizes = _letters(picture, words)
    width, height = _strip_size(picture, words)
    strip = picture[top : top + height, left : left + width]
    strip[:] = strip // 3
    x = left + gap
    for (word, colour), size in zip(words, sizes, strict=True):
        cv2.putText(picture, word, (x, top + height - gap), _FONT, scale, colour, thickness, cv2.LINE_AA)
        x += size[0] + gap
