"""Reading boxes.csv, the table that a run leaves."""

import csv
import math
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import get_args

from rpn2t.errors import InputError
from rpn2t.run.rows import Row, Status
from rpn2t.run.table import HEADER
from rpn2t.sequences.number_lines import FARTHEST, shown

COLUMNS = tuple(HEADER.strip().split(","))
"""The first line of boxes.csv."""


def read_rows(path: str | PathLike[str]) -> list[Row]:
    """Read a boxes.csv of `rpn2t track`.

    Returns:
        Its rows in the file's order. An empty time_s or score is None.

    Raises:
        InputError: no such file, other columns, no rows, or a line that is no row of such a table or has an
            object a second time in one frame (it is named).
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a boxes.csv of `rpn2t track`") from error
    except ValueError as error:
        raise InputError(f"{path}: not a text file in UTF-8; name a boxes.csv of `rpn2t track`") from error
    rows = parse_rows(path, text)
    if not rows:
        raise InputError(f"{path}: has no rows; track again")
    return rows


def parse_rows(path: str | PathLike[str], text: str) -> list[Row]:
    """The rows of a boxes.csv whose text is known. There may be none.

    Raises:
        InputError: as for :func:`read_rows`; the message names `path`.
    """
    rows: dict[tuple[str, int], Row] = {}
    for number, fields in _lines(path, text):
        try:
            row = _row(fields)
            if (row.object, row.frame) in rows:
                raise ValueError(f"{shown(row.object)} has a row of frame {row.frame} above; remove one")
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from None
        rows[row.object, row.frame] = row
    return list(rows.values())


def _lines(path: str | PathLike[str], text: str) -> Iterator[tuple[int, list[str]]]:
    """The fields of each line below the first one, and the line's number from 1. Empty lines are left out.

    Raises:
        InputError: the first line has not our columns, or a line is no CSV.
    """
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        head = next(reader, [])
        if tuple(head) != COLUMNS:
            raise InputError(
                f"{path}, line 1: the columns are {shown(','.join(head))}; those of a boxes.csv of `rpn2t "
                f"track` are {','.join(COLUMNS)}"
            )
        for fields in reader:
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: no line of a CSV file ({error})") from error


def _row(fields: list[str]) -> Row:
    """A row of its fields.

    Raises:
        ValueError: they are none; the message says which one is wrong.
    """
    if len(fields) != len(COLUMNS):
        raise ValueError(f"has {len(fields)} columns; needs {len(COLUMNS)}: {','.join(COLUMNS)}")
    name, frame, time, *box, score, status = fields
    if not name.strip() or not name.isprintable():
        raise ValueError(f"object {shown(name)} is not a name")
    if not (frame.isascii() and frame.isdigit()) or int(frame) > FARTHEST:
        raise ValueError(f"frame {shown(frame)} is not a whole number from 0")
    known = _status(status)
    by_user = status in ("given", "fixed")
    if by_user != (score == ""):
        raise ValueError(f"a box that is {status} has {'no' if by_user else 'a'} score")
    x, y, w, h = (_number(column, field) for column, field in zip("xywh", box, strict=True))
    if w < 0 or h < 0:
        raise ValueError("w and h must not be below 0")
    return Row(
        object=name,
        frame=int(frame),
        time=None if time == "" else _number("time_s", time),
        box=(x, y, w, h),
        score=None if by_user else _score(score),
        status=known,
    )


def _status(text: str) -> Status:
    statuses: tuple[Status, ...] = get_args(Status)
    for status in statuses:
        if text == status:
            return status
    raise ValueError(f"status {shown(text)} is none of {', '.join(statuses)}")


def _score(text: str) -> float:
    score = _number("score", text)
    if not 0 <= score <= 1:
        raise ValueError(f"score {shown(text)} is not within 0 and 1")
    return score


def _number(column: str, text: str) -> float:
    """A number as it is written with digits and a point.

    Raises:
        ValueError: it is none, or no image and no video is so large.
    """
    try:
        number = float(text) if "_" not in text else math.nan  # float takes 1_000
    except ValueError:
        number = math.nan
    if not abs(number) <= FARTHEST:
        raise ValueError(f"{column} {shown(text)} is not a number")
    return number
