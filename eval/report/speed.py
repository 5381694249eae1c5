"""How fast a tracker was: frames a second by the clock, and how long one frame takes.

A tracker's frames take very different times: RPN2T learns in some of them. So there are several figures.

- Frames a second are all frames over all seconds. This is what a clock says of the whole benchmark.
- The median and the 95th percentile are of a single frame's time, in milliseconds.
- got10k's figure is the mean of 1 / seconds over the frames of a sequence, and then over the sequences. Fast
  frames weigh more in it, so it is higher than what the clock says. It is there to compare with others'.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rpn2t.boxes import Floats

COLUMNS = ("Frames/s", "Median (ms)", "95th percentile (ms)", "got10k's frames/s")
"""Of tables with speeds."""

RULE = (
    "Frames/s: all frames over all seconds, first frames included. Median and 95th percentile: of the time "
    "of one frame. got10k's frames/s: the mean of 1 / seconds over a sequence's frames, then over the "
    "sequences. All are over the sequences, and seeds, whose times are known."
)
"""A note for tables with speeds."""


@dataclass(frozen=True)
class Times:
    """The times of a tracker's frames in one sequence.

    Attributes:
        seconds: (n,) of each frame whose time is known, all above 0; at least one.
        single: whether these are the frames' own times. If not, a file gave only frames a second, and all
            entries are the same.
    """

    seconds: Floats
    single: bool = True


@dataclass(frozen=True)
class Speed:
    """How fast a tracker was over one or several sequences.

    Attributes:
        fps: all frames over all seconds.
        median_ms, p95_ms: of a frame's time in milliseconds; None if single frames' times are not known.
        got10k_fps: as got10k counts.
        frames: how many were counted.
    """

    fps: float
    median_ms: float | None
    p95_ms: float | None
    got10k_fps: float
    frames: int

    def cells(self) -> tuple[str, ...]:
        """The figures for a table, in the order of COLUMNS."""
        return tuple(map(_short, (self.fps, self.median_ms, self.p95_ms, self.got10k_fps)))

    def record(self) -> dict[str, float | None]:
        """The figures for a program."""
        figures = {
            "fps": self.fps,
            "median_ms": self.median_ms,
            "p95_ms": self.p95_ms,
            "got10k_fps": self.got10k_fps,
        }
        rounded = {name: None if value is None else round(value, 3) for name, value in figures.items()}
        return rounded | {"frames": self.frames}


def measured_times(seconds: Floats) -> Times | None:
    """The times that can be used of a run's; None if there is none.

    Args:
        seconds: of each frame; 0, NaN or infinite if it was not tracked or not measured.
    """
    usable = seconds[np.isfinite(seconds) & (seconds > 0)]
    return Times(usable) if len(usable) else None


def times_at(fps: float, frames: int) -> Times:
    """The times of a run of which only the frames a second are known."""
    return Times(np.full(frames, 1 / fps), single=False)


def joined(parts: Sequence[Times | None]) -> Times | None:
    """The times of several runs over one sequence; None if none is known."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    return Times(np.concatenate([part.seconds for part in known]), all(part.single for part in known))


def speed(sequences: Sequence[Times | None]) -> Speed | None:
    """The speed over sequences; None if no time is known.

    Args:
        sequences: the times of each, None where they are not known.
    """
    known = [times for times in sequences if times is not None]
    if not known:
        return None
    seconds = np.concatenate([times.seconds for times in known])
    single = all(times.single for times in known)
    return Speed(
        fps=float(len(seconds) / seconds.sum()),
        median_ms=float(1000 * np.median(seconds)) if single else None,
        p95_ms=float(1000 * np.percentile(seconds, 95)) if single else None,
        got10k_fps=float(np.mean([np.mean(1 / times.seconds) for times in known])),
        frames=len(seconds),
    )


def speed_cells(measured: Speed | None) -> tuple[str, ...]:
    """A tracker's figures for a table; empty if they were not measured."""
    return ("",) * len(COLUMNS) if measured is None else measured.cells()


def speed_words(measured: Speed | None) -> str:
    """The speed for a line of text, with a comma before it; nothing if it was not measured."""
    if measured is None:
        return ""
    median = "" if measured.median_ms is None else f" (median {_short(measured.median_ms)} ms)"
    return f", {_short(measured.fps)} frames/s{median}"


def _short(value: float | None) -> str:
    """Three digits; empty for None."""
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
