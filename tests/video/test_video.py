"""The annotated video and what is drawn on it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.annotate import BOX, COLOURS, LOST, TRUTH, Drawn, annotate, annotate_objects
from rpn2t.video.writer import VideoWriter


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    """A smooth picture whose corners differ, of colours that a codec keeps."""
    ys, xs = np.mgrid[:height, :width]
    return np.stack([60 + 120 * xs / width, 60 + 120 * ys / height, 180 - 100 * xs / width], -1).astype(
        np.uint8
    )


def decode(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_a_video_is_h264_yuv420p_at_the_exact_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, Fraction(30000, 1001)) as video:
        for _ in range(7):
            video.write(gradient(48, 64))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == Fraction(30000, 1001)
        assert stream.frames == 7
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "a browser wants the index first"


def test_frames_keep_the_times_they_came_with(tmp_path: Path) -> None:
    path, times = tmp_path / "a.mp4", [7.0, 7.034, 7.066, 9.5, 67.0]
    with VideoWriter(path, Fraction(25), Fraction(16, 15)) as video:
        for time in times:
            video.write(gradient(48, 64), time)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        assert stream.duration is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(60.04, abs=0.05)
        assert stream.sample_aspect_ratio == Fraction(16, 15)
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == pytest.approx([time - 7 for time in times], abs=1e-4)


def test_times_that_are_one_are_kept_apart(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", Fraction(30)) as video:
        for time in (0.0, 0.0, 1e-9, 1.0):
            video.write(gradient(48, 64), time)
    with av.open(str(tmp_path / "a.mp4")) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == sorted(set(shown))
    assert len(shown) == 4


def test_odd_sizes_are_padded_by_a_pixel_and_colours_kept(tmp_path: Path) -> None:
    path, image = tmp_path / "a.mp4", gradient(75, 101)
    with VideoWriter(path, Fraction(25)) as video:
        video.write(image)
    (back,) = decode(path)
    assert back.shape == (76, 102, 3)
    assert np.abs(back[:75, :101].astype(int) - image).mean() < 3
    assert np.abs(back[75, :101].astype(int) - image[74]).mean() < 3


def test_what_ends_early_leaves_a_playable_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    def stopped() -> None:
        with VideoWriter(path, Fraction(30)) as video:
            video.write(gradient(48, 64))
            video.write(gradient(48, 64))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert len(decode(path)) == 2


def test_nothing_stands_under_the_name_before_the_end_or_without_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with VideoWriter(path, Fraction(30)) as video:
        video.write(gradient(48, 64))
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
    with VideoWriter(tmp_path / "b.mp4", Fraction(30)):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_another_size_and_an_unwritable_place_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", Fraction(30)) as video:
        video.write(gradient(48, 64))
        with pytest.raises(ValueError, match="image of shape"):
            video.write(gradient(64, 48))
    with VideoWriter(tmp_path / "missing" / "a.mp4", Fraction(30)) as video, pytest.raises(InputError):
        video.write(gradient(48, 64))


@pytest.mark.parametrize(("height", "width"), [(144, 176), (1080, 1920)])
def test_boxes_lie_on_their_own_pixels(height: int, width: int) -> None:
    image = np.full((height, width, 3), 90, np.uint8)
    picture = annotate(image, (60, 90, 31, 21), 0.5, 3, (110, 100, 20, 20))
    assert (image == 90).all(), "the frame itself stays as it was"
    for x, y in ((60, 90), (90, 90), (60, 110), (90, 110)):  # columns 60 to 90, rows 90 to 110
        assert tuple(picture[y, x]) == BOX
    assert tuple(picture[100, 75]) == (90, 90, 90)
    assert tuple(picture[100, 110]) == TRUTH
    caption = (picture != image).any(axis=2)[: height // 10, : width // 2]
    assert caption.mean() > 0.1


@pytest.mark.parametrize("box", [(np.nan,) * 4, (-1e9, 5, 1e6, 10), (500, 500, 10, 10)])
def test_boxes_far_out_or_missing_do_no_harm(box: tuple[float, float, float, float]) -> None:
    picture = annotate(np.full((144, 176, 3), 90, np.uint8), box, None, 0)
    assert picture.shape == (144, 176, 3)
    assert (picture[30:110] == 90).all()


@pytest.mark.parametrize(("height", "width"), [(144, 176), (480, 640)])
def test_a_lost_box_is_dashed_and_red(height: int, width: int) -> None:
    image = np.full((height, width, 3), 90, np.uint8)
    picture = annotate(image, (60, 50, 61, 41), 0.5, 3, lost=True)
    top = picture[50, 60:121]
    red = (top == LOST).all(axis=1)
    assert red[0]
    assert 0.3 < red.mean() < 0.9
    assert not (annotate(image, (60, 50, 61, 41), 0.5, 3)[50, 60:121] == LOST).all(axis=1).any()
    assert not (picture[50:91, 60:121] == BOX).all(axis=2).any()


def test_objects_have_colours_and_names_of_their_own() -> None:
    image = np.full((240, 320, 3), 90, np.uint8)
    boxes = [(30, 60, 61, 41), (200, 120, 40, 50), (300, 2, 40, 50)]  # the last reaches out of the frame
    objects = [Drawn(box, "0.50", f"n{place}", COLOURS[place]) for place, box in enumerate(boxes)]
    picture = annotate_objects(image, objects, 12)
    for (x, y, _, h), colour in zip(boxes, COLOURS, strict=False):
        assert (picture[y : y + h, x] == colour).all()
    lost = annotate_objects(image, [Drawn(boxes[0], "0.10", "a", COLOURS[1], lost=True)], 12)
    assert (lost[60, 30:91] == LOST).all(axis=1).any()
    label = lost[30:55, 20:120].astype(int)  # the name keeps the object's colour, the score is red
    assert (label[..., 0] > label[..., 2] + 60).any()
    assert (label[..., 2] > label[..., 0] + 60).any()
    assert (annotate_objects(image, [Drawn((float("nan"),) * 4, "0.10", "a")], 12)[60:] == 90).all()
    assert (annotate_objects(image, [], 12)[60:] == 90).all()
