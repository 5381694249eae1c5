"""A tracker behind the TraX protocol, on the standard streams, for the VOT toolkit (and any TraX client).

    sys.exit(serve(TrackerSpec(tracker="rpn2t"), seed=0, name="RPN2T"))

The standard output belongs to the protocol: :func:`serve` keeps it for itself. Whatever else prints there
(Caffe, OpenCV, a user's tracker) goes to the standard error. An error is one line there, and the client hears
it as the reason why the session ends.

A tracker starts from the smallest upright rectangle around the region that the client sends, and answers with
rectangles of four decimals. If a box is not finite, the answer is an empty rectangle, which overlaps nothing.
The score travels along as the property ``confidence``.
"""

import importlib
import io
import os
import secrets
import signal
import sys
from contextlib import suppress
from ctypes import byref
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.vot_supervised import as_written
from rpn2t.boxes import Box
from rpn2t.errors import InputError, one_line
from rpn2t.images import Image
from rpn2t.run.session import FrameTracker
from rpn2t.sequences.vot_regions import Region, is_state, upright_box
from rpn2t.video.depth import To8Bits
from rpn2t.video.stills import decode_image

_EMPTY: Box = (0.0, 0.0, 0.0, 0.0)


def serve(spec: TrackerSpec, seed: int | None, name: str) -> int:
    """Track for the client at the standard streams until it says quit.

    Call it once, in the main thread of a process of its own. The streams stay as they are made here, and
    Ctrl-C ends the process at once.

    Args:
        spec: the tracker.
        seed: it starts with this seed every time. None draws a new one for every start, and says which.
        name: how it introduces itself.

    Returns:
        The exit status: 0 if the client said quit, 2 if the tracker cannot be made or is given what it cannot
        use, 1 if it failed or the client went away. The client and the standard error are told why.

    Raises:
        InputError: the protocol's package is not installed.
    """
    load_trax()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a wait inside of libtrax sees no KeyboardInterrupt
    errors = _Lines()
    client_in, client_out = _take_streams(errors)
    target = _Target(spec, seed)
    server = None
    to_8_bits = To8Bits()
    try:
        problem = target.prepare()  # for the client's first request: before that it would not read why
        server = _open_server(spec, name, client_in, client_out)
        while (request := _wait(server)).type != "quit":
            if problem is not None:
                raise problem
            if request.type == "initialize":
                to_8_bits = To8Bits()
            image = as_image(request.image, to_8_bits)
            if request.type == "initialize":
                answer: tuple[Box, dict[str, str]] = target.init(image, box_around(request.objects)), {}
            else:
                box, score = target.update(image)
                answer = box, {"confidence": f"{score:.6g}"}
            errors.end_line()
            _reply(server, *answer)
    except (InputError, _SessionFailed) as error:
        errors.say(f"rpn2t: {error}")
        if server is not None and not isinstance(error, _ClientGone):
            server.quit(reason=_ascii(str(error)))
        return 2 if isinstance(error, InputError) else 1
    return 0


def load_trax() -> ModuleType:
    """The package ``trax``.

    Raises:
        InputError: it is not installed, or does not load.
    """
    try:
        return importlib.import_module("trax")
    except (ImportError, OSError) as error:
        raise InputError(
            f"the TraX protocol needs the package vot-trax ({error}); pip install vot-trax"
        ) from error


def as_image(images: dict[str, Any], to_8_bits: To8Bits) -> Image:
    """The client's image as uint8 BGR, from a file, from memory (RGB, or grey of 8 or 16 bits), or encoded.

    Args:
        images: the client's images by channel.
        to_8_bits: what makes all images of one target 8 bits deep.

    Raises:
        InputError: it cannot be read.
    """
    sent = images.get("color")
    if sent is None:
        raise InputError("the TraX client sent no image in the channel 'color'")
    if sent.type() == "memory":
        pixels = sent.array()
        grey = pixels.shape[2] == 1
        return to_8_bits(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels[:, :, ::-1]))
    if sent.type() == "buffer":
        name, data = "the encoded image", sent.buffer()
    else:
        name = sent.path().removeprefix("file://")
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}; the tracker needs the client's files") from error
    decoded = decode_image(data)
    if decoded is None:
        raise InputError(f"{name}: cannot be read as an image; get the sequence again")
    return to_8_bits(decoded)


def box_around(objects: list[Any] | None) -> Box:
    """The upright rectangle around the client's one region.

    Regions come as 32-bit floats. Rounded to four decimals they are the numbers of the file again.

    Raises:
        InputError: there is none or more than one, or it is neither a rectangle nor a polygon.
    """
    if not objects or len(objects) != 1:
        raise InputError(f"the TraX client sent {len(objects or ())} targets; this tracker follows one")
    region = objects[0][0]
    if region.type == "rectangle":
        numbers: Region = region.bounds()
    elif region.type == "polygon":
        numbers = tuple(number for corner in list(region) for number in corner)
    else:
        raise InputError(
            f"the TraX client sent a {region.type}; this tracker starts from rectangles and polygons"
        )
    return upright_box(tuple(round(number, 4) for number in numbers))


class _SessionFailed(Exception):
    """The session ended otherwise than by the client's quit: one line that says why."""


class _ClientGone(_SessionFailed):
    """Nobody is there to be told."""


class _Target:
    """The tracker. Each of its failures becomes one line."""

    def __init__(self, spec: TrackerSpec, seed: int | None) -> None:
        self._spec, self._seed = spec, seed
        self._tracker: FrameTracker | None = None
        self._frames = 0
        self._started = False

    def prepare(self) -> InputError | _SessionFailed | None:
        """Make the tracker, which is slow and needs no image; returns what went wrong."""
        seed = secrets.randbelow(2**32) if self._seed is None else self._seed
        if self._seed is None:
            print(f"rpn2t: seed {seed}", file=sys.stderr)
        try:
            self._tracker = self._spec.make(seed)
        except Exception as error:  # any tracker may be run here
            return self._failure(error, "could not be made")
        return None

    def init(self, image: Image, box: Box) -> Box:
        """Start it; returns the same box."""
        if self._started and self._seed is None and (problem := self.prepare()) is not None:
            raise problem
        assert self._tracker is not None
        self._started = True
        self._frames = 1
        try:
            self._tracker.init(image, box)
        except Exception as error:
            raise self._failure(error, "failed in its first frame") from error
        return box

    def update(self, image: Image) -> tuple[Box, float]:
        """The box in the next frame as it is sent, and the score."""
        if self._tracker is None or not self._started:
            raise InputError("the TraX client sent a frame before it sent a target")
        self._frames += 1
        try:
            box, score = self._tracker.update(image)
            written, confidence = as_written(box), float(score)
        except Exception as error:
            raise self._failure(error, f"failed in frame {self._frames} from its start") from error
        return _EMPTY if is_state(written) else upright_box(written), confidence

    def _failure(self, error: Exception, when: str) -> InputError | _SessionFailed:
        if isinstance(error, InputError):
            return error
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" ({Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno})" if place else ""
        return _SessionFailed(f"{self._spec.tracker} {when}: {one_line(error)}{where}")


class _Lines(io.TextIOWrapper):
    """The standard error, line by line.

    The toolkit reads a tracker's errors and answers from one pipe, and takes an answer that follows half a
    line for a part of that line. (Half a line that C code prints is not seen here.)
    """

    def __init__(self) -> None:
        super().__init__(
            io.FileIO(2, "w", closefd=False),
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        self._open = False

    def write(self, text: str) -> int:
        """Write, and remember whether the line is complete."""
        if text:
            self._open = not text.endswith("\n")
        return super().write(text)

    def end_line(self) -> None:
        """Complete the line, if it is not."""
        if self._open:
            self.write("\n")

    def say(self, text: str) -> None:
        """Write a line of its own. If nobody reads it any more, that is no error."""
        with suppress(OSError):
            self.end_line()
            self.write(f"{text}\n")


def _take_streams(errors: _Lines) -> tuple[int, int]:
    """The client's ends of the standard input and output. From here on nobody else can use them."""
    sys.stdout.flush()
    client_in, client_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr = errors
    return client_in, client_out


def _open_server(spec: TrackerSpec, name: str, client_in: int, client_out: int) -> Any:
    """Say hello, as trax.server.Server() does. That one knows only the standard streams."""
    from trax import HandleWrapper, TraxException, _ctypes
    from trax.image import Image as TraxImage
    from trax.image import ImageChannel
    from trax.region import Region as TraxRegion
    from trax.server import Server

    metadata = _ctypes.trax_metadata_create(
        TraxRegion.encode_list([TraxRegion.RECTANGLE, TraxRegion.POLYGON]),
        TraxImage.encode_list([TraxImage.PATH, TraxImage.MEMORY, TraxImage.BUFFER]),
        ImageChannel.encode_list([ImageChannel.COLOR]),
        _ascii(name).encode("ascii"),
        _ascii(f"{spec.tracker}, by rpn2t trax").encode("ascii"),
        b"",
        0,
    )
    server = Server.__new__(Server)
    server._logger = _ctypes.trax_logger()
    logging = _ctypes.trax_logger_setup(server._logger, None, 0)
    if os.environ.get("TRAX_SOCKET"):
        handle = _ctypes.trax_server_setup_v(metadata, logging, 0)
    else:
        handle = _ctypes.trax_server_setup_file_v(metadata, client_in, client_out, logging, 0)
    _ctypes.trax_metadata_release(byref(metadata))
    if not handle or not _ctypes.trax_is_alive(handle):
        raise _ClientGone("the TraX client cannot be reached; it must start this command itself")
    server._handle = HandleWrapper(handle)
    server.errors = TraxException
    return server


def _wait(server: Any) -> Any:
    try:
        return server.wait()
    except server.errors as error:
        reason = str(error).rpartition(": ")[2]
        raise _ClientGone(
            "the TraX client went away without a quit"
            if reason == "Unknown"
            else f"the TraX client sent what cannot be read ({reason}); paths of images must be ASCII"
        ) from error


def _reply(server: Any, box: Box, properties: dict[str, str]) -> None:
    from trax.region import Rectangle

    try:
        server.status([(Rectangle.create(*box), properties)])
    except server.errors as error:
        raise _ClientGone(f"the TraX client went away without a quit ({error})") from error


def _ascii(text: str) -> str:
    """The text in ASCII: libtrax reads nothing else."""
    return text.encode("ascii", "backslashreplace").decode("ascii")
