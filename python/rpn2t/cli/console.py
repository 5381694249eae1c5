"""What the user sees while a verb works."""

import os
import shutil
import sys
from threading import Lock
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rpn2t.session import Step

_SECONDS_BETWEEN_LINES = 5.0


def say(text: str, *, error: bool = False) -> None:
    """Prints one line to the standard output, or to the standard error.

    A reader that has gone (`rpn2t track ... | head -1`) ends the printing and nothing else.
    """
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    try:
        # A file name need not be text in the terminal's encoding.
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Progress:
    """Progress: a bar where the standard error is a terminal, otherwise a line every few seconds.

    Use it as a context manager; nothing is shown before `start`.
    """

    def __init__(self) -> None:
        self._total: int | None = None
        self._count = 0
        self._began = self._said = 0.0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, total: int | None) -> None:
        """Begins with the first frame, of so many, or None where nobody knows how many."""
        self._total = total
        state = "learning the object in the first frame"
        if sys.stderr.isatty():
            from tqdm import tqdm

            width = shutil.get_terminal_size().columns  # 80 where a terminal does not know
            form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
            self._bar = tqdm(total=total, file=sys.stderr, bar_format=form, ncols=width)
            self._bar.set_postfix_str(state)
        else:
            say(state)

    def close(self) -> None:
        """Leaves the bar as it stands; a second call does nothing."""
        if self._bar is not None:
            self._bar.close()

    def show(self, step: "Step") -> None:
        """Counts a frame and says where the run stands."""
        self._count += 1
        now = perf_counter()
        if step.score is None:
            self._began = now  # learning the first frame is no measure of the others
            state = f"learned in {step.seconds:.1f} s"
        else:
            state = f"score {step.score:.2f}, {self._pace(now)}"
        if self._bar is not None:
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update()
        elif step.score is None or self._count == self._total or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            of = f"{self._count} of {self._total}" if self._total else f"{self._count}"
            say(f"frame {step.frame.index} ({of}): {state}")

    def _pace(self, now: float) -> str:
        seconds = max(now - self._began, 1e-9) / (self._count - 1)
        pace = f"{1 / seconds:.3g} frames/s"
        if self._total is None:
            return pace
        return f"{pace}, {duration(seconds * max(self._total - self._count, 0))} left"


class RunProgress:
    """How far a benchmark is, in runs and frames: a bar on a terminal, otherwise a line for each finished
    run.

    Safe to tell from any thread. Use it as a context manager.
    """

    def __init__(self, runs: int, frames: int) -> None:
        """Know what is to be done.

        Args:
            runs: of sequences.
            frames: in all of them.
        """
        self._runs, self._frames = runs, frames
        self._done_runs = self._done_frames = 0
        self._in_flight: dict[str, int] = {}
        self._lock = Lock()
        self._began = perf_counter()
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from tqdm import tqdm

            form = "{percentage:3.0f}%|{bar}| {postfix}"
            width = shutil.get_terminal_size().columns
            self._bar = tqdm(total=self._frames, file=sys.stderr, bar_format=form, ncols=width)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return perf_counter() - self._began

    def frames(self, task: str, count: int) -> None:
        """So many frames of a run in flight are tracked."""
        with self._lock:
            self._in_flight[task] = count
            self._refresh()

    def done(self, task: str, frames: int, error: str | None) -> None:
        """A run is over, of so many frames, or failed."""
        with self._lock:
            self._in_flight.pop(task, None)
            self._done_runs += 1
            self._done_frames += frames
            # Repetitions that nobody had counted on.
            self._runs, self._frames = max(self._runs, self._done_runs), max(self._frames, self._done_frames)
            self._refresh()
            line = f"{task}: failed: {error}" if error else f"{task}: {frames} frames"
            if self._bar is not None:
                self._bar.write(line, file=sys.stderr)
            else:
                say(f"{line} ({self._state()})")

    def _refresh(self) -> None:
        if self._bar is not None:
            self._bar.n = min(self._tracked(), self._frames)
            self._bar.total = self._frames
            self._bar.set_postfix_str(self._state())

    def _tracked(self) -> int:
        return self._done_frames + sum(self._in_flight.values())

    def _state(self) -> str:
        tracked, seconds = self._tracked(), self.seconds
        left = seconds / tracked * max(self._frames - tracked, 0) if tracked else 0.0
        return f"{self._done_runs} of {self._runs} runs, {duration(left)} left"


def duration(seconds: float) -> str:
    """Seconds as people read them: 2:05, or 1:02:05."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes.zfill(5)}" if whole >= 3600 else minutes
