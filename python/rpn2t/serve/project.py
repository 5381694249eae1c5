"""A project: a run's folder whose boxes grow, are put right, renamed and deleted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path
from threading import RLock
from typing import Any

from rpn2t.errors import InputError
from rpn2t.run.given import check_name
from rpn2t.run.rows import Row
from rpn2t.serve.events import Events
from rpn2t.serve.refusal import Refusal
from rpn2t.serve.store import Store
from rpn2t.video.annotate import COLOURS

VERB = "serve"
"""How run.json says that a run was made here and not by ``rpn2t track``."""


class Project:
    """A project. Its methods may be called from any thread.

    Attributes:
        id: the name of its folder.
        path: of its source, below the served folder; None if the source is not there.
        events: what happened to it since it was loaded.
        is_gone: whether it was thrown away.
    """

    def __init__(self, folder: Path, path: str | None) -> None:
        """Read the folder.

        Raises:
            InputError: it holds no run that can be read.
        """
        self.id = folder.name
        self.path = path
        self.events = Events()
        self.is_gone = False
        self.folder = folder
        self._store = Store(folder)
        self._lock = RLock()
        self._busy = False
        self._stamp = self._store.stamp
        self._content = self._store.load()
        if self._was_killed():
            with suppress(Refusal, InputError), self._changing("interrupted", "the server was ended"):
                pass

    @property
    def is_busy(self) -> bool:
        """Whether something works on it."""
        return self._busy

    def refresh(self) -> None:
        """Read the folder again if another program has written there.

        Raises:
            InputError: it cannot be read.
        """
        with self._lock:
            if not self._busy and self._store.stamp != self._stamp:
                self._stamp = self._store.stamp
                self._content = self._store.load()
                self.events.add("changed")

    @property
    def objects(self) -> list[str]:
        """The names of its objects, in order."""
        with self._lock:
            return list(self._content.objects)

    def told(self) -> dict[str, Any]:
        """The project as the page gets it."""
        with self._lock:
            rows, version = self._content.in_order(), self.events.last
            objects = list(self._content.objects)
        return {
            "id": self.id,
            "path": self.path,
            "objects": [
                {"name": name, "colour": f"#{red:02x}{green:02x}{blue:02x}"}
                for name, (blue, green, red) in zip(objects, cycle(COLOURS), strict=False)
            ],
            "rows": [told_row(row) for row in rows],
            "version": version,
        }

    def rows(self) -> list[Row]:
        """Its rows, by frame."""
        with self._lock:
            return self._content.in_order()

    def files(self) -> dict[str, str]:
        """The text of boxes.csv, run.json and each boxes.txt, by name."""
        with self._lock:
            content = self._content
            return {
                "boxes.csv": content.table(),
                "run.json": content.report("running" if self._busy else "complete", None),
                **content.boxes(),
            }

    def marks(self) -> dict[str, set[int]]:
        """Of each object the frames of its given and fixed boxes."""
        with self._lock:
            found: dict[str, set[int]] = {row.object: set() for row in self._content.rows.values()}
            for row in self._content.rows.values():
                if row.status in ("given", "fixed"):
                    found[row.object].add(row.frame)
            return found

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep it as it is while the block lasts.

        Raises:
            Refusal: something works on it.
        """
        self.reserve()
        try:
            yield
        finally:
            self.free()

    def free(self) -> None:
        """End `reserve` for a job that did not begin."""
        self._busy = False

    def reserve(self) -> None:
        """Keep it for one job, until `end`.

        Raises:
            Refusal: something works on it.
        """
        with self._lock:
            if self._busy:
                raise Refusal(409, f"{self.id}: a job runs; wait for its end, or stop it.")
            self._busy = True

    def begin(self) -> None:
        """Begin the files of a job.

        Raises:
            Refusal: another program writes there.
            InputError: they cannot be written.
        """
        with self._lock:
            self._store.hold()
            if self._store.has_replaced:  # the last job could not write it all
                self._store.save(self._content, "running", None)
            self._store.report(self._content, "running", None)

    def describe(self, header: Mapping[str, Any]) -> None:
        """Take over what run.json says of the tracker and the source."""
        with self._lock:
            self._content.header.update(header)

    def add(self, found: list[tuple[Row, float | None]]) -> None:
        """Add the rows of a frame, each with the seconds that it took. Old ones are replaced.

        Raises:
            InputError: they cannot be written.
        """
        rows = [(_as_written(row), seconds) for row, seconds in found]
        with self._lock:
            content = self._content
            self._store.append((row for row, _ in rows), content.rows)
            for row, seconds in rows:
                key = (row.object, row.frame)
                content.rows[key] = row
                content.more[key] = {"seconds": seconds}
                if row.object not in content.objects:
                    content.objects.append(row.object)
            self.events.add("rows", [told_row(row) for row, _ in rows])

    def end(self, status: str, error: str | None) -> None:
        """End a job.

        Raises:
            InputError: the files cannot be written. Nothing is lost, and the next job tries again.
        """
        with self._lock:
            try:
                if self._store.is_held:
                    self._store.save(self._content, status, error)
            finally:
                self._store.release()
                self._stamp = self._store.stamp
                self._busy = False

    def rename(self, old: str, new: str) -> None:
        """Give an object another name.

        Raises:
            InputError: there is no such object, or the name cannot be used.
            Refusal: something works on the project.
        """
        new = check_name(new, f"object {new}")
        with self._editing():
            content = self._content
            self._require(old)
            if new in content.objects and new != old:
                raise InputError(f"{new}: there is an object of this name; choose another")
            content.objects = [new if name == old else name for name in content.objects]
            rows = [
                Row(new, row.frame, row.time, row.box, row.score, row.status) if row.object == old else row
                for row in content.rows.values()
            ]
            content.rows = {(row.object, row.frame): row for row in rows}
            content.more = {
                (new if name == old else name, frame): more for (name, frame), more in content.more.items()
            }

    def delete(self, name: str, first: int = 0, last: int | None = None) -> None:
        """Delete an object's rows from frame `first` to `last`, both included; None: to the end.

        An object without rows is no more.

        Raises:
            InputError: there is no such object.
            Refusal: something works on the project.
        """
        with self._editing():
            content = self._content
            self._require(name)
            for each, frame in list(content.rows):
                if each == name and first <= frame and (last is None or frame <= last):
                    del content.rows[each, frame]
                    content.more.pop((each, frame), None)
            left = {each for each, _ in content.rows}
            content.objects = [each for each in content.objects if each in left]

    def _was_killed(self) -> bool:
        """Whether a server was killed while it worked here."""
        header = self._content.header
        ours = isinstance(header.get("command"), dict) and header["command"].get("verb") == VERB
        return self._store.has_replaced or (ours and header.get("status") == "running")

    def _require(self, name: str) -> None:
        if name not in self._content.objects:
            raise InputError(f"{name}: there is no such object; there are {', '.join(self._content.objects)}")

    @contextmanager
    def _editing(self) -> Iterator[None]:
        with self._lock, self.reserved(), self._changing("complete", None):
            yield
        self.events.add("changed")

    @contextmanager
    def _changing(self, status: str, error: str | None) -> Iterator[None]:
        """Write all files after the block. If that fails, all is as it was."""
        before = self._content
        self._store.hold()
        try:
            self._content = before.copy()
            yield
            self._store.save(self._content, status, error)
            self._stamp = self._store.stamp
        except BaseException:
            self._content = before
            raise
        finally:
            self._store.release()


def told_row(row: Row) -> list[Any]:
    """A row as the page gets it: object, frame, time, x, y, w, h, score, status."""
    return [row.object, row.frame, row.time, *row.box, row.score, row.status]


def _as_written(row: Row) -> Row:
    """The row with the digits of boxes.csv, so that it is the same when it is read again."""
    x, y, w, h = (round(value, 3) for value in row.box)
    time = None if row.time is None else round(row.time, 6)
    return Row(row.object, row.frame, time, (x, y, w, h), row.score and round(row.score, 4), row.status)
