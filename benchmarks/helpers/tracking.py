"""What the scripts about the tracker share: their options, a worker that tracks, and how they end."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any, Protocol

import numpy as np

from helpers.clips import Clip, Size
from helpers.machine import headline
from helpers.reports import add_output_option, check_output
from helpers.workers import Engine, pools
from rpn2t.config import MODES, Config
from rpn2t.errors import InputError
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.system.threads import SLEEP_AT_ONCE

LOST = 0.5
"""A mean overlap below which the times are those of a tracker that looks for its target."""


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        mode: ``paper`` or ``fast``.
        device: see :class:`rpn2t.Tracker`.
        settings: ``name=value`` texts; none if the mode's defaults are measured.
        clip: what is tracked.
        bf16, tf32: see :class:`rpn2t.Tracker`.
    """

    mode: str
    device: str
    settings: list[str]
    clip: Clip
    bf16: bool | None = None
    tf32: bool = False

    @property
    def config(self) -> Config:
        """The numbers of the method."""
        return Config.for_mode(self.mode).with_settings(self.settings)

    def engine(self, threads: int) -> Engine:
        """The worker that tracks it."""
        return tracking_engine(f"{self.mode} mode", "worker_track", asdict(self), threads)


def tracking_engine(name: str, worker: str, subject: Mapping[str, Any], threads: int) -> Engine:
    """A worker that tracks, with the thread settings of `rpn2t`.

    Args:
        name: for messages.
        worker: its module in this folder.
        subject: what it tracks with; it gets it as JSON.
        threads: of each library.
    """
    command = [sys.executable, "-m", f"helpers.{worker}", json.dumps(subject)]
    return Engine(name, command, {**SLEEP_AT_ONCE, **pools(threads)})


@dataclass(frozen=True)
class Track:
    """A clip that was tracked once, in a process of its own.

    Attributes:
        load: seconds until the tracker is there, of loading Caffe, networks and weights.
        first: seconds of the first frame.
        seconds, scores, overlaps: of each later frame; overlaps are with the truth.
        peak: the most resident memory of the process, MB.
    """

    load: float
    first: float
    seconds: list[float]
    scores: list[float]
    overlaps: list[float]
    peak: float

    @classmethod
    def of(cls, start: dict[str, float], rows: Sequence[dict[str, float]], peak: float) -> "Track":
        """A track from what the worker said of the first frame and of the later ones."""
        seconds, scores, overlaps = ([row[name] for row in rows] for name in ("seconds", "score", "overlap"))
        return cls(start["load"], start["first"], seconds, scores, overlaps, peak)


class Measurement(Protocol):
    """What a script does."""

    def measure(self) -> None:
        """Measures; it may be interrupted anywhere."""

    def report(self) -> None:
        """Prints and writes what is known, if anything."""


@dataclass(frozen=True)
class Quantity:
    """A number of a track, and how several tracks give one.

    Attributes:
        title: as tables show it.
        of: reads it.
        best: of several: `min` or `max`.
        form: how a number is shown.
    """

    title: str
    of: Callable[[Track], float]
    best: Callable[[Iterable[float]], float]
    form: str

    def summary(self, tracks: Iterable[Track]) -> dict[str, float]:
        """Best and median of some tracks."""
        values = [self.of(track) for track in tracks]
        return {"best": self.best(values), "median": median(values)}

    def show(self, summary: dict[str, float]) -> str:
        """``best (median)``."""
        return f"{summary['best']:{self.form}} ({summary['median']:{self.form}})"


def slow(seconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(seconds, 95))


QUANTITIES = {
    "load": Quantity("load Caffe, networks and weights, s", lambda track: track.load, min, ".2f"),
    "first": Quantity("first frame, s", lambda track: track.first, min, ".2f"),
    "frame": Quantity("a later frame, ms", lambda track: 1000 * mean(track.seconds), min, ".1f"),
    "median": Quantity("its median, ms", lambda track: 1000 * median(track.seconds), min, ".1f"),
    "slow": Quantity("its 95th percentile, ms", lambda track: 1000 * slow(track.seconds), min, ".1f"),
    "rate": Quantity("frames a second", lambda track: 1 / mean(track.seconds), max, ".3g"),
    "peak": Quantity("peak of resident memory, MB", lambda track: track.peak, max, ".0f"),
    "overlap": Quantity("mean overlap with the truth", lambda track: mean(track.overlaps), min, ".2f"),
}
"""Best is the least for times and the most for rates; of memory the most is shown, of overlaps the least."""


def summarise(tracks: list[Track]) -> dict[str, dict[str, float]]:
    """Every quantity of the tracks of one subject."""
    return {name: quantity.summary(tracks) for name, quantity in QUANTITIES.items()}


def parser_of(description: str | None, question: str) -> argparse.ArgumentParser:
    """A parser with the options that the scripts share.

    Args:
        description: the script's docstring.
        question: in the name of the file with the numbers.
    """
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    cores = len(os.sched_getaffinity(0))
    parser.add_argument(
        "--threads", metavar="N", type=positive, default=cores, help="default: one a core, here %(default)s"
    )
    parser.add_argument("--device", default="cpu", help="cpu (default), gpu:N or auto")
    parser.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a number of the method, to try the script; a measurement takes the defaults",
    )
    add_output_option(parser, question)
    return parser


def add_rounding_options(parser: argparse.ArgumentParser) -> None:
    """``--bf16``, ``--no-bf16`` and ``--tf32``."""
    parser.add_argument("--bf16", action=argparse.BooleanOptionalAction, help="as that of `rpn2t track`")
    parser.add_argument("--tf32", action="store_true", help="as that of `rpn2t track`")


def add_clip_options(parser: argparse.ArgumentParser) -> None:
    """``--size`` and ``--target``."""
    for option, what, default in (("--size", "frames", Size(320, 240)), ("--target", "target", Size(60, 60))):
        text = f"of the {what}, px (default: {default})"
        parser.add_argument(option, metavar="WxH", type=size, default=default, help=text)


def add_mode_option(parser: argparse.ArgumentParser) -> None:
    """``--mode``."""
    parser.add_argument("--mode", choices=MODES, default="fast", help="default: fast")


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def size(text: str) -> Size:
    """320x240, for argparse."""
    return Size.parse(text)


def sizes(text: str) -> list[Size]:
    """320x240,640x480, for argparse."""
    return [Size.parse(part) for part in text.split(",")]


def check_intervals(subject: Subject, frames: int, option: str) -> None:
    """That the frames after the first hold whole update intervals, and so their share of learning.

    Raises:
        InputError: they do not.
    """
    interval = subject.config.update_interval
    if frames % interval:
        raise InputError(f"{option} {frames}: give a multiple of {interval}, the frames between two updates")


def changed(options: argparse.Namespace) -> list[str]:
    """What of ``--set``, ``--bf16`` and ``--tf32`` is not as in the defaults."""
    said = {None: [], True: ["--bf16"], False: ["--no-bf16"]}
    return [*options.settings, *said[options.bf16], *(["--tf32"] if options.tf32 else [])]


def print_heading(machine: dict[str, Any], settings: list[str], what: str, rounds: int | None = None) -> None:
    """What stands above a table.

    Args:
        machine: its description.
        settings: that are not the defaults.
        what: was tracked; a line or several.
        rounds: over which numbers were taken, if there were any.
    """
    print(headline(machine))
    print(what)
    if settings:
        print(f"Not the default settings: {', '.join(settings)}")
    if rounds:
        print(f"Of {rounds} rounds the best (the median); of memory the largest, of overlaps the smallest.")
    print()


def note_lost(name: str, overlap: float) -> None:
    """Says that a subject was not tracked well enough for its times to mean much."""
    if overlap < LOST:
        print(f"{name}: the target was lost (mean overlap {overlap:.2f}); frames that fail take other times")


def carry_out(script: str, output: Path, make: Callable[[], Measurement]) -> int:
    """Measures, then reports what there is; Ctrl-C ends the measuring and not the report.

    Args:
        script: its name, for messages.
        output: of the numbers; refused before anything is measured if it cannot be written.
        make: the measurement.

    Returns:
        The exit status.
    """
    status = 0
    try:
        check_output(output)
        measurement = make()
    except InputError as error:
        print(f"{script}: {error}", file=sys.stderr)
        return 2
    with Interruption() as interruption:
        try:
            with interruption.allowed():
                measurement.measure()
        except Interrupted as stop:
            print(f"{script}: {stop}", file=sys.stderr)
            status = 128 + stop.signum
        except InputError as error:
            print(f"{script}: {error}", file=sys.stderr)
            status = 2
        measurement.report()
    return status
