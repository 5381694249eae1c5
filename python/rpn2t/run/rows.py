"""The table of a run: a row for each object in each frame.

boxes.csv is this table, and the exports to other tools' formats are made of it.
"""

from dataclasses import dataclass
from typing import Literal

from rpn2t.boxes import Box

Status = Literal["given", "found", "lost", "fixed"]
"""Whose a box is: given, the user's first one; fixed, the user's correction; found, the tracker's; lost, the
tracker's with a score below its threshold."""


@dataclass(frozen=True)
class Row:
    """One object in one frame.

    Attributes:
        object: the object's name.
        frame: 0-based number of the frame in its source.
        time: when the source shows the frame, in seconds; None if nobody knows.
        box: (x, y, w, h) in pixels, 0-based.
        score: the tracker's, in [0, 1]; None if the user gave the box.
        status: see :data:`Status`.
    """

    object: str
    frame: int
    time: float | None
    box: Box
    score: float | None
    status: Status
