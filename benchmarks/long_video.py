"""Whether the memory stays bounded on a long video.

    python benchmarks/long_video.py --output FILE.json

A clip that runs there and back without end is tracked in a process of its own, whose resident memory is read
after every frame. Ctrl-C ends it with what was measured until then.
"""

import argparse
import sys
from dataclasses import asdict
from statistics import mean
from typing import Any

from helpers.clips import Clip
from helpers.machine import describe_machine
from helpers.reports import row, table, write_json
from helpers.tracking import (
    Subject,
    add_clip_options,
    add_mode_option,
    add_rounding_options,
    carry_out,
    changed,
    note_lost,
    parser_of,
    positive,
    print_heading,
)
from helpers.workers import Worker
from tqdm import tqdm

AT_ONCE = 10
"""Frames that the worker is asked for at once: no more are lost by Ctrl-C."""
HEADER = ("frames", "resident, MB", "highest since the row before, MB", "a frame, ms", "mean overlap")
FORMS = (".0f", ".1f", ".1f", ".1f", ".2f")


class LongVideo:
    """The measurement: what was asked for, and what is known so far.

    Attributes:
        start: what the worker says of the first frame.
        later: of each frame after it.
        peak: the most resident memory of the process, the first frame's learning included, MB.
        rows: of the table.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.machine = describe_machine(options.threads)
        clip = Clip(options.size, options.target, options.turn)
        self.subject = Subject(
            options.mode, options.device, options.settings, clip, options.bf16, options.tf32
        )
        _ = self.subject.config  # refuses wrong settings before anything starts
        self.start: dict[str, float] = {}
        self.later: list[dict[str, float]] = []
        self.peak = 0.0
        self.rows: list[dict[str, float]] = []
        self.about: dict[str, Any] = {}

    def measure(self) -> None:
        """Track, with a row of the table as soon as there is one."""
        options = self.options
        what = (
            f"{options.mode.capitalize()} mode, frames of {options.size} px, target of {options.target} px."
        )
        print_heading(self.machine, changed(options), what)
        print(table([HEADER]), flush=True)
        with (
            Worker(self.subject.engine(options.threads)) as worker,
            # without a terminal there is no bar: the rows are the progress
            tqdm(total=options.frames, file=sys.stderr, disable=None, unit="frames") as bar,
        ):
            self.about = worker.ask(about=True)
            self.start = worker.ask(start=True)
            bar.update()
            while (done := 1 + len(self.later)) < options.frames:
                next_row = min(done + options.every - done % options.every, options.frames)
                found = worker.ask(frames=min(next_row - done, AT_ONCE))
                self.later += found
                self.peak = worker.ask(peak=True)
                bar.update(len(found))
                if 1 + len(self.later) == next_row:
                    bar.write(self._next_row(), file=sys.stdout)
                    sys.stdout.flush()

    def _next_row(self) -> str:
        """A row of the frames since the last row. The first frame has a time of its own and is in none."""
        since = self.later[int(self.rows[-1]["frames"]) - 1 if self.rows else 0 :]
        found = {
            "frames": 1 + len(self.later),
            "resident": since[-1]["resident"],
            "highest": max(each["resident"] for each in since),
            "milliseconds": 1000 * mean(each["seconds"] for each in since),
            "overlap": mean(each["overlap"] for each in since),
        }
        self.rows.append(found)
        return row(f"{value:{form}}" for value, form in zip(found.values(), FORMS, strict=True))

    def report(self) -> None:
        """The summary and the file, of the frames that were tracked."""
        if not self.later:
            return
        options = self.options
        resident = [self.start["resident"], *(each["resident"] for each in self.later)]
        if not self.rows or self.rows[-1]["frames"] < len(resident):
            print(self._next_row())
        settled = resident[options.settled - 1 :]
        after = {"first": settled[0], "last": settled[-1], "highest": max(settled)} if settled else None
        print(f"\n{len(resident)} frames; {self.peak:.1f} MB at the peak, learning the first frame included.")
        if after:
            memory = ", ".join(f"{name} {value:.1f} MB" for name, value in after.items())
            print(f"Resident from frame {options.settled} on: {memory}.")
        else:
            print(f"Frame {options.settled}, from which on the memory should stay as it is, was not reached.")
        note_lost("in the whole clip", mean(each["overlap"] for each in self.later))
        report = {
            "machine": self.machine, "clip": asdict(self.subject.clip), "settings": options.settings,
            "tracker": self.about, "wanted": options.frames, "frames": len(resident), "start": self.start,
            "peak": self.peak, "settled": options.settled, "after": after, "rows": self.rows,
        }  # fmt: skip
        write_json(options.output, report)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__, "long-video")
    add_mode_option(parser)
    add_clip_options(parser)
    add_rounding_options(parser)
    for option, default, text in (
        ("--turn", 250, "frames after which the clip goes back the way it came"),
        ("--frames", 10_000, "frames in all"),
        ("--every", 500, "frames a row of the table"),
        ("--settled", 200, "frame, from 1, from which on the memory should stay as it is"),
    ):
        described = f"{text} (default: {default})"
        parser.add_argument(option, metavar="N", type=positive, default=default, help=described)
    return parser.parse_args()


def main() -> int:
    """Runs the command line."""
    options = parse_options()
    return carry_out("long_video.py", options.output, lambda: LongVideo(options))


if __name__ == "__main__":
    sys.exit(main())
