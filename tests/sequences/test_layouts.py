"""The data sets' layouts: `track` and a data set's folder recognise each, and read it by its own rules."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import is_one_based
from rpn2t.sequences.layouts import LAYOUTS, numbered
from rpn2t.sequences.registry import find_dataset
from rpn2t.sequences.target import Target
from rpn2t.video.sources import open_source

ROWS = "11,21,30,40\n12,22,30,40\n13,23,30,40\n"
"""Three boxes, that move by a pixel."""

VATIC = "".join(f'0 {10 + n} {20 + n} {40 + n} {60 + n} {n} 0 0 0 "ball"\n' for n in range(24))


def write_images(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((6, 8, 3), np.uint8))


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def names(first: int, last: int, form: str = "{:04d}.jpg") -> list[str]:
    return [form.format(number) for number in range(first, last + 1)]


def opened(root: Path) -> list[Target]:
    found = find_dataset(str(root)).open(root)
    assert found.absent == {}
    return list(found.sequences)


def lasot(root: Path) -> Path:
    write_images(root / "airplane" / "airplane-1" / "img", names(1, 3, "{:08d}.jpg"))
    write(root / "airplane" / "airplane-1" / "groundtruth.txt", ROWS)
    write(root / "airplane" / "airplane-1" / "full_occlusion.txt", "0,0,0")
    return root / "airplane" / "airplane-1"


def got10k(root: Path) -> Path:
    write_images(root / "val" / "GOT-10k_Val_000001", names(1, 3, "{:08d}.jpg"))
    write(root / "val" / "GOT-10k_Val_000001" / "groundtruth.txt", ROWS)
    write(root / "val" / "list.txt", "GOT-10k_Val_000001\n")
    return root / "val" / "GOT-10k_Val_000001"


def got10k_renamed(root: Path) -> Path:
    folder = got10k(root).rename(root / "val" / "walk")
    write(folder / "absence.label", "0\n0\n0\n")
    return folder


def trackingnet(root: Path) -> Path:
    write_images(root / "TEST" / "frames" / "x_1-a", names(0, 2, "{}.jpg"))
    write(root / "TEST" / "anno" / "x_1-a.txt", ROWS)
    return root / "TEST" / "frames" / "x_1-a"


def uav123(root: Path) -> Path:
    write_images(root / "data_seq" / "UAV123" / "kite1", names(1, 3, "{:06d}.jpg"))
    write(root / "anno" / "UAV123" / "kite1.txt", ROWS)
    return root / "data_seq" / "UAV123" / "kite1"


def nfs(root: Path) -> Path:
    write_images(root / "ball" / "30" / "ball", names(1, 3, "{:05d}.jpg"))
    write(root / "ball" / "30" / "ball.txt", VATIC)
    write_images(root / "ball" / "240" / "ball", names(1, 24, "{:05d}.jpg"))
    write(root / "ball" / "240" / "ball.txt", VATIC)
    return root / "ball"


def tcolor(root: Path) -> Path:
    write_images(root / "Ball_ce2" / "img", names(3, 6))
    write(root / "Ball_ce2" / "Ball_ce2_gt.txt", ROWS)
    write(root / "Ball_ce2" / "Ball_ce2_frames.txt", "3,5\n")
    return root / "Ball_ce2"


ONE_BASED = [[10, 20, 30, 40], [11, 21, 30, 40], [12, 22, 30, 40]]
ZERO_BASED = [[11, 21, 30, 40], [12, 22, 30, 40], [13, 23, 30, 40]]
EIGHTHS = [[10, 20, 30, 40], [18, 28, 30, 40], [26, 36, 30, 40]]


@pytest.mark.parametrize(
    ("make", "name", "first", "boxes"),
    [
        (lasot, "airplane-1", "00000001.jpg", ONE_BASED),
        (got10k, "GOT-10k_Val_000001", "00000001.jpg", ZERO_BASED),
        (got10k_renamed, "walk", "00000001.jpg", ZERO_BASED),
        (trackingnet, "x_1-a", "0.jpg", ZERO_BASED),
        (uav123, "kite1", "000001.jpg", ONE_BASED),
        (nfs, "ball", "00001.jpg", EIGHTHS),
        (tcolor, "Ball_ce2", "0003.jpg", ONE_BASED),
    ],
)
def test_a_data_set_s_layout(tmp_path: Path, make, name: str, first: str, boxes: list[list[float]]) -> None:  # type: ignore[no-untyped-def]
    """In a data set's folder and by itself a sequence has the same frames and boxes."""
    root = tmp_path / "root"
    folder = make(root)
    dataset = find_dataset(str(root))
    (target,) = opened(root)
    assert (dataset.kind, target.kind, target.name) == ("otb", "otb", name)
    assert (len(target.images), target.images[0].name) == (3, first)
    np.testing.assert_array_equal(target.truth, boxes)
    assert dataset.got10k_name(dataset.entries[0]) == name
    source = open_source(str(folder))
    assert [frame.name for frame in source] == [image.name for image in target.images]
    np.testing.assert_array_equal(source.ground_truth, boxes)
    assert main(["datasets", "check", str(root)]) == 0
    (alone,) = opened(folder)
    np.testing.assert_array_equal(alone.truth, boxes)


def test_nfs_at_its_full_rate_is_named(tmp_path: Path) -> None:
    source = open_source(str(nfs(tmp_path) / "240" / "ball"))
    assert source.length == 24
    np.testing.assert_array_equal(source.ground_truth[23], [33, 43, 30, 40])


def test_uav123_s_list_says_which_images_a_target_has(tmp_path: Path) -> None:
    """bird1_2 begins at image 775, and car1_1 is not car11."""
    write_images(tmp_path / "data_seq" / "UAV123" / "bird1", names(770, 1477, "{:06d}.jpg"))
    write(tmp_path / "anno" / "UAV123" / "bird1_2.txt", "1,1,4,3\n" * 703)
    for name in ("car1", "car11"):
        write_images(tmp_path / "data_seq" / "UAV123" / name, names(1, 3, "{:06d}.jpg"))
    for name in ("car1_1", "car1_2", "car11"):
        write(tmp_path / "anno" / "UAV123" / f"{name}.txt", ROWS)
    dataset = find_dataset(str(tmp_path))
    found = {target.name: target for target in dataset.open(tmp_path).sequences}
    assert list(found) == ["bird1_2", "car1_1", "car1_2", "car11"]
    assert (found["bird1_2"].images[0].name, len(found["bird1_2"])) == ("000775.jpg", 703)
    for said, name in (("car1.1", "car1_1"), ("car11", "car11"), ("bird1", "bird1_2")):
        entry = dataset.entry(said)
        assert entry is not None
        assert entry.name == name
    truth = tmp_path / "anno" / "UAV123" / "car1_2.txt"
    source = open_source(str(tmp_path / "data_seq" / "UAV123" / "car1"), str(truth))
    assert (source.ground_truth_file, source.notes) == (truth, [])


def test_track_uses_the_list_as_well(tmp_path: Path) -> None:
    """David's ground truth begins at image 300."""
    folder = tmp_path / "David"
    write_images(folder / "img", names(298, 771))
    write(folder / "groundtruth_rect.txt", "1,1,4,3\n" * 471)
    source = open_source(str(folder))
    assert (source.length, next(iter(source)).name) == (471, "0300.jpg")
    assert source.notes == [
        "groundtruth_rect.txt describes 471 of the 474 images, 0300.jpg to 0770.jpg; these are the frames."
    ]
    assert open_source(str(folder / "img")).length == 474


def test_an_own_sequence_may_be_called_like_a_listed_one(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "Dog"  # OTB's has 127 images
    write_images(folder / "img", names(0, 2))
    write(folder / "groundtruth_rect.txt", ROWS)
    (target,) = opened(tmp_path / "root")
    assert (target.name, len(target), target.images[0].name) == ("Dog", 3, "0000.jpg")
    assert open_source(str(folder)).notes == []


def test_a_list_s_targets_come_before_other_files(tmp_path: Path) -> None:
    """Some copies of Jogging hold a third file."""
    folder = tmp_path / "Jogging"
    write_images(folder / "img", names(1, 307))
    for end in ("", ".1", ".2"):
        write(folder / f"groundtruth_rect{end}.txt", f"{len(end)},1,4,3\n" * 307)
    assert [target.name for target in opened(tmp_path)] == ["Jogging-1", "Jogging-2"]
    second = folder / "groundtruth_rect.2.txt"
    for asked, file in ((None, folder / "groundtruth_rect.1.txt"), (str(second), second)):
        assert open_source(str(folder), asked).ground_truth_file == file


def test_ground_truth_of_the_first_frame_alone_leaves_all_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in the test splits of GOT-10k and TrackingNet."""
    write(got10k(tmp_path) / "groundtruth.txt", "11,21,30,40\n")
    (target,) = opened(tmp_path)
    assert (len(target), len(target.truth), target.is_measurable) == (3, 1, False)
    assert len(target.head(2)) == 2
    assert open_source(str(target.images[0].parent)).length == 3
    assert main(["datasets", "check", str(tmp_path)]) == 0
    output = capsys.readouterr().out
    assert "its ground truth has only the first frame's box: it can be run but not evaluated" in output


def test_lasot_s_file_counts_from_one_wherever_it_is_named(tmp_path: Path) -> None:
    assert is_one_based(lasot(tmp_path) / "groundtruth.txt")
    assert not is_one_based(got10k(tmp_path) / "groundtruth.txt")


def test_a_folder_of_several_sequences_names_one(tmp_path: Path) -> None:
    nfs(tmp_path)
    write_images(tmp_path / "cup" / "30" / "cup", names(1, 3))
    write(tmp_path / "cup" / "30" / "cup.txt", VATIC)
    with pytest.raises(InputError, match="no images in this folder; name one of the sequences in it"):
        open_source(str(tmp_path))


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    for part in ("a", "b"):
        write_images(tmp_path / part / "cup", names(1, 3))
        write(tmp_path / part / "cup" / "groundtruth.txt", ROWS)
    with pytest.raises(InputError, match="has cup in a/cup and in b/cup; name one of the folders"):
        find_dataset(str(tmp_path))


def test_images_are_numbered_by_their_names() -> None:
    def number(*files: str) -> dict[int, str]:
        return {index: file.name for index, file in numbered(map(Path, files)).items()}

    assert number("0010.jpg", "9.jpg", "preview.jpg") == {9: "9.jpg", 10: "0010.jpg"}
    assert number("img0002.jpg", "img0001.jpg") == {1: "img0001.jpg", 2: "img0002.jpg"}
    assert number("a.jpg", "b.jpg") == {1: "a.jpg", 2: "b.jpg"}
    with pytest.raises(InputError, match=r"0001\.jpg and 0001\.png have the same number; keep one"):
        number("0001.jpg", "0001.png")


def test_every_layout_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets"]) == 0
    output = capsys.readouterr().out
    for layout in LAYOUTS:
        assert any(layout.name in line and layout.truths[0] in line for line in output.splitlines())
