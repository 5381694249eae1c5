"""The objects of a table, numbered as the formats need it."""

from collections.abc import Iterable
from operator import attrgetter

from rpn2t.run.rows import Row


def in_order(rows: Iterable[Row]) -> list[Row]:
    """The rows by frame. Within a frame they keep their order."""
    return sorted(rows, key=attrgetter("frame"))


def object_numbers(rows: Iterable[Row]) -> dict[str, int]:
    """The number of each object, from 1: the object that is seen first is 1."""
    numbers: dict[str, int] = {}
    for row in in_order(rows):
        numbers.setdefault(row.object, len(numbers) + 1)
    return numbers
