"""Where frames come from: videos, folders, globs, benchmark sequences, streams and cameras.

:func:`open_source` turns what a person typed into a :class:`Source`, which yields uint8 BGR frames one
by one. An input that cannot be read raises :class:`~rpn2t.errors.InputError` with one line that names
it as it was typed and the frame; the frames before it have been yielded by then.
"""

import glob
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES, Image
from rpn2t.sequences.layouts import natural, places_under
from rpn2t.sequences.on_disk import read_sequence
from rpn2t.system.closing import Closing
from rpn2t.system.container import denied_hint, missing_hint

DEFAULT_FPS = Fraction(30)
STREAM_TIMEOUT = 20.0
"""Seconds without an answer after which a stream is given up."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of a source.

    ``index`` is its 0-based position in the source, ``image`` uint8 of shape (h, w, 3) in BGR, ``name``
    the file's name or "frame 12".
    """

    index: int
    image: Image
    name: str


class Source(Closing):
    """Frames in order, and what is known of them before they are read.

    Attributes:
        spec: the source as it was typed.
        name: short, fit for a folder's name.
        length: how many frames there are by what the source says; None if it does not say.
        fps: frames a second (30 for folders of images).
        live: whether frames come at their own time and cannot be read again.
        ground_truth: (n, 4) boxes, 0-based; row i belongs to frame i. None if the source has none.
        ground_truth_file: the file they were read from.
        ground_truth_fault: why that file cannot be read, or nothing.
        notes: what a user should know about how the source was understood, a sentence each.
    """

    def __init__(self, spec: str, name: str) -> None:
        self.spec = spec
        self.name = re.sub(r"[^\w.-]+", "_", name).strip("._") or "source"
        self.length: int | None = None
        self.fps = DEFAULT_FPS
        self.live = False
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
        if start < 0 or (stop is not None and stop <= start):
            raise InputError(f"{self.spec}: no frames from {start} to {stop}; give A:B with 0 <= A < B")
        size: tuple[int, ...] | None = None
        for frame in self._read(start, stop):
            size = size or frame.image.shape
            if frame.image.shape != size:
                raise InputError(
                    f"{self.spec}: {frame.name} is {_size(frame.image.shape)}, the frames before it are "
                    f"{_size(size)}; a track needs one size"
                )
            yield frame
        if size is None:
            raise InputError(f"{self.spec}: there is no frame {start}; {self._extent()}")

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        raise NotImplementedError

    def _extent(self) -> str:
        return (
            f"it has {self.length} frames, 0 to {self.length - 1}" if self.length else "the first frame is 0"
        )

    def close(self) -> None:
        """Let go of the file, connection or camera. Closing twice is fine."""


def open_source(spec: str, truth: str | None = None) -> Source:
    """Open what a person typed.

    Args:
        spec: a camera's index ("0"; "./0" is a folder of that name), a stream's URL, a video file, an
            image file, a folder of images, a sequence folder in one of the layouts of
            :mod:`rpn2t.sequences.layouts`, or a glob of images.
        truth: a ground-truth file; if it is one of the sequence's, its target is meant and not the first.

    Raises:
        InputError: there is no such thing, it holds no frames, or it cannot be read.
    """
    try:
        return _open(spec, truth)
    except OSError as error:
        raise InputError(f"{spec}: {error.strerror}{denied_hint(error)}") from error


def _open(spec: str, truth: str | None) -> Source:
    if not spec:
        raise InputError("the source is empty: name a video, a folder of images, a stream or a camera")
    if camera := re.fullmatch(r"(?:/dev/video)?(\d+)", spec):
        return CameraSource(spec, int(camera[1]))
    if "://" in spec:
        parts = urlsplit(spec)
        return VideoSource(spec, spec, Path(parts.path).stem or parts.hostname or "stream")
    path = Path(spec).expanduser()
    if path.is_dir():
        return _open_folder(spec, path, Path(truth) if truth else None)
    if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        return ImageSource(spec, path.stem, [path])
    if path.exists():
        return VideoSource(spec, str(path.absolute()), path.stem)
    if glob.has_magic(spec):
        matches = map(Path, glob.glob(str(path), recursive=True))
        files = natural(file for file in matches if file.is_file())
        if not files:
            raise InputError(f"{spec}: no file matches{missing_hint()}")
        return ImageSource(spec, _sequence_name(files[0].parent), files)
    raise InputError(f"{spec}: no such file or folder{missing_hint()}")


class ImageSource(Source):
    """Images, one file a frame, in the order given.

    Whatever a file holds becomes 8-bit BGR: grey is repeated, 16 bits are scaled down from their full
    range, alpha is dropped, and EXIF's orientation is applied.
    """

    def __init__(self, spec: str, name: str, files: list[Path]) -> None:
        super().__init__(spec, name)
        self.files = files
        self.length = len(files)

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        for index, file in enumerate(self.files[start:stop], start):
            try:
                image = decode_image(file.read_bytes())
            except OSError as error:
                raise InputError(f"{self.spec}: frame {index}, {file.name}: {error.strerror}") from error
            if image is None:
                raise InputError(f"{self.spec}: frame {index}, {file.name}, cannot be read as an image")
            yield Frame(index, image, file.name)


class VideoSource(Source):
    """A video file or stream, decoded by PyAV and turned the way a player shows it.

    Args:
        spec: as typed.
        address: what FFmpeg opens: an absolute path or a URL.
        name: see :class:`Source`.
    """

    def __init__(self, spec: str, address: str, name: str) -> None:
        super().__init__(spec, name)
        self.address = address
        self._container: InputContainer | None = self._open()
        stream = self._stream(self._container)
        self.length = stream.frames or None
        self.fps = stream.average_rate or stream.guessed_rate or DEFAULT_FPS
        self.live = "://" in address and stream.duration is None and self._container.duration is None

    def _open(self) -> InputContainer:
        options = {"rtsp_transport": "tcp"} if self.address.startswith("rtsp") else {}
        timeout = STREAM_TIMEOUT if "://" in self.address else None
        try:
            return av.open(self.address, options=options, timeout=timeout)
        except av.FFmpegError as error:
            reason = f"({error.strerror}){denied_hint(error)}"
            raise InputError(f"{self.spec}: cannot be opened as a video {reason}") from error

    def _stream(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            container.close()
            raise InputError(f"{self.spec}: there is no video in it")
        return container.streams.video[0]

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        # The first reading goes on with the container that told the size and rate: a stream often
        # cannot be opened twice.
        container, self._container = self._container or self._open(), None
        with container:
            for index, picture in enumerate(self._pictures(container)):
                if index >= start:
                    yield Frame(index, _upright(picture), f"frame {index}")
                if stop is not None and index + 1 >= stop:
                    return

    def _pictures(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        """Every picture that can be decoded, then InputError if that was not the whole video."""
        stream = self._stream(container)
        decoded = packets = 0
        end, fault = 0.0, ""
        try:
            # An empty packet follows the last one. Only there does a corrupt packet mean a file that was
            # cut off: joined recordings have corrupt packets as well, and the decoder copes with them.
            for packet, following in pairwise(container.demux(stream)):
                if packet.is_corrupt and not following.size:
                    fault = "it breaks off there"
                    break
                packets += 1
                end = max(end, float((packet.pts or 0) * packet.time_base))
                for picture in self._decode(packet):
                    decoded += 1
                    yield picture
        except av.FFmpegError as error:
            fault = error.strerror or str(error)
        for picture in _still_inside(stream):
            decoded += 1
            yield picture
        if not fault and _breaks_off(container, stream, packets, end):
            fault = "it breaks off there"
        if fault:
            raise InputError(f"{self.spec}: frame {decoded} cannot be read: {fault}")

    def _decode(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except av.InvalidDataError:
            if self.live:  # part of it was lost on the way; a later key frame mends the picture
                return []
            raise

    def close(self) -> None:
        """Close the container if its frames were never read. Whoever reads them closes it."""
        if self._container is not None:
            self._container.close()
            self._container = None


class CameraSource(Source):
    """A camera of this machine."""

    def __init__(self, spec: str, number: int) -> None:
        super().__init__(spec, f"camera{number}")
        self.live = True
        with _quiet_opencv():
            self._camera = cv2.VideoCapture(number)
        if not self._camera.isOpened():
            raise InputError(f"{spec}: no camera {number} on this machine, or another program holds it")
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        if 1 <= rate <= 1000:
            self.fps = Fraction(rate).limit_denominator(1001)

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        index = 0
        while stop is None or index < stop:
            read, image = self._camera.read()
            if not read:
                raise InputError(f"{self.spec}: the camera stopped at frame {index}")
            if index >= start:
                yield Frame(index, np.asarray(image, dtype=np.uint8), f"frame {index}")
            index += 1

    def close(self) -> None:
        """Give the camera back."""
        self._camera.release()


def _open_folder(spec: str, folder: Path, truth: Path | None) -> Source:
    """A folder of images, or a sequence folder with its ground truth."""
    sequence = read_sequence(folder, truth)
    if not sequence.images:
        inside = [place.folder for place in places_under(folder)]
        if len(inside) == 1 and inside[0] != folder:
            return _open_folder(spec, inside[0], truth)
        hint = f"; name one of the sequences in it, such as {inside[0]}" if len(inside) > 1 else ""
        raise InputError(f"{spec}: no images in this folder{hint}")
    source = ImageSource(spec, _sequence_name(folder), sequence.images)
    source.ground_truth, source.ground_truth_file = sequence.truth, sequence.truth_file
    source.ground_truth_fault = sequence.fault
    source.notes += sequence.notes
    return source


def _sequence_name(folder: Path) -> str:
    """The folder's name, or that of the sequence whose img/ it is."""
    folder = folder.resolve()
    return folder.parent.name if folder.name in ("img", "color") else folder.name


def decode_image(data: bytes) -> Image | None:
    """An image file's bytes as uint8 BGR; None if it is no image, or not a whole one."""
    # libpng complains on stderr by itself; the usual damage, a file that was cut off, lacks the end.
    if not data or (data.startswith(b"\x89PNG") and b"IEND" not in data[-64:]):
        return None
    with _quiet_opencv():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:  # more pixels than OpenCV takes
            return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from logging what it cannot read: InputError's one line says it."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _upright(picture: av.VideoFrame) -> Image:
    """The picture as BGR, turned and mirrored as its display matrix says."""
    image: Image = np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    # (x, y) goes to (a x + c y, b x + d y), in 16.16 fixed point; only quarter turns are used.
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(a) < abs(b):
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _still_inside(stream: VideoStream) -> list[av.VideoFrame]:
    """The pictures a decoder holds back to put them in order."""
    try:
        return stream.codec_context.decode(None)
    except av.FFmpegError:
        return []


def _breaks_off(container: InputContainer, stream: VideoStream, packets: int, end: float) -> bool:
    """Whether a file that ended without an error declares more video than it gave."""
    if packets < len(stream.index_entries):
        return True
    # Matroska lists no packets, it only says how long it lasts (its longest stream).
    if container.format.name.startswith("matroska") and len(container.streams) == 1:
        return container.duration is not None and end < container.duration / av.time_base - 0.5
    return False


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
