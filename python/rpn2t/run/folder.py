"""The folder a run leaves behind: boxes.txt, boxes.csv, run.json, video.mp4; with --profile, profile.txt."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from rpn2t.errors import InputError
from rpn2t.run.formats.names import FILES
from rpn2t.run.given import ONLY, is_name
from rpn2t.run.report import frame_entry, report_text
from rpn2t.run.rows import Row
from rpn2t.run.table import HEADER, boxes_name, csv_line
from rpn2t.sequences.box_files import box_line
from rpn2t.system.files import lock, numbered_paths, require_writable, unfinished, write_whole, writing
from rpn2t.system.interruption import Interrupted
from rpn2t.video.writer import partial_path

_NAMES = ("boxes.txt", "boxes.csv", "run.json", "video.mp4", "profile.txt")


class RunFolder:
    """The folder for the results of one run.

    Making one checks that the folder can be written and that nothing there would be lost, and changes
    nothing. With `overwrite` what an earlier run left is replaced when `recording` starts, all of it at
    once, so that old and new files never stand side by side.

    Attributes:
        path: the folder.
        boxes: boxes.txt, OTB format: one line ``x,y,w,h`` a tracked frame, 1-based, 3 decimals. A run with
            several objects has a file ``boxes_NAME.txt`` of each instead.
        table: boxes.csv, a line for each object in each frame; see :mod:`rpn2t.run.table`.
        report: run.json; its boxes are 0-based, as everywhere inside.
        video: video.mp4, which the caller writes.
        profile: profile.txt, see `write_profile`.
        files: all of these, and those of ``--format``, which the caller writes.
        rows: what `write` was given, in order of frames once the recording is over.
        frames: the same, as run.json lists it.
        closing: what run.json says besides the header, and what is known only at the end.

    Raises:
        InputError: the folder cannot be made or written, or holds an earlier run and `overwrite` is false.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.files = tuple(self.path / name for name in _NAMES)
        self.boxes, self.table, self.report, self.video, self.profile = self.files
        self.rows: list[Row] = []
        self.frames: list[dict[str, Any]] = []
        self.closing: dict[str, Any] = {}
        self._table: TextIO | None = None
        self._boxes: dict[str, TextIO] = {}
        self._in_order = True
        self._overwrite = overwrite
        self.files += tuple(self.path / name for name in FILES.values())
        require_writable(self.path, "--output")
        there = self._there()
        if there and not overwrite:
            raise InputError(
                f"{self.path}: holds {there[0].name} already; choose another --output, or replace what is "
                "there with --overwrite"
            )

    @classmethod
    def unused(cls, path: Path) -> "RunFolder":
        """The folder of this path, or PATH-2, PATH-3 ... if the ones before it hold a run.

        Raises:
            InputError: it cannot be made or written.
        """
        paths = numbered_paths(path)
        return cls(next(each for each in paths if not any((each / name).exists() for name in _NAMES)))

    def holds(self, source: str) -> bool:
        """Whether the source is a file that the run would replace."""
        return Path(source).resolve() in {file.resolve() for file in self.files}

    @contextmanager
    def recording(
        self, header: Mapping[str, Any], objects: Sequence[str] = (ONLY,), *, in_order: bool = True
    ) -> Iterator[None]:
        """Begin the files. `write` adds rows until the block is left.

        However the block ends, run.json then holds the header, ``objects``, `closing`, ``status`` (complete,
        interrupted or failed), ``error`` (a line, or null) and ``frames``. While the block runs it has the
        status running and no frames. boxes.csv and boxes.txt grow line by line, so they are there even after
        a kill.

        Args:
            header: what run.json says of the run.
            objects: their names, in the order that rows of one frame have.
            in_order: whether rows are written in the order of frames. If not, boxes.csv grows as they come
                and is put in order at the end, and boxes.txt is written only then.

        Raises:
            InputError: another run is writing here or has written here since this object was made, or the
                files cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            table = self.table.open("a", encoding="utf-8")
        with table, ExitStack() as streams:
            lock(table, f"{self.path}: another run is writing here; choose another --output")
            if not self._overwrite and (self.table.stat().st_size or self._there() != [self.table]):
                raise InputError(
                    f"{self.path}: another run has left its results here; choose another --output"
                )
            places = {name: self._boxes_of(name, objects) for name in objects}
            with writing(self.path):
                self._clear()
                self.files = (*places.values(), *self.files[1:])
                self._boxes = {
                    name: streams.enter_context(place.open("w", encoding="ascii"))
                    for name, place in places.items()
                }
            self._table, self._in_order = table, in_order
            self._append(table, HEADER)
            header = {**header, "objects": list(objects)}
            self._write_report(header, "running", None)
            status, error = "failed", None
            try:
                yield
                status = "complete"
            except Interrupted as stop:
                status, error = "interrupted", str(stop)
                raise
            except BaseException as failure:
                error = str(failure) or type(failure).__name__
                raise
            finally:
                if not in_order:
                    self._sort(objects)
                self._write_report(header, status, error)
                if not in_order:
                    self._write_in_order()

    def write(self, row: Row, seconds: float | None, **more: float | None) -> None:
        """Add an object in a frame. Its line of boxes.csv is in the file when this returns.

        Args:
            row: the object, the frame and the box.
            seconds: how long `update` took, or None where the box was given.
            more: what else run.json says of the frame.

        Raises:
            InputError: the file cannot be written.
        """
        assert self._table is not None, "write outside recording"
        self._append(self._table, csv_line(row))
        if self._in_order:
            self._append(self._boxes[row.object], box_line(row.box))
        self.rows.append(row)
        self.frames.append(frame_entry(row, seconds, **more))

    def write_profile(self, table: str) -> None:
        """Write profile.txt, once the recording is over.

        Raises:
            InputError: the file cannot be written.
        """
        write_whole(self.profile, table)

    def _append(self, stream: TextIO, text: str) -> None:
        """Write to one of the files that grow."""
        with writing(Path(stream.name)):
            stream.write(text)
            stream.flush()

    def _boxes_of(self, name: str, objects: Sequence[str]) -> Path:
        """The file in OTB's format of an object."""
        return self.path / boxes_name(name, alone=len(objects) == 1)

    def _clear(self) -> None:
        """Take away what an earlier run left, also of its objects, and empty the table."""
        parts = {*unfinished(self.report), *unfinished(self.profile), partial_path(self.video)}
        boxes = {self.path / boxes_name(name, alone=False) for name in self._earlier_objects()}
        for old in {*self.files, *parts, *boxes} - {self.table}:
            old.unlink(missing_ok=True)
        os.truncate(self.table, 0)

    def _earlier_objects(self) -> list[str]:
        """The objects of the run that was here before; none if its run.json does not say."""
        try:
            objects = json.loads(self.report.read_text(encoding="utf-8"))["objects"]
            return [name for name in objects if is_name(name)]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _sort(self, objects: Sequence[str]) -> None:
        """Put the rows in order of frames."""
        order = sorted(
            range(len(self.rows)),
            key=lambda place: (self.rows[place].frame, objects.index(self.rows[place].object)),
        )
        self.rows = [self.rows[place] for place in order]
        self.frames = [self.frames[place] for place in order]

    def _write_in_order(self) -> None:
        """Write the table anew, and the boxes. run.json holds all of it already, so a kill loses nothing."""
        assert self._table is not None, "write outside recording"
        with writing(self.table):
            self._table.truncate(0)
        self._append(self._table, HEADER + "".join(map(csv_line, self.rows)))
        for name, stream in self._boxes.items():
            self._append(stream, "".join(box_line(row.box) for row in self.rows if row.object == name))

    def _there(self) -> list[Path]:
        """Those of its files that exist."""
        return [file for file in self.files if file.exists()]

    def _write_report(self, header: Mapping[str, Any], status: str, error: str | None) -> None:
        report = {**header, **self.closing, "status": status, "error": error}
        write_whole(self.report, report_text(report, self.frames))
