"""Fast mode beside OpenCV's trackers on real sequences: how fast each is, and how exact.

    python benchmarks/trackers.py FOLDER --output FILE.json

Each tracker has a process of its own for the whole run. They take turns of a sequence, in random order, so
that all see the same frames on the same machine in the same minutes; README.md says what is timed.
"""

import argparse
import difflib
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import Any

import numpy as np
from helpers.machine import describe_machine
from helpers.reports import table, write_json
from helpers.tracking import (
    QUANTITIES,
    Track,
    carry_out,
    parser_of,
    positive,
    print_heading,
    tracking_engine,
)
from helpers.workers import Engine, Worker

from rpn2t.benchmark.trackers import BASELINES
from rpn2t.boxes import Box, as_box
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.eval.otb.breakdown import lost_share
from rpn2t.eval.otb.metrics import as_tracked, overlaps, success_auc
from rpn2t.paths import typed_path
from rpn2t.sequences.registry import describe_absent, find_dataset
from rpn2t.sequences.target import Target

OURS = {"fast": None, "fast-float": False, "paper": None, "paper-bf16": True}
"""RPN2T's names here, each with a mode's first, and whether it is with bfloat16 (None: as suits the mode)."""
TRACKERS = (*OURS, *BASELINES)
DEFAULT = "fast,fast-float,csrt,kcf"

FORMS = {"first": ".3f", "frame": ".1f", "median": ".1f", "slow": ".1f", "rate": ".1f", "peak": ".0f"}
SHOWN = {name: replace(QUANTITIES[name], form=form) for name, form in FORMS.items()}
"""The quantities in the table, in forms that also suit a tracker with thousands of frames a second."""


@dataclass(frozen=True)
class Contestant:
    """A tracker, as its worker makes it.

    Attributes:
        tracker: see :class:`rpn2t.benchmark.trackers.TrackerSpec`.
        mode, device, settings, bf16: of RPN2T, see :class:`helpers.tracking.Subject`.
    """

    tracker: str
    mode: str = "fast"
    device: str = "cpu"
    settings: tuple[str, ...] = ()
    bf16: bool | None = None

    @classmethod
    def named(cls, name: str, device: str, settings: Sequence[str]) -> "Contestant":
        """One of TRACKERS.

        Raises:
            InputError: there is none of that name, or a setting is wrong.
        """
        if name not in TRACKERS:
            near = difflib.get_close_matches(name, TRACKERS, n=1)
            cure = f"did you mean {near[0]}?" if near else f"there are {', '.join(TRACKERS)}"
            raise InputError(f"--trackers {name}: no such tracker; {cure}")
        if name not in OURS:
            return cls(name)
        mode = name.partition("-")[0]
        Config.for_mode(mode).with_settings(settings)
        return cls("rpn2t", mode, device, tuple(settings), OURS[name])

    def engine(self, name: str, threads: int) -> Engine:
        """The worker that tracks with it."""
        return tracking_engine(name, "worker_sequences", asdict(self), threads)


@dataclass(frozen=True)
class Result:
    """What a tracker found in a sequence.

    Attributes:
        success_auc: by OTB's protocol.
        lost: share of the frames in which the target is lost.
        boxes: of every frame: x, y, w, h in px, 0-based. The first is the given one.
    """

    success_auc: float
    lost: float
    boxes: list[Box]


LACKS = "it needs two images and a ground truth of the first frame and of another one that is tracked"


def open_sequences(folder: str, frames: int) -> list[Target]:
    """The sequences in a folder, each in its first frames. Says on the standard error which are left out.

    Raises:
        InputError: there is no such folder, or no such sequence in it.
    """
    if frames < 2:
        raise InputError(f"--frames {frames}: give 2 or more; in the first the target is given")
    if not typed_path(folder).is_dir():
        raise InputError(f"{folder}: no such folder; name one that holds sequences")
    opened = find_dataset(folder).open(folder)
    usable, left_out = [], describe_absent(opened.absent)
    for target in opened.sequences:
        head = target.head(frames)
        if _is_usable(head):
            usable.append(head)
        else:
            left_out.append(f"{head.name}: {LACKS}")
    if not usable:
        raise InputError(f"{folder}: no sequence of it can be used ({left_out[0]})")
    for line in left_out:
        print(f"left out, {line}", file=sys.stderr)
    return usable


def _is_usable(target: Target) -> bool:
    first = target.truth[0]
    return (
        len(target.images) > 1
        and target.is_measurable
        and bool(np.isfinite(first).all() and (first[2:] > 0).all())
    )


def joined(tracks: Sequence[Track]) -> Track:
    """Tracks of one tracker over several sequences as one: the first frames' mean, and all later frames."""
    return Track(
        load=tracks[0].load,
        first=mean(track.first for track in tracks),
        seconds=[each for track in tracks for each in track.seconds],
        scores=[each for track in tracks for each in track.scores],
        overlaps=[each for track in tracks for each in track.overlaps],
        peak=max(track.peak for track in tracks),
    )


class Contest:
    """The measurement: what was asked for, and what is known so far.

    Attributes:
        about: what the workers say of themselves, of each tracker that takes part.
        left_out: why the others do not.
        rounds: sequence -> tracker -> track. Of a sequence there are all trackers or none.
        results: sequence -> tracker -> result, of the first round. The others find the same.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.machine = describe_machine(options.threads)
        names = dict.fromkeys(name.strip() for name in options.trackers.split(","))
        self.contestants = {name: Contestant.named(name, options.device, options.settings) for name in names}
        if options.settings and OURS.keys().isdisjoint(names):
            raise InputError("--set: only RPN2T has settings; --trackers names none of its modes")
        self.sequences = open_sequences(options.folder, options.frames)
        self.about: dict[str, Any] = {}
        self.left_out: dict[str, str] = {}
        self.rounds: list[dict[str, dict[str, Track]]] = []
        self.results: dict[str, dict[str, Result]] = {}

    def measure(self) -> None:
        """Every round: the trackers take turns of a sequence."""
        shuffled = random.Random(0)
        with ExitStack() as stack:
            workers = self._start(stack)
            for _ in range(self.options.rounds):
                self.rounds.append({})
                for sequence in self.sequences:
                    order = shuffled.sample(list(workers), len(workers))
                    found = {name: self._track(name, workers[name], sequence) for name in order}
                    self.rounds[-1][sequence.name] = {name: found[name][0] for name in workers}
                    self.results.setdefault(sequence.name, {name: found[name][1] for name in workers})

    def _start(self, stack: ExitStack) -> dict[str, Worker]:
        """The workers, each with its tracker loaded."""
        threads = self.options.threads
        workers = {
            name: stack.enter_context(Worker(contestant.engine(name, threads)))
            for name, contestant in self.contestants.items()
        }
        for name, contestant in self.contestants.items():
            about = workers[name].ask(about=True)
            if contestant.bf16 and not about["tracker"]["bf16"]:
                self.left_out[name] = "; ".join(about["notes"])
                print(f"{name} is left out: {self.left_out[name]}", file=sys.stderr)
                del workers[name]
            else:
                self.about[name] = about
        if not workers:
            raise InputError(f"--trackers {self.options.trackers}: none is left; name others")
        return workers

    def _track(self, name: str, worker: Worker, sequence: Target) -> tuple[Track, Result]:
        files, box = [str(file.absolute()) for file in sequence.images], as_box(sequence.truth[0])
        try:
            found = worker.ask(track=sequence.name, files=files, box=box)
        except InputError as error:
            raise InputError(f"{sequence.name}: {error}") from error
        first, *seconds = found["seconds"]
        rate = f"first frame in {first:.2f} s, {len(seconds)} more in {sum(seconds):.2f} s"
        print(
            f"round {len(self.rounds)} of {self.options.rounds}, {sequence.name}, {name}: {rate}",
            file=sys.stderr,
        )
        truth = sequence.truth
        overlap = overlaps(as_tracked(found["boxes"][: len(truth)], truth), truth)
        later = overlap[1:].tolist()
        track = Track(self.about[name]["load"], first, seconds, found["scores"], later, found["peak"])
        return track, Result(success_auc(overlap), lost_share(overlap), found["boxes"])

    def report(self) -> None:
        """The table and the file. The table has only finished rounds, or what there is of the first."""
        counted = [each for each in self.rounds if len(each) == len(self.sequences)] or self.rounds[:1]
        if not counted or not counted[0]:
            return
        summary = {name: self._summary(name, counted) for name in self.about}
        self._print_table(summary, counted)
        options = self.options
        report = {
            "machine": self.machine, "settings": options.settings, "frames": options.frames,
            "left_out": self.left_out, "trackers": self.about, "summary": summary,
            "sequences": {name: self._numbers(name) for name in self.results},
        }  # fmt: skip
        write_json(options.output, report)

    def _summary(self, tracker: str, counted: list[dict[str, dict[str, Track]]]) -> dict[str, Any]:
        """A tracker's numbers: times and memory of the rounds that count, the rest of their sequences."""
        tracks = [joined([found[tracker] for found in each.values()]) for each in counted]
        results = [self.results[name][tracker] for name in counted[0]]
        return {name: quantity.summary(tracks) for name, quantity in SHOWN.items()} | {
            "success_auc": mean(result.success_auc for result in results),
            "lost": mean(result.lost for result in results),
        }

    def _print_table(self, summary: dict[str, Any], counted: list[dict[str, dict[str, Track]]]) -> None:
        sequences, frames = len(counted[0]), self.options.frames
        what = (
            f"The first {frames} frames of {sequences} sequence{'s' * (sequences > 1)}, learning included.\n"
            f"Of times the best of {len(counted)} rounds (the median); of memory the largest."
        )
        print_heading(self.machine, self.options.settings, what)
        titles = [quantity.title for quantity in SHOWN.values()]
        rows = [["tracker", *titles, "success AUC", "frames lost, %"]]
        for name, found in summary.items():
            cells = [quantity.show(found[key]) for key, quantity in SHOWN.items()]
            rows.append([name, *cells, f"{found['success_auc']:.3f}", f"{100 * found['lost']:.1f}"])
        print(table(rows))

    def _numbers(self, sequence: str) -> dict[str, Any]:
        """A sequence's part of the file: for each tracker its result, and its track of each round."""
        rounds = [each[sequence] for each in self.rounds if sequence in each]
        return {
            name: asdict(result) | {"rounds": [asdict(tracks[name]) for tracks in rounds]}
            for name, result in self.results[sequence].items()
        }


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = parser_of(__doc__, "trackers")
    parser.add_argument("folder", metavar="FOLDER", help="of sequences, as `rpn2t benchmark` takes it")
    for option, default, text in (
        ("--frames", 100, "of each sequence, from its first on"),
        ("--rounds", 3, "how often each tracker tracks each sequence"),
    ):
        described = f"{text} (default: {default})"
        parser.add_argument(option, metavar="N", type=positive, default=default, help=described)
    names = f"some of {', '.join(TRACKERS)} (default: {DEFAULT})"
    parser.add_argument("--trackers", metavar="A,B", default=DEFAULT, help=names)
    return parser.parse_args()


def main() -> int:
    """Runs the command line."""
    options = parse_options()
    return carry_out("trackers.py", options.output, lambda: Contest(options))


if __name__ == "__main__":
    sys.exit(main())
