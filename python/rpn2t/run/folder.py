"""The folder a run leaves behind: boxes.txt, run.json, video.mp4 and, with --profile, profile.txt."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.run.formats.names import FILES
from rpn2t.sequences.box_files import box_line
from rpn2t.system.files import lock, require_writable, unfinished, write_whole, writing
from rpn2t.system.interruption import Interrupted
from rpn2t.video.writer import partial_path

_NAMES = ("boxes.txt", "run.json", "video.mp4", "profile.txt")


class RunFolder:
    """The folder for the results of one run.

    Making one checks that the folder can be written and that nothing there would be lost, and changes
    nothing. With `overwrite` what an earlier run left is replaced when `recording` starts, all of it at
    once, so that old and new files never stand side by side.

    Attributes:
        path: the folder.
        boxes: boxes.txt, OTB format: one line ``x,y,w,h`` a tracked frame, 1-based, 3 decimals.
        report: run.json; its boxes are 0-based, as everywhere inside.
        video: video.mp4, which the caller writes.
        profile: profile.txt, see `write_profile`.
        files: all of these, and those of ``--format``, which the caller writes.
        frames: what `write` was given, as run.json lists it.
        closing: what run.json says besides the header, and what is known only at the end.

    Raises:
        InputError: the folder cannot be made or written, or holds an earlier run and `overwrite` is false.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        self.path = Path(path)
        self.files = tuple(self.path / name for name in _NAMES)
        self.boxes, self.report, self.video, self.profile = self.files
        self.frames: list[dict[str, Any]] = []
        self.closing: dict[str, Any] = {}
        self._stream: TextIO | None = None
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
        paths = chain([path], (path.with_name(f"{path.name}-{number}") for number in count(2)))
        return cls(next(each for each in paths if not any((each / name).exists() for name in _NAMES)))

    def holds(self, source: str) -> bool:
        """Whether the source is a file that the run would replace."""
        return Path(source).resolve() in {file.resolve() for file in self.files}

    @contextmanager
    def recording(self, header: Mapping[str, Any]) -> Iterator[None]:
        """Begin the files. `write` adds frames until the block is left.

        However the block ends, run.json then holds the header, `closing`, ``status`` (complete,
        interrupted or failed), ``error`` (a line, or null) and ``frames``. While the block runs it has the
        status running and no frames. boxes.txt grows line by line, so it is there even after a kill.

        Raises:
            InputError: another run is writing here or has written here since this object was made, or the
                files cannot be written.
        """
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            boxes = self.boxes.open("a", encoding="ascii")
        with boxes:
            lock(boxes, f"{self.path}: another run is writing here; choose another --output")
            if not self._overwrite and (self.boxes.stat().st_size or self._there() != [self.boxes]):
                raise InputError(
                    f"{self.path}: another run has left its results here; choose another --output"
                )
            with writing(self.path):
                parts = {*unfinished(self.report), *unfinished(self.profile), partial_path(self.video)}
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
        """Add a frame. Its line of boxes.txt is in the file when this returns.

        Args:
            index: 0-based number of the frame in its source.
            box: (x, y, w, h) in pixels, 0-based.
            score: target score in [0, 1], or None on the first frame, whose box was given.
            seconds: how long `update` took, or None on the first frame.
            more: what else run.json says of the frame.

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
        """Write profile.txt, once the recording is over.

        Raises:
            InputError: the file cannot be written.
        """
        write_whole(self.profile, table)

    def _there(self) -> list[Path]:
        """Those of its files that exist."""
        return [file for file in self.files if file.exists()]

    def _write_report(self, header: Mapping[str, Any], status: str, error: str | None) -> None:
        report = {**_plain(header), **_plain(self.closing), "status": status, "error": error}
        head = json.dumps(report, indent=2, allow_nan=False).removesuffix("\n}")
        # One frame a line: run.json stays readable.
        rows = ",".join("\n    " + json.dumps(_plain(frame), allow_nan=False) for frame in self.frames)
        write_whole(self.report, f'{head},\n  "frames": [{rows}\n  ]\n}}\n')


def _plain(value: Any) -> Any:
    """The value in JSON's types. What is not finite becomes null, and what JSON lacks becomes text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
