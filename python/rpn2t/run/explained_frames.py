"""Which frames ``rpn2t track --explain`` explains, and the files of their pictures.

:mod:`rpn2t.run.explain` draws them.
"""

import re
from pathlib import Path

import cv2

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.run.explain import explain
from rpn2t.run.session import Step
from rpn2t.system.files import require_writable, write_whole, writing
from rpn2t.tracker.observation import Observation

Ranges = list[tuple[int, int | None]]

EVERY = 10
"""If no frames are chosen, every frame whose number is a multiple of this is drawn."""


def parse_list(text: str) -> Ranges:
    """Frames and ranges of them, as in ``10,25,40:60``, as half-open ranges. None as an end means no end.

    Raises:
        InputError: not of this form, or a range is empty.
    """
    ranges: Ranges = []
    for part in text.split(","):
        match = re.fullmatch("([0-9]+)|([0-9]*):([0-9]*)", part.strip())
        if match is None:
            raise InputError(
                f"--explain-frames {text}: write frames and ranges A:B, counted from 0, as in 10,25,40:60"
            )
        if match[1]:
            ranges.append((int(match[1]), int(match[1]) + 1))
            continue
        start, stop = int(match[2] or 0), int(match[3]) if match[3] else None
        if stop is not None and stop <= start:
            raise InputError(f"--explain-frames {text}: no frame lies in {part.strip()}; A must be below B")
        ranges.append((start, stop))
    return ranges


class Explainer:
    """Writes pictures of chosen frames into a folder: ``explained_000012.png`` for frame 12.

    Attributes:
        folder: for the pictures; it is made when the first frame is learned.
        written: the frames that were drawn.
    """

    def __init__(self, folder: str, frames: str | None, *, overwrite: bool = False) -> None:
        """Check the folder and change nothing.

        Args:
            folder: for the pictures.
            frames: which ones, see :func:`parse_list`. None: every tenth, and those in which the tracker
                failed.
            overwrite: an earlier run's pictures in the folder may be replaced.

        Raises:
            InputError: the folder cannot be written or holds pictures, or the frames cannot be understood.
        """
        self.folder = Path(folder)
        self.written: list[int] = []
        self._frames = frames
        self._ranges = None if frames is None else parse_list(frames)
        self._seen: Observation | None = None
        self._begun = False
        require_writable(self.folder, "--explain")
        if not overwrite and self._pictures():
            raise InputError(
                f"{folder}: holds pictures of an earlier run; choose another --explain, or replace them with "
                "--overwrite"
            )

    def require_any(self, start: int, total: int | None) -> None:
        """Check that a frame is drawn at all, of `total` from `start` on.

        Raises:
            InputError: none is.
        """
        first = start + 1  # the box of `start` is given, so there is nothing to explain
        end = float("inf") if total is None else start + total
        if self._ranges is not None and not any(
            max(low, first) < (end if high is None else min(high, end)) for low, high in self._ranges
        ):
            tracked = f"{first}:" if total is None else f"{first}:{start + total}"
            raise InputError(f"--explain-frames {self._frames}: none of them is tracked, which are {tracked}")

    def observe(self, observation: Observation) -> None:
        """What the tracker calls. Drawing waits for `show`, so that it does not count as tracking."""
        self._seen = observation

    def show(self, step: Step, truth: Box | None) -> None:
        """Draw a step if its frame was chosen. The first step clears away an earlier run's pictures.

        Nothing is drawn where the box was given.

        Raises:
            InputError: the picture cannot be written.
        """
        if not self._begun:
            self._clear()
            self._begun = True
        if step.score is None:
            return
        seen, self._seen = self._seen, None
        if seen is None or not self._chosen(step.frame.index, seen.failed):
            return
        picture = explain(step.frame.image, seen, step.frame.index, truth)
        path = self.folder / f"explained_{step.frame.index:06d}.png"
        write_whole(path, cv2.imencode(".png", picture)[1].tobytes())
        self.written.append(step.frame.index)

    def _chosen(self, index: int, failed: bool) -> bool:
        if self._ranges is None:
            return failed or index % EVERY == 0
        return any(low <= index and (high is None or index < high) for low, high in self._ranges)

    def _clear(self) -> None:
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            for old in self._pictures():
                old.unlink()

    def _pictures(self) -> list[Path]:
        """The pictures in the folder."""
        files = self.folder.iterdir() if self.folder.is_dir() else ()
        return [file for file in files if re.fullmatch(r"explained_[0-9]{6,}\.png", file.name)]


def explainer_of(folder: str | None, frames: str | None, *, overwrite: bool) -> Explainer | None:
    """What the options --explain, --explain-frames and --overwrite ask for; None if they ask for nothing.

    Raises:
        InputError: they cannot be used.
    """
    if folder is None:
        if frames is not None:
            raise InputError("--explain-frames chooses frames for --explain DIR; give that too")
        return None
    return Explainer(folder, frames, overwrite=overwrite)
