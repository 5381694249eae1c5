"""Where the frames of a video are, and in which parts they are read to hand them out backwards."""

from collections.abc import Iterator
from heapq import nlargest
from itertools import pairwise
from typing import NamedTuple

_ENTRANCES = 2
"""Key frames from which a part is tried. The second is for codecs that are wrong for a while after a jump."""


class Mark(NamedTuple):
    """Where a frame is.

    Attributes:
        number: the frame's index in the source.
        time: see :class:`~rpn2t.video.frames.Frame`.
        stamp: its time stamp in the file, if it has one.
        checksum: of its image.
    """

    number: int
    time: float
    stamp: int | None
    checksum: int


class Marks:
    """The marks of consecutive frames.

    Attributes:
        keys: time stamps of all pictures up to the last mark from which decoding can begin.
    """

    def __init__(self) -> None:
        self.keys: list[int] = []
        self._marks: list[Mark] = []
        self._largest = 1

    def add(self, mark: Mark, size: int) -> None:
        """Add the next frame, whose image has this size in bytes."""
        self._marks.append(mark)
        self._largest = max(self._largest, size)

    def blocks(self, held: int) -> Iterator[list[Mark]]:
        """Parts of one frame or more, whose images have at most so many bytes together; the last part first.

        A part begins at a key frame if there is one in it, so that nothing is decoded in vain.
        """
        size = max(1, held // self._largest)
        keys = set(self.keys)
        end = len(self._marks)
        while end > 0:
            first = max(0, end - size)
            at_keys = (at for at in range(first, end) if self._marks[at].stamp in keys)
            begin = first if first == 0 else next(at_keys, first)
            yield self._marks[begin:end]
            end = begin

    def keys_before(self, block: list[Mark]) -> list[int]:
        """Time stamps of key frames at or before a part, the nearest first; none if its own are no order."""
        stamps = [mark.stamp for mark in block if mark.stamp is not None]
        if len(stamps) < len(block) or any(later <= earlier for earlier, later in pairwise(stamps)):
            return []
        return nlargest(_ENTRANCES, (key for key in self.keys if key <= stamps[0]))
