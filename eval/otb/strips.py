"""Frames of a sequence with several trackers' boxes on them: for the page, and as a PDF like the paper's
figure 6.

Images are read and drawn with Pillow, which matplotlib brings along.
"""

import warnings
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rpn2t.boxes import Floats, as_box
from rpn2t.eval.otb.scores import OtbEvaluation
from rpn2t.eval.report.styles import rgb, style_of
from rpn2t.sequences.target import Target
from rpn2t.system.plotting import Figure, Line2D, PdfPages, Rectangle, plain

FRAMES = 6
"""Frames of a sequence."""

UNREADABLE = "the image cannot be read"
"""Stands in the place of such a frame."""

_WIDTH = 300
_QUALITY = 78
_TRUTH = "#FFFFFF"
_ROWS_A_PAGE = 6


def chosen_frames(count: int) -> list[int]:
    """The rows that are shown: evenly spread, with the last, and without the first, whose box was given."""
    return sorted({round(step * (count - 1) / FRAMES) for step in range(1, FRAMES + 1)})


def can_draw(evaluation: OtbEvaluation) -> bool:
    """Whether there are single passes with images to draw them on."""
    return evaluation.experiment == "ope" and any(sequence.images for sequence in evaluation.sequences)


def picture(evaluation: OtbEvaluation, target: Target, row: int) -> bytes:
    """One frame as JPEG, with its number (from 0 in the sequence), the truth and every tracker's box."""
    image = _open(target.images[row])
    if image is None:
        image = Image.new("RGB", (_WIDTH, _WIDTH * 3 // 4), (128, 128, 128))
        _label(ImageDraw.Draw(image), f"#{row}: {UNREADABLE}")
        return _jpeg(image)
    scale = _WIDTH / image.width
    image = image.resize((_WIDTH, max(1, round(image.height * scale))), Image.Resampling.BILINEAR)
    draw = ImageDraw.Draw(image)
    for box, colour, width in _boxes(evaluation, target, row):
        corners = _corners(box, scale)
        if corners is not None:
            draw.rectangle(corners, outline=rgb(colour), width=width)
    _label(draw, f"#{row}")
    return _jpeg(image)


def _jpeg(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def pdf(evaluation: OtbEvaluation) -> bytes:
    """A PDF with a row of frames for each sequence that has images."""
    shown = [sequence for sequence in evaluation.sequences if sequence.images]
    stream = BytesIO()
    with plain(), PdfPages(stream, metadata={"CreationDate": None}) as pages:
        for start in range(0, len(shown), _ROWS_A_PAGE):
            pages.savefig(_page(evaluation, shown[start : start + _ROWS_A_PAGE]), dpi=150)
    return stream.getvalue()


def _page(evaluation: OtbEvaluation, targets: Sequence[Target]) -> Figure:
    figure = Figure(figsize=(11, 1.75 * len(targets) + 0.7), layout="constrained")
    grid = figure.subplots(len(targets), FRAMES, squeeze=False)
    for axes_row, target in zip(grid, targets, strict=True):
        for axes in axes_row:
            axes.set_axis_off()
        axes_row[0].set_title(target.name, loc="left", fontsize=9, fontweight="bold")
        for axes, row in zip(axes_row, chosen_frames(len(target)), strict=False):
            _panel(axes, evaluation, target, row)
    handles = [
        Line2D([], [], color=style_of(number).colour, linestyle=style_of(number).dash, label=tracker.name)
        for number, tracker in enumerate(evaluation.trackers)
    ]
    truth = Line2D([], [], color="0.6", linestyle="dotted", label="ground truth")
    figure.legend(handles=[*handles, truth], loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return figure


def _panel(axes: Any, evaluation: OtbEvaluation, target: Target, row: int) -> None:
    label = {"transform": axes.transAxes, "va": "top", "fontsize": 7, "color": "yellow",
             "bbox": {"facecolor": "black", "alpha": 0.6, "pad": 1, "linewidth": 0}}  # fmt: skip
    image = _open(target.images[row])
    if image is None:
        axes.text(0.02, 0.96, f"#{row}: {UNREADABLE}", **label)
        return
    width, height = image.size
    small = image.resize((_WIDTH, max(1, round(height * _WIDTH / width))), Image.Resampling.BILINEAR)
    axes.imshow(np.asarray(small), extent=(0, width, height, 0))
    axes.set(xlim=(0, width), ylim=(height, 0))
    styles = [None, *(style_of(number) for number in range(len(evaluation.trackers)))]
    for (box, colour, _), style in zip(_boxes(evaluation, target, row), styles, strict=True):
        if np.isfinite(box).all():
            dash = "dotted" if style is None else style.dash
            x, y, w, h = as_box(box)
            axes.add_patch(
                Rectangle((x, y), w, h, fill=False, edgecolor=colour, linestyle=dash, linewidth=1.2)
            )
    axes.text(0.02, 0.96, f"#{row}", **label)


def _boxes(evaluation: OtbEvaluation, target: Target, row: int) -> Iterable[tuple[Floats, str, int]]:
    """Box, colour and width of everything that is drawn: first the truth, then the trackers in order."""
    yield target.truth[row], _TRUTH, 1
    for number, tracker in enumerate(evaluation.trackers):
        yield tracker.boxes[target.name][row], style_of(number).colour, 3 if number == 0 else 2


def _open(path: Path) -> Image.Image | None:
    """The image; None if it cannot be read. The figures do not need it."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow's readers raise
        return None


def _corners(box: Floats, scale: float) -> tuple[float, float, float, float] | None:
    """First and last pixel in the scaled image; None if there is nothing to draw."""
    if not np.isfinite(box).all() or (box[2:] <= 0).any():
        return None
    left, top = np.clip(box[:2] * scale, -1e4, 1e4)
    right, bottom = np.clip((box[:2] + box[2:]) * scale - 1, -1e4, 1e4)
    return float(left), float(top), float(max(left, right)), float(max(top, bottom))


def _label(draw: ImageDraw.ImageDraw, text: str) -> None:
    font = ImageFont.load_default(13)
    left, top, right, bottom = draw.textbbox((5, 3), text, font=font)
    draw.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=(0, 0, 0))
    draw.text((5, 3), text, font=font, fill=(255, 230, 80))
