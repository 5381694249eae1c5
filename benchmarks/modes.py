"""Paper mode and fast mode side by side: speed, memory, and whether they follow the target.

    python benchmarks/modes.py --output FILE.json

Both track the same clip on the same build of Caffe, each in a process of its own. They take turns of a few
update intervals, so that both see the same machine; README.md says what is timed.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

from helpers.clips import Clip
from helpers.machine import describe_machine
from helpers.reports import table, write_json
from helpers.tracking import (
    QUANTITIES,
    Subject,
    Track,
    add_clip_options,
    add_rounding_options,
    carry_out,
    changed,
    check_intervals,
    note_lost,
    parser_of,
    positive,
    print_heading,
    summarise,
)
from helpers.workers import Worker

from rpn2t.config import MODES

FRAMES = {"paper": 20, "fast": 100}
RATIO = "fast / paper"


def turns(frames: Mapping[str, int], intervals: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Frames of each mode in a turn: as many turns as every mode has whole intervals for.

    Args:
        frames: of each mode in all, whole intervals.
        intervals: frames of each mode's update interval.
    """
    wholes = {mode: frames[mode] // intervals[mode] for mode in frames}
    count = min(wholes.values())
    for n in range(count):
        yield {
            mode: ((n + 1) * whole // count - n * whole // count) * intervals[mode]
            for mode, whole in wholes.items()
        }


class Comparison:
    """The measurement: what was asked for, and what is known so far.

    Attributes:
        rounds: that were finished, each with a track of both modes.
        about: what the workers say of themselves.
        profiles: where the time of each mode goes, if that was asked for.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.machine = describe_machine(options.threads)
        clip = Clip(options.size, options.target)
        self.subjects = {
            mode: Subject(mode, options.device, options.settings, clip, options.bf16, options.tf32)
            for mode in MODES
        }
        self.frames = {mode: getattr(options, f"{mode}_frames") for mode in MODES}
        self.intervals = {mode: subject.config.update_interval for mode, subject in self.subjects.items()}
        for mode, subject in self.subjects.items():
            check_intervals(subject, self.frames[mode], f"--{mode}-frames")
        self.rounds: list[dict[str, Track]] = []
        self.about: dict[str, Any] = {}
        self.profiles: dict[str, dict[str, Any]] = {}

    def measure(self) -> None:
        """Every round; the order changes from one to the next."""
        for number in range(self.options.rounds):
            self._round(number)
        for mode in MODES if self.options.profile else ():
            print(f"tracking once more in {mode} mode, to see where its time goes", file=sys.stderr)
            with self._worker(mode) as worker:
                self.profiles[mode] = worker.ask(profile=self.frames[mode])

    def _round(self, number: int) -> None:
        order = MODES if number % 2 == 0 else MODES[::-1]
        starts: dict[str, Any] = {}
        later: dict[str, list[Any]] = {mode: [] for mode in MODES}
        with ExitStack() as stack:
            workers = {mode: stack.enter_context(self._worker(mode)) for mode in order}
            about = {mode: workers[mode].ask(about=True) for mode in MODES}  # waits until both are loaded
            for mode in order:
                starts[mode] = workers[mode].ask(start=True)
                self._say(number, f"{mode} mode: first frame in {starts[mode]['first']:.2f} s")
            for turn in turns(self.frames, self.intervals):
                for mode in order:
                    found = workers[mode].ask(frames=turn[mode])
                    seconds = sum(each["seconds"] for each in found)
                    self._say(number, f"{mode} mode: {turn[mode]} frames in {seconds:.2f} s")
                    later[mode] += found
            peaks = {mode: workers[mode].ask(peak=True) for mode in MODES}
        self.about = about
        self.rounds.append({mode: Track.of(starts[mode], later[mode], peaks[mode]) for mode in MODES})

    def _worker(self, mode: str) -> Worker:
        return Worker(self.subjects[mode].engine(self.options.threads))

    def _say(self, number: int, text: str) -> None:
        print(f"round {number + 1} of {self.options.rounds}, {text}", file=sys.stderr)

    def report(self) -> None:
        """The table and the file, of the rounds that were finished."""
        if not self.rounds:
            return
        options = self.options
        summary = {mode: summarise([tracks[mode] for tracks in self.rounds]) for mode in MODES}
        ratios = {name: _ratio(summary["fast"][name], summary["paper"][name]) for name in QUANTITIES}
        counts = " and ".join(f"{self.frames[mode]} in {mode} mode" for mode in MODES)
        what = f"Frames of {options.size} px, target of {options.target} px; after the first {counts}"
        print_heading(self.machine, changed(options), f"{what}, learning included.", len(self.rounds))
        rows = [["", *MODES, RATIO]]
        for name, quantity in QUANTITIES.items():
            ratio = f"{ratios[name]['best']:.3g} ({ratios[name]['median']:.3g})"
            rows.append([quantity.title, *(quantity.show(summary[mode][name]) for mode in MODES), ratio])
        print(table(rows))
        for mode in MODES:
            note_lost(f"{mode} mode", summary[mode]["overlap"]["best"])
        for mode, profile in self.profiles.items():
            print(f"\nWhere {mode} mode's time goes:\n\n{profile['table']}")
        report = {
            "machine": self.machine, "clip": asdict(self.subjects["fast"].clip), "settings": options.settings,
            "frames": self.frames, "modes": self.about, "summary": summary, RATIO: ratios,
            "rounds": [{mode: asdict(tracks[mode]) for mode in MODES} for tracks in self.rounds],
            "profiles": {mode: profile["phases"] for mode, profile in self.profiles.items()},
        }  # fmt: skip
        write_json(options.output, report)


def _ratio(first: dict[str, float], second: dict[str, float]) -> dict[str, float]:
    return {pick: value / second[pick] if second[pick] else float("nan") for pick, value in first.items()}


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__, "modes")
    add_clip_options(parser)
    add_rounding_options(parser)
    parser.add_argument("--rounds", metavar="N", type=positive, default=3, help="default: 3")
    for mode, frames in FRAMES.items():
        text = f"of {mode} mode after the first, whole update intervals (default: {frames})"
        parser.add_argument(f"--{mode}-frames", metavar="N", type=positive, default=frames, help=text)
    parser.add_argument("--profile", action="store_true", help="also where the time of each mode goes")
    return parser.parse_args()


def main() -> int:
    """Runs the command line."""
    options = parse_options()
    return carry_out("modes.py", options.output, lambda: Comparison(options))


if __name__ == "__main__":
    sys.exit(main())
