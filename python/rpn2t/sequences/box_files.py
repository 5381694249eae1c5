"""Boxes as text: ground-truth files of the benchmarks, result files, our own boxes.txt, and ``--init``.

Files in OTB's layout count pixels from 1 (the benchmark is written in MATLAB). Everything inside this package
counts from 0. The step is made when a file is read or written (:func:`rpn2t.boxes.from_one_based`).
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypeGuard

import numpy as np

from rpn2t.boxes import FIRST_PIXEL, Box, Floats, as_box
from rpn2t.errors import InputError
from rpn2t.sequences.box_tables import boxes_by_name, find_boxes, is_outline, named_columns
from rpn2t.sequences.layouts import layout_of_truth
from rpn2t.sequences.number_lines import (
    UnclearText,
    has_decimal_commas,
    header_words,
    numbers_of,
    read_lines,
    shown,
)
from rpn2t.sequences.vot_regions import mask_box, upright_box

_MASK = re.compile(r"\s*m\s*(?=[-\d])")
"""What the line of a mask begins with."""


@dataclass(frozen=True)
class _Region:
    """A region as its file has it.

    Attributes:
        numbers: x, y, w, h, or a polygon's corners; a single NaN if there is none.
        is_rectangle: whether it is a rectangle that the file itself writes as one.
    """

    numbers: tuple[float, ...]
    is_rectangle: bool


_NOTHING = _Region((math.nan,), False)

_Row: TypeAlias = _Region | list[float]
"""A line: a mask's box, or numbers whose meaning the other lines may decide."""


def read_boxes(path: str | PathLike[str], *, one_based: bool) -> Floats:
    """Read a file with one region a line, numbers separated by commas, semicolons, blanks or tabs.

    A line holds a rectangle (four numbers: x, y, w, h), a polygon (x1, y1, x2, y2 ... of three or more
    corners) or a mask of VOT's. The latter two become the smallest upright rectangle around them. If all
    lines have the same columns of a table (frame, target, score ...), those of the box are taken
    (:mod:`rpn2t.sequences.box_tables`).

    Args:
        path: the file.
        one_based: rectangles count pixels from 1, as OTB's files and our boxes.txt do. Polygons and masks are
            VOT's and are taken as they are.

    Returns:
        (n, 4) boxes, 0-based; row i is line i, or frame i if a table counts frames. A line with a NaN gives a
        row of NaN (no box there).

    Raises:
        InputError: no such file, nothing in it, a line that is not a region (it is named), or columns whose
            meaning is not certain.
    """
    regions = _read(path)
    rows = np.array([_upright(region) for region in regions]).reshape(-1, 4)
    shifted = np.array([one_based and region.is_rectangle for region in regions], dtype=np.float64)
    boxes: Floats = rows - np.outer(shifted, FIRST_PIXEL)
    return boxes


def read_regions(path: str | PathLike[str]) -> list[Floats]:
    """Read a file of VOT regions as they were annotated.

    Returns:
        One array a line, with the file's numbers: (x, y, w, h), the corners x1, y1, x2, y2 ... of a polygon,
        or a single NaN if the line has none. A mask is the smallest upright rectangle around it.

    Raises:
        InputError: as :func:`read_boxes`.
    """
    return [np.array(region.numbers) for region in _read(path)]


def count_rows(path: str | PathLike[str]) -> int:
    """The lines of a file of boxes, which are not looked into.

    Raises:
        InputError: no such file, no text, or nothing in it.
    """
    return len(read_lines(path))


def box_line(box: Iterable[float]) -> str:
    """A box as a line of a file in OTB's layout: x,y,w,h, 1-based, with three decimals and the line's end.

    Args:
        box: (x, y, w, h), 0-based.
    """
    x, y, w, h = box
    return f"{x + 1:.3f},{y + 1:.3f},{w:.3f},{h:.3f}\n"


def is_one_based(path: str | PathLike[str]) -> bool:
    """Whether rectangles in this file count from 1.

    The data set's layout says it if the file lies in one (:mod:`rpn2t.sequences.layouts`). Elsewhere they do
    in all files but VOT's ``groundtruth.txt``.
    """
    layout = layout_of_truth(Path(path))
    return layout.one_based if layout else Path(path).name != "groundtruth.txt"


def parse_box(text: str) -> Box:
    """Read a box typed as ``x,y,w,h`` in 0-based pixels, or pasted in brackets as Python shows it.

    Raises:
        InputError: not four finite numbers, or no area.
    """
    inside = text.strip()
    while inside[:1] + inside[-1:] in ("[]", "()"):
        inside = inside[1:-1].strip()
    try:
        numbers = numbers_of(inside)
    except ValueError as error:
        raise InputError(f"box {shown(text)}: {error}") from None
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise InputError(f"box {shown(text)}: give four numbers x,y,w,h in pixels")
    x, y, w, h = numbers
    if w <= 0 or h <= 0:
        raise InputError(f"box {shown(text)}: width and height must be above 0")
    return x, y, w, h


def _read(path: str | PathLike[str]) -> list[_Region]:
    """A region for each line, or for each frame of a table.

    Raises:
        InputError: as :func:`read_boxes`.
    """
    lines = read_lines(path)
    with _named(path, 1):
        header = _header(lines[0])
    with _named(path):
        decimal_commas = has_decimal_commas(lines)
    begin = 1 if header else 0
    if begin == len(lines):
        raise InputError(f"{path}: holds a header and no box; name a file with one box a line")
    rows: list[_Row] = []
    for number, line in enumerate(lines[begin:], start=begin + 1):
        with _named(path, number):
            rows.append(_row(line, header, decimal_commas))
    with _named(path):
        table = _table(rows, header)
    if table is not None:
        return [_rectangle(box) for box in table.tolist()]
    mixed = len({len(row) for row in rows if _is_there(row)}) > 1
    regions = []
    for number, row in enumerate(rows, start=begin + 1):
        with _named(path, number):
            regions.append(row if isinstance(row, _Region) else _region(row, mixed))
    return regions


@contextmanager
def _named(path: str | PathLike[str], line: int | None = None) -> Iterator[None]:
    """Say of which file and line an UnclearText is, as an InputError."""
    try:
        yield
    except UnclearText as error:
        where = "" if line is None else f" line {line}:"
        raise InputError(f"{path}:{where} {error}") from None


def _header(line: str) -> tuple[str, ...] | None:
    words = [] if _MASK.match(line) else header_words(line)
    return named_columns(words) if words else None


def _row(line: str, header: tuple[str, ...] | None, decimal_commas: bool) -> _Row:
    if mask := _MASK.match(line):
        return _mask(line[mask.end() :])
    numbers = numbers_of(line, decimal_commas=decimal_commas)
    if header and len(numbers) != len(header):
        raise UnclearText(f"{len(numbers)} numbers, and the header names {len(header)} columns")
    return numbers


def _mask(text: str) -> _Region:
    words = [word.strip() for word in text.strip(" ,").split(",")]
    if not all(re.fullmatch("-?[0-9]{1,18}", word) for word in words):
        raise UnclearText(f"{shown('m' + text)} is no mask; its numbers are whole, with commas between them")
    try:
        box = mask_box([int(word) for word in words])
    except ValueError as error:
        raise UnclearText(f"no mask: {error}") from None
    return _NOTHING if box is None else _Region(box, False)


def _is_there(row: _Row) -> TypeGuard[list[float]]:
    """Whether a row has numbers of which none is NaN."""
    return isinstance(row, list) and not any(map(math.isnan, row))


def _table(rows: Sequence[_Row], header: tuple[str, ...] | None) -> Floats | None:
    """The boxes of rows that are a table's; None if each row is a region by itself.

    Raises:
        UnclearText: the columns are not certain.
    """
    counts = {len(row) for row in rows if _is_there(row)}
    masks = any(isinstance(row, _Region) for row in rows)
    if masks or len(counts) != 1 or (not header and max(counts) <= 4):
        return None
    (count,) = counts
    nothing = [math.nan] * count
    table = np.array([row if isinstance(row, list) and len(row) == count else nothing for row in rows])
    return boxes_by_name(header, table) if header else find_boxes(table)


def _region(numbers: list[float], mixed: bool) -> _Region:
    """A line that is a region by itself.

    Args:
        numbers: the line's.
        mixed: whether other lines have another number of them. Then a polygon is looked at more closely: it
            may be two lines that were joined.

    Raises:
        UnclearText: it is none.
    """
    if any(map(math.isnan, numbers)):
        return _NOTHING
    if len(numbers) < 4 or len(numbers) % 2:
        raise UnclearText(f"{len(numbers)} numbers; a rectangle has 4, a polygon 6, 8 or more of them")
    if len(numbers) == 4:
        return _rectangle(numbers)
    if mixed and not is_outline(np.array(numbers)):
        raise UnclearText(f"{len(numbers)} numbers that are no corners of a polygon")
    return _Region(tuple(numbers), False)


def _rectangle(numbers: Sequence[float]) -> _Region:
    return _NOTHING if any(map(math.isnan, numbers)) else _Region(as_box(numbers), True)


def _upright(region: _Region) -> Box:
    if region is _NOTHING:
        return math.nan, math.nan, math.nan, math.nan
    return upright_box(region.numbers)
