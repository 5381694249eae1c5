"""Which files of a folder are frames, and their order."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rpn2t.errors import InputError
from rpn2t.sequences.image_files import frames_in, natural
from rpn2t.sequences.layouts import place_of
from rpn2t.sequences.on_disk import entries_of, open_target


def made(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def numbered(pattern: str, count: int) -> list[str]:
    return [pattern.format(number) for number in range(1, count + 1)]


def chosen(folder: Path) -> tuple[list[str], list[str]]:
    files, notes = frames_in("clip", folder)
    return [file.name for file in files], notes


@pytest.mark.parametrize(
    "names",
    [
        ["760577.0625.jpg", "760577.250899.jpg", "760577.5.jpg", "760578.jpg", "760578.25.jpg"],
        ["12.98.jpg", "12.99.jpg", "12.100.jpg", "12.101.jpg"],  # no time stamps: they count
        ["1305031102.175304.png", "1305031102.211214.png", "1305031103.000001.png"],
        ["9 0.5 m.png", "10 0.5 m.png"],
        ["test.png", "test2.png", "test3.png", "test10.png"],
        ["image.png", "image (2).png", "image (3).png"],
    ],
)
def test_names_are_in_the_order_of_time(names: list[str]) -> None:
    assert [file.name for file in natural(Path(name) for name in reversed(names))] == names


def test_of_two_formats_of_each_frame_the_jpegs_are_tracked_and_it_is_said(tmp_path: Path) -> None:
    frames = numbered("{:04d}.jpg", 12)
    made(tmp_path, [*frames, *numbered("{:04d}.png", 12)])
    assert chosen(tmp_path) == (frames, ["Not taken as frames: 12 files *.png in clip."])


def test_a_data_set_takes_the_same_files(tmp_path: Path) -> None:
    folder = made(tmp_path / "cup", [*numbered("{:08d}.png", 3), *numbered("{:08d}.jpg", 3)])
    (folder / "groundtruth.txt").write_text("1,2,3,4\n" * 3)
    place = place_of(folder)
    assert place is not None
    (entry,) = entries_of(place, tmp_path)
    target = open_target(entry, tmp_path, "vot", "otb")
    assert {image.suffix for image in target.images} == {".jpg"}


def test_two_kinds_of_the_same_numbers_are_refused_with_the_pattern_to_type(tmp_path: Path) -> None:
    made(tmp_path, [*numbered("frame_{}.png", 5), *numbered("mask_{}.png", 5)])
    with pytest.raises(InputError) as caught:
        frames_in("my/clip/", tmp_path)
    message = str(caught.value)
    assert message.startswith(
        "my/clip/: it has 5 files frame_*.png and 5 files mask_*.png of the same numbers"
    )
    assert message.endswith("as in 'my/clip/frame_*.png'")
    made(tmp_path / "two", [*numbered("{}.png", 3), *numbered("{}.tif", 3)])
    with pytest.raises(InputError, match="same numbers"):
        frames_in("two", tmp_path / "two")


def test_a_few_odd_images_are_left_out_and_named(tmp_path: Path) -> None:
    frames = numbered("{:04d}.png", 20)
    made(tmp_path, [*frames, "cover.jpg", "thumb_1.png"])
    names, notes = chosen(tmp_path)
    assert names == frames
    assert notes == ["Not taken as frames: cover.jpg in clip.", "Not taken as frames: thumb_1.png in clip."]


@pytest.mark.parametrize(
    "names",
    [
        ["1.jpg", "2.png", "3.png", "4.tiff"],
        ["a.png", "b.png", "c.png"],
        ["a1.png", "b1.png", "c1.png"],
        [*numbered("a{}.png", 3), *(f"b{number}.png" for number in range(7, 10))],
        ["shot.png", *(f"shot{number}.png" for number in range(2, 14))],
    ],
)
def test_what_may_be_one_sequence_stays_one(tmp_path: Path, names: list[str]) -> None:
    made(tmp_path, names)
    assert chosen(tmp_path) == (names, [])
