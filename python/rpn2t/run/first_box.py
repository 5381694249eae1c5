"""The first box of a run, and the ground truth that the run can be measured against."""

from dataclasses import dataclass

import numpy as np

from rpn2t.boxes import Box, Floats, as_box
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import is_one_based, read_boxes
from rpn2t.sequences.on_disk import is_same_file
from rpn2t.video.frames import Source


@dataclass(frozen=True)
class Start:
    """The first box.

    Attributes:
        box: (x, y, w, h) in pixels, 0-based.
        origin: its source and how it was read, for the user.
    """

    box: Box
    origin: str


@dataclass(frozen=True)
class Truth:
    """True boxes.

    Attributes:
        boxes: (n, 4), x, y, w, h in pixels, 0-based; row i belongs to frame i of the source.
        file: the file that they were read from.
    """

    boxes: Floats
    file: str


def from_file(file: str, row: int) -> Start:
    """The box of ``--init-file``.

    Args:
        file: rectangles or polygons, one a line.
        row: its row, counted from 0. A file of one row gives that row for any number, since nothing else
            can be meant.

    Raises:
        InputError: the file cannot be read, has no such row, or no box in it.
    """
    boxes = read_boxes(file, one_based=is_one_based(file))
    return _pick(boxes, 0 if len(boxes) == 1 else row, file)


def from_source(source: Source, row: int) -> Start:
    """The box of the source's own ground truth.

    Raises:
        InputError: the source has none, or not for this row.
    """
    if source.ground_truth_fault:
        raise InputError(f"{source.ground_truth_fault}, or give --init x,y,w,h")
    if source.ground_truth is None:
        raise InputError(
            f"{source.spec}: which object? Give --init x,y,w,h, or --init-file FILE, or --select to draw it"
        )
    return _pick(source.ground_truth, row, str(source.ground_truth_file))


def find_truth(source: Source, init_file: str | None) -> Truth | None:
    """The boxes to measure a run by: those of ``--init-file`` if it has more than one, else the source's.

    Raises:
        InputError: the file cannot be read.
    """
    own = source.ground_truth_file if source.ground_truth is not None else None
    if init_file is not None and not (own and is_same_file(own, init_file)):
        boxes = read_boxes(init_file, one_based=is_one_based(init_file))
        if len(boxes) > 1:
            return Truth(boxes, init_file)
    if source.ground_truth is None:
        return None
    return Truth(source.ground_truth, str(source.ground_truth_file))


def _pick(boxes: Floats, row: int, file: str) -> Start:
    if row >= len(boxes):
        raise InputError(f"{file}: {len(boxes)} rows, none for frame {row} (from 0); give --init x,y,w,h")
    if not np.isfinite(boxes[row]).all():
        raise InputError(f"{file}: row {row} (from 0) holds no box; give --init x,y,w,h")
    return Start(as_box(boxes[row]), f"row {row} of {file}, read as {_reading(file)}")


def _reading(file: str) -> str:
    one_based, zero_based = read_boxes(file, one_based=True), read_boxes(file, one_based=False)
    if np.array_equal(one_based, zero_based, equal_nan=True):
        return "polygons"
    return "1-based" if is_one_based(file) else "0-based"
