"""Frames of a video file or stream, decoded by PyAV."""

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.system.container import denied_hint
from rpn2t.video.depth import To8Bits
from rpn2t.video.entrances import Entrances
from rpn2t.video.frames import DEFAULT_FPS, HELD, Frame, Source
from rpn2t.video.marks import Mark, Marks
from rpn2t.video.matroska import Damage, find_damage
from rpn2t.video.timeline import Timeline

STREAM_TIMEOUT = 20.0
"""Seconds without an answer after which a stream is given up."""

_USUAL_RATE = 121
"""Frames a second. More is believed only if the frames' times say the same: browsers declare 1000."""
_SLOWEST_RATE = Fraction(1, 10_000)
_MEASURED = 500
"""Frames whose times say what the rate is."""
_NEARLY_SQUARE = Fraction(1, 50)
_BREAKS_OFF = "it breaks off there"
_NEAR = 100
"""So many frames are decoded sooner than all packets of a file are read."""
_SLOW_NOTE = "It cannot be entered in its middle: going backwards reads it from its beginning several times."


class _UnreadableError(Exception):
    """Why the next frame cannot be read."""


class VideoSource(Source):
    """A video file or stream, turned the way a player shows it.

    A frame's index counts the frames of the file, and its time is that of its time stamp. If a part of a
    Matroska file is destroyed, and the frames had one rate up to there, the frames after it keep the indices
    that they had: their time stamps tell how many are missing. A note names them. A hole in the times of a
    whole file is no damage: its rate varies.

    Args:
        spec: as typed.
        address: what FFmpeg opens: an absolute path or a URL.
        name: see :class:`Source`.
    """

    def __init__(self, spec: str, address: str, name: str) -> None:
        super().__init__(spec, name)
        self.address = address
        self._is_file = "://" not in address and Path(address).is_file()
        self._container: InputContainer | None = self._open()
        stream = self._stream(self._container)
        self.length = stream.frames if stream.frames > 0 else None
        self.live = "://" in address and stream.duration is None and self._container.duration is None
        self.fps = self._rate(stream)
        self._stored_aspect = stream.sample_aspect_ratio or Fraction(1)
        self._to_8_bits = To8Bits()
        self._damage: Damage | None = None
        self._known_entrances: Entrances | None = None
        self._entrances_known = False

    def _open(self) -> InputContainer:
        options = {"rtsp_transport": "tcp"} if self.address.startswith("rtsp") else {}
        timeout = STREAM_TIMEOUT if "://" in self.address else None
        try:
            # Titles and the like need not be text in UTF-8.
            return av.open(self.address, options=options, timeout=timeout, metadata_errors="replace")
        except av.FFmpegError as error:
            hint = denied_hint(error)
            if isinstance(error, av.InvalidDataError):
                hint = "; name a video, or a folder of images"
            raise InputError(f"{self.spec}: cannot be opened as a video ({error.strerror}){hint}") from error
        except ValueError as error:
            raise InputError(f"{self.spec}: cannot be opened as a video ({error})") from error

    def _stream(self, container: InputContainer) -> VideoStream:
        """The first video stream that is no cover of a recording."""
        cover = Disposition.attached_pic
        streams = [each for each in container.streams.video if not each.disposition & cover]
        if not streams:
            container.close()
            raise InputError(f"{self.spec}: there is no video in it")
        if getattr(streams[0], "codec_context", None) is None:  # PyAV's types say that there always is one
            container.close()
            raise InputError(
                f"{self.spec}: this FFmpeg has no decoder for its video; convert it to H.264 elsewhere"
            )
        return streams[0]

    def _rate(self, stream: VideoStream) -> Fraction:
        """Frames a second: what the file declares, if the frames' times do not speak against it."""
        declared = stream.average_rate or stream.guessed_rate or Fraction(0)
        if _SLOWEST_RATE <= declared <= _USUAL_RATE:
            return declared
        measured = self._measured_rate() if self._is_file else None
        if measured is not None and abs(measured - declared) <= measured / 20:
            return declared
        rate = measured or DEFAULT_FPS
        if declared:
            source = "its frames' times say" if measured else "taken as"
            self.notes.append(f"It declares {float(declared):g} frames a second; {source} {float(rate):.3g}.")
        return rate

    def _measured_rate(self) -> Fraction | None:
        with self._open() as container:
            stream = self._stream(container)
            try:
                packets = islice(container.demux(stream), _MEASURED)
                stamps = sorted(packet.pts for packet in packets if packet.pts is not None)
            except av.FFmpegError:
                return None
        if not stamps or stamps[0] == stamps[-1]:
            return None
        rate = (len(stamps) - 1) / (Fraction(stamps[-1] - stamps[0]) * (stream.time_base or 1))
        return rate.limit_denominator(100_000) if _SLOWEST_RATE <= rate <= 100_000 else None

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        # The first reading goes on with the container that told the size and rate: a stream often
        # cannot be opened twice.
        container, self._container = self._container or self._open(), None
        with container:
            for index, time, picture in self._numbered(container, start):
                if stop is not None and index >= stop:
                    return
                if index >= start:
                    yield Frame(index, self._image(picture, index), f"frame {index}", time)
                if index + 1 == stop:
                    return

    def _jump(self, start: int, stop: int | None) -> Iterator[Frame]:
        entrances = self._entrances() if start >= _NEAR else None
        if entrances is None:
            yield from self._read(start, stop)
            return
        if start >= len(entrances.stamps):
            return
        container = self._open()
        with container:
            stream = self._stream(container)
            container.seek(entrances.before(start), stream=stream)
            tick = stream.time_base or Fraction(0)
            index = start - 1
            try:
                for picture, _ in self._pictures(container):
                    if picture.pts is None or picture.pts < entrances.stamps[start]:
                        continue
                    if picture.pts != entrances.stamps[index + 1]:
                        break
                    index += 1
                    time = float((picture.pts - entrances.stamps[0]) * tick)
                    yield Frame(index, self._image(picture, index), f"frame {index}", time)
                    if index + 1 in (stop, len(entrances.stamps)):
                        return
            except _UnreadableError as fault:
                raise InputError(f"{self.spec}: frame {index + 1} cannot be read: {fault}") from fault
        # the decoder gives other pictures than the packets promise
        self._known_entrances = None
        yield from self._read(index + 1, stop)

    def count(self) -> int | None:
        """As for every source. Packets are counted if each is a picture, or else decoded frames."""
        if self.length is not None or not self._is_file:
            return self.length
        entrances = self._entrances()
        if entrances is not None:
            return len(entrances.stamps)
        with self._open() as container:
            return sum(1 for _ in self._numbered(container, 0))

    def _entrances(self) -> Entrances | None:
        """Where a file can be entered; None if it cannot, or if it is not known for certain."""
        if not self._entrances_known:
            self._entrances_known = True
            if self._is_file and not self._damages().places:
                with suppress(av.FFmpegError), self._open() as container:
                    found = Entrances.find(container, self._stream(container))
                    if found is not None and self.length in (None, len(found.stamps)):
                        self._known_entrances = found
        return self._known_entrances

    def _read_backward(self, start: int, stop: int | None) -> Iterator[Frame]:
        if "://" not in self.address and not self._is_file:
            raise InputError(
                f"{self.spec}: a pipe cannot be read backwards; save it as a file, and name the file"
            )
        marks = self._marks(start, stop)
        end = again = 0
        for block in marks.blocks(HELD):
            end = end or block[-1].number + 1
            frames = self._entered(marks, block)
            if frames is None:
                frames = list(self._read(block[0].number, block[-1].number + 1))
                again += block[-1].number + 1
            if again > 2 * end:
                self._note_once(_SLOW_NOTE)
            while frames:
                yield frames.pop()  # no reference is kept

    def _marks(self, start: int, stop: int | None) -> Marks:
        """Go through the frames once, forwards, and mark where each of them is."""
        container, self._container = self._container or self._open(), None
        marks = Marks()
        with container:
            for index, time, picture in self._numbered(container, start):
                if stop is not None and index >= stop:
                    break
                if picture.key_frame and picture.pts is not None:
                    marks.keys.append(picture.pts)
                if index >= start:
                    image = self._image(picture, index)
                    marks.add(Mark(index, time, picture.pts, _checksum(image)), image.nbytes)
                if index + 1 == stop:
                    break
        return marks

    def _entered(self, marks: Marks, block: list[Mark]) -> list[Frame] | None:
        """The frames of a block, decoded from a key frame before it on; None if they come out otherwise.

        After a jump to a key frame FFmpeg may show pictures that were made without those they build on, or
        other times. So a picture counts only if its time stamp and its pixels are those of the first pass.
        """
        frames: dict[int, Frame] = {}
        for key in marks.keys_before(block):
            wanted = {mark.stamp: mark for mark in block if mark.number not in frames}
            with suppress(InputError, _UnreadableError, av.FFmpegError), self._open() as container:
                container.seek(key, stream=self._stream(container))
                for picture, _ in self._pictures(container):
                    mark = wanted.pop(picture.pts, None)
                    if mark is not None:
                        image = self._image(picture, mark.number)
                        if _checksum(image) == mark.checksum:
                            frames[mark.number] = Frame(mark.number, image, f"frame {mark.number}", mark.time)
                    if not wanted or _is_after(picture, block[-1]):
                        break
            if len(frames) == len(block):
                return [frames[mark.number] for mark in block]
        return None

    def _numbered(self, container: InputContainer, start: int) -> Iterator[tuple[int, float, av.VideoFrame]]:
        """Every picture with its index and its seconds after the first."""
        tick = self._stream(container).time_base or Fraction(0)
        leaps: Any = Flags.ts_discont.value  # a number, which PyAV's types do not know
        timeline = Timeline(self.fps, tick, leaps=bool(container.format.flags & leaps))
        index, last = -1, 0
        try:
            for picture, position in self._pictures(container):
                stamp = None if picture.pts is None else float(picture.pts * tick)
                missing = self._missing(timeline, stamp, index + 1, last, position)
                if index < start <= index + missing:
                    raise InputError(
                        f"{self.spec}: frame {start} is missing, the file is damaged; begin later"
                    )
                index, last = index + 1 + missing, position
                yield index, timeline.now, picture
        except _UnreadableError as fault:
            raise InputError(f"{self.spec}: frame {index + 1} cannot be read: {fault}") from fault

    def _missing(self, timeline: Timeline, stamp: float | None, index: int, after: int, place: int) -> int:
        """Go on to the next picture, and say how many frames `index` and later are missing before it.

        Args:
            timeline: of the pictures before it.
            stamp: its time stamp, s.
            index: its own index if none is missing.
            after: place of the picture before it in the file, in bytes.
            place: its own.
        """
        before = timeline.now
        missing = timeline.missing(timeline.add(stamp))
        if missing == 0:
            return 0
        lost = self._lost_between(after, place)
        timeline.steady = timeline.steady and lost and missing is not None
        known = missing if timeline.steady and missing else 0
        if lost:
            self._note_once(_lost_note(index, known, before, timeline.now))
        return known

    def _pictures(self, container: InputContainer) -> Iterator[tuple[av.VideoFrame, int]]:
        """Every picture that can be decoded, then _UnreadableError if that was not the whole video.

        With it comes its place in the file, in bytes, as far as that is known.
        """
        stream = self._stream(container)
        packets = last = 0
        fault = ""
        places: dict[int | None, int] = {}
        try:
            # An empty packet follows the last one. Only there does a corrupt packet mean a file that was
            # cut off: joined recordings have corrupt packets as well, and the decoder copes with them.
            for packet, following in pairwise(container.demux(stream)):
                if packet.is_corrupt and not following.size:
                    fault = _BREAKS_OFF
                    break
                packets += 1
                last = places[packet.pts] = packet.pos or last
                for picture in self._decode(packet):
                    yield picture, places.pop(picture.pts, last)
        except av.FFmpegError as error:
            fault = error.strerror or str(error)
        for picture in _still_inside(stream):
            yield picture, places.pop(picture.pts, last)
        if not fault and (packets < len(stream.index_entries) or self._lost_after(last)):
            fault = _BREAKS_OFF
        if fault:
            raise _UnreadableError(fault)

    def _decode(self, packet: "av.Packet[VideoStream]") -> list[av.VideoFrame]:
        try:
            return packet.decode()
        except av.InvalidDataError:
            # Part of it was lost on the way, or with the part of the file before it; a later key frame mends
            # the picture.
            if self.live or self._damages().places:
                return []
            raise

    def _damages(self) -> Damage:
        """What is wrong with the structure of the file; nothing if it is no Matroska file."""
        if self._damage is None:
            self._damage = find_damage(Path(self.address)) if self._is_file else Damage([], False)
        return self._damage

    def _lost_between(self, first: int, last: int) -> bool:
        return any(first < place <= last for place in self._damages().places)

    def _lost_after(self, last: int) -> bool:
        damage = self._damages()
        return damage.cut_off or any(place > last for place in damage.places)

    def _image(self, picture: av.VideoFrame, index: int) -> Image:
        """The picture as 8-bit BGR, as a player turns it. Its pixels stay those that are stored."""
        try:
            stored = self._to_8_bits(_pixels(picture))
            image = _upright(stored, picture)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"{self.spec}: frame {index} cannot be read: {error}") from error
        if self.scaled_from is None and self._to_8_bits.range is not None:
            self.scaled_from = self._to_8_bits.range
            self._note_once(self._to_8_bits.note())
        if self._stored_aspect > 0:
            turned = stored.shape != image.shape
            self.pixel_aspect = 1 / self._stored_aspect if turned else self._stored_aspect
        if abs(self.pixel_aspect - 1) > _NEARLY_SQUARE:
            self._note_once(_aspect_note(image, self.pixel_aspect))
        return image

    def _note_once(self, note: str) -> None:
        if note not in self.notes:  # a second reading says the same
            self.notes.append(note)

    def close(self) -> None:
        """Close the container if its frames were never read. Whoever reads them closes it."""
        if self._container is not None:
            self._container.close()
            self._container = None


def _pixels(picture: av.VideoFrame) -> NDArray[np.generic]:
    """The picture as BGR or grey, of 16 bits if that is what it has.

    FFmpeg knows which formats have 10 or 12 bits. In 16 there may be fewer, which :class:`To8Bits` finds out.
    """
    parts = [part.bits for part in picture.format.components]
    if set(parts) != {16}:
        return picture.to_ndarray(format="bgr24")
    return picture.to_ndarray(format="gray16le" if len(parts) == 1 else "bgr48le")


def _upright(image: Image, picture: av.VideoFrame) -> Image:
    """The image turned and mirrored as the picture's display matrix says."""
    matrix: Any = picture.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return image
    # (x, y) goes to (a x + c y, b x + d y), in 16.16 fixed point; only quarter turns are used.
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    if abs(a) < abs(b):
        image, a, d = image.swapaxes(0, 1), c, b
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _checksum(image: Image) -> int:
    return crc32(np.ascontiguousarray(image).data)


def _is_after(picture: av.VideoFrame, mark: Mark) -> bool:
    return picture.pts is not None and mark.stamp is not None and picture.pts > mark.stamp


def _still_inside(stream: VideoStream) -> list[av.VideoFrame]:
    """The pictures a decoder holds back to put them in order."""
    try:
        return stream.codec_context.decode(None)
    except av.FFmpegError:
        return []


def _aspect_note(image: Image, aspect: Fraction) -> str:
    height, width = image.shape[:2]
    return (
        f"The pixels are not square. Boxes count the {width} x {height} pixels of the file, which a player "
        f"shows as {round(width * aspect)} x {height}."
    )


def _lost_note(first: int, missing: int, before: float, after: float) -> str:
    where = f"The file is damaged between {before:.2f} s and {after:.2f} s"
    if not missing:
        return f"{where}; the frames after it are numbered as if none were missing."
    return f"{where}: frames {first} to {first + missing - 1} are missing; later ones keep their numbers."
