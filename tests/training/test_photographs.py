"""Folders of photographs: Pascal VOC, a list in JSON lines, or neither."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.boxes import as_boxes
from rpn2t.errors import InputError
from rpn2t.training.photographs import Photograph, find_photographs, hold_out

ANNOTATION = """<annotation><filename>a.jpg</filename>
<object><name>dog</name><difficult>0</difficult>
  <bndbox><xmin>11</xmin><ymin>21</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>
  <part><name>head</name>
    <bndbox><xmin>12</xmin><ymin>22</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></part></object>
<object><name>cat</name><difficult>1</difficult>
  <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object>
<object><name>cow</name>
  <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>50</xmax><ymax>40</ymax></bndbox></object>
</annotation>"""


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((60, 80, 3), 9, np.uint8))
    return path


def test_pascal_voc_needs_no_annotations(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    picture(tmp_path / "JPEGImages" / "without.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(ANNOTATION)
    (found,) = find_photographs(tmp_path)
    assert found.path.name == "a.jpg"
    # 1-based corners, both inclusive; no box for what is difficult, nor for a part of an object
    assert found.boxes.tolist() == [[10, 20, 30, 40], [0, 0, 50, 40]]
    assert found.read().shape == (60, 80, 3)
    elsewhere = find_photographs(tmp_path / "JPEGImages", tmp_path / "Annotations")
    np.testing.assert_array_equal(elsewhere[0].boxes, found.boxes)


def test_distillation_reads_pascal_voc_as_the_release_does(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages" / "a.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(ANNOTATION)
    (found,) = find_photographs(tmp_path, as_release=True)
    assert found.boxes.tolist() == [[10, 20, 29, 39], [0, 0, 4, 4], [0, 0, 49, 39]]


def test_an_annotation_with_difficult_objects_alone_has_no_box(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "xml").mkdir()
    difficult = ANNOTATION.replace("<difficult>0</difficult>", "<difficult>1</difficult>").replace(
        "<name>cow</name>", "<name>cow</name><difficult>1</difficult>"
    )
    (tmp_path / "xml" / "a.xml").write_text(difficult)
    assert find_photographs(tmp_path, tmp_path / "xml")[0].boxes.shape == (0, 4)


def test_a_list_keeps_its_order_and_its_sources(tmp_path: Path) -> None:
    rows = [
        {"file": "b/2.png", "boxes": [[1, 2, 3.5, 4]], "source": "second", "labels": ["dog"]},
        {"file": "a/1.png", "boxes": []},
    ]
    for row in rows:
        picture(tmp_path / str(row["file"]))
    picture(tmp_path / "not_named.png")
    (tmp_path / "list.jsonl").write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    found = find_photographs(tmp_path, tmp_path / "list.jsonl")
    assert [each.path.relative_to(tmp_path).as_posix() for each in found] == ["b/2.png", "a/1.png"]
    assert [each.source for each in found] == ["second", ""]
    assert found[0].boxes.tolist() == [[1, 2, 3.5, 4]]
    assert found[1].boxes.shape == (0, 4)


def test_a_plain_folder_is_read_by_name_without_boxes(tmp_path: Path) -> None:
    for name in ("c/2.JPG", "a.png", "c/1.webp"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    found = find_photographs(tmp_path)
    assert [each.path.relative_to(tmp_path).as_posix() for each in found] == ["a.png", "c/1.webp", "c/2.JPG"]
    assert all(each.boxes.shape == (0, 4) for each in found)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("{", "line 1: expected"),
        ("[1]", "line 1: expected"),
        ('{"file": "a.png"}', "line 1: expected .*boxes"),
        ('{"file": 3, "boxes": []}', "line 1: expected"),
        ('{"file": "a.png", "boxes": [[1, 2, 3]]}', "line 1: expected"),
        ('{"file": "a.png", "boxes": [[1, 2, 0, 3]]}', "line 1: a box without width or height"),
        ('{"file": "a.png", "boxes": [[1, 2, NaN, 3]]}', "line 1: a box without width or height"),
        ('{"file": "gone.png", "boxes": []}', r"line 1: no such image, .*gone\.png"),
        ("", r"list\.jsonl: no photographs"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str, named: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "list.jsonl").write_text(line)
    with pytest.raises(InputError, match=named):
        find_photographs(tmp_path, tmp_path / "list.jsonl")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("<annotation>", r"a\.xml: not an annotation"),
        (ANNOTATION.replace("<ymax>60</ymax>", ""), r"a\.xml: not an annotation"),
        (ANNOTATION.replace("<xmax>40<", "<xmax>wide<"), r"a\.xml: not an annotation"),
        (ANNOTATION.replace("<xmax>40<", "<xmax>4<"), r"a\.xml: a box without"),
    ],
)
def test_an_annotation_that_cannot_be_used_is_named(tmp_path: Path, text: str, named: str) -> None:
    picture(tmp_path / "a.jpg")
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "a.xml").write_text(text)
    with pytest.raises(InputError, match=named):
        find_photographs(tmp_path, tmp_path / "xml")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder of images"):
        find_photographs(tmp_path / "none")
    with pytest.raises(InputError, match="no photographs"):
        find_photographs(tmp_path)
    with pytest.raises(InputError, match="no such list"):
        find_photographs(tmp_path, tmp_path / "none.jsonl")
    (tmp_path / "xml").mkdir()
    (tmp_path / "xml" / "a.xml").write_text(ANNOTATION)
    with pytest.raises(InputError, match="no image of this name"):
        find_photographs(tmp_path, tmp_path / "xml")
    (tmp_path / "broken.png").write_text("x")
    with pytest.raises(InputError, match=r"broken\.png: not an image"):
        find_photographs(tmp_path)[0].read()


def test_every_tenth_is_held_out() -> None:
    photographs = [Photograph(Path(str(n)), as_boxes([]), "ab"[n % 2]) for n in range(40)]
    training, held = hold_out(photographs)
    assert [int(each.path.name) for each in held] == [9, 19, 29, 39]
    assert training == [each for each in photographs if each not in held]
    training, held = hold_out(photographs, "a")
    assert [int(each.path.name) for each in held] == [18, 38]  # the tenth and twentieth of its own
    assert len(training) == 38
    with pytest.raises(InputError, match=r"source 'c' \(there are: a, b\)"):
        hold_out(photographs, "c")
    with pytest.raises(InputError, match="at least 10"):
        hold_out(photographs[:9])
