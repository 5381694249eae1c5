"""run.json: what a run was made of, and a frame a line."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rpn2t.run.rows import Row

_FRAMES = '  "frames": ['


def frame_entry(row: Row, seconds: float | None, **more: float | None) -> dict[str, Any]:
    """An object in a frame, as run.json lists it.

    Args:
        row: the object, the frame and the box.
        seconds: how long `update` took, or None where the box was given.
        more: what else is known of the frame.
    """
    return {
        "index": row.frame, "object": row.object, "box": list(row.box), "score": row.score,
        "status": row.status, "seconds": seconds, "time": row.time, **more,
    }  # fmt: skip


def report_text(report: Mapping[str, Any], frames: Iterable[Mapping[str, Any]]) -> str:
    """The text of run.json: the report, and then the frames, one a line, so that it stays readable."""
    head = json.dumps(plain_json(report), indent=2, allow_nan=False).removesuffix("\n}")
    rows = ",".join("\n    " + json.dumps(plain_json(frame), allow_nan=False) for frame in frames)
    return f"{head},\n{_FRAMES}{rows}\n  ]\n}}\n"


def read_head(path: Path) -> dict[str, Any]:
    """What a run.json says besides its frames, which are not read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no run.json.
    """
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(_FRAMES):
                break
            lines.append(line)
        else:
            raise ValueError(f"{path}: there is no list of frames")
    head = json.loads("".join(lines).rstrip().removesuffix(",") + "}")
    assert isinstance(head, dict), "it began with a brace"
    return head


def plain_json(value: Any) -> Any:
    """The value in JSON's types. What is not finite becomes null, and what JSON lacks becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain_json(value.tolist())
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
