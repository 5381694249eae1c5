"""The formats that a run's table can be written in."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from rpn2t.run.formats.coco import coco_text
from rpn2t.run.formats.cvat import cvat_text
from rpn2t.run.formats.mot import mot_text
from rpn2t.run.formats.names import FILES
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.rows import Row


class Format(NamedTuple):
    """A format.

    Attributes:
        file: the name of its file in a run's folder.
        text: what the file holds.
    """

    file: str
    text: Callable[[Iterable[Row], SourceInfo], str]


FORMATS = {
    "mot": Format(FILES["mot"], mot_text),
    "coco": Format(FILES["coco"], coco_text),
    "cvat": Format(FILES["cvat"], cvat_text),
}
"""By the names that ``--format`` takes."""
