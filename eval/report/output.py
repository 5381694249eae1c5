"""The folder that an evaluation writes: all of it or nothing, and no file of an earlier one stays."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from rpn2t.errors import InputError

RECORD = "evaluation.json"
"""The file with every figure, and the names of all files that were written with it."""


def write(found: Mapping[str, bytes], folder: Path) -> None:
    """Write all files, through a folder beside it, and remove those that an earlier evaluation left.

    Raises:
        InputError: they cannot be written, or would replace what no evaluation wrote.
    """
    earlier = _listed(folder)
    for name in found:
        if name not in earlier and (folder / name).exists():
            raise InputError(f"{folder}: holds {name}, which no evaluation wrote; choose another --output")
    part: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent))
        for name, content in found.items():
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)
        for old in earlier:
            (folder / old).unlink(missing_ok=True)
        for name in found:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(part / name, folder / name)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write: {error.strerror or error}; choose another --output"
        ) from error
    finally:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)


def _listed(folder: Path) -> list[str]:
    """The files that an earlier evaluation wrote into the folder."""
    try:
        names = list(json.loads((folder / RECORD).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    inside = folder.resolve()
    return [str(name) for name in names if (folder / str(name)).resolve().is_relative_to(inside)]
