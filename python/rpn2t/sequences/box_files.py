"""Boxes as text: ground-truth files of the benchmarks, result files, our own boxes.txt, and ``--init``.

Files in OTB's layout count pixels from 1 (the benchmark is written in MATLAB). Everything inside this package
counts from 0. The step is made when a file is read or written (:func:`rpn2t.boxes.from_one_based`).
"""

import math
import re
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np

from rpn2t.boxes import Box, Floats
from rpn2t.errors import InputError
from rpn2t.sequences.vot_regions import upright_box

_SEPARATOR = re.compile(r"[,;\s]+")


def read_boxes(path: str | PathLike[str], *, one_based: bool) -> Floats:
    """Read a file with one region a line, numbers separated by commas, semicolons, blanks or tabs.

    A line holds a rectangle (four numbers: x, y, w, h) or a polygon (x1, y1, x2, y2 ... of three or
    more corners). A polygon becomes the smallest upright rectangle around it.

    Args:
        path: the file.
        one_based: rectangles count pixels from 1, as OTB's files and our boxes.txt do. Polygons are
            VOT's and are taken as they are.

    Returns:
        (n, 4) boxes, 0-based; row i is line i. A line with a NaN gives a row of NaN (no box there).

    Raises:
        InputError: no such file, nothing in it, or a line that is not a region (it is named).
    """
    lines = _lines(path)
    rows = np.empty((len(lines), 4))
    for number, line in enumerate(lines, start=1):
        try:
            rows[number - 1] = _region(_numbers(line), one_based)
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from None
    return rows


def read_regions(path: str | PathLike[str]) -> list[Floats]:
    """Read a file of VOT regions as they were annotated.

    Returns:
        One array a line, with the file's numbers: (x, y, w, h), the corners x1, y1, x2, y2 ... of a polygon,
        or a single NaN if the line has none.

    Raises:
        InputError: as :func:`read_boxes`.
    """
    regions = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            values = _numbers(line)
            _region(values, False)  # only to check them
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}") from None
        regions.append(np.array([math.nan] if any(map(math.isnan, values)) else values))
    return regions


def box_line(box: Iterable[float]) -> str:
    """A box as a line of a file in OTB's layout: x,y,w,h, 1-based, with three decimals and the line's end.

    Args:
        box: (x, y, w, h), 0-based.
    """
    x, y, w, h = box
    return f"{x + 1:.3f},{y + 1:.3f},{w:.3f},{h:.3f}\n"


def is_one_based(path: str | PathLike[str]) -> bool:
    """Whether rectangles in this file count from 1. They do in all files but VOT's ``groundtruth.txt``."""
    return Path(path).name != "groundtruth.txt"


def parse_box(text: str) -> Box:
    """Read a box typed as ``x,y,w,h`` in 0-based pixels, or pasted in brackets as Python shows it.

    Raises:
        InputError: not four finite numbers, or no area.
    """
    inside = text.strip()
    while inside[:1] + inside[-1:] in ("[]", "()"):
        inside = inside[1:-1].strip()
    try:
        numbers = _numbers(inside)
    except ValueError as error:
        raise InputError(f"box '{text}': {error}") from None
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise InputError(f"box '{text}': give four numbers x,y,w,h in pixels")
    x, y, w, h = numbers
    if w <= 0 or h <= 0:
        raise InputError(f"box '{text}': width and height must be above 0")
    return x, y, w, h


def _lines(path: str | PathLike[str]) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file with one box a line") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file; name a file with one box a line") from error
    if not lines:
        raise InputError(f"{path}: the file is empty; name a file with one box a line")
    return lines


def _numbers(text: str) -> list[float]:
    words = [word for word in _SEPARATOR.split(text) if word]
    try:
        return [float(word) for word in words]
    except ValueError:
        raise ValueError(f"'{text.strip()[:60]}' is not a list of numbers") from None


def _region(numbers: list[float], one_based: bool) -> Box:
    """The upright rectangle, 0-based, of a rectangle's or a polygon's numbers."""
    if any(math.isnan(number) for number in numbers):
        return math.nan, math.nan, math.nan, math.nan
    if len(numbers) < 4 or len(numbers) % 2:
        raise ValueError(f"{len(numbers)} numbers; a rectangle has 4, a polygon 6, 8 or more of them")
    if any(math.isinf(number) for number in numbers):
        raise ValueError("a number is infinite")
    if len(numbers) == 4:
        x, y, w, h = numbers
        return x - one_based, y - one_based, w, h
    return upright_box(tuple(numbers))
