"""The formats of OTB's result files: text, and those of the MATLAB and the Python toolkit.

Numbers are OTB's in all of them, 1-based; what is read is 0-based.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rpn2t.boxes import Floats, from_one_based
from rpn2t.errors import InputError
from rpn2t.eval.otb.mat_files import MatReader
from rpn2t.eval.report.speed import Times, measured_times, times_at

SUFFIXES = frozenset({".txt", ".mat", ".json"})
"""What the files end in."""


@dataclass(frozen=True)
class Run:
    """One run of a tracker over a sequence, as its file has it.

    Attributes:
        boxes: (n, 4), 0-based.
        path: the file, for messages.
        times: of its frames; None if nothing says them.
        first: number of the image of the first box, if the file says it.
        notes: what a reader should know of it, in lines.
    """

    boxes: Floats
    path: Path
    times: Times | None = None
    first: int | None = None
    notes: tuple[str, ...] = ()


def runs_in(path: Path, matlab: MatReader) -> list[Run]:
    """The runs in a file: one in a text file, all runs over a target in a file of a toolkit.

    Args:
        path: the file.
        matlab: reads MATLAB's files.

    Raises:
        InputError: the file is not what it should be; it is named, with the cure.
    """
    if path.suffix == ".mat":
        return _read_mat(path, matlab)
    if path.suffix == ".json":
        return _read_json(path)
    boxes = _read_text(path)
    try:
        return [Run(boxes, path, _text_times(path))]
    except InputError as error:
        return [Run(boxes, path, notes=(f"no speed: {error}",))]


def _read_text(path: Path) -> Floats:
    """Boxes of a text file: one on each line, all lines with the same separator."""
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); get it again") from error
    if not lines:
        raise InputError(f"{path}: the file is empty; remove it, and run the sequence again")
    rows = np.empty((len(lines), 4))
    first = ""
    for number, line in enumerate(lines, start=1):
        used = {mark for mark in ",;\t" if mark in line.strip()} or {" "}
        separator = used.pop()
        first = first or separator
        if used or separator != first:
            raise InputError(
                f"{path}: line {number}: mixed separators; write all lines with commas, or tabs, "
                "blanks or semicolons"
            )
        words = line.split() if separator == " " else line.split(separator)
        rows[number - 1] = _numbers(words, path, number)
    return from_one_based(rows)


def _numbers(words: list[str], path: Path, number: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(
            f"{path}: line {number}: expected x, y, width and height; get the file again, or remove it and "
            "run the sequence again"
        )
    if not all(np.isfinite(values)):
        raise InputError(
            f"{path}: line {number}: not a box (NaN or infinite); run the sequence again, or repeat the box "
            "of the frame before, as the benchmark counts it"
        )
    return values


def _text_times(path: Path) -> Times | None:
    """The seconds of the frames, from a file in got10k's or pytracking's place."""
    for file in (path.parent / "times" / f"{path.stem}_time.txt", path.parent / f"{path.stem}_time.txt"):
        if file.is_file():
            try:
                seconds = np.array(
                    re.split(r"[,\s]+", file.read_text(encoding="ascii").strip()), dtype=np.float64
                )
            except ValueError as error:
                raise InputError(
                    f"{file}: not a list of seconds; remove it, or run the sequence again"
                ) from error
            return measured_times(seconds)
    return None


def _read_mat(path: Path, matlab: MatReader) -> list[Run]:
    """The cell `results` of the MATLAB toolkit."""
    structs = matlab.read(path)
    if not structs:
        raise InputError(f"{path}: its results are empty; remove the file, and run the sequence again")
    return [_run_of(fields, path) for fields in structs]


def _read_json(path: Path) -> list[Run]:
    """A list of the Python toolkit's results, or py-MDNet's one result."""
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON; get it again") from error
    items = items if isinstance(items, list) else [items]
    if not items or not all(isinstance(item, dict) and item.get("res") for item in items):
        raise InputError(f"{path}: its results are empty; remove the file, and run the sequence again")
    return [_run_of({**item, "type": item.get("resType", item.get("type", "rect"))}, path) for item in items]


def _run_of(fields: Mapping[str, Any], path: Path) -> Run:
    res = _array(fields["res"], path)
    if res.size == 0:
        raise InputError(f"{path}: its results are empty; remove the file, and run the sequence again")
    kind = str(fields.get("type", fields.get("transformType", "rect")))
    boxes = _rectangles(res, kind, fields.get("tmplsize"), path)
    fps = _number(fields.get("fps"))
    times = None if fps is None else times_at(fps, len(boxes))
    return Run(from_one_based(boxes), path, times, _whole_number(fields.get("startFrame")))


def _array(value: Any, path: Path) -> Floats:
    try:
        return np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: its boxes are not rows of numbers; get it again") from error


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _whole_number(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _rectangles(res: Floats, kind: str, template: Any, path: Path) -> Floats:
    """What a tracker reported as rectangles x, y, w, h, 1-based, by the toolkit's rules."""
    if kind == "rect":
        return _rows_of(res, 4, kind, path)
    if kind in ("4corner", "affine"):
        # Two rows a frame: the corners' x and y; the box reaches from the first to the third.
        corners = _rows_of(res, res.shape[1] if res.ndim == 2 else 0, kind, path)
        if len(corners) % 2 or corners.shape[1] < 4:
            raise InputError(
                f"{path}: type {kind} wants two rows of four corners a frame; export it as 'rect'"
            )
        return _corner_boxes(corners.reshape(len(corners) // 2, 2, -1)[:, :, :4])
    if kind == "ivtAff":
        rows = _rows_of(res, 6, kind, path)
        size = _array(template if template is not None else [], path).ravel()
        if len(size) < 2:
            raise InputError(f"{path}: type {kind} wants a tmplsize; export it as 'rect'")
        w, h = size[:2]
        template_corners = np.array(
            [[1, 1, 1, 1], [-w / 2, w / 2, w / 2, -w / 2], [-h / 2, -h / 2, h / 2, h / 2]]
        )
        maps = rows[:, [0, 2, 3, 1, 4, 5]].reshape(-1, 2, 3)
        return _corner_boxes(maps @ template_corners)
    raise InputError(f"{path}: results of type {kind} are not read; export them from the toolkit as 'rect'")


def _rows_of(res: Floats, columns: int, kind: str, path: Path) -> Floats:
    rows = res.reshape(1, -1) if res.ndim == 1 else res
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise InputError(f"{path}: type {kind} wants {columns} numbers a frame; get the file again")
    return rows


def _corner_boxes(corners: Floats) -> Floats:
    """Boxes of (n, 2, 4) corners, by the toolkit from the first corner to the third, in whole pixels."""
    whole = np.floor(corners)
    start, end = whole[:, :, 0], whole[:, :, 2]
    return np.concatenate([start, end - start], axis=1)
