"""Annotated videos that browsers and phones play: H.264, yuv420p, mp4.

OpenCV's wheels cannot encode H.264, but PyAV's can. So only PyAV writes video here.
"""

import os
from fractions import Fraction
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.stream import VideoStream

from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.system.closing import Closing

# libswscale turns RGB into BT.601 in the narrow range. Players guess BT.709 for large frames that do
# not say, and shift the colours: so say it.
_SMPTE170M = 6
_NARROW_RANGE = 1

_FINE = 90_000
"""At least so many ticks a second tell when a frame is shown."""


class VideoWriter(Closing):
    """Writes BGR images to an mp4 file.

    The file appears under its name when the writer is closed. It is complete and playable, even if the
    run ended early. If no frame was written, nothing is left.

    Args:
        path: the file to make; one that is there is replaced on close.
        fps: frames a second, exactly (30000/1001 stays 30000/1001). Frames that come with times of their own
            need not keep to it.
        pixel_aspect: width of a pixel by its height, where the video is shown.
    """

    def __init__(
        self, path: str | os.PathLike[str], fps: Fraction, pixel_aspect: Fraction = Fraction(1)
    ) -> None:
        if fps <= 0:
            raise ValueError(f"fps is {fps}, not above 0")
        self.path = Path(path)
        self.fps = Fraction(fps).limit_denominator(1_000_000)
        self.pixel_aspect = pixel_aspect
        # A whole part of a frame's period, in which times are told.
        self._tick = 1 / (self.fps.numerator * Fraction(ceil(_FINE / self.fps.numerator)))
        self._began: float | None = None
        self._next = 0
        self._partial = partial_path(self.path)
        self._output: tuple[OutputContainer, VideoStream] | None = None
        self._size = (0, 0)
        self._count = 0

    def write(self, image: Image, time: float | None = None) -> None:
        """Append one image, uint8 (height, width, 3) BGR. All have one size.

        The first is shown at 0 s. The others are shown as long after it as their times are after its time.
        Without a time an image is shown one period after the last.

        An odd width or height is padded by one pixel, the edge repeated: yuv420p has one colour
        sample for 2 x 2 pixels.

        Raises:
            ValueError: the image has another size than the first.
            InputError: the file cannot be written.
        """
        height, width = image.shape[:2]
        try:
            if self._output is None:
                self._output = self._open(height, width)
                self._size = (height, width)
            if (height, width) != self._size:
                raise ValueError(f"image of shape {height, width} in a video of {self._size}")
            even = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgr24")
            frame.pts = self._stamp(time)
            frame.time_base = self._tick
            _encode(*self._output, frame)
        except OSError as error:
            raise InputError(f"{self.path}: cannot write the video: {error.strerror or error}") from error
        self._count += 1

    def _stamp(self, time: float | None) -> int:
        """When the image is shown, in ticks."""
        if time is not None:
            self._began = time if self._began is None else self._began
            self._next = max(self._next, round((time - self._began) / self._tick))
        stamp = self._next
        self._next = stamp + 1 if time is not None else stamp + round(1 / (self.fps * self._tick))
        return stamp

    def close(self) -> None:
        """Complete the file and give it its name. A second call does nothing."""
        if self._output is None:
            return
        (container, stream), self._output = self._output, None
        try:
            if self._count:
                _encode(container, stream, None)
            container.close()
            if self._count:
                self._partial.replace(self.path)
            else:
                self._partial.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{self.path}: cannot write the video: {error.strerror or error}") from error

    def _open(self, height: int, width: int) -> tuple[OutputContainer, VideoStream]:
        # The suffix of the partial file is not mp4, so the format is named.
        container = av.open(str(self._partial), "w", format="mp4", options={"movflags": "+faststart"})
        # Without B-frames the file lasts as long as its frames do, whatever their times.
        stream = container.add_stream("libx264", rate=self.fps, options={"crf": "20", "bf": "0"})
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._tick
        stream.codec_context.sample_aspect_ratio = self.pixel_aspect
        stream.codec_context.colorspace = _SMPTE170M
        stream.codec_context.color_range = _NARROW_RANGE
        container.start_encoding()  # opens the file: what is wrong with the place shows now
        return container, stream


def _encode(container: OutputContainer, stream: VideoStream, frame: av.VideoFrame | None) -> None:
    """Encode a frame. None completes the stream."""
    for packet in stream.encode(frame):
        container.mux(packet)


def partial_path(path: Path) -> Path:
    """The hidden file beside a video in which it is written until it is complete."""
    return path.with_name(f".{path.name}.part")
