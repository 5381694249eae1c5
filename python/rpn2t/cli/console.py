"""What the user sees while a verb works."""

import os
import shutil
import sys
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

from rpn2t.system.closing import Closing

if TYPE_CHECKING:
    from rpn2t.fetch.run import FetchState
    from rpn2t.run.session import Moment


def say(text: str, *, error: bool = False) -> None:
    """Print one line to the standard output, or to the standard error.

    If the reader has gone (`rpn2t track ... | head -1`), only the printing ends.
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


class Meter(Closing):
    """How far something is: a bar if the standard error is a terminal, otherwise a line every few seconds.

    A subclass says what is shown of its kind of work. Use it as a context manager.
    """

    _seconds_between_lines = 5.0
    _unit = ""  # after the bar's count

    def __init__(self) -> None:
        self._first = 0
        self._began = self._said = perf_counter()
        self._bar: Any = None

    def close(self) -> None:
        """Leave the bar as it stands. A second call does nothing."""
        if self._bar is not None:
            self._bar.close()

    def _begin(self, count: int) -> None:
        """Measure the pace from here: what came before took another time."""
        self._first, self._began = count, perf_counter()

    def _pace(self, count: int) -> float:
        """Mean seconds of each count since `_begin`."""
        return max(perf_counter() - self._began, 1e-9) / (count - self._first)

    def _left(self, count: int, total: int | None) -> str:
        """The end of a state: the time left, or nothing as long as there is no pace."""
        if total is None or count <= self._first:
            return ""
        return f", {duration(self._pace(count) * max(total - count, 0))} left"

    def _tell(
        self, count: int, total: int | None, state: str = "", line: str | None = None, *, now: bool = False
    ) -> None:
        """Move the bar. Without a bar say the line, but only now or if the last one is old enough."""
        if self._bar is not None:
            self._bar.total = total
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update(count - self._bar.n)
        elif sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                initial=count,
                postfix=state,
                unit=self._unit,
                bar_format="{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{unit}{postfix}",
                ncols=shutil.get_terminal_size().columns,  # 80 if the terminal does not know
                miniters=0,  # the state may change although the count does not
                file=sys.stderr,
            )
        elif line is not None and (now or perf_counter() - self._said >= self._seconds_between_lines):
            self._said = perf_counter()
            say(line)


class TrackingProgress(Meter):
    """How far tracking is. Nothing is shown before `start`."""

    def __init__(self) -> None:
        super().__init__()
        self._total: int | None = None
        self._count = 0

    def start(self, total: int | None, objects: int = 1) -> None:
        """Begin with the first frame.

        Args:
            total: the number of frames, each counted as often as it is tracked; None if it is not known.
            objects: how many are learned.
        """
        self._total = total
        state = f"learning the object{'s' * (objects > 1)} in the first frame"
        self._tell(0, total, state, state, now=True)

    def show(self, moment: "Moment") -> None:
        """Count a frame and say where the run stands."""
        self._count += 1
        learned = [step for step in moment.steps if step.score is None]
        scores = [step.score for step in moment.steps if step.score is not None]
        if self._count == 1 or (learned and not scores):
            self._begin(self._count)
        words = [f"learned in {sum(step.seconds for step in learned):.1f} s"] if learned else []
        if scores:
            words.append(f"score{'s' * (len(scores) > 1)} {', '.join(f'{score:.2f}' for score in scores)}")
        if self._count > self._first:
            words.append(f"{1 / self._pace(self._count):.3g} frames/s")
        state = f"{', '.join(words)}{self._left(self._count, self._total)}"
        of = f"{self._count} of {self._total}" if self._total else f"{self._count}"
        line = f"frame {moment.frame.index} ({of}): {state}"
        self._tell(self._count, self._total, state, line, now=bool(learned) or self._count == self._total)


class BenchmarkProgress(Meter):
    """How far a benchmark is, in runs and frames. Without a terminal there is a line for each finished run.

    It may be told from any thread.
    """

    _unit = " frames"

    def __init__(self, runs: int, frames: int) -> None:
        """Know what is to be done.

        Args:
            runs: how many runs over sequences.
            frames: how many frames in all of them.
        """
        super().__init__()
        self._runs, self._frames = runs, frames
        self._done_runs = self._done_frames = 0
        self._in_flight: dict[str, int] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        self._tell(0, self._frames)
        return self

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return perf_counter() - self._began

    def frames(self, task: str, count: int) -> None:
        """Count the frames that a run in progress has tracked."""
        with self._lock:
            self._in_flight[task] = count
            self._refresh()

    def done(self, task: str, frames: int, error: str | None) -> None:
        """Count a finished run and its frames, or one that failed."""
        with self._lock:
            self._in_flight.pop(task, None)
            self._done_runs += 1
            self._done_frames += frames
            # There may be more repetitions than were counted at first.
            self._runs, self._frames = max(self._runs, self._done_runs), max(self._frames, self._done_frames)
            state = self._refresh()
            line = f"{task}: failed: {error}" if error else f"{task}: {frames} frames"
            if self._bar is not None:
                self._bar.write(line, file=sys.stderr)
            else:
                say(f"{line} ({state})")

    def _refresh(self) -> str:
        tracked = self._done_frames + sum(self._in_flight.values())
        state = f"{self._done_runs} of {self._runs} runs{self._left(tracked, self._frames)}"
        self._tell(min(tracked, self._frames), self._frames, state)
        return state


class FetchProgress(Meter):
    """How far downloads are, in megabytes of all of them together."""

    _unit = " MB"

    def show(self, state: "FetchState") -> None:
        """Say how much has arrived, of how much, and how many sequences are done."""
        here, total = round(state.here / 1e6), round(state.total / 1e6)
        if not self._first and here:
            self._begin(here)
        told = f"{state.finished} of {state.sequences} sequences{self._left(here, total)}"
        self._tell(here, total, told, f"{here} of about {total} MB, {told}")

    def line(self, text: str) -> None:
        """Say a line without breaking the bar."""
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            say(text)


def duration(seconds: float) -> str:
    """Seconds as people read them: 2:05, or 1:02:05."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes.zfill(5)}" if whole >= 3600 else minutes
