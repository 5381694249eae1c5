"""The folder a run leaves behind: boxes.txt, run.json, video.mp4 and, where asked for, profile.txt."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO

import numpy as np

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import box_line
from rpn2t.system.container import denied_hint
from rpn2t.system.files import lock
from rpn2t.system.interruption import Interrupted
from rpn2t.video.writer import partial_path


class RunFolder:
    """Where the results of one run go.

    Making one checks that the folder can be written and changes nothing: what an earlier run left
    is replaced when `recording` starts, all of it at once, so old and new files never stand side
    by side.

    Attributes:
        path: the folder.
        boxes: boxes.txt, OTB format: one line ``x,y,w,h`` a tracked frame, 1-based, 3 decimals.
        report: run.json; its boxes are 0-based, as everywhere inside.
        video: video.mp4, which is for the caller to write.
        profile: profile.txt, see `write_profile`.
        files: all of these.
        frames: what `write` was given, as run.json lists it.
        closing: what run.json says besides the header, known at the end only.

    Raises:
        InputError: the folder cannot be made or written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.boxes = self.path / "boxes.txt"
        self.report = self.path / "run.json"
        self.video = self.path / "video.mp4"
        self.profile = self.path / "profile.txt"
        self.files = (self.boxes, self.report, self.video, self.profile)
        self._partial_report = self.path / ".run.json.part"
        self.frames: list[dict[str, Any]] = []
        self.closing: dict[str, Any] = {}
        self._stream: TextIO | None = None
        require_writable(self.path, "--output")

    def holds(self, source: str) -> bool:
        """Whether the source is a file that the run would replace."""
        return Path(source).resolve() in {file.resolve() for file in self.files}

    @contextmanager
    def recording(self, header: Mapping[str, Any]) -> Iterator[None]:
        """Replaces what an earlier run left; `write` adds frames until the block is left.

        However the block ends, run.json then holds the header, `closing`, ``status`` (complete,
        interrupted or failed), ``error`` (a line, or null) and ``frames``. While the block runs it has
        the status running and no frames; boxes.txt grows line by line, so it is there even after a kill.

        Raises:
            InputError: another run is writing here, or the files cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            boxes = self.boxes.open("a", encoding="ascii")
        with boxes:
            lock(boxes, f"{self.path}: another run is writing here; choose another --output")
            with writing(self.path):
                parts = (self._partial_report, partial_path(self.video))
                for old in {*self.files, *parts} - {self.boxes}:
                    old.unlink(missing_ok=True)
                boxes.truncate(0)
            self._stream = boxes
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
                self._write_report(header, status, error)

    def write(
        self, index: int, box: Box, score: float | None, seconds: float | None, **more: float | None
    ) -> None:
        """Adds a frame: its line of boxes.txt is in the file when this returns.

        Args:
            index: 0-based number of the frame in its source.
            box: (x, y, w, h) in pixels, 0-based.
            score: target score in [0, 1], or None on the first frame, whose box was given.
            seconds: what `update` took, or None on the first frame.
            more: what else run.json is to say of the frame.

        Raises:
            InputError: the file cannot be written.
        """
        assert self._stream is not None, "write outside recording"
        x, y, w, h = box
        with writing(self.boxes):
            self._stream.write(box_line(box))
            self._stream.flush()
        self.frames.append({"index": index, "box": [x, y, w, h], "score": score, "seconds": seconds, **more})

    def write_profile(self, table: str) -> None:
        """Writes profile.txt, once the recording is over.

        Raises:
            InputError: the file cannot be written.
        """
        with writing(self.profile):
            self.profile.write_text(table, encoding="utf-8")

    def _write_report(self, header: Mapping[str, Any], status: str, error: str | None) -> None:
        """Writes run.json through a temporary file, so that it is whole or not there."""
        report = {**_plain(header), **_plain(self.closing), "status": status, "error": error}
        head = json.dumps(report, indent=2, allow_nan=False).removesuffix("\n}")
        # One frame a line: run.json stays readable.
        rows = ",".join("\n    " + json.dumps(_plain(frame), allow_nan=False) for frame in self.frames)
        text = f'{head},\n  "frames": [{rows}\n  ]\n}}\n'
        with writing(self.report):
            self._partial_report.write_text(text, encoding="utf-8")
            self._partial_report.replace(self.report)


def require_writable(path: Path, option: str) -> None:
    """Check that a folder can be written, or made, and change nothing.

    Args:
        path: the folder.
        option: by which the user chose it.

    Raises:
        InputError: it cannot.
    """
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise InputError(f"{path}: {there} is not a folder; choose another {option}")
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        cure = denied_hint(error) or f"; choose another {option}"
        raise InputError(f"{path}: cannot write in {there} ({error.strerror}){cure}") from error


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system in the block into a line that names the file."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}{denied_hint(error)}"
        raise InputError(f"{path}: cannot write: {reason}") from error


def _plain(value: Any) -> Any:
    """The value in JSON's types; what is not finite becomes null, what JSON lacks becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
