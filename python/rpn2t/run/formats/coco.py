"""COCO's JSON with videos and tracks, with the keys of both TAO and CocoVID."""

import json
from collections.abc import Iterable
from typing import Any

from rpn2t.run.formats.numbered import in_order, object_numbers
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.rows import Row

_VIDEO = 1
"""The only video's id."""


def coco_text(rows: Iterable[Row], source: SourceInfo) -> str:
    """The table as COCO's annotations, an entry a line.

    Each object is a category of its name and a track of the same number. ``images`` are the frames that have
    a row, ``frame_index`` counts from 0, and every id counts from 1. TAO's tools read ``frame_index`` and
    ``track_id``, CocoVID's read ``frame_id`` and ``instance_id``: both are there. Boxes are 0-based.
    ``score``, ``status`` and ``time_s`` are our own; COCO's readers pass over them.
    """
    rows = in_order(rows)
    numbers = object_numbers(rows)
    named = [{"id": number, "name": name} for name, number in numbers.items()]
    frames = {row.frame: row for row in rows}
    return _by_line(
        {
            "info": {"description": f"{source.name}, tracked by RPN2T"},
            "licenses": [],
            "videos": [_video(source, max(frames, default=-1))],
            "categories": [{**each, "supercategory": "object"} for each in named],
            "tracks": [{**each, "category_id": each["id"], "video_id": _VIDEO} for each in named],
            "images": [_image(row, source) for row in frames.values()],
            "annotations": [
                _annotation(row, numbers[row.object], number) for number, row in enumerate(rows, start=1)
            ],
        }
    )


def _video(source: SourceInfo, last: int) -> dict[str, Any]:
    return {
        "id": _VIDEO,
        "name": source.name,
        "width": source.width,
        "height": source.height,
        "length": source.frame_count(last),
        "fps": source.fps,
        # TAO's tools ask for both
        "neg_category_ids": [],
        "not_exhaustive_category_ids": [],
    }


def _image(row: Row, source: SourceInfo) -> dict[str, Any]:
    return {
        "id": row.frame + 1,
        "video_id": _VIDEO,
        "file_name": source.file_of(row.frame),
        "width": source.width,
        "height": source.height,
        "frame_index": row.frame,
        "frame_id": row.frame,
        "time_s": row.time,
    }


def _annotation(row: Row, track: int, number: int) -> dict[str, Any]:
    _, _, w, h = row.box
    return {
        "id": number,
        "image_id": row.frame + 1,
        "video_id": _VIDEO,
        "category_id": track,
        "track_id": track,
        "instance_id": track,
        "bbox": [round(value, 3) for value in row.box],
        "area": round(w * h, 3),
        "iscrowd": 0,
        "score": row.score,
        "status": row.status,
    }


def _by_line(content: dict[str, Any]) -> str:
    """JSON in which every entry of a list has a line of its own."""
    parts = []
    for key, value in content.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join("  " + json.dumps(entry, allow_nan=False) for entry in value) + "\n]"
        parts.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
