"""Boxes read from text: benchmark files in all their spellings, and --init."""

from pathlib import Path

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.sequences.box_files import box_line, is_one_based, parse_box, read_boxes


def write(folder: Path, text: str) -> Path:
    file = folder / "truth.txt"
    file.write_bytes(text.encode())
    return file


@pytest.mark.parametrize(
    "text",
    [
        "11,21,30,40\n12,22,31,41\n",
        "11\t21\t30\t40\r\n12\t22\t31\t41\r\n",
        "11 21  30 40\n12 22 31 41",
        "  11.0, 21.0, 30.0, 40.0 \n12;22;31;41\n\n\n",
        "\ufeff11,21,30,40,\n12,22,31,41,\n",
    ],
    ids=["comma", "tab and CR LF", "blank", "mixed", "byte order mark and last comma"],
)
def test_every_separator_gives_the_same_boxes(tmp_path: Path, text: str) -> None:
    file = write(tmp_path, text)
    np.testing.assert_array_equal(read_boxes(file, one_based=False), [[11, 21, 30, 40], [12, 22, 31, 41]])
    np.testing.assert_array_equal(read_boxes(file, one_based=True), [[10, 20, 30, 40], [11, 21, 31, 41]])


def test_polygons_become_their_upright_rectangle_and_are_never_shifted(tmp_path: Path) -> None:
    file = write(tmp_path, "5,0,10,5,5,10,0,5\n0,0,4,8,-2,3\n7,8,9,10\n")
    expected = [[0, 0, 10, 10], [-2, 0, 6, 8], [6, 7, 9, 10]]
    np.testing.assert_array_equal(read_boxes(file, one_based=True), expected)


def test_rows_without_a_box_stay_rows(tmp_path: Path) -> None:
    boxes = read_boxes(write(tmp_path, "1,2,3,4\nNaN,NaN,NaN,NaN\n0,0,0,0\nnan,1,2,3\n"), one_based=True)
    np.testing.assert_array_equal(boxes, [[0, 1, 3, 4], [np.nan] * 4, [-1, -1, 0, 0], [np.nan] * 4])


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1,2,3", "3 numbers"),
        ("1,2,3,4,5", "5 numbers"),
        ("", "0 numbers"),
        ("1,2,x,4", "'1,2,x,4' is not a list of numbers"),
        ("1,2,inf,4", "infinite"),
    ],
)
def test_a_bad_row_is_named_with_file_and_line(tmp_path: Path, line: str, complaint: str) -> None:
    file = write(tmp_path, f"1,2,3,4\n{line}\n5,6,7,8\n")
    with pytest.raises(InputError, match=complaint) as caught:
        read_boxes(file, one_based=True)
    assert str(caught.value).startswith(f"{file}: line 2: ")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for file in (tmp_path / "missing.txt", tmp_path, write(tmp_path, " \n\n")):
        with pytest.raises(InputError) as caught:
            read_boxes(file, one_based=True)
        assert str(caught.value).startswith(f"{file}: ")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="not a text file"):
        read_boxes(binary, one_based=True)


def test_a_line_of_ours_is_one_based_with_three_decimals(tmp_path: Path) -> None:
    lines = box_line((10, 20.5, 30, 40)) + box_line(np.array([-1.0, 1 / 3, 2, 1e4]))
    assert lines == "11.000,21.500,30.000,40.000\n0.000,1.333,2.000,10000.000\n"
    expected = [[10, 20.5, 30, 40], [-1, 0.333, 2, 1e4]]
    np.testing.assert_allclose(read_boxes(write(tmp_path, lines), one_based=True), expected, atol=1e-9)


def test_only_vot_counts_from_zero() -> None:
    assert not is_one_based("bag/groundtruth.txt")
    assert is_one_based("Deer/groundtruth_rect.txt")
    assert is_one_based("runs/Deer/boxes.txt")


@pytest.mark.parametrize(
    "text",
    [
        "1,2.5,30,40",
        "1 2.5 30 40",
        " 1, 2.5, 30, 40 ",
        "[1, 2.5,30,40]",
        " (1, 2.5, 30, 40) ",
        "[[ 1.   2.5 30.  40. ]]",
    ],
)
def test_a_typed_box_is_taken_as_it_is(text: str) -> None:
    assert parse_box(text) == (1.0, 2.5, 30.0, 40.0)


def test_a_typed_box_may_begin_outside_the_frame() -> None:
    assert parse_box("-3,-4,30,40") == (-3.0, -4.0, 30.0, 40.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "nan,2,3,4",
        "1,inf,3,4",
        "1,2,0,4",
        "1,2,3,-4",
        "[1,2,3,4",
        "[]",
        "([)]",
    ],
)
def test_a_typed_box_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_box(text)
    assert str(caught.value).startswith(f"box '{text}': ")
