"""What a frame costs against the size of the frames and the size of the target.

    python benchmarks/sizes.py --output FILE.json

Each combination is a clip that is tracked in a process of its own, in every round once, in random order.
"""

import argparse
import random
import sys
from dataclasses import asdict, replace
from typing import Any

from helpers.clips import Clip, Size
from helpers.machine import describe_machine
from helpers.reports import table, write_json
from helpers.tracking import (
    QUANTITIES,
    Subject,
    Track,
    add_mode_option,
    add_rounding_options,
    carry_out,
    changed,
    check_intervals,
    note_lost,
    parser_of,
    positive,
    print_heading,
    sizes,
    summarise,
)
from helpers.workers import Worker

FRAME_SIZES = "320x240,640x480,1280x720,1920x1080"
TARGETS = "20x20,60x60,150x150,30x90"
FIXED_FRAME, FIXED_TARGET = Size(640, 480), Size(60, 60)
"""One of the two is fixed while the other changes."""

SHOWN = ("first", "frame", "rate", "peak", "overlap")
"""The quantities in the tables."""


def named(frame: Size, target: Size) -> str:
    """A combination in words."""
    return f"frames of {frame} px, target of {target} px"


class Costs:
    """The measurement: what was asked for, and what is known so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.machine = describe_machine(options.threads)
        self.by_frame = {str(each): named(each, FIXED_TARGET) for each in options.frame_sizes}
        self.by_target = {str(each): named(FIXED_FRAME, each) for each in options.targets}
        pairs = [
            *((each, FIXED_TARGET) for each in options.frame_sizes),
            *((FIXED_FRAME, each) for each in options.targets),
        ]
        base = Subject(
            options.mode, options.device, options.settings, Clip(*pairs[0]), options.bf16, options.tf32
        )
        check_intervals(base, options.frames, "--frames")
        self.subjects = {named(*pair): replace(base, clip=Clip(*pair)) for pair in pairs}
        self.tracks: dict[str, list[Track]] = {name: [] for name in self.subjects}
        self.about: dict[str, Any] = {}

    def measure(self) -> None:
        """Every round."""
        order, shuffled = list(self.subjects), random.Random(0)
        for number in range(self.options.rounds):
            shuffled.shuffle(order)
            for name in order:
                track = self._track(self.subjects[name])
                self.tracks[name].append(track)
                cost = f"first frame in {track.first:.2f} s, the others in {sum(track.seconds):.2f} s"
                print(f"round {number + 1} of {self.options.rounds}, {name}: {cost}", file=sys.stderr)

    def _track(self, subject: Subject) -> Track:
        with Worker(subject.engine(self.options.threads)) as worker:
            start, later = worker.ask(start=True), worker.ask(frames=self.options.frames)
            self.about = worker.ask(about=True)
            return Track.of(start, later, worker.ask(peak=True))

    def report(self) -> None:
        """The tables and the file, of what was measured."""
        options = self.options
        summary = {name: summarise(tracks) for name, tracks in self.tracks.items() if tracks}
        if not summary:
            return
        what = f"{options.mode.capitalize()} mode, {options.frames} frames after the first"
        rounds = max(map(len, self.tracks.values()))
        print_heading(self.machine, changed(options), f"{what}, learning included.", rounds)
        print(f"By the size of the frames, target of {FIXED_TARGET} px:\n")
        print(_by_size("frames, px", self.by_frame, summary))
        print(f"\nBy the size of the target, frames of {FIXED_FRAME} px:\n")
        print(_by_size("target, px", self.by_target, summary))
        for name, quantities in summary.items():
            note_lost(name, quantities["overlap"]["best"])
        report = {
            "machine": self.machine, "settings": options.settings, "frames": options.frames,
            "tracker": self.about,
            "cases": [
                {
                    "clip": asdict(self.subjects[name].clip), "summary": summary[name],
                    "rounds": [asdict(track) for track in self.tracks[name]],
                }
                for name in summary
            ],
        }  # fmt: skip
        write_json(options.output, report)


def _by_size(title: str, names: dict[str, str], summary: dict[str, dict[str, dict[str, float]]]) -> str:
    """A table; the last column compares the time of a later frame with the first row's."""
    shown = {text: summary[name] for text, name in names.items() if name in summary}
    rows = [[title, *(QUANTITIES[name].title for name in SHOWN), "time of a later frame, relative"]]
    for text, quantities in shown.items():
        cells = [QUANTITIES[name].show(quantities[name]) for name in SHOWN]
        base = next(iter(shown.values()))["frame"]["best"]
        rows.append([text, *cells, f"{quantities['frame']['best'] / base:.2f}"])
    return table(rows)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__, "sizes")
    add_mode_option(parser)
    add_rounding_options(parser)
    parser.add_argument("--rounds", metavar="N", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--frames", metavar="N", type=positive, default=40,
        help="after the first, whole update intervals (default: 40)",
    )  # fmt: skip
    for option, default in (("--frame-sizes", FRAME_SIZES), ("--targets", TARGETS)):
        text = f"default: {default}"
        parser.add_argument(option, metavar="WxH,...", type=sizes, default=sizes(default), help=text)
    return parser.parse_args()


def main() -> int:
    """Runs the command line."""
    options = parse_options()
    return carry_out("sizes.py", options.output, lambda: Costs(options))


if __name__ == "__main__":
    sys.exit(main())
