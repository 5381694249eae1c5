"""The picture of a frame with what was tracked in it, for the run's video."""

from collections.abc import Sequence
from itertools import cycle

from rpn2t.boxes import Box, iou
from rpn2t.images import Image
from rpn2t.run.rows import Row
from rpn2t.video.annotate import COLOURS, Drawn, annotate, annotate_objects
from rpn2t.video.frames import Frame


def draw(frame: Frame, rows: Sequence[Row], objects: Sequence[str], truth: Box | None = None) -> Image:
    """A copy of the frame with the boxes of all objects in it.

    Args:
        frame: the frame.
        rows: of the objects that are in it.
        objects: the names of all objects of the run, in order. With several each has a colour of its own.
        truth: the only object's true box, if it is known.
    """
    if len(objects) > 1 or not rows:
        colours = dict(zip(objects, cycle(COLOURS), strict=False))
        drawn = [
            Drawn(row.box, _shown(row), row.object, colours[row.object], row.status == "lost") for row in rows
        ]
        return annotate_objects(frame.image, drawn, frame.index)
    (row,) = rows
    lost = row.status == "lost"
    if truth is None:
        return annotate(frame.image, row.box, row.score, row.frame, lost=lost)
    overlap = f"IoU {float(iou(row.box, truth)[0]):.2f}"
    return annotate(frame.image, row.box, row.score, row.frame, truth, overlap, lost=lost)


def _shown(row: Row) -> str:
    """What is said of a box beside its object's name."""
    return row.status if row.score is None else f"{row.score:.2f}"
