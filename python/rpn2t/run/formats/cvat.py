"""CVAT for video 1.1: annotations that CVAT takes into a task of the same video."""

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from rpn2t.run.formats.numbered import in_order, object_numbers
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.rows import Row


def cvat_text(rows: Iterable[Row], source: SourceInfo) -> str:
    """The table as CVAT's annotations.xml: a track for each object, with the object's name as its label.

    Frames and pixels count from 0. Every box is a key frame, since CVAT reads no others. A lost box is
    ``occluded``. A frame for which the object has no row is ``outside``. CVAT would else go on showing the
    last box.
    """
    rows = in_order(rows)
    numbers = object_numbers(rows)
    count = source.frame_count(max((row.frame for row in rows), default=-1))
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    _add_meta(root, numbers, source, count)
    for name, number in numbers.items():
        track = SubElement(root, "track", {"id": str(number - 1), "label": name, "source": "auto"})
        _add_boxes(track, [row for row in rows if row.object == name], count)
    ElementTree.indent(root)
    # CVAT's own files have their declaration in this form
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _add_meta(root: Element, names: Iterable[str], source: SourceInfo, count: int) -> None:
    task = SubElement(SubElement(root, "meta"), "task")
    for key, value in {
        "name": source.name, "size": count, "mode": "interpolation", "overlap": 0, "start_frame": 0,
        "stop_frame": count - 1,
    }.items():  # fmt: skip
        SubElement(task, key).text = str(value)
    labels = SubElement(task, "labels")
    for name in names:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = name
        SubElement(label, "type").text = "rectangle"
        SubElement(label, "attributes")
    size = SubElement(task, "original_size")
    SubElement(size, "width").text = str(source.width)
    SubElement(size, "height").text = str(source.height)


def _add_boxes(track: Element, rows: list[Row], count: int) -> None:
    """Add the boxes of one object, and where it ends or has a gap the frame from which on it is not seen."""
    following = [row.frame for row in rows[1:]] + [count]
    for row, next_frame in zip(rows, following, strict=True):
        _add_box(track, row, row.frame, outside=False)
        if row.frame + 1 < next_frame:
            _add_box(track, row, row.frame + 1, outside=True)


def _add_box(track: Element, row: Row, frame: int, *, outside: bool) -> None:
    x, y, w, h = row.box
    numbers = {"frame": frame, "keyframe": 1, "outside": int(outside), "occluded": int(row.status == "lost")}
    corners = {"xtl": x, "ytl": y, "xbr": x + w, "ybr": y + h}
    SubElement(
        track,
        "box",
        {name: str(number) for name, number in numbers.items()}
        | {name: f"{value:.3f}" for name, value in corners.items()}
        | {"z_order": "0"},
    )
