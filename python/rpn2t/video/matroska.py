"""Whether a Matroska or WebM file is whole.

Such a file is a tree of elements, each with an id and a size. FFmpeg passes over what it cannot understand,
and at the end it does not say what is missing. So this walks through the tree, without the pictures.
"""

import mmap
from pathlib import Path
from typing import NamedTuple

_HEADER, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_ANYWHERE = frozenset({0xEC, 0xBF})  # void, checksum
# index of contents, information, tracks, cues, tags, attachments, chapters
_IN_SEGMENT = frozenset({
    _CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770,
})  # fmt: skip
# time, silent tracks, position, size of the cluster before, block, group of a block, encrypted block
_IN_CLUSTER = frozenset({0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF}) | _ANYWHERE


class Damage(NamedTuple):
    """What is wrong with a file.

    Attributes:
        places: bytes from its beginning to where something else stands than the structure says.
        cut_off: whether its end is missing.
    """

    places: list[int]
    cut_off: bool


class _Element(NamedTuple):
    """Attributes: its id; where its content begins and ends, the end None if it is not known."""

    id: int
    begin: int
    end: int | None


def find_damage(path: Path) -> Damage:
    """Walk through a file. One that has no Matroska structure at all has no damage either.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        header = _element(data, 0)
        if header is None or header.id != _HEADER or header.end is None:
            return Damage([], False)
        segment = _element(data, header.end)
        if segment is None or segment.id != _SEGMENT:
            return Damage([], False)
        return _walk(data, segment)


def _walk(data: mmap.mmap, segment: _Element) -> Damage:
    size = len(data)
    end = size if segment.end is None else min(segment.end, size)
    places: list[int] = []
    at = segment.begin
    while at < end:
        element = _element(data, at)
        if element is not None and element.id == _CLUSTER:
            at = _walk_cluster(data, element, places)
        elif element is not None and element.end is not None and element.id in _IN_SEGMENT | _ANYWHERE:
            at = element.end
        else:
            places.append(at)
            at = _next_cluster(data, at)
    beyond = segment.end is not None and segment.end > size
    return Damage(places, at > size or (beyond and not places))


def _walk_cluster(data: mmap.mmap, cluster: _Element, places: list[int]) -> int:
    """Where the next element after the cluster is to begin; what is wrong in it is added to the places."""
    at = cluster.begin
    while at < len(data) and (cluster.end is None or at < cluster.end):
        element = _element(data, at)
        if element is not None and cluster.end is None and element.id in _IN_SEGMENT:
            return at
        if (
            element is None
            or element.id not in _IN_CLUSTER
            or element.end is None
            or (cluster.end is not None and element.end > cluster.end)
        ):
            places.append(at)
            return _next_cluster(data, at)
        at = element.end
    return at if cluster.end is None else cluster.end


def _next_cluster(data: mmap.mmap, at: int) -> int:
    found = data.find(_CLUSTER.to_bytes(4, "big"), at + 1)
    return found if found >= 0 else len(data)


def _element(data: mmap.mmap, at: int) -> _Element | None:
    """The element that begins there; None if none does."""
    length = _length(data, at, 4)
    if length is None:
        return None
    begin = at + length
    more = _length(data, begin, 8)
    if more is None:
        return None
    identity = int.from_bytes(data[at:begin], "big")
    mask = (1 << 7 * more) - 1
    size = int.from_bytes(data[begin : begin + more], "big") & mask
    begin += more
    return _Element(identity, begin, None if size == mask else begin + size)


def _length(data: mmap.mmap, at: int, most: int) -> int | None:
    """How many bytes the number has that begins there: as many as its first byte's leading zeros, and one."""
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    return length if length <= most and at + length <= len(data) else None
