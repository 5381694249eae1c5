"""The projects in the folder of runs."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rpn2t import __version__
from rpn2t.errors import InputError
from rpn2t.run.folder import RunFolder
from rpn2t.run.formats.finished_run import REPORT, TABLE
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.report import report_text
from rpn2t.run.table import HEADER
from rpn2t.serve.library import Library
from rpn2t.serve.pictures import Newest
from rpn2t.serve.project import VERB, Project
from rpn2t.serve.refusal import Refusal
from rpn2t.serve.store import is_project, summary
from rpn2t.system.files import numbered_paths, write_whole

_TRASH = ".trash"
_LOADED = 8
"""Projects that stay in memory though nobody looks at them."""


class Projects:
    """All runs in a folder."""

    def __init__(self, runs: Path, library: Library) -> None:
        self.runs = runs
        self._library = library
        self._loaded: dict[str, Project] = {}
        self._watched: dict[str, int] = {}
        self._lock = threading.RLock()
        self._summaries: Newest[dict[str, Any]] = Newest(5000)

    def listed(self, path: str | None = None) -> list[dict[str, Any]]:
        """A line for each project, the newest first; of one source, if a path is given."""
        told = []
        for folder in self._folders():
            with suppress(OSError, ValueError):  # another program's folder, or one that is being written
                known = [os.stat(folder / name) for name in (REPORT, TABLE)]
                stamp = tuple((each.st_mtime_ns, each.st_size) for each in known)
                told.append(self._summaries.get((folder.name, stamp), partial(self._told, folder)))
        chosen = [each for each in told if path is None or each["path"] == path]
        return sorted(chosen, key=lambda each: str(each["modified"]), reverse=True)

    def get(self, name: str) -> Project:
        """A project, as it is on the disk now.

        Raises:
            Refusal: there is none of this name.
            InputError: it cannot be read.
        """
        with self._lock:
            folder = self._folder(name)
            project = self._loaded.pop(name, None)
            if project is None:
                head, _, _ = _summary(folder)
                project = Project(folder, self._source(head))
            else:
                project.refresh()
            self._loaded[name] = project
            self._forget()
            return project

    def watch(self, project: Project, change: int) -> None:
        """Count who looks at a project: it stays in memory as long. Called by one thread only."""
        self._watched[project.id] = self._watched.get(project.id, 0) + change

    def create(self, path: str, info: SourceInfo, notes: list[str]) -> Project:
        """A new project of a source.

        Raises:
            InputError: it cannot be written.
        """
        with self._lock:
            folder = RunFolder.unused(self.runs / info.name)
            report: dict[str, Any] = {
                "tracker": "RPN2T", "version": __version__, "command": {"verb": VERB, "source": path},
                "source": {**asdict(info), "notes": notes}, "objects": [], "status": "complete",
                "error": None,
            }  # fmt: skip
            write_whole(folder.table, HEADER)
            write_whole(folder.report, report_text(report, []))
            return self.get(folder.path.name)

    def delete(self, name: str) -> None:
        """Move a project's folder to the folder of what is thrown away, under a free name.

        Raises:
            Refusal: there is none, or something works on it.
        """
        with self._lock:
            project = self.get(name)
            with project.reserved():
                trash = self.runs / _TRASH
                trash.mkdir(exist_ok=True)
                places = numbered_paths(trash / name)
                project.folder.rename(next(place for place in places if not place.exists()))
                del self._loaded[name]
                project.is_gone = True

    def _folders(self) -> Iterator[Path]:
        if self.runs.is_dir():
            for folder in self.runs.iterdir():
                if not folder.name.startswith(".") and not folder.is_symlink() and is_project(folder):
                    yield folder

    def _folder(self, name: str) -> Path:
        folder = self.runs / name
        plain = name and not name.startswith(".") and "/" not in name and "\0" not in name
        if not plain or folder.is_symlink() or not is_project(folder):
            raise Refusal(404, f"{name}: there is no such project.")
        return folder

    def _told(self, folder: Path) -> dict[str, Any]:
        head, objects, frames = summary(folder)
        modified = datetime.fromtimestamp((folder / TABLE).stat().st_mtime, UTC)
        return {
            "id": folder.name,
            "path": self._source(head),
            "objects": len(objects),
            "frames": frames,
            "modified": modified.isoformat(timespec="milliseconds"),
        }

    def _source(self, head: dict[str, Any]) -> str | None:
        """The path of a run's source below the served folder, if it is there."""
        command = head.get("command")
        typed = command.get("source") if isinstance(command, dict) else None
        return self._library.from_typed(typed) if isinstance(typed, str) else None

    def _forget(self) -> None:
        """Let go of projects that nobody needs, those that were asked for longest ago first."""
        idle = [
            name for name, project in self._loaded.items()
            if not project.is_busy and not self._watched.get(name)
        ]  # fmt: skip
        for name in idle[:-_LOADED]:
            del self._loaded[name]


def _summary(folder: Path) -> Any:
    try:
        return summary(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: cannot be read as a run ({error}); track again") from error
