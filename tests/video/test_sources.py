"""Every kind of source, and every way in which one can be broken; all inputs are made here."""

import functools
import http.server
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.frames import Frame, Source
from rpn2t.video.sources import open_source

Image = NDArray[np.uint8]


def flat(value: int, width: int = 64, height: int = 48) -> Image:
    """A picture of one grey, by which a frame is known again after compression."""
    return np.full((height, width, 3), value, np.uint8)


def noise(seed: int, width: int = 64, height: int = 48) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_video(
    path: Path,
    images: Sequence[Image],
    *,
    rate: Fraction | int = 25,
    matrix: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    tune: str = "film",
) -> Path:
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"tune": tune})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if matrix is not None:
            stream.set_display_matrix(matrix)
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def write_images(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for value, name in enumerate(names):
        cv2.imwrite(str(folder / name), flat(10 * value))
    return folder


def tenths(frames: Iterator[Frame]) -> list[int]:
    """What :func:`flat` pictures were numbered by, in tens."""
    return [round(float(frame.image.mean()) / 10) for frame in frames]


def read_until_refused(source: Source) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    with pytest.raises(InputError) as caught:
        frames.extend(source)  # keeps what came before the error
    return frames, str(caught.value)


def refusal(spec: str) -> str:
    with pytest.raises(InputError) as caught:
        list(open_source(spec))
    message = str(caught.value)
    assert message.startswith(f"{spec}: ")
    assert "\n" not in message
    return message


# Folders and globs


def test_a_folder_is_read_in_the_order_people_count(tmp_path: Path) -> None:
    write_images(tmp_path / "clip", ["1.png", "2.png", "10.png", "20.PNG"])
    (tmp_path / "clip" / "notes.txt").write_text("no frame")
    (tmp_path / "clip" / "._1.png").write_bytes(b"macOS leaves these")
    with open_source(str(tmp_path / "clip")) as source:
        frames = list(source)
    assert [frame.name for frame in frames] == ["1.png", "2.png", "10.png", "20.PNG"]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert tenths(iter(frames)) == [0, 1, 2, 3]
    assert (source.name, source.length, source.live) == ("clip", 4, False)
    assert source.fps == 30
    assert source.ground_truth is None
    assert source.notes == []


def test_frames_are_a_half_open_range_with_the_sources_own_numbers(tmp_path: Path) -> None:
    source = open_source(str(write_images(tmp_path, [f"{i}.png" for i in range(8)])))
    assert [frame.index for frame in source.frames(2, 5)] == [2, 3, 4]
    assert tenths(source.frames(6)) == [6, 7]
    assert tenths(source.frames(6, 99)) == [6, 7]
    for start, stop in [(8, None), (5, 5), (5, 3), (-1, 3)]:
        with pytest.raises(InputError, match="frame"):
            next(source.frames(start, stop))


def test_a_glob_takes_the_files_it_matches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "my clip", ["a9.png", "a10.png", "b1.png"])
    source = open_source(str(tmp_path / "my clip" / "a*.png"))
    assert [frame.name for frame in source] == ["a9.png", "a10.png"]
    assert source.name == "my_clip"
    monkeypatch.chdir(tmp_path / "my clip")
    assert open_source("*1*.png").name == "my_clip"
    assert open_source(".").name == "my_clip"
    assert "no file matches" in refusal("c*.png")


def test_a_printf_pattern_takes_the_numbered_files(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "a[1]", ["f0007.png", "f0008.png", "f0010.png", "f11.png", "g0009.png"])
    source = open_source(str(folder / "f%04d.png"))
    assert [frame.name for frame in source] == ["f0007.png", "f0008.png", "f0010.png"]
    assert len(list(open_source(str(folder / "f%d.png")))) == 4
    assert "no file matches" in refusal(str(folder / "h%04d.png"))
    assert "no file matches" in refusal(str(tmp_path / "nowhere" / "f%04d.png"))


def test_a_glob_below_a_folder_with_brackets_is_found(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "clip [1]" / "img", ["1.png", "2.png"]).parent
    write_images(tmp_path / "clip 1" / "img", ["3.png"])
    assert [frame.name for frame in open_source(str(folder / "i*" / "*.png"))] == ["1.png", "2.png"]
    assert (
        len(list(open_source(str(tmp_path / "clip [12]" / "img" / "*.png")))) == 1
    )  # no folder: any of 1, 2


def test_a_folder_whose_name_is_a_number_is_no_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("0001", "7"):
        write_images(tmp_path / name, ["1.png"])
    monkeypatch.chdir(tmp_path)
    assert (open_source("0001").length, open_source("0001").notes) == (1, [])
    (note,) = open_source("7").notes
    assert "/dev/video7" in note
    assert "no camera 63" in refusal("63")
    assert "no such file or folder" in refusal("0002")  # a folder that is missing, by how it is written
    assert "no such file or folder" in refusal("12345678901")
    assert capfd.readouterr().err == ""


def test_a_folder_without_images_is_told_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("a.HEIC", "b.heic", "notes.txt"):
        (tmp_path / "set" / name).write_bytes(b"?")
    assert refusal(str(tmp_path / "set")).endswith(
        ": no images in this folder, but 2 .heic files: name a video, convert images to .jpg or .png"
    )
    assert refusal(str(tmp_path)).endswith("no images in this folder, but folders: name one (set)")
    assert ".heic cannot be read; convert images to .jpg" in refusal(str(tmp_path / "set" / "b.heic"))


def test_somebody_without_a_home_is_no_source() -> None:
    assert "no such file or folder" in refusal("~nobody-of-this-name/clip.mp4")


def test_the_masks_beside_the_frames_are_no_frames(tmp_path: Path) -> None:
    write_images(tmp_path / "cup" / "img", ["1.jpg", "2.jpg", "1.png", "2.png"])
    source = open_source(str(tmp_path / "cup"))
    assert [frame.name for frame in source] == ["1.jpg", "2.jpg"]
    assert source.notes == [f"Not taken as frames: 2 files *.png in {tmp_path}/cup/img."]


def test_one_image_is_a_source_of_one_frame(tmp_path: Path) -> None:
    write_images(tmp_path, ["one.png"])
    assert len(list(open_source(str(tmp_path / "one.png")))) == 1


# Kinds of images


def test_grey_16_bit_and_rgba_images_become_8_bit_bgr(tmp_path: Path) -> None:
    colour = noise(1)
    grey16 = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    transparent = np.dstack([colour, np.zeros((48, 64), np.uint8)])
    cv2.imwrite(str(tmp_path / "1.jpg"), np.full((48, 64), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), grey16)
    cv2.imwrite(str(tmp_path / "3.png"), transparent)
    cv2.imwrite(str(tmp_path / "4.png"), colour.astype(np.uint16) * 257)
    cv2.imwrite(str(tmp_path / "5.tiff"), colour)
    cv2.imwrite(str(tmp_path / "6.png"), colour[..., 0])
    images = [frame.image for frame in open_source(str(tmp_path))]
    assert {(image.dtype.name, image.shape) for image in images} == {("uint8", (48, 64, 3))}
    assert np.abs(images[0].astype(int) - 90).max() <= 1
    assert np.array_equal(images[1], np.repeat((grey16 // 256)[..., None], 3, axis=2))
    assert np.array_equal(images[2], colour)
    assert np.array_equal(images[3], colour)
    assert np.array_equal(images[4], colour)
    assert np.array_equal(images[5], np.repeat(colour[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    ("name", "keep"), [("2.jpg", 0.5), ("2.png", 0.5), ("2.png", 0.99), ("2.png", 0.0), ("2.bmp", 0.5)]
)
def test_a_cut_off_image_is_named_after_the_frames_before_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, keep: float
) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), noise(1))
    cv2.imwrite(str(tmp_path / name), noise(2))
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * keep)])
    frames, message = read_until_refused(open_source(str(tmp_path)))
    assert [frame.index for frame in frames] == [0]
    assert message.startswith(f"{tmp_path}: frame 1, {name}")
    assert capfd.readouterr().err == ""  # the refusal is one line, so nothing else speaks


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.png"])
    (tmp_path / "2.png").symlink_to(tmp_path / "nowhere.png")
    frames, message = read_until_refused(open_source(str(tmp_path)))
    assert len(frames) == 1
    assert message == f"{tmp_path}: frame 1, 2.png: No such file or directory"


def test_a_size_that_changes_is_refused_with_both_sizes(tmp_path: Path) -> None:
    for number, size in enumerate([(64, 48), (64, 48), (32, 48)], start=1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), flat(0, *size))
    frames, message = read_until_refused(open_source(str(tmp_path)))
    assert len(frames) == 2
    assert "3.png is 32 x 48" in message
    assert "64 x 48" in message


# Sequences of the benchmarks


def test_an_otb_sequence_brings_its_one_based_truth(tmp_path: Path) -> None:
    write_images(tmp_path / "Deer" / "img", ["0001.jpg", "0002.jpg"])
    truth = tmp_path / "Deer" / "groundtruth_rect.txt"
    truth.write_text("11,21,30,40\n12\t22\t30\t40\n")
    source = open_source(str(tmp_path / "Deer"))
    assert source.ground_truth_file == truth
    np.testing.assert_array_equal(source.ground_truth, [[10, 20, 30, 40], [11, 21, 30, 40]])
    assert (source.name, source.length, source.notes) == ("Deer", 2, [])
    assert open_source(str(tmp_path / "Deer" / "img")).name == "Deer"


def test_of_two_targets_the_first_is_taken_and_said(tmp_path: Path) -> None:
    write_images(tmp_path / "Jogging" / "img", ["0001.jpg"])
    for target in (1, 2):
        (tmp_path / "Jogging" / f"groundtruth_rect.{target}.txt").write_text(f"{target},1,5,6\n")
    source = open_source(str(tmp_path / "Jogging"))
    np.testing.assert_array_equal(source.ground_truth, [[0, 0, 5, 6]])
    (note,) = source.notes
    assert "groundtruth_rect.1.txt" in note
    assert "groundtruth_rect.2.txt" in note


def test_an_empty_first_target_is_passed_over(tmp_path: Path) -> None:
    write_images(tmp_path / "Human4" / "img", ["0001.jpg"])
    (tmp_path / "Human4" / "groundtruth_rect.1.txt").write_text("\n")
    (tmp_path / "Human4" / "groundtruth_rect.2.txt").write_text("3,4,5,6\n")
    source = open_source(str(tmp_path / "Human4"))
    np.testing.assert_array_equal(source.ground_truth, [[2, 3, 5, 6]])
    assert source.notes == []


@pytest.mark.parametrize("place", [".", "color"])
def test_a_vot_sequence_brings_its_polygons_as_they_are(tmp_path: Path, place: str) -> None:
    write_images(tmp_path / "bag" / place, ["00000001.jpg", "00000002.jpg"])
    (tmp_path / "bag" / "groundtruth.txt").write_text("5,0,10,5,5,10,0,5\n1,2,3,4\n")
    source = open_source(str(tmp_path / "bag"))
    assert source.length == 2
    np.testing.assert_array_equal(source.ground_truth, [[0, 0, 10, 10], [1, 2, 3, 4]])


def test_another_number_of_rows_than_frames_is_kept_and_said(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["1.jpg", "2.jpg", "3.jpg"])
    (tmp_path / "groundtruth_rect.txt").write_text("1,1,5,6\n2,1,5,6\n")
    source = open_source(str(tmp_path))
    assert source.ground_truth is not None
    assert len(source.ground_truth) == 2
    assert "2 rows for 3 frames" in source.notes[0]


def test_images_beside_a_missing_one_keep_their_own_rows(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["0001.jpg", "0002.jpg", "0004.jpg", "0005.jpg"])
    (tmp_path / "groundtruth_rect.txt").write_text("".join(f"{n},1,5,6\n" for n in range(1, 7)))
    source = open_source(str(tmp_path))
    assert source.ground_truth is not None
    assert source.ground_truth[:, 0].tolist() == [0, 1, 3, 4]
    (note,) = source.notes
    assert note.startswith("image 3 is missing; the rows of groundtruth_rect.txt follow the numbers")


def test_images_of_other_numbers_than_rows_are_taken_in_order(tmp_path: Path) -> None:
    write_images(tmp_path / "img", ["0010.jpg", "0020.jpg", "0030.jpg"])
    (tmp_path / "groundtruth_rect.txt").write_text("1,1,5,6\n2,1,5,6\n")
    source = open_source(str(tmp_path))
    assert source.ground_truth is not None
    assert source.ground_truth[:, 0].tolist() == [0, 1]
    assert "2 rows for 3 frames" in source.notes[0]


# Videos


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_a_video_is_read_to_its_last_frame(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"my clip.{suffix}", [flat(10 * i) for i in range(20)])
    with open_source(str(path)) as source:
        assert tenths(iter(source)) == list(range(20))
        assert tenths(source.frames(7, 9)) == [7, 8]  # a second reading begins anew
        frame = next(source.frames(12))
    assert (frame.index, frame.name) == (12, "frame 12")
    assert (frame.image.dtype.name, frame.image.shape) == ("uint8", (48, 64, 3))
    assert (source.name, source.live) == ("my_clip", False)
    assert source.fps == 25
    assert source.length in (20, None)
    with pytest.raises(InputError, match="no frame 20"):
        next(open_source(str(path)).frames(20))


def test_the_frame_rate_is_kept_as_a_fraction(tmp_path: Path) -> None:
    path = write_video(tmp_path / "ntsc.mp4", [flat(0)] * 30, rate=Fraction(30000, 1001))
    assert open_source(str(path)).fps == Fraction(30000, 1001)


def test_colours_are_bgr(tmp_path: Path) -> None:
    path = write_video(tmp_path / "red.mp4", [np.full((48, 64, 3), (20, 30, 200), np.uint8)] * 3)
    colour = next(iter(open_source(str(path)))).image.mean(axis=(0, 1))
    np.testing.assert_allclose(colour, (20, 30, 200), atol=6)


def turned_by_definition(image: Image, a: int, b: int, c: int, d: int) -> Image:
    """Move every pixel as libavutil/display.h says: (x, y) goes to (a x + c y, b x + d y)."""
    height, width = image.shape[:2]
    moved = {
        (a * x + c * y, b * x + d * y): image[y, x] for x, y in itertools.product(range(width), range(height))
    }
    left, top = min(x for x, _ in moved), min(y for _, y in moved)
    columns, rows = (height, width) if a == 0 else (width, height)
    turned = np.zeros((rows, columns, 3), np.uint8)
    for (x, y), colour in moved.items():
        turned[y - top, x - left] = colour
    return turned


QUARTER_TURNS = [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
MIRRORED = [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]


@pytest.mark.parametrize("turn", QUARTER_TURNS + MIRRORED)
def test_a_turned_video_is_shown_upright(tmp_path: Path, turn: tuple[int, int, int, int]) -> None:
    image = noise(3, 4, 3).repeat(16, axis=0).repeat(16, axis=1)
    a, b, c, d = (value << 16 for value in turn)
    path = write_video(tmp_path / "phone.mp4", [image] * 4, matrix=[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    plain = next(iter(open_source(str(write_video(tmp_path / "plain.mp4", [image] * 4))))).image
    frame = next(iter(open_source(str(path)))).image
    np.testing.assert_array_equal(frame, turned_by_definition(plain, *turn))
    assert frame.flags.c_contiguous
    if turn in QUARTER_TURNS:  # OpenCV's own reader knows these, too
        read, seen = cv2.VideoCapture(str(path)).read()
        assert read
        assert seen.shape == frame.shape
        assert np.abs(seen.astype(int) - frame).mean() < 4


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
@pytest.mark.parametrize("keep", [0.3, 0.75])
def test_a_video_that_breaks_off_gives_what_it_has(tmp_path: Path, suffix: str, keep: float) -> None:
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    whole = write_video(tmp_path / f"whole.{suffix}", [noise(i) for i in range(40)], rate=10, options=options)
    with av.open(str(whole)) as container:
        places = sorted(
            (packet.pos, packet.size) for packet in container.demux(video=0) if packet.pos is not None
        )
    first, size = places[int(40 * keep)]
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(
        whole.read_bytes()[: first + size // 2]
    )  # in a picture: between two, an AVI has just ended
    frames, message = read_until_refused(open_source(str(cut)))
    assert 40 * keep - 6 < len(frames) < 40 * keep + 1
    assert message.startswith(f"{cut}: frame {len(frames)} cannot be read: ")
    for frame, expected in zip(frames, open_source(str(whole)), strict=False):
        np.testing.assert_array_equal(frame.image, expected.image)


def test_a_video_cut_between_two_pictures_is_known_by_what_it_lists(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [noise(i) for i in range(40)], options={"movflags": "faststart"})
    with av.open(str(path)) as container:
        positions = sorted(packet.pos for packet in container.demux(video=0) if packet.pos is not None)
    path.write_bytes(path.read_bytes()[: positions[20]])
    frames, message = read_until_refused(open_source(str(path)))
    assert 14 < len(frames) <= 20
    assert "breaks off" in message


def test_the_part_before_the_break_can_be_tracked(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", [noise(i) for i in range(40)], options={"movflags": "faststart"})
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert len(list(open_source(str(whole)).frames(0, 5))) == 5


def test_a_size_that_changes_in_mid_video_is_refused(tmp_path: Path) -> None:
    small = write_video(tmp_path / "small.ts", [flat(10 * i) for i in range(6)], tune="zerolatency")
    large = write_video(tmp_path / "large.ts", [flat(50, 96, 80)] * 6, tune="zerolatency")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames, message = read_until_refused(open_source(str(joined)))
    assert len(frames) == 6
    assert "frame 6 is 96 x 80" in message
    assert "64 x 48" in message


def test_an_audio_file_has_no_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    assert "no video" in refusal(str(path))


# Streams and cameras


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address at which this machine serves ``tmp_path``."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_stream_is_read_from_its_address(tmp_path: Path, served: str) -> None:
    images = [flat(10 * i) for i in range(12)]
    write_video(tmp_path / "clip.mp4", images, options={"movflags": "faststart"})
    write_video(tmp_path / "live.ts", images)
    with open_source(f"{served}/clip.mp4?key=1") as source:
        assert (source.name, source.live) == ("clip", False)
        assert tenths(iter(source)) == list(range(12))
    with open_source(f"{served}/live.ts") as source:
        assert (source.live, source.length) == (True, None)
        assert tenths(source.frames(2, 12)) == list(range(2, 12))
    assert "404" in refusal(f"{served}/missing.mp4")


def test_a_camera_that_is_not_there_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert "no camera 63" in refusal("63")
    assert capfd.readouterr().err == ""


# What is no source at all


def test_what_cannot_be_read_is_named_as_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty folder").mkdir()
    Path("empty.mp4").touch()
    Path("random.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    Path("list.txt").write_text("not a video\n" * 30)
    assert refusal("empty folder").endswith(
        "no images in this folder, it is empty: name one with images, or a video"
    )
    assert "cannot be opened as a video" in refusal("empty.mp4")
    assert "cannot be opened as a video" in refusal("random.mp4")
    assert "cannot be opened as a video" in refusal("list.txt")
    assert refusal("random.mp4").endswith("; name a video, or a folder of images")
    assert "no such file or folder" in refusal("missing.mp4")
    assert "too long" in refusal("x" * 400)
    with pytest.raises(InputError, match="empty"):  # not the folder one happens to be in
        open_source("")


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    source = open_source(str(write_video(tmp_path / "clip.mp4", [flat(0)] * 3)))
    source.close()
    source.close()


# Real sequences, where they are at hand


@pytest.mark.parametrize(
    ("name", "frames", "first"),
    [
        ("OTB/Deer", 71, (305, 4, 95, 65)),
        ("OTB/David", 471, (128, 79, 64, 78)),
        ("OTB/Jogging", 307, (110, 97, 25, 101)),
        ("VOT2016/bag", 196, (292.23, 128.36, 145.96, 132.47)),
        ("VOT2018/book", 175, (199, 49, 88, 64)),
    ],
)
def test_real_sequences(name: str, frames: int, first: tuple[float, ...]) -> None:
    sequences = os.environ.get("RPN2T_SEQUENCES")
    if not sequences:
        pytest.skip("RPN2T_SEQUENCES is not set")
    source = open_source(str(Path(sequences) / name))
    assert source.ground_truth is not None
    assert (source.length, len(source.ground_truth)) == (frames, frames)
    np.testing.assert_allclose(source.ground_truth[0], first)
    assert len(list(source.frames(0, 3))) == 3
