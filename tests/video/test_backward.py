"""Frames backwards: the same frames as forwards, whatever holds them."""

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any

import av
import cv2
import numpy as np
import PIL.Image
import pytest

from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.video.container import VideoSource
from rpn2t.video.frames import Frame, Source, blocks_backward
from rpn2t.video.marks import Mark, Marks
from rpn2t.video.sources import open_source

FRAMES = 30
OPEN = "open-gop=1:keyint=8:min-keyint=8:scenecut=0:bframes=3:log-level=none"
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "b-frames.mp4": ("libx264", {"g": "8", "bf": "3"}),
    "b-frames.mkv": ("libx264", {"g": "8", "bf": "3"}),
    "b-frames.ts": ("libx264", {"g": "8", "bf": "3"}),
    "open.mp4": ("libx264", {"x264-params": OPEN}),
    "open.mkv": ("libx264", {"x264-params": OPEN}),
    "refreshed.mp4": ("libx264", {"x264-params": "intra-refresh=1:keyint=6:scenecut=0"}),
    "one-key-frame.mp4": ("libx264", {"g": "300", "bf": "2", "sc_threshold": "0"}),
    "mpeg4.mp4": ("mpeg4", {"g": "9", "bf": "2"}),
    "mpeg4.avi": ("mpeg4", {"g": "9", "bf": "2"}),
    "vp9.webm": ("libvpx-vp9", {"g": "8", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "8"}),
    "mjpeg.avi": ("mjpeg", {}),
    "wrong-times.avi": ("libx264", {"g": "8", "bf": "3"}),
    "no-times.h264": ("libx264", {"g": "8", "bf": "3"}),
}


def moving(count: int) -> Iterator[Image]:
    """A texture that moves, so that codecs take pictures from one another."""
    coarse = np.random.default_rng(3).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    texture = coarse.repeat(8, 0).repeat(8, 1)
    for index in range(count):
        yield np.ascontiguousarray(np.roll(texture, (index, 2 * index), (0, 1))[:48, :64])


def write_video(path: Path, codec: str, options: dict[str, str], times: Sequence[int] | None = None) -> Path:
    """The moving texture at these times, ms; every 40 ms without times."""
    tick = Fraction(1, 25 if codec == "mpeg4" else 1000)
    clusters = {"cluster_time_limit": "160"} if path.suffix == ".mkv" else {}
    with av.open(str(path), "w", options=clusters) as container:
        stream: Any = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = tick
        for index, image in enumerate(moving(len(times or range(FRAMES)))):
            picture = av.VideoFrame.from_ndarray(image, format="bgr24")
            picture.pts, picture.time_base = (
                round((times[index] if times else 40 * index) / 1000 / tick),
                tick,
            )
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def five_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for five frames of 64 x 48 only, so that small files are read in several parts."""
    for module in ("container", "images"):
        monkeypatch.setattr(f"rpn2t.video.{module}.HELD", 5 * 64 * 48 * 3)


def assert_same(backward: Sequence[Frame], forward: Sequence[Frame]) -> None:
    """The same frames, bit for bit, in the opposite order."""
    assert len(backward) == len(forward)
    for ours, theirs in zip(backward, reversed(forward), strict=True):
        assert (ours.index, ours.name, ours.time) == (theirs.index, theirs.name, theirs.time)
        assert np.array_equal(ours.image, theirs.image), ours.name


def both(path: Path, start: int = 0, stop: int | None = None) -> Source:
    """Check that frames and frames_backward agree; the source that was read backwards."""
    source = open_source(str(path))
    assert_same(list(source.frames_backward(start, stop)), list(open_source(str(path)).frames(start, stop)))
    return source


def refusal(read: Callable[[], Iterator[Frame]]) -> str:
    with pytest.raises(InputError) as refused:
        list(read())
    return str(refused.value)


# Videos


@pytest.mark.usefixtures("five_held")
@pytest.mark.parametrize("kind", KINDS)
def test_a_video_backwards_has_the_pictures_of_the_video_forwards(tmp_path: Path, kind: str) -> None:
    path = write_video(tmp_path / kind, *KINDS[kind])
    both(path)
    both(path, 3, 17)
    both(path, 28, 99)


@pytest.mark.usefixtures("five_held")
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_that_vary_and_begin_late_are_those_of_the_forward_pass(tmp_path: Path, suffix: str) -> None:
    times = [5000 + 40 * index + 7 * (index % 3) + 1000 * (index > 11) for index in range(FRAMES)]
    source = both(write_video(tmp_path / f"a.{suffix}", "libx264", {"g": "8", "bf": "3"}, times))
    assert source.notes == []


@pytest.mark.usefixtures("five_held")
@pytest.mark.parametrize(("kind", "most"), [("b-frames.mp4", 4 * FRAMES), ("one-key-frame.mp4", 6 * FRAMES)])
def test_parts_are_small_and_begin_at_key_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, most: int
) -> None:
    decoded, held = [], []
    pictures, entered = VideoSource._pictures, VideoSource._entered

    def counted(self: VideoSource, container: Any) -> Iterator[Any]:
        for picture in pictures(self, container):
            decoded.append(picture[0].pts)
            yield picture

    def measured(self: VideoSource, marks: Marks, block: list[Mark]) -> list[Frame] | None:
        frames = entered(self, marks, block)
        held.append(len(frames or range(FRAMES)))
        return frames

    monkeypatch.setattr(VideoSource, "_pictures", counted)
    monkeypatch.setattr(VideoSource, "_entered", measured)
    source = open_source(str(write_video(tmp_path / kind, *KINDS[kind])))
    assert len(list(source.frames_backward())) == sum(held) == FRAMES
    assert max(held) <= 5
    assert len(decoded) <= most
    assert source.notes == []


@pytest.mark.usefixtures("five_held")
def test_a_video_without_time_stamps_is_slow_and_says_so(tmp_path: Path) -> None:
    source = both(write_video(tmp_path / "a.h264", "libx264", {"g": "8"}))
    assert source.notes == [
        "It cannot be entered in its middle: going backwards reads it from its beginning several times."
    ]


def test_parts_begin_at_key_frames_if_they_can() -> None:
    marks = Marks()
    marks.keys = [0, 4, 8, 100]
    for index in range(12):
        marks.add(Mark(index, float(index), index, 0), 10)
    assert [[mark.number for mark in block] for block in marks.blocks(55)] == [
        [8, 9, 10, 11], [4, 5, 6, 7], [0, 1, 2, 3]
    ]  # fmt: skip
    assert [len(block) for block in marks.blocks(1)] == [1] * 12
    block = next(marks.blocks(55))
    assert marks.keys_before(block) == [8, 4]
    assert marks.keys_before(block[::-1]) == []


@pytest.mark.usefixtures("five_held")
def test_frames_that_are_missing_in_a_damaged_file_are_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", "libx264", {"g": "4", "bf": "0", "sc_threshold": "0"})
    data, cluster = path.read_bytes(), bytes.fromhex("1F43B675")
    places = [place for place in range(len(data)) if data.startswith(cluster, place)]
    path.write_bytes(data[: places[2]] + bytes(places[4] - places[2]) + data[places[4] :])
    source = both(path)
    assert "frames 10 to 19 are missing; later ones keep their numbers." in source.notes[0]
    both(path, 5, 25)
    assert "frame 12 is missing" in refusal(lambda: open_source(str(path)).frames_backward(12))


def test_a_video_that_breaks_off_is_refused_as_forwards_and_read_before_the_break(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", "libx264", {"g": "4", "bf": "0"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    said = refusal(lambda: open_source(str(path)).frames())
    assert "it breaks off there" in said
    assert refusal(lambda: open_source(str(path)).frames_backward()) == said
    both(path, 0, 12)


# Images


@pytest.mark.usefixtures("five_held")
@pytest.mark.parametrize("form", ["folder", "gif", "tiff"])
def test_images_backwards_are_the_images_forwards(tmp_path: Path, form: str) -> None:
    images = list(moving(13))
    path = tmp_path / f"a.{form}"
    if form == "folder":
        path.mkdir()
        for index, image in enumerate(images):
            cv2.imwrite(str(path / f"{index}.png"), image)
    else:
        first, *more = [PIL.Image.fromarray(image[:, :, ::-1]) for image in images]
        first.save(path, save_all=True, append_images=more)
    both(path)
    both(path, 3, 11)
    both(path, 12, 99)


@pytest.mark.usefixtures("five_held")
def test_deep_images_are_scaled_by_the_first_frame_of_the_range(tmp_path: Path) -> None:
    for index in range(8):
        deep = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) + 500 * index
        cv2.imwrite(str(tmp_path / f"{index}.png"), deep)
    source = both(tmp_path, 2, 7)
    assert source.scaled_from == (1000.0, 4071.0)


def test_a_size_that_changes_is_refused_with_both_sizes(tmp_path: Path) -> None:
    for index, width in enumerate([64, 64, 32]):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.zeros((48, width, 3), np.uint8))
    said = refusal(lambda: open_source(str(tmp_path)).frames_backward())
    assert "1.png is 64 x 48, the frames after it are 32 x 48" in said


# What has no way back


@pytest.mark.parametrize(("start", "stop"), [(2, 2), (-1, None), (13, None)])
def test_ranges_without_frames_are_refused_as_forwards(tmp_path: Path, start: int, stop: int | None) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64, 3), np.uint8))
    video = write_video(tmp_path / "a.mp4", "libx264", {}, range(0, 400, 40))
    for spec in (str(tmp_path / "0.png"), str(video)):
        said = refusal(lambda spec=spec: open_source(spec).frames(start, stop))  # type: ignore[misc]
        assert refusal(lambda spec=spec: open_source(spec).frames_backward(start, stop)) == said  # type: ignore[misc]


def test_a_live_source_is_refused() -> None:
    source = Source("0", "camera0")
    source.live = True
    said = "0: a live source cannot be read backwards; record it, and name the file"
    assert refusal(source.frames_backward) == said


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.ts", "libx264", {}).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    with open_source(str(pipe)) as source:
        assert len(list(source.frames())) == FRAMES
        said = refusal(source.frames_backward)
    writer.join()
    assert said == f"{pipe}: a pipe cannot be read backwards; save it as a file, and name the file"


def test_blocks_cover_a_range_from_its_end() -> None:
    assert list(blocks_backward(3, 10, 4)) == [range(6, 10), range(3, 6)]
    assert list(blocks_backward(3, 3, 4)) == []
