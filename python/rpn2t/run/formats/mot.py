"""MOT challenge: a line for each object in each frame, without names."""

from collections.abc import Iterable

from rpn2t.boxes import to_one_based
from rpn2t.run.formats.numbered import in_order, object_numbers
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.rows import Row


def mot_text(rows: Iterable[Row], source: SourceInfo) -> str:
    """The table as MOT challenge's result file has it.

    A line is ``frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z``. Frames, objects and pixels count from
    1. conf is the score, and 1 for a box that the user gave. x, y and z are places in the world, which nobody
    knows: -1.
    """
    rows = list(rows)
    numbers = object_numbers(rows)
    return "".join(_line(row, numbers[row.object]) for row in in_order(rows))


def _line(row: Row, number: int) -> str:
    box = ",".join(f"{value:.3f}" for value in to_one_based(row.box)[0])
    confidence = 1 if row.score is None else row.score
    return f"{row.frame + 1},{number},{box},{confidence:.4f},-1,-1,-1\n"
