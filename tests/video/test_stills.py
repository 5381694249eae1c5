"""Image files: the formats, the depths, and files that hold several pictures."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.depth import To8Bits
from rpn2t.video.sources import open_source

Image = NDArray[np.uint8]


def flat(value: int) -> Image:
    return np.full((48, 64, 3), value, np.uint8)


def scene(value: int) -> Image:
    """A picture of all greys from 0 to 255, of which one pixel tells the number."""
    picture = np.linspace(0, 255, 48 * 64).round().astype(np.uint8).reshape(48, 64)
    picture[5, 5] = value
    return picture


def numbers(path: Path) -> list[int]:
    return [round(float(frame.image.mean()) / 10) for frame in open_source(str(path))]


# Formats


@pytest.mark.parametrize("suffix", ["avif", "jp2"])
def test_a_folder_of_a_newer_format_is_read(tmp_path: Path, suffix: str) -> None:
    for value in range(3):
        cv2.imwrite(str(tmp_path / f"{value}.{suffix}"), cv2.resize(flat(10 * value), (128, 128)))
    assert numbers(tmp_path) == [0, 1, 2]


def test_what_follows_the_end_of_a_png_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "1.png"
    cv2.imwrite(str(path), flat(50))
    path.write_bytes(path.read_bytes() + bytes(4096))
    assert numbers(path) == [5]


# Several pictures in a file


@pytest.mark.parametrize("suffix", ["avif", "gif", "mpo", "png", "tif", "webp"])
def test_every_picture_of_a_file_is_a_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    count = 2 if suffix == "mpo" else 5
    pictures = [flat(10 * value) for value in range(count)]
    if suffix == "tif":
        cv2.imwritemulti(str(path), pictures)
    else:
        first, *others = map(PIL.Image.fromarray, pictures)
        first.save(path, save_all=True, append_images=others, duration=100, quality=95)
    source = open_source(str(path))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(count))
    assert [round(float(frame.image.mean()) / 10) for frame in frames] == list(range(count))
    assert source.length in (count, None)  # FFmpeg does not count a GIF's
    assert source.fps == (30 if suffix in ("tif", "mpo") else 10)
    assert [frame.index for frame in source.frames(1, 3)] == list(range(1, min(count, 3)))
    with pytest.raises(InputError, match=f"no frame {count}"):
        next(source.frames(count))


@pytest.mark.parametrize(("milliseconds", "rate"), [(40, 25), (5_000_000, Fraction(1, 5000))])
def test_an_animation_is_played_at_its_own_rate(tmp_path: Path, milliseconds: int, rate: Fraction) -> None:
    first, *others = (PIL.Image.fromarray(flat(10 * value)) for value in range(3))
    first.save(tmp_path / "a.webp", save_all=True, append_images=others, duration=milliseconds)
    source = open_source(str(tmp_path / "a.webp"))
    assert source.fps == rate
    assert [frame.time for frame in source] == pytest.approx([0, 1 / rate, 2 / rate])


def test_stacks_of_16_bits_follow_one_another(tmp_path: Path) -> None:
    """As recorders split a long stack into files."""
    pictures = [scene(10 * value).astype(np.uint16) * 16 for value in range(6)]
    cv2.imwritemulti(str(tmp_path / "1.tif"), pictures[:4])
    cv2.imwritemulti(str(tmp_path / "2.tif"), pictures[4:])
    source = open_source(str(tmp_path))
    assert source.length == 6
    frames = list(source)
    assert [int(frame.image[5, 5, 0]) for frame in frames] == [0, 10, 20, 30, 40, 50]
    assert frames[5].name == "2.tif, picture 1"
    assert [frame.index for frame in source.frames(3, 5)] == [3, 4]
    assert [int(frame.image[5, 5, 0]) for frame in source.frames(3, 5)] == [30, 40]


def test_a_smaller_copy_beside_the_picture_is_no_frame(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwritemulti(str(tmp_path / f"{number}.tif"), [flat(10 * number), flat(90)[::4, ::4]])
    assert numbers(tmp_path) == [0, 1]


def test_a_stack_that_breaks_off_gives_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "clip.tif"
    cv2.imwritemulti(str(path), [flat(10 * value) for value in range(5)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    frames = []
    with pytest.raises(InputError) as caught:
        frames.extend(open_source(str(path)))  # keeps what came before the error
    assert str(caught.value) == f"{path}: frame 3, picture 3 of clip.tif, cannot be read as an image"


# Depth


@pytest.mark.parametrize(("scale", "offset"), [(16, 0), (64, 0), (1, 7000), (9, 29_000)])
def test_few_of_16_bits_are_scaled_by_the_first_frames_range(tmp_path: Path, scale: int, offset: int) -> None:
    for value in range(3):
        cv2.imwrite(str(tmp_path / f"{value}.png"), scene(100 * value).astype(np.uint16) * scale + offset)
    source = open_source(str(tmp_path))
    frames = list(source)
    for value, frame in enumerate(frames):
        assert np.abs(frame.image[..., 0].astype(int) - scene(100 * value)).max() <= 1
    assert source.scaled_from == (offset, 255 * scale + offset)
    assert [note for note in source.notes if f"{offset} to {255 * scale + offset}" in note] == source.notes
    assert len(source.notes) == 1


def test_the_first_range_is_kept(tmp_path: Path) -> None:
    for number, factor in enumerate((16, 4, 32)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), scene(200).astype(np.uint16) * factor)
    assert [int(frame.image[5, 5, 0]) for frame in open_source(str(tmp_path))] == [200, 50, 255]


def test_all_of_16_bits_stay_as_they_are(tmp_path: Path) -> None:
    full = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64) * 21
    cv2.imwrite(str(tmp_path / "1.png"), full)
    source = open_source(str(tmp_path))
    assert np.array_equal(next(source.frames()).image[..., 0], full // 256)
    assert (source.scaled_from, source.notes) == (None, [])


def test_dead_pixels_are_no_range() -> None:
    thermal = scene(0).repeat(4, 0).repeat(4, 1).astype(np.uint16) + 7000
    thermal[3, 3], thermal[9, 9] = 0, 16383
    to_8_bits = To8Bits()
    to_8_bits(thermal)
    assert to_8_bits.range == (7000, 7255)


def test_one_value_is_not_spread() -> None:
    to_8_bits = To8Bits()
    assert (to_8_bits(np.full((4, 4), 2560, np.uint16)) == 10).all()
    assert to_8_bits.range is None
