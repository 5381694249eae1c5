"""Where a video can be entered, by its packets. Nothing is decoded to know it."""

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple, Self

from av.container import InputContainer
from av.video.stream import VideoStream

_HIDDEN = frozenset({"vp8"})
"""Codecs that have packets without a picture of their own."""
_LEAP = 10.0
"""Seconds. A longer step is where joined recordings meet, each with time stamps of its own."""


class Entrances(NamedTuple):
    """The time stamps of a video.

    Attributes:
        stamps: of its pictures, in order: that of frame i is the i-th.
        keys: those from which decoding can begin, in order.
    """

    stamps: list[int]
    keys: list[int]

    @classmethod
    def find(cls, container: InputContainer, stream: VideoStream) -> Self | None:
        """Read all packets; None if they do not tell the pictures' order for certain.

        Raises:
            av.FFmpegError: the file cannot be read.
        """
        packets = [each for each in container.demux(stream) if each.size and not each.is_discard]
        stamps = sorted(each.pts for each in packets if each.pts is not None)
        order = [each.dts for each in packets if each.dts is not None]
        keys = sorted(each.pts for each in packets if each.is_keyframe and each.pts is not None)
        tick = float(stream.time_base or 0)
        certain = (
            stream.codec_context.name not in _HIDDEN
            and len(stamps) == len(packets)
            and all(earlier < later for earlier, later in pairwise(stamps))
            and all(earlier <= later for earlier, later in pairwise(order))
            and all((later - earlier) * tick <= _LEAP for earlier, later in pairwise(stamps))
            and keys[:1] == stamps[:1]  # or there are pictures that cannot be decoded
        )
        return cls(stamps, keys) if certain and stamps else None

    def before(self, index: int) -> int:
        """The time stamp from which to decode in order to get this frame."""
        return self.keys[bisect_right(self.keys, self.stamps[index]) - 1]
