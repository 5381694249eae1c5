"""What a frame is, and what every source of frames has. :mod:`rpn2t.video.sources` opens sources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.system.closing import Closing

DEFAULT_FPS = Fraction(30)

HELD = 64 * 1920 * 1080 * 3
"""Bytes of frames that are held to hand them out backwards: 64 frames of 1920 x 1080. One is always held."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a source.

    ``index`` is its 0-based position in the source, ``image`` uint8 of shape (h, w, 3) in BGR, ``name``
    the file's name or "frame 12", ``time`` when it is shown, in seconds after the source's first frame,
    or None if nobody knows. Times increase from frame to frame.
    """

    index: int
    image: Image
    name: str
    time: float | None = None


class Source(Closing):
    """Frames in order, and what is known of them before they are read.

    Attributes:
        spec: the source as it was typed.
        name: short, fit for a folder's name.
        length: how many frames there are by what the source says; None if it does not say.
        size: width and height of the frames in pixels; None before a frame was read.
        files: the image file of each frame, relative to the folder that holds them all; none if frames are
            not files of their own.
        fps: frames a second (30 for folders of images); of a video whose rate varies, about the mean.
        folders: of the image files that are its frames; none if its frames are in one file, or in no file.
        live: whether frames come at their own time and cannot be read again.
        pixel_aspect: width of a pixel by its height, where it is shown.
        scaled_from: the lowest and the highest value of pixels that became 0 and 255; None as long as
            nothing was scaled. See :mod:`rpn2t.video.depth`.
        ground_truth: (n, 4) boxes, 0-based; row i belongs to frame i. None if the source has none.
        ground_truth_file: the file they were read from.
        ground_truth_fault: why that file cannot be read, or nothing.
        notes: what a user should know about how the source was understood, a sentence each. Reading frames
            may add some.
    """

    def __init__(self, spec: str, name: str) -> None:
        self.spec = spec
        self.name = re.sub(r"[^\w.-]+", "_", name).strip("._") or "source"
        self.length: int | None = None
        self.size: tuple[int, int] | None = None
        self.files: tuple[str, ...] = ()
        self.fps = DEFAULT_FPS
        self.folders: frozenset[Path] = frozenset()
        self.live = False
        self.pixel_aspect = Fraction(1)
        self.scaled_from: tuple[float, float] | None = None
        self.ground_truth: Floats | None = None
        self.ground_truth_file: Path | None = None
        self.ground_truth_fault = ""
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield the frames ``start`` to ``stop`` (half-open, as slices are; None: to the end).

        Raises:
            InputError: the range is empty or holds no frame of the source, a frame cannot be read, or
                its size is not that of the frames before it.
        """
        self._require_range(start, stop)
        yield from self._of_one_size(self._read(start, stop), start, "before")

    def frames_backward(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield what ``frames(start, stop)`` yields, the last frame first.

        Images are read one by one. A video is decoded once up to ``stop``, then again in parts, the last
        part first. So the first frame comes late, and a fault is told before it. About :data:`HELD` bytes
        of frames are in memory.

        Raises:
            InputError: as for `frames`, or the source is live or can be read only once.
        """
        self._require_range(start, stop)
        if self.live:
            raise InputError(
                f"{self.spec}: a live source cannot be read backwards; record it, and name the file"
            )
        yield from self._of_one_size(self._read_backward(start, stop), start, "after")

    def jump(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """Yield what ``frames(start, stop)`` yields, if possible without decoding all that lies before.

        There are none if the source ends before `start`. Images become 8 bits deep by the source's first
        frame, wherever the reading begins.

        Raises:
            InputError: the range is empty, or a frame cannot be read.
        """
        self._require_range(start, stop)
        if self.size is None and not self.live:  # what is settled by the first frame
            list(self.frames(0, 1))
        yield from self._jump(start, stop)

    def jump_backward(self, start: int, stop: int) -> Iterator[Frame]:
        """Yield what ``jump(start, stop)`` yields, the last frame first. It is read in parts, the last first.

        Raises:
            InputError: as for `jump`.
        """
        self._require_range(start, stop)
        if self.size is None:
            list(self.frames(0, 1))
        width, height = self.size or (1, 1)
        for block in blocks_backward(start, stop, max(1, HELD // (3 * width * height))):
            yield from reversed(list(self.jump(block.start, block.stop)))

    def count(self) -> int | None:
        """How many frames there are: by what the source says, or else by counting; None if it is live."""
        return self.length

    def _jump(self, start: int, stop: int | None) -> Iterator[Frame]:
        yield from self._read(start, stop)

    def _require_range(self, start: int, stop: int | None) -> None:
        if start < 0 or (stop is not None and stop <= start):
            raise InputError(f"{self.spec}: no frames from {start} to {stop}; give A:B with 0 <= A < B")

    def _of_one_size(self, frames: Iterator[Frame], start: int, others: str) -> Iterator[Frame]:
        """The frames; those that came already lie before or after the next, as `others` says."""
        size: tuple[int, ...] | None = None
        for frame in frames:
            size = size or frame.image.shape
            self.size = size[1], size[0]
            if frame.image.shape != size:
                raise InputError(
                    f"{self.spec}: {frame.name} is {_size(frame.image.shape)}, the frames {others} it are "
                    f"{_size(size)}; a track needs one size"
                )
            yield frame
        if size is None:
            raise InputError(f"{self.spec}: there is no frame {start}; {self._extent()}")

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        raise NotImplementedError

    def _read_backward(self, start: int, stop: int | None) -> Iterator[Frame]:
        raise NotImplementedError

    def _extent(self) -> str:
        return (
            f"it has {self.length} frames, 0 to {self.length - 1}" if self.length else "the first frame is 0"
        )

    def close(self) -> None:
        """Let go of the file, connection or camera. Closing twice is fine."""


def blocks_backward(begin: int, end: int, size: int) -> Iterator[range]:
    """The numbers from `begin` to `end` (half-open) in blocks of at most `size`, the last block first."""
    while end > begin:
        first = max(begin, end - size)
        yield range(first, end)
        end = first


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
