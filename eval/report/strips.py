"""Frames with several trackers' boxes on them: for a page, and as a PDF like the paper's figure 6.

What is drawn is a :class:`Scene`: an image and outlines, the last one above the others. OTB's and VOT's
evaluations make scenes of their results. Images are read and drawn with Pillow, which matplotlib brings.
"""

import warnings
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rpn2t.eval.report.styles import Style, rgb, style_of
from rpn2t.system.plotting import Figure, Line2D, PdfPages, Polygon, plain

FRAMES = 6
"""Frames of a sequence."""

UNREADABLE = "the image cannot be read"
"""Stands in the place of such a frame."""

TRUTH = Style("#FFFFFF", "dotted", "2 2", 1.0)
"""The look of the ground truth."""

_WIDTH = 300
_QUALITY = 78
_ROWS_A_PAGE = 6
_FARTHEST = 1e4  # pixels; nothing is drawn beyond

Corners = tuple[tuple[float, float], ...]
"""x and y of a region's corners in pixels of the image, 0-based; empty if there is no region."""


@dataclass(frozen=True)
class Scene:
    """A frame and what is drawn on it.

    Attributes:
        image: its file.
        row: its number in the sequence, from 0.
        outlines: corners, look and width in pixels, from below to above.
    """

    image: Path
    row: int
    outlines: tuple[tuple[Corners, Style, int], ...]


@dataclass(frozen=True)
class Strip:
    """Frames of a sequence.

    Attributes:
        name: of the sequence.
        scenes: its frames, at most FRAMES.
    """

    name: str
    scenes: tuple[Scene, ...]


def chosen_frames(count: int) -> list[int]:
    """The rows that are shown: evenly spread, with the last, and without the first, whose box was given."""
    return sorted({round(step * (count - 1) / FRAMES) for step in range(1, FRAMES + 1)})


def strip(
    name: str,
    images: Sequence[Path],
    truth: Callable[[int], Corners],
    found: Sequence[Callable[[int], Corners]],
) -> Strip:
    """The frames of a sequence that are shown.

    Args:
        name: of the sequence.
        images: of all of its frames.
        truth: gives a row's ground truth.
        found: gives a row's region, for each tracker in order. The first one is drawn above the others.
    """
    scenes = []
    for row in chosen_frames(len(images)):
        trackers = [
            (regions(row), style_of(number), 3 if number == 0 else 2) for number, regions in enumerate(found)
        ]
        scenes.append(Scene(images[row], row, ((truth(row), TRUTH, 1), *reversed(trackers))))
    return Strip(name, tuple(scenes))


def box_corners(box: Sequence[float]) -> Corners:
    """The corners of a box x, y, w, h as pixels that it covers; none if it is no box."""
    x, y, w, h = box
    if not np.isfinite((x, y, w, h)).all() or w <= 0 or h <= 0:
        return ()
    return ((x, y), (x + w, y), (x + w, y + h), (x, y + h))


def picture(scene: Scene) -> bytes:
    """A frame as JPEG, with its number, the truth and every tracker's region."""
    image = _open(scene.image)
    if image is None:
        image = Image.new("RGB", (_WIDTH, _WIDTH * 3 // 4), (128, 128, 128))
        _label(ImageDraw.Draw(image), f"#{scene.row}: {UNREADABLE}")
        return _jpeg(image)
    scale = _WIDTH / image.width
    image = _small(image)
    draw = ImageDraw.Draw(image)
    for corners, style, width in scene.outlines:
        if corners:
            # The last pixel of a region lies before its edge.
            points = [_point(x * scale, y * scale) for x, y in _inside(corners, 1 / scale)]
            draw.line([*points, points[0], points[1]], fill=rgb(style.colour), width=width, joint="curve")
    _label(draw, f"#{scene.row}")
    return _jpeg(image)


def html(shown: Strip) -> str:
    """The frames as images within a page's text; a click enlarges them."""
    images = []
    for scene in shown.scenes:
        data = b64encode(picture(scene)).decode()
        alt = escape(f"{shown.name}, frame {scene.row}")
        images.append(
            f'<button type="button" class="enlarge"><img src="data:image/jpeg;base64,{data}" alt="{alt}" '
            'loading="lazy"></button>'
        )
    return f'<div class="strip">{"".join(images)}</div>'


def pdf(strips: Sequence[Strip], trackers: Sequence[str]) -> bytes:
    """A PDF with a row of frames for each sequence.

    Args:
        strips: the sequences, at least one.
        trackers: names for the legend, in the order of their styles.
    """
    stream = BytesIO()
    with plain(), PdfPages(stream, metadata={"CreationDate": None}) as pages:
        for start in range(0, len(strips), _ROWS_A_PAGE):
            pages.savefig(_page(strips[start : start + _ROWS_A_PAGE], trackers), dpi=150)
    return stream.getvalue()


def _page(strips: Sequence[Strip], trackers: Sequence[str]) -> Figure:
    figure = Figure(figsize=(11, 1.75 * len(strips) + 0.7), layout="constrained")
    grid = figure.subplots(len(strips), FRAMES, squeeze=False)
    for axes_row, shown in zip(grid, strips, strict=True):
        for axes in axes_row:
            axes.set_axis_off()
        axes_row[0].set_title(shown.name, loc="left", fontsize=9, fontweight="bold")
        for axes, scene in zip(axes_row, shown.scenes, strict=False):
            _panel(axes, scene)
    styles = [(name, style_of(number)) for number, name in enumerate(trackers)]
    handles = [Line2D([], [], color=style.colour, linestyle=style.dash, label=name) for name, style in styles]
    truth = Line2D([], [], color="0.6", linestyle=TRUTH.dash, label="ground truth")
    figure.legend(handles=[*handles, truth], loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def _panel(axes: Any, scene: Scene) -> None:
    label = {"transform": axes.transAxes, "va": "top", "fontsize": 7, "color": "yellow",
             "bbox": {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0}}  # fmt: skip
    image = _open(scene.image)
    if image is None:
        axes.text(0.02, 0.96, f"#{scene.row}: {UNREADABLE}", **label)
        return
    width, height = image.size
    axes.imshow(np.asarray(_small(image)), extent=(0, width, height, 0))
    axes.set(xlim=(0, width), ylim=(height, 0))
    for corners, style, _ in scene.outlines:
        if corners:
            axes.add_patch(
                Polygon(corners, fill=False, edgecolor=style.colour, linestyle=style.dash, linewidth=1.2)
            )
    axes.text(0.02, 0.96, f"#{scene.row}", **label)


def _small(image: Image.Image) -> Image.Image:
    height = max(1, round(image.height * _WIDTH / image.width))
    return image.resize((_WIDTH, height), Image.Resampling.BILINEAR)


def _inside(corners: Corners, pixel: float) -> Corners:
    """The corners of a box with its right and lower sides a pixel nearer; others as they are."""
    if len(corners) != 4 or corners[0][1] != corners[1][1] or corners[1][0] != corners[2][0]:
        return corners
    (left, top), (right, bottom) = corners[0], corners[2]
    right, bottom = max(left, right - pixel), max(top, bottom - pixel)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _point(x: float, y: float) -> tuple[float, float]:
    return min(max(x, -_FARTHEST), _FARTHEST), min(max(y, -_FARTHEST), _FARTHEST)


def _open(path: Path) -> Image.Image | None:
    """The image; None if it cannot be read. The figures do not need it."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow's readers raise
        return None


def _jpeg(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def _label(draw: ImageDraw.ImageDraw, text: str) -> None:
    font = ImageFont.load_default(13)
    left, top, right, bottom = draw.textbbox((5, 3), text, font=font)
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=(0, 0, 0))
    draw.text((5, 3), text, font=font, fill=(255, 230, 80))
