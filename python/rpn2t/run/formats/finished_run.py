"""A run that is on disk, in a format: what `rpn2t convert` and `rpn2t track --format` write."""

import json
from pathlib import Path
from typing import Any

from rpn2t.errors import InputError
from rpn2t.run.formats.registry import FORMATS
from rpn2t.run.formats.rows_file import read_rows
from rpn2t.run.formats.source_info import SourceInfo

TABLE = "boxes.csv"
REPORT = "run.json"


def run_text(folder: Path, name: str) -> str:
    """The table of a run in the format of this name.

    Raises:
        InputError: the folder does not hold a run, or one of an older version, or its files are damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name the folder of results of `rpn2t track`")
    for file in (REPORT, TABLE):
        if not (folder / file).is_file():
            raise InputError(
                f"{folder}: has no {file}; name the folder of results of `rpn2t track`, or track again if an "
                "older version of rpn2t made it"
            )
    return FORMATS[name].text(read_rows(folder / TABLE), read_source(folder / REPORT))


def read_source(path: Path) -> SourceInfo:
    """What run.json says of the source.

    Raises:
        InputError: it cannot be read or does not say it.
    """
    try:
        source = json.loads(path.read_bytes())["source"]
        info = SourceInfo(**{key: source[key] for key in SourceInfo.__dataclass_fields__})
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; track again") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: does not describe the source of a run; track again") from error
    if not _is_sound(info):
        raise InputError(f"{path}: does not describe the source of a run; track again")
    return info


def _is_sound(info: Any) -> bool:
    """Whether everything that a file said of a source has its type."""
    whole = [info.width, info.height, *([] if info.length is None else [info.length])]
    return (
        isinstance(info.name, str)
        and all(type(number) is int and number > 0 for number in whole)
        and type(info.fps) in (int, float)
        and isinstance(info.files, list)
        and all(isinstance(file, str) for file in info.files)
    )
