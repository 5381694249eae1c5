"""Tables of numbers that hold boxes among other columns: which columns are the box.

Files of this field differ in their columns, and a wrong guess gives wrong boxes without a word. So a table is
taken only if its numbers are what its columns must be, and if no other known table would give other boxes.
Everything else is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats
from rpn2t.sequences.number_lines import UnclearText, shown

CURE = "leave only the columns x,y,w,h"

_MOST_FRAMES = 1_000_000
"""A larger number is no frame's."""

_BOX = ("x", "y", "w", "h")
_CORNERS = ("left", "top", "right", "bottom")


@dataclass(frozen=True)
class _Table:
    """A table that is in use.

    Attributes:
        columns: what each is, a name that _MEANINGS has.
        user: whose it is.
        in_order: rows are frames in order whatever the column `frame` says.
    """

    columns: tuple[str, ...]
    user: str
    in_order: bool = False


_TABLES = (
    _Table((*_BOX, "score"), "detections"),
    _Table(("frame", *_BOX), "frames"),
    _Table((*_BOX, "score", "class"), "detections"),
    _Table(("frame", "id", *_BOX), "MOT"),
    _Table(("frame", "id", *_BOX, "score"), "MOT"),
    _Table((*_BOX, "score", "class", "truncation", "occlusion"), "VisDrone"),
    _Table(("frame", "id", *_BOX, "score", "class"), "MOT"),
    _Table(("frame", "id", *_BOX, "score", "class", "visibility"), "MOT"),
    _Table(("frame", "id", *_BOX, "out_of_view", "occlusion", "class"), "UAVDT"),
    _Table(("id", *_CORNERS, "frame", "lost", "occluded", "generated"), "NfS", in_order=True),
    _Table(("frame", "id", *_BOX, "score", "class", "truncation", "occlusion"), "VisDrone"),
    _Table(("frame", "id", *_BOX, "any", "none", "none", "none"), "MOT"),
)


def _whole(low: float, high: float) -> Callable[[Floats], bool]:
    return lambda values: bool(np.all((values == np.floor(values)) & (values >= low) & (values <= high)))


def _between(low: float, high: float) -> Callable[[Floats], bool]:
    return lambda values: bool(np.all((values >= low) & (values <= high)))


_MEANINGS: dict[str, Callable[[Floats], bool]] = {
    "frame": _whole(0, _MOST_FRAMES),
    "id": _whole(-1, 1e9),
    "w": _between(0, np.inf),
    "h": _between(0, np.inf),
    "score": _between(-1, 1),
    "class": _whole(-1, 100),
    "truncation": _whole(0, 1),
    "occlusion": _whole(0, 4),
    "out_of_view": _whole(0, 3),
    "visibility": _between(-1, 1),
    "lost": _whole(0, 1),
    "occluded": _whole(0, 1),
    "generated": _whole(0, 1),
    "none": _whole(-1, -1),
}
"""Name of a column -> whether numbers can be its. Other columns may hold any number."""

_ALIASES = {
    "x": "x left xmin x_min bb_left bbox_left x1", "y": "y top ymin y_min bb_top bbox_top y1",
    "w": "w width bb_width bbox_width", "h": "h height bb_height bbox_height",
    "right": "right xmax x_max x2", "bottom": "bottom ymax y_max y2",
    "frame": "frame frame_id frame_index frame_number", "id": "id track_id target_id object_id",
}  # fmt: skip
"""Column -> what a header may call it."""


def named_columns(words: Sequence[str]) -> tuple[str, ...]:
    """The columns that a header names; those that no box needs are ``any``.

    Raises:
        UnclearText: the box is not among them, or a column is there twice.
    """
    meaning = {alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()}
    found = [meaning.get(word.strip("#'\" ").lower(), "any") for word in words]
    named = [name for name in found if name != "any"]
    if len(set(named)) < len(named) or not ({*_BOX} <= {*found} or {"x", "y", "right", "bottom"} <= {*found}):
        raise UnclearText(f"{shown(','.join(words))} is no box, and no header with x,y,w,h; {CURE}")
    if not {*_BOX} <= {*found}:
        found = [{"x": "left", "y": "top"}.get(name, name) for name in found]
    return tuple(found)


def boxes_by_name(columns: tuple[str, ...], rows: Floats) -> Floats:
    """The boxes of a table with a header.

    Args:
        columns: what :func:`named_columns` gave.
        rows: (n, columns), a row that has no box as NaN.

    Returns:
        (m, 4) boxes; with a column of frames, row i is frame i.

    Raises:
        UnclearText: it holds several targets, or two rows for a frame.
    """
    table = _Table(columns, "header")
    if "frame" in columns and not _rises(table, rows):
        raise UnclearText(f"its frames do not rise from row to row; keep the rows of one target, or {CURE}")
    return _boxes(table, rows)


def find_boxes(rows: Floats) -> Floats | None:
    """The boxes of a table without a header, by what its numbers can be.

    Args:
        rows: (n, columns) numbers, more than four columns; a row that has no box as NaN.

    Returns:
        (m, 4) boxes, where row i is row i, or frame i if the table counts frames. None if the rows are the
        corners of polygons: two numbers a corner.

    Raises:
        UnclearText: no table that is known, more than one, or one with several targets; the text names the
            columns, and what to do.
    """
    count = rows.shape[1]
    known = [table for table in _TABLES if len(table.columns) == count]
    fitting = [table for table in known if _fits(table, rows)]
    finite = rows[np.isfinite(rows).all(axis=1)]
    if count == 8 and _are_parallelograms(finite):
        return None
    if len({_places(table) for table in fitting}) > 1:
        names = " or ".join(_told(table) for table in fitting)
        raise UnclearText(f"{count} numbers a line can be {names}; {CURE}")
    if fitting:
        return _boxes(fitting[0], rows)
    if count >= 8 and count % 2 == 0 and not _is_split_by_decimal_commas(finite):
        outlines = [is_outline(row) for row in finite]
        if 2 * sum(outlines) > len(outlines):
            return None
    names = "".join(f", nor {_told(table)}" for table in known)
    corners = f", nor the corners of a polygon{names}" if count % 2 == 0 else names
    raise UnclearText(f"{count} numbers a line are not x,y,w,h{corners}; {CURE}")


def is_outline(row: Floats) -> bool:
    """Whether numbers x1, y1, x2, y2 ... are the corners of an area whose edges do not cross."""
    corners = row.reshape(-1, 2)
    edges = list(zip(corners, np.roll(corners, -1, axis=0), strict=True))
    if len(corners) < 3 or any(np.array_equal(start, end) for start, end in edges):
        return False
    apart = [
        (first, second)
        for first in range(len(edges))
        for second in range(first + 2, len(edges))
        if (first, second) != (0, len(edges) - 1)  # these two have a corner in common as well
    ]
    flat = all(_turn(corners[0], corners[1], corner) == 0 for corner in corners[2:])
    return not flat and not any(_cross(*edges[first], *edges[second]) for first, second in apart)


def _turn(a: Floats, b: Floats, c: Floats) -> float:
    """On which side of the line from a to b the point c lies: above 0, below 0, or 0 on the line."""
    return float(np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])))


def _cross(a: Floats, b: Floats, c: Floats, d: Floats) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) <= 0 and _turn(c, d, a) * _turn(c, d, b) <= 0


def _are_parallelograms(rows: Floats) -> bool:
    """Whether rows of eight numbers are four corners like VOT's rotated rectangles, each with an area."""
    corners = rows.reshape(-1, 4, 2)
    uneven = np.abs(corners[:, 0] + corners[:, 2] - corners[:, 1] - corners[:, 3]).max(axis=1, initial=0)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
    return len(rows) > 0 and bool(np.all(uneven <= 1) & np.all(areas > 0))


def _is_split_by_decimal_commas(rows: Floats) -> bool:
    """Whether every second number can be the tenths of the one before, as in 12,5,30,2,40,0,50,1."""
    tenths = rows[:, 1::2]
    return bool(np.all((tenths >= 0) & (tenths <= 9)) and np.all(rows == np.floor(rows)))


def _fits(table: _Table, rows: Floats) -> bool:
    finite = rows[np.isfinite(rows).all(axis=1)]
    columns = dict(zip(table.columns, finite.T, strict=True)) if len(finite) else {}
    if not all(_MEANINGS[name](values) for name, values in columns.items() if name in _MEANINGS):
        return False
    sides = _cut(table, finite)[:, 2:]
    if np.any(sides < 0) or not np.all(np.any(sides > 1, axis=0)):
        return False
    return "frame" not in table.columns or (_rises(table, rows) and _counts(table, rows))


def _rises(table: _Table, rows: Floats) -> bool:
    """Whether the frames of each target rise from row to row."""
    numbers: dict[float, list[float]] = {}
    for frame, target in zip(_column(table, rows, "frame"), _column(table, rows, "id"), strict=True):
        if np.isfinite(frame):
            numbers.setdefault(float(target), []).append(float(frame))
    if not all(_MEANINGS["frame"](np.array(frames)) for frames in numbers.values()):
        return False
    return all(first < second for frames in numbers.values() for first, second in pairwise(frames))


def _counts(table: _Table, rows: Floats) -> bool:
    """Whether most frames follow each other. The x of a target that moves to the right rises as well."""
    steps = np.diff(np.unique(_column(table, rows, "frame")[np.isfinite(rows).all(axis=1)]))
    return len(steps) > 0 and (table.in_order or 2 * int(np.count_nonzero(steps == 1)) >= len(steps))


def _column(table: _Table, rows: Floats, name: str) -> NDArray[np.float64]:
    if name not in table.columns:
        return np.zeros(len(rows))
    values: NDArray[np.float64] = np.nan_to_num(rows[:, table.columns.index(name)], nan=-1.0)
    return np.where(np.isfinite(rows).all(axis=1), values, np.nan) if name == "frame" else values


def _boxes(table: _Table, rows: Floats) -> Floats:
    finite = np.isfinite(rows).all(axis=1)
    ids = np.unique(_column(table, rows, "id")[finite])
    if len(ids) > 1:
        some = ", ".join(f"{number:g}" for number in ids[:4]) + (", ..." if len(ids) > 4 else "")
        raise UnclearText(
            f"is a table {_told(table)} of {len(ids)} targets (id {some}); keep the rows of one of them"
        )
    boxes = _cut(table, rows)
    boxes[~finite] = np.nan
    if "frame" not in table.columns or table.in_order or not finite.any():
        return boxes
    frames = _column(table, rows, "frame")[finite]
    # The formats count frames from 1; some programs write a frame 0.
    frames = (frames - min(1, frames.min())).astype(int)
    by_frame = np.full((frames.max() + 1, 4), np.nan)
    by_frame[frames] = boxes[finite]
    return by_frame


def _cut(table: _Table, rows: Floats) -> Floats:
    """Columns x,y,w,h, or as much from corners."""
    if "left" not in table.columns:
        return rows[:, [table.columns.index(name) for name in _BOX]]
    corners = rows[:, [table.columns.index(name) for name in _CORNERS]]
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)


def _places(table: _Table) -> tuple[int, ...]:
    """Where the box and the frame stand: two tables that agree on these give the same boxes."""
    wanted = (*_BOX, *_CORNERS, "frame")
    return tuple(table.columns.index(name) if name in table.columns else -1 for name in wanted)


def _told(table: _Table) -> str:
    return f"{','.join(table.columns)} ({table.user})"
