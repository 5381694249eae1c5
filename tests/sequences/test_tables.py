"""Tables that hold a box among other columns: the box's are taken, or the table is refused by its columns."""

from pathlib import Path

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.sequences.box_files import read_boxes, read_regions

BOXES = [[100, 50, 20, 30], [103, 52, 20, 31], [107, 52, 21, 31]]
NOTHING = [np.nan] * 4


def read(folder: Path, text: str) -> list[list[float]]:
    file = folder / "truth.txt"
    file.write_text(text)
    boxes: list[list[float]] = read_boxes(file, one_based=False).tolist()
    return boxes


def rows_of(form: str) -> str:
    """BOXES as rows of a table."""
    boxes = [",".join(map(str, box)) for box in BOXES]
    return "".join(form.format(frame=frame, box=box) + "\n" for frame, box in enumerate(boxes, start=1))


@pytest.mark.parametrize(
    "form",
    [
        "{box},0.9",
        "{frame},{box}",
        "{box},0.87,2",
        "{frame},1,{box}",
        "{frame},7,{box},-1",
        "{box},1,4,0,2",
        "{frame},1,{box},1,4",
        "{frame},1,{box},1,1,0.75",
        "{frame},1,{box},1,2,3",
        "{frame},3,{box},1,4,0,1",
        "{frame},1,{box},63.2,-1,-1,-1",
    ],
    ids=[
        "score", "frame", "score and class", "frame and target", "MOT's results", "VisDrone's detections",
        "MOT with classes", "MOT16", "UAVDT", "VisDrone", "MOT's world coordinates",
    ],
)  # fmt: skip
def test_the_box_is_taken_out_of_a_table(tmp_path: Path, form: str) -> None:
    assert read(tmp_path, rows_of(form)) == BOXES


def test_a_table_without_a_frame_has_no_box_there(tmp_path: Path) -> None:
    text = "2,1,100,50,20,30,1,1,1\n3,1,103,52,20,31,1,1,1\n6,1,107,52,21,31,1,1,1\n"
    expected = [NOTHING, BOXES[0], BOXES[1], NOTHING, NOTHING, BOXES[2]]
    np.testing.assert_array_equal(read(tmp_path, text), expected)


def test_frames_may_be_counted_from_zero(tmp_path: Path) -> None:
    assert read(tmp_path, "0,1,100,50,20,30\n1,1,103,52,20,31\n2,1,107,52,21,31\n") == BOXES


def test_vatic_s_corners_become_boxes(tmp_path: Path) -> None:
    text = '0 100 50 120 80 0 0 0 0 "ball"\n0 103 52 123 83 8 0 0 1 "ball"\n'
    assert read(tmp_path, text) == BOXES[:2]


@pytest.mark.parametrize(
    "text",
    [
        "frame,id,x,y,w,h,note\n1,1,100,50,20,30,4000\n",
        "# left top width height speed\n100 50 20 30 88\n",
        "xmin;ymin;xmax;ymax\n100;50;120;80\n",
    ],
)
def test_a_header_names_the_columns(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == BOXES[:1]


def test_decimal_commas(tmp_path: Path) -> None:
    expected = [[12.5, 30.25, 40, 50], [13, 30, 40.5, 50]]
    assert read(tmp_path, "12,5;30,25;40;50\n13;30;40,5;50\n") == expected
    assert read(tmp_path, "12,5\t30,25\t40,0\t50,0\n13\t30\t40,5\t50\n") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rows_of("{frame},1,{box},1,1,1") + rows_of("{frame},2,{box},1,1,1"), "2 targets (id 1, 2)"),
        ("12,5,30,2,40,0,50,1\n13,1,30,4,40,1,50,3\n", "8 numbers a line are not x,y,w,h"),
        ("12,50,30,25,40,00,50,10\n", "has decimal commas; write the decimals with points"),
        ("12,5;30,2;40,0;50,1\n", "can be numbers with decimal commas, or corners x,y"),
        (rows_of("{box},87,2"), "nor x,y,w,h,score,class (detections)"),
        ("1,1,100,50,20,30\n", "6 numbers a line are not x,y,w,h"),
        (rows_of("{frame},10,20,30,20,30,40,10,40"), "frame,id,x,y,w,h,score,class,visibility (MOT)"),
        ("x,y,w,h\n", "holds a header and no box"),
        ("when,where\n1,2\n", "'when,where' is no box, and no header with x,y,w,h"),
        ("frame,x,y,w,h\n2,1,1,5,5\n1,1,1,5,5\n", "its frames do not rise"),
        ("x,y,w,h\n1,2,3\n", "line 2: 3 numbers, and the header names 4 columns"),
        ("1,,3,4,5\n", "line 1: '1,,3,4,5' has an empty column"),
        ("1,2,3,4\n1,2,3,41,2,3,4,5\n", "line 2: 8 numbers that are no corners of a polygon"),
        ("1,2,3,4\n1_000,2,3,4\n", "line 2: '1_000,2,3,4' is not a list of numbers"),
        ("1,2,3,1e300\n", "line 1: a number is above 1e+09"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'truth.txt'}: ")


@pytest.mark.parametrize(
    "text",
    [
        "334.02,128.36,438.19,188.78,396.39,260.83,292.23,200.41\n399,186,350,248,254,172,302,110\n",
        "1,1,5,1,5,3,1,3\n",  # as a table: frame 1, target 1 ...
        "1,1,5,1,5,3,1,3\n2,1,6,1,6,3,2,3\n",
        "10,10,60,14,52,44,12,30\n",  # no rectangle, turned or not
    ],
)
def test_polygons_stay_polygons(tmp_path: Path, text: str) -> None:
    corners = np.array([line.split(",") for line in text.split()], dtype=float).reshape(-1, 4, 2)
    low, high = corners.min(axis=1), corners.max(axis=1)
    np.testing.assert_allclose(read(tmp_path, text), np.hstack([low, high - low]))


def test_text_of_windows(tmp_path: Path) -> None:
    file = tmp_path / "truth.txt"
    file.write_bytes("1,2,3,4\r\n5,6,7,8\r\n".encode("utf-16"))
    assert read_boxes(file, one_based=True).tolist() == [[0, 1, 3, 4], [4, 5, 7, 8]]


def test_masks_become_the_box_around_their_pixels(tmp_path: Path) -> None:
    """Runs of pixels outside and inside, row by row, in a part of the image that is larger than the mask."""
    file = tmp_path / "groundtruth.txt"
    #     .....        .##..                     ###
    #     .###.        .#...
    file.write_text("m10,20,5,2,6,3,1\nm 10, 20, 5, 2, 1, 2, 3, 1\nm0,0,3,1,0,3\nm4,4,9,9\nm5,5,4,3,3,4,5\n")
    expected = [[11, 21, 3, 1], [11, 20, 2, 2], [0, 0, 3, 1], NOTHING, [5, 5, 4, 2]]
    for one_based in (False, True):
        np.testing.assert_array_equal(read_boxes(file, one_based=one_based), expected)
    assert [len(region) for region in read_regions(file)] == [4, 4, 4, 1, 4]


@pytest.mark.parametrize("line", ["m1,2", "m0,0,2,2,0,5", "m0,0,-2,2,0,5", "m0,0,4,4,1,x", "m0,0,2,2,0,-1"])
def test_a_mask_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(InputError, match=r"truth\.txt: line 2: .*mask"):
        read(tmp_path, f"m0,0,1,1,0,1\n{line}\n")
