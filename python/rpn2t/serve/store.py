"""The files of a project: those that ``rpn2t track`` leaves, which change as the work goes.

boxes.csv grows line by line. A row that replaces another one goes into a hidden file beside it, since a table
has one row of an object in a frame. When a job ends the table is written anew, in order. So at any moment the
two files together hold all rows, also after a kill or on a full disk.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from rpn2t.errors import InputError
from rpn2t.run.formats.finished_run import REPORT, TABLE
from rpn2t.run.formats.names import FILES
from rpn2t.run.formats.rows_file import parse_rows
from rpn2t.run.given import is_name
from rpn2t.run.report import frame_entry, read_head, report_text
from rpn2t.run.rows import Row
from rpn2t.run.table import HEADER, boxes_name, csv_line
from rpn2t.sequences.box_files import box_line
from rpn2t.serve.refusal import Refusal
from rpn2t.system.files import lock, write_whole, writing

Key = tuple[str, int]
"""An object's name and a frame."""

_REPLACED = ".replaced.csv"
_OWN = frozenset({"index", "object", "box", "score", "status", "seconds", "time"})
_DERIVED = ("video.mp4", "profile.txt", *FILES.values())
"""Files that are made of the rows. They are wrong once a row changes, and can be made again."""


@dataclass
class Content:
    """What is in a project's files.

    Attributes:
        header: of run.json: what it says besides status, error, objects and frames.
        objects: the names, in order.
        rows: the table.
        more: what run.json says of single rows besides: seconds, for one.
    """

    header: dict[str, Any]
    objects: list[str]
    rows: dict[Key, Row] = field(default_factory=dict)
    more: dict[Key, dict[str, Any]] = field(default_factory=dict)

    def copy(self) -> "Content":
        """A copy that can be changed."""
        return Content(dict(self.header), list(self.objects), dict(self.rows), dict(self.more))

    def in_order(self) -> list[Row]:
        """The rows by frame, and within a frame by object."""
        place = {name: number for number, name in enumerate(self.objects)}
        return sorted(self.rows.values(), key=lambda row: (row.frame, place[row.object]))

    def table(self) -> str:
        """The text of boxes.csv."""
        return HEADER + "".join(map(csv_line, self.in_order()))

    def boxes(self) -> dict[str, str]:
        """boxes.txt, or with several objects a file of each: name -> text."""
        lines: dict[str, list[str]] = {name: [] for name in self.objects}
        for row in self.in_order():
            lines[row.object].append(box_line(row.box))
        alone = len(lines) == 1
        return {boxes_name(name, alone=alone): "".join(text) for name, text in lines.items()}

    def report(self, status: str, error: str | None) -> str:
        """The text of run.json."""
        report = {**self.header, "objects": self.objects, "status": status, "error": error}
        frames = (
            frame_entry(row, **{"seconds": None, **self.more.get((row.object, row.frame), {})})
            for row in self.in_order()
        )
        return report_text(report, frames)


class Store:
    """The folder of a project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._table: TextIO | None = None
        self._replaced: TextIO | None = None
        self._appended = False

    @property
    def stamp(self) -> tuple[int, int, int]:
        """Changes when another program writes the table."""
        known = os.stat(self.folder / TABLE)
        return known.st_ino, known.st_mtime_ns, known.st_size

    def load(self) -> Content:
        """Read the files.

        Raises:
            InputError: they cannot be read, or are those of no run.
        """
        path = self.folder / REPORT
        try:
            report = json.loads(path.read_bytes())
            frames, objects = report.pop("frames"), report.pop("objects")
            more = {
                (each["object"], each["index"]): {
                    key: value for key, value in each.items() if key == "seconds" or key not in _OWN
                }
                for each in frames
            }
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; track again") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{path}: is no run.json of `rpn2t track`; track again") from error
        table = [*_rows(self.folder / TABLE), *_rows(self.folder / _REPLACED)]
        rows = {(row.object, row.frame): row for row in table}
        names = [name for name in objects if isinstance(name, str)]
        return Content(report, list(dict.fromkeys([*names, *(row.object for row in table)])), rows, more)

    @property
    def has_replaced(self) -> bool:
        """Whether there are rows that are not in the table yet."""
        return (self.folder / _REPLACED).exists()

    @property
    def is_held(self) -> bool:
        """Whether this is between `hold` and `release`."""
        return self._table is not None

    def hold(self) -> None:
        """Keep others from writing here, until `release`.

        Raises:
            Refusal: another program writes here.
            InputError: the table cannot be written.
        """
        with writing(self.folder / TABLE):
            table = (self.folder / TABLE).open("a", encoding="utf-8")
        try:
            lock(table, "busy")
        except InputError:
            table.close()
            raise Refusal(
                409, f"{self.folder.name}: another run is writing here; wait for its end."
            ) from None
        self._table = table
        _cut_torn(table)

    def release(self) -> None:
        """Let others write here."""
        for stream in (self._table, self._replaced):
            if stream is not None:
                stream.close()
        self._table = self._replaced = None
        self._appended = False

    def append(self, rows: Iterable[Row], known: Mapping[Key, Row]) -> None:
        """Add rows. Those that replace one of the known rows go into the hidden file.

        Raises:
            InputError: they cannot be written. Then none is.
        """
        assert self._table is not None, "append outside hold"
        if not self._appended:
            self._appended = True
            self._remove(_DERIVED)
        new, old = list[str](), list[str]()
        for row in rows:
            (old if (row.object, row.frame) in known else new).append(csv_line(row))
        if old and self._replaced is None:
            with writing(self.folder / _REPLACED):
                self._replaced = (self.folder / _REPLACED).open("w", encoding="utf-8")
            old.insert(0, HEADER)
        if new:
            _append(self._table, "".join(new))
        if old:
            assert self._replaced is not None, "opened above"
            _append(self._replaced, "".join(old))

    def report(self, content: Content, status: str, error: str | None) -> None:
        """Write run.json."""
        write_whole(self.folder / REPORT, content.report(status, error))

    def save(self, content: Content, status: str, error: str | None) -> None:
        """Write everything, within `hold`.

        Raises:
            InputError: a file cannot be written. All rows are there, in the old files.
        """
        earlier = self._earlier_boxes()
        write_whole(self.folder / TABLE, content.table())
        self.release()
        self.hold()  # of the new file
        boxes = content.boxes()
        for name, text in boxes.items():
            write_whole(self.folder / name, text)
        self.report(content, status, error)
        self._remove({*earlier - set(boxes), *_DERIVED, _REPLACED})

    def _remove(self, names: Iterable[str]) -> None:
        with writing(self.folder):
            for name in names:
                (self.folder / name).unlink(missing_ok=True)

    def _earlier_boxes(self) -> set[str]:
        """The files of boxes that the last writing left."""
        try:
            names = read_head(self.folder / REPORT).get("objects", [])
        except (OSError, ValueError):
            names = []
        several = {boxes_name(name, alone=False) for name in names if is_name(str(name))}
        return {boxes_name("", alone=True), *several}


def is_project(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return (folder / REPORT).is_file() and (folder / TABLE).is_file()


def summary(folder: Path) -> tuple[dict[str, Any], Sequence[str], int]:
    """What run.json says besides its frames, the objects, and how many frames have a row.

    Raises:
        OSError: a file cannot be read.
        ValueError: it is none of a run's.
    """
    head = read_head(folder / REPORT)
    with (folder / TABLE).open(encoding="utf-8") as file:
        next(file, None)
        fields = [line.split(",", 2) for line in file]
    frames = {each[1] for each in fields if len(each) > 1}
    objects = [*head.get("objects", []), *(each[0] for each in fields)]
    return head, list(dict.fromkeys(objects)), len(frames)


def _rows(path: Path) -> list[Row]:
    """The rows of a table, whose last line may not be whole if its writer was killed."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; track again") from error
    whole = data[: data.rfind(b"\n") + 1]
    try:
        return parse_rows(path, whole.decode("utf-8-sig") or HEADER)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8; track again") from error


def _cut_torn(stream: TextIO) -> None:
    """Take away a last line that is not whole, or the next one would be joined to it."""
    path = Path(stream.name)
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        with writing(path):
            os.ftruncate(stream.fileno(), data.rfind(b"\n") + 1)


def _append(stream: TextIO, text: str) -> None:
    """Add whole lines, or nothing: a part of a line would spoil the table."""
    with ExitStack() as undo, writing(Path(stream.name)):
        size = os.fstat(stream.fileno()).st_size
        undo.callback(os.ftruncate, stream.fileno(), size)
        data = text.encode()
        while data:
            data = data[os.write(stream.fileno(), data) :]
        undo.pop_all()
