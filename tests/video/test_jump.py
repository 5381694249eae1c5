"""Entering a video in its middle gives the frames that reading it from its beginning gives."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rpn2t.images import Image
from rpn2t.video.frames import Frame, Source
from rpn2t.video.sources import open_source

COUNT = 160


def picture(index: int) -> Image:
    image = np.full((48, 64, 3), 40, np.uint8)
    image[index % 40 : index % 40 + 8, index % 50 : index % 50 + 8] = 60 + index
    return image


def video(path: Path, codec: str, rate: int = 25, hole: int = 1, **options: str) -> Path:
    """A video with a key frame in 30, and a hole in its times after each 50 frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"g": "30", **options})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(COUNT):
            frame = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            frame.pts, frame.time_base = index + hole * (index // 50), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    for index in range(COUNT):
        cv2.imwrite(str(path / f"{index}.png"), picture(index).astype(np.uint16) * 16)  # 12 bits of 16
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    "mp4 with B-frames": lambda tmp: video(tmp / "a.mp4", "libx264", bf="3"),
    "webm, which has no count": lambda tmp: video(tmp / "a.webm", "libvpx-vp9"),
    "webm of VP8, with hidden frames": lambda tmp: video(
        tmp / "a.webm", "libvpx", **{"auto-alt-ref": "1", "lag-in-frames": "16"}
    ),
    "transport stream": lambda tmp: video(tmp / "a.ts", "libx264", bf="3"),
    "avi without time stamps": lambda tmp: video(tmp / "a.avi", "mpeg4", hole=0),
    "images of 16 bits": lambda tmp: folder(tmp / "images"),
}


@pytest.fixture(params=SOURCES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return SOURCES[request.param](tmp_path)


def known(frame: Frame) -> tuple[int, float | None, bytes]:
    time = None if frame.time is None else round(frame.time, 6)
    return frame.index, time, frame.image.tobytes()


def test_frames_are_the_same_bits_wherever_the_reading_begins(path: Path) -> None:
    with open_source(str(path)) as source:
        frames = [known(frame) for frame in source.frames()]
    assert len(frames) == COUNT
    with open_source(str(path)) as source:
        assert source.count() == COUNT
        for start, stop in ((130, 135), (119, 122), (150, None), (2, 5), (COUNT - 1, COUNT)):
            assert [known(frame) for frame in source.jump(start, stop)] == frames[start:stop]
        assert list(source.jump(COUNT)) == []
        assert [known(frame) for frame in source.jump_backward(115, 155)] == frames[115:155][::-1]


def test_a_jump_decodes_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = video(tmp_path / "a.mp4", "libx264", bf="3")
    with open_source(str(path)) as source:
        decoded = []
        image = type(source)._pictures  # type: ignore[attr-defined]

        def count(self: Source, container: object) -> object:
            for each in image(self, container):
                decoded.append(each)
                yield each

        monkeypatch.setattr(type(source), "_pictures", count)
        next(source.jump(125))
        assert len(decoded) <= 31


def test_a_backward_jump_holds_few_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rpn2t.video.frames.HELD", 5 * 64 * 48 * 3)
    path = video(tmp_path / "a.mp4", "libx264")
    with open_source(str(path)) as source:
        asked = []
        jump = source.jump
        monkeypatch.setattr(source, "jump", lambda *ends: asked.append(ends) or jump(*ends))
        assert [frame.index for frame in source.jump_backward(108, 120)] == list(range(119, 107, -1))
    assert asked == [(115, 120), (110, 115), (108, 110)]
