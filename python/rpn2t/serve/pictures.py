"""Frames of sources as JPEG, in any order."""

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import cv2

from rpn2t.images import Image
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.serve.library import Library
from rpn2t.serve.refusal import Refusal
from rpn2t.video.frames import Frame, Source

_THUMBNAIL = 240
"""Pixels that a thumbnail is wide, at most."""
_READERS = 4
"""Sources that stay open."""
_THUMBNAILS = 500
_CACHED = 64
"""JPEGs of a source that are kept."""
_STEP = 16
"""Frames further on that are decoded sooner than jumped over, and frames decoded at once on the way back."""

Value = TypeVar("Value")


class Newest(Generic[Value]):
    """The values that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value of a key, made if it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


class Reader:
    """A source whose frames are asked for in any order, by one after the other.

    Attributes:
        info: what is known of the source.
        has_truth: whether it has a ground truth.
        count: how many frames it has.
    """

    def __init__(self, path: str, source: Source) -> None:
        self._path = path
        self._source = source
        self._lock = Lock()
        self._coming: Iterator[Frame] | None = None
        self._next = self._last = 0
        self._jpegs: OrderedDict[int, bytes] = OrderedDict()
        self._keep(next(self._source.frames(0, 1)))
        self.info = SourceInfo.of(source)
        self.has_truth = source.ground_truth is not None
        self.count = source.count()

    @property
    def notes(self) -> list[str]:
        """What a user should know of the source."""
        return list(self._source.notes)

    def jpeg(self, index: int) -> bytes:
        """A frame.

        Raises:
            Refusal: there is no such frame.
            InputError: it cannot be read.
        """
        with self._lock:
            if index not in self._jpegs:
                self._read(index)
            self._last = index
            self._jpegs.move_to_end(index)
            return self._jpegs[index]

    def _read(self, index: int) -> None:
        if index < 0 or (self.count is not None and index >= self.count):
            raise self._beyond(index)
        backward = self._last - _STEP < index < self._last
        if self._coming is None or not self._next <= index < self._next + _STEP:
            self._next = max(0, index - _STEP + 1) if backward else index
            self._coming = self._source.jump(self._next)
        while self._next <= index:
            frame = next(self._coming, None)
            if frame is None:
                self._coming = None
                raise self._beyond(index)
            self._next = frame.index + 1
            if backward or frame.index == index:
                self._keep(frame)
        if index not in self._jpegs:  # a part of a damaged file, in which frames are missing
            raise Refusal(404, f"{self._path}: frame {index} is missing in the file.")

    def _keep(self, frame: Frame) -> None:
        self._jpegs[frame.index] = _encoded(frame.image)
        while len(self._jpegs) > _CACHED:
            self._jpegs.popitem(last=False)

    def _beyond(self, index: int) -> Refusal:
        return Refusal(404, f"{self._path}: there is no frame {index}.")


class Pictures:
    """The frames of all sources of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._readers: Newest[Reader] = Newest(_READERS)
        self._thumbnails: Newest[bytes] = Newest(_THUMBNAILS)
        self._opening = Lock()

    def reader(self, path: str) -> Reader:
        """The reader of a source.

        Raises:
            Refusal: there is no such source.
            InputError: it cannot be read.
        """
        with self._opening:  # two browsers open one video once
            return self._readers.get((path, self.tag(path)), lambda: Reader(path, self._library.open(path)))

    def thumbnail(self, path: str) -> bytes:
        """The first frame, small."""
        return self._thumbnails.get((path, self.tag(path)), lambda: self._small(path))

    def tag(self, path: str) -> str:
        """Changes when the file does."""
        return _tag(self._library.find(path))

    def _small(self, path: str) -> bytes:
        with self._library.open(path) as source:
            image = next(source.frames(0, 1)).image
        height, width = image.shape[:2]
        if width > _THUMBNAIL:
            size = (_THUMBNAIL, max(1, round(height * _THUMBNAIL / width)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(image.dtype)
        return _encoded(image)


def _tag(place: Path) -> str:
    known = os.stat(place)
    return f"{known.st_mtime_ns:x}-{known.st_size:x}"


def _encoded(image: Image) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
