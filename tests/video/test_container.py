"""What containers say of their frames, and what is so: rates, times, damage, shapes of pixels."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.frames import Frame
from rpn2t.video.matroska import find_damage
from rpn2t.video.sources import open_source
from rpn2t.video.timeline import Timeline

Image = NDArray[np.uint8]
CODEC = {"g": "4", "bf": "0", "sc_threshold": "0"}
CLUSTER = bytes.fromhex("1F43B675")


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def write_video(
    path: Path,
    times: Sequence[int],
    *,
    rate: int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    title: str = "",
    aspect: Fraction = Fraction(1),
) -> Path:
    """Pictures of noise at these times, ms. Every fourth is a key frame: there Matroska begins a cluster."""
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=rate, options=CODEC if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.sample_aspect_ratio = aspect
        for index, time in enumerate(times):
            picture = av.VideoFrame.from_ndarray(noise(index), format="bgr24")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def times_of(frames: Sequence[Frame]) -> list[float]:
    return [round(frame.time or 0.0, 3) for frame in frames]


# Rates and times

JITTER = [0, 34, 66, 100, 133, 167, 201, 233, 266, 301, 334, 366, 400, 434, 467, 501]


def test_a_rate_that_is_the_time_base_is_taken_from_the_times(tmp_path: Path) -> None:
    """As browsers record: nothing but 1000 frames a second is declared."""
    source = open_source(str(write_video(tmp_path / "a.webm", JITTER, rate=1000, codec="libvpx")))
    assert float(source.fps) == pytest.approx(15 / 0.501, rel=1e-3)
    assert source.notes == ["It declares 1000 frames a second; its frames' times say 29.9."]
    assert times_of(list(source)) == [time / 1000 for time in JITTER]


def test_a_high_rate_that_is_true_is_believed(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "a.mp4", range(0, 80, 4), rate=250)))
    assert (source.fps, source.notes) == (250, [])


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_frames_have_the_times_of_the_file(tmp_path: Path, suffix: str) -> None:
    times = [0, 40, 80, 2000, 2040, 60_000]
    source = open_source(str(write_video(tmp_path / f"a.{suffix}", times)))
    frames = list(source)
    assert times_of(frames) == [time / 1000 for time in times]
    assert [frame.index for frame in frames] == list(range(6))
    assert source.notes == []  # the rate varies, nothing is broken


def test_joined_recordings_have_increasing_times(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{start}.ts", range(start, start + 200, 40))
        for start in (8_000_000, 0, 90_000)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    times = times_of(list(open_source(str(joined))))
    assert times == pytest.approx([0.04 * index for index in range(15)], abs=0.01)


def test_frames_without_a_time_stamp_come_one_period_after_the_last() -> None:
    timeline = Timeline(Fraction(10), Fraction(1, 1000), leaps=False)
    seen = []
    for stamp in (5.0, None, 5.2, None, 5.2, 5.4, 90.0):
        timeline.add(stamp)
        seen.append(timeline.now)
    assert seen == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.6, 85.2])


# Ends and damage


@pytest.mark.parametrize("times", [range(0, 10_000, 1000), [0, 1000, 5000, 60_000]])
@pytest.mark.parametrize("rate", [1, 25])
def test_a_last_frame_that_is_held_is_no_break(tmp_path: Path, times: Sequence[int], rate: int) -> None:
    source = open_source(str(write_video(tmp_path / "slides.mkv", times, rate=rate)))
    assert len(list(source)) == len(times)


def in_clusters(path: Path, times: Sequence[int] = range(0, 960, 40)) -> tuple[bytes, list[int]]:
    """A Matroska file whose clusters have four frames each, and where they begin."""
    data = write_video(path, times).read_bytes()
    places = [place for place in range(len(data)) if data.startswith(CLUSTER, place)]
    assert len(places) == len(times) / 4
    return data, places


@pytest.mark.parametrize("how", ["zeroed", "overwritten", "cut out"])
def test_a_hole_in_a_matroska_file_is_named_and_later_frames_keep_their_numbers(
    tmp_path: Path, how: str
) -> None:
    path = tmp_path / "a.mkv"
    data, places = in_clusters(path)
    begin, end = places[2], places[4]
    filling = {"zeroed": bytes(end - begin), "overwritten": np.random.default_rng(0).bytes(end - begin)}
    whole = list(open_source(str(path)))
    path.write_bytes(data[:begin] + filling.get(how, data[begin : begin + 9]) + data[end:])
    source = open_source(str(path))
    frames = list(source)
    assert [frame.index for frame in frames] == [*range(8), *range(16, 24)]
    for frame in frames:
        assert frame.time == pytest.approx(0.04 * frame.index)
        assert np.array_equal(frame.image, whole[frame.index].image)
    where = "The file is damaged between 0.28 s and 0.64 s"
    note = f"{where}: frames 8 to 15 are missing; later ones keep their numbers."
    assert source.notes == [note]
    assert [frame.index for frame in source.frames(6, 18)] == [6, 7, 16, 17]
    assert source.notes == [note]
    with pytest.raises(InputError, match="frame 10 is missing"):
        next(source.frames(10))


def test_the_numbers_of_a_varying_rate_cannot_be_known(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    data, places = in_clusters(path, [40 * index + 40 * (index > 3) for index in range(24)])
    path.write_bytes(data[: places[2]] + bytes(places[3] - places[2]) + data[places[3] :])
    source = open_source(str(path))
    assert [frame.index for frame in source] == list(range(20))
    where = "The file is damaged between 0.32 s and 0.52 s"
    assert source.notes == [f"{where}; the frames after it are numbered as if none were missing."]


def test_a_frame_that_is_partly_destroyed_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    data, places = in_clusters(path)
    begin = places[2] + 30  # within the first frame of the third cluster
    path.write_bytes(data[:begin] + bytes(places[3] - begin) + data[places[3] :])
    frames = list(open_source(str(path)))
    assert [frame.index for frame in frames] == [*range(8), *range(12, 24)]


def test_a_matroska_file_without_its_end_breaks_off(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    data, places = in_clusters(path)
    assert find_damage(path) == ([], False)
    for end in (places[3], places[3] + 900):  # between two clusters, and in one
        path.write_bytes(data[:end])
        frames: list[Frame] = []
        with pytest.raises(InputError, match="breaks off there"):
            frames.extend(open_source(str(path)))
        assert 12 <= len(frames) < 14


def test_a_break_behind_a_hole_is_named_by_the_frames_own_number(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    data, places = in_clusters(path)
    path.write_bytes(data[: places[1]] + bytes(places[2] - places[1]) + data[places[2] : places[4] + 300])
    frames: list[Frame] = []
    with pytest.raises(InputError) as caught:
        frames.extend(open_source(str(path)))
    assert 15 <= frames[-1].index <= 16
    assert str(caught.value).startswith(f"{path}: frame {frames[-1].index + 1} cannot be read: ")


def test_a_live_recording_has_no_sizes_and_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 640, 40), options={"live": "1"})
    data = path.read_bytes()
    for place in (place for place in range(len(data)) if data.startswith(CLUSTER, place)):
        length = 9 - data[place + 4].bit_length()
        unknown = ((2 << 7 * length) - 1).to_bytes(length, "big")  # as browsers write it
        data = data[: place + 4] + unknown + data[place + 4 + length :]
    path.write_bytes(data)
    assert find_damage(path) == ([], False)
    assert len(list(open_source(str(path)))) == 16
    path.write_bytes(data[:-40])  # within the last frame
    with pytest.raises(InputError, match="breaks off there"):
        list(open_source(str(path)))


# What else may be in a container


def test_a_title_that_is_no_text_does_no_harm(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 120, 40), title="a title")
    path.write_bytes(path.read_bytes().replace(b"a title", b"\xe4 titl\xff"))
    assert len(list(open_source(str(path)))) == 3


def test_a_video_that_cannot_be_decoded_is_refused_at_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(0, 120, 40))
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG4/ISO/XYZ"))
    with pytest.raises(InputError, match="no decoder") as caught:
        open_source(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_pixels_that_are_not_square_stay_and_are_told(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "a.mp4", range(0, 120, 40), aspect=Fraction(16, 15))))
    assert [frame.image.shape for frame in source] == [(48, 64, 3)] * 3
    assert source.pixel_aspect == Fraction(16, 15)
    (note,) = source.notes
    assert "Boxes count the 64 x 48 pixels of the file, which a player shows as 68 x 48" in note


def test_a_video_of_few_of_16_bits_is_scaled(tmp_path: Path) -> None:
    path, scene = tmp_path / "thermal.mkv", np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
        for _ in range(2):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(scene + np.uint16(7000), format="gray16le"))
            )
        container.mux(stream.encode(None))
    source = open_source(str(path))
    for frame in source:
        assert np.abs(frame.image[..., 0] - scene * (255 / 3071)).max() <= 1
    assert source.scaled_from == (7000, 10071)
    assert len(source.notes) == 1
