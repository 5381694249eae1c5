"""The data sets' lists, and copies of them on a disk."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES
from rpn2t.sequences.registry import DataSet, dataset_names, find_dataset
from rpn2t.sequences.target import ATTRIBUTES, Entry
from rpn2t.training.photographs import find_photographs
from rpn2t.video.sources import open_source

Maker = Callable[..., Path]


@pytest.fixture
def make_sequence(tmp_path: Path) -> Maker:
    """Makes a folder in OTB's layout: images of 8 x 6 px, and boxes 1,1,4,3 growing by a pixel a row."""

    def make(
        name: str, rows: int, first: int = 1, images: int | None = None, truth: str = "groundtruth_rect.txt"
    ) -> Path:
        folder = tmp_path / "root" / name
        (folder / "img").mkdir(parents=True, exist_ok=True)
        for number in range(first, first + (rows if images is None else images)):
            cv2.imwrite(str(folder / "img" / f"{number:04d}.jpg"), np.zeros((6, 8, 3), np.uint8))
        (folder / truth).write_text("".join(f"1,1,{4 + row},3\n" for row in range(rows)))
        return tmp_path / "root"

    return make


@pytest.mark.parametrize(
    ("name", "targets", "folders", "frames"),
    [
        ("otb100", 100, 98, 59035),
        ("otb50", 50, 49, 26972),
        ("otb2013", 51, 50, 29486),
        ("vot2016", 60, 60, 21455),
    ],
)
def test_the_lists_are_the_benchmarks(name: str, targets: int, folders: int, frames: int) -> None:
    """TB-100 has 59,040 frames, OTB-2013 29,491, with five of Tiger1 that the protocol leaves out."""
    entries = find_dataset(name).entries
    assert len(entries) == len({entry.name for entry in entries}) == targets
    assert len({entry.folder for entry in entries}) == folders
    assert sum((entry.rows or 0) - entry.omitted("otb") for entry in entries) == frames


def test_every_attribute_has_the_benchmark_s_number_of_sequences() -> None:
    counts = {
        name: sum(name in entry.attributes for entry in find_dataset("otb100").entries) for name in ATTRIBUTES
    }
    assert counts["IV"] == 38  # as the benchmark's plots say
    assert counts["OV"] == 14
    assert all(entry.attributes for entry in find_dataset("otb100").entries)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Jogging-1", "Jogging-1"),
        ("Jogging.2", "Jogging-2"),
        ("jogging_1", "Jogging-1"),
        ("Jogging2", "Jogging-2"),
        ("Human4", "Human4-2"),
        ("human4.2", "Human4-2"),
        ("faceocc1", "FaceOcc1"),
        ("Skating2_1", "Skating2-1"),
    ],
)
def test_a_target_is_found_by_any_toolkit_s_name(said: str, name: str) -> None:
    entry = find_dataset("otb100").entry(said)
    assert entry is not None
    assert entry.name == name


def test_names_for_got10k() -> None:
    dataset = find_dataset("otb100").select(["Jogging-2", "Human4", "Deer"])
    assert [dataset.got10k_name(entry) for entry in dataset.entries] == ["Deer", "Human4", "Jogging.2"]


def test_a_folder_s_name_selects_both_of_its_targets() -> None:
    assert [entry.name for entry in find_dataset("otb100").select(["Jogging"]).entries] == [
        "Jogging-1",
        "Jogging-2",
    ]


def test_protocols_differ_where_tiger1_begins(make_sequence: Maker) -> None:
    root = make_sequence("Tiger1", 354)
    dataset = find_dataset("otb2013").select(["Tiger1"])
    (otb,) = dataset.open(root, "otb").sequences
    (got10k,) = dataset.open(root, "got10k").sequences
    assert (len(otb), otb.images[0].name, otb.truth[0, 2]) == (349, "0006.jpg", 9)
    assert (len(got10k), got10k.images[0].name) == (354, "0001.jpg")


def test_images_are_found_by_their_numbers(make_sequence: Maker) -> None:
    """David's folder holds 770 images, and the ground truth begins at the 300th."""
    root = make_sequence("David", 471, first=299, images=473)
    (sequence,) = find_dataset("otb100").select(["David"]).open(root).sequences
    assert (sequence.images[0].name, sequence.images[-1].name, len(sequence)) == ("0300.jpg", "0770.jpg", 471)
    np.testing.assert_array_equal(sequence.truth[0], [0, 0, 4, 3])


def test_another_case_and_renumbered_images_are_taken(
    make_sequence: Maker, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_sequence("blurcar3", 357)
    (sequence,) = find_dataset("otb100").select(["BlurCar3"]).open(root).sequences
    assert sequence.images[0].name == "0001.jpg"
    with pytest.raises(SystemExit):  # the other 99 are missing
        main(["datasets", "check", "otb100", "--root", str(root)])
    output = capsys.readouterr().out
    assert "BlurCar3: odd: its last image is number 357, the benchmark's 359" in output
    assert "BlurCar3: odd: its folder is called blurcar3, the benchmark's BlurCar3" in output


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": 70}, "groundtruth_rect.txt has 70 rows, the benchmark's has 71; get the sequence again"),
        ({"rows": 71, "images": 50}, "21 of 71 images are missing"),
        ({"rows": 71, "truth": "other.txt"}, "no groundtruth_rect.txt in"),
    ],
)
def test_a_damaged_copy_is_named(
    make_sequence: Maker, capsys: pytest.CaptureFixture[str], change: dict[str, int], words: str
) -> None:
    root = make_sequence("Deer", **change)
    make_sequence("Vase", 271)
    opened = find_dataset("otb100").open(root)
    assert [sequence.name for sequence in opened.sequences] == ["Vase"]
    assert words in opened.absent["Deer"]
    with pytest.raises(SystemExit) as stopped:
        main(["datasets", "check", "otb100", "--root", str(root)])
    assert stopped.value.code == 1
    output = capsys.readouterr().out
    assert f"Deer: missing: {words}"[:60] in output
    assert "1 of 100 sequences of otb100 can be used (otb protocol)" in output
    assert f"get what is missing with: rpn2t datasets fetch otb100 --root {root}" in output


def test_the_check_reads_every_image(make_sequence: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_sequence("Deer", 71)
    (root / "Deer" / "img" / "0041.jpg").write_bytes(b"no image")
    with pytest.raises(SystemExit):
        main(["datasets", "check", str(root)])
    assert "Deer: missing: frame 40, 0041.jpg, cannot be read as an image" in capsys.readouterr().out


def test_a_root_of_annotations_alone(tmp_path: Path) -> None:
    (tmp_path / "att").mkdir()
    (tmp_path / "jogging-1.txt").write_text("1,1,4,3\n" * 307)
    (tmp_path / "human4.txt").write_text("1\t1\t4\t3\n" * 667)
    (tmp_path / "att" / "human4.txt").write_text("1,0,0,1,0,0,0,0,0,0,0\n")
    sequences = find_dataset("otb100").open(tmp_path).sequences
    assert [(sequence.name, len(sequence), sequence.images) for sequence in sequences] == [
        ("Human4-2", 667, ()),
        ("Jogging-1", 307, ()),
    ]
    assert sequences[0].attributes == ("IV", "OCC")


def test_any_folder_in_otb_s_layout(make_sequence: Maker) -> None:
    root = make_sequence("mine", 5, first=10)
    make_sequence("two", 4, truth="groundtruth_rect.1.txt")
    make_sequence("two", 4, truth="groundtruth_rect.2.txt")
    dataset = find_dataset(str(root))
    assert (dataset.kind, dataset.store) == ("otb", "root")
    opened = dataset.open(root)
    assert [(each.name, len(each.images)) for each in opened.sequences] == [
        ("mine", 5),
        ("two-1", 4),
        ("two-2", 4),
    ]
    assert dataset.got10k_name(dataset.entries[2]) == "two.2"


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_images_of_every_kind_are_found(make_sequence: Maker, suffix: str) -> None:
    """A data set, `rpn2t track` and the trainings take the same files for images."""
    root = make_sequence("mine", 2)
    for file in (root / "mine" / "img").iterdir():
        file.rename(file.with_suffix(suffix.upper()))
    (target,) = find_dataset(str(root)).open(root).sequences
    assert [path.suffix.lower() for path in target.images] == [suffix, suffix]
    assert open_source(str(root / "mine")).length == 2
    assert len(find_photographs(root / "mine")) == 2


def test_any_folder_in_vot_s_layout(tmp_path: Path) -> None:
    folder = tmp_path / "root" / "cup"
    (folder / "color").mkdir(parents=True)
    cv2.imwrite(str(folder / "color" / "00000001.jpg"), np.zeros((6, 8, 3), np.uint8))
    (folder / "groundtruth.txt").write_text("1,1,5,1,5,3,1,3\n")
    dataset = find_dataset(str(tmp_path / "root"))
    (sequence,) = dataset.open(tmp_path / "root").sequences
    assert dataset.kind == sequence.kind == "vot"
    np.testing.assert_array_equal(sequence.truth, [[1, 1, 4, 2]])
    np.testing.assert_array_equal(sequence.regions[0], [1, 1, 5, 1, 5, 3, 1, 3])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "otb99"], "otb99: no such data set; there are otb100, otb50, otb2013, vot2016"),
        (["check", "otb100", "--root", "nowhere"], "nowhere: no such folder"),
        (["check", "otb100"], "otb100: give --root DIR, the folder that holds its sequences"),
    ],
)
def test_wrong_names_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_mixed_layouts_are_refused(tmp_path: Path) -> None:
    for name, truth in (("a", "groundtruth_rect.txt"), ("b", "groundtruth.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / truth).write_text("1,1,4,3\n")
    with pytest.raises(InputError, match="holds sequences of OTB and of VOT"):
        find_dataset(str(tmp_path))


def test_the_list_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets"]) == 0
    output = capsys.readouterr().out
    assert all(name in output for name in dataset_names())
    assert "get one with: rpn2t datasets fetch NAME --root DIR" in output
    assert main(["datasets", "list"]) == 0
    assert capsys.readouterr().out == output
    assert main(["datasets", "show", "otb2013", "--protocol", "otb"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 51
    assert any(line.split()[:2] == ["Tiger1", "6-354"] for line in lines)


def test_entries_are_what_a_line_says() -> None:
    dataset: DataSet = find_dataset("otb100")
    entry = dataset.entry("BlurCar1")
    assert entry == Entry("BlurCar1", "BlurCar1", "groundtruth_rect.txt", 247, 988, ("100",), ("MB", "FM"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("benchmark", "~nobody-of-that-name/x"),
        ("datasets", "check", "otb100", "--root", "~nobody-of-that-name/x"),
        ("evaluate", "otb100", "--root", "~nobody-of-that-name", "--results", "~nobody-of-that-name"),
        ("results", "list", "--results", "~nobody-of-that-name"),
    ],
)
def test_a_home_that_is_not_there_is_a_name_like_any_other(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert "~nobody-of-that-name" in capsys.readouterr().err
