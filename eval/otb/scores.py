"""What an evaluation of OTB results computes: each tracker's curves on each sequence, and their means.

All trackers are compared on the same sequences, as published tables are (:mod:`rpn2t.eval.comparison`). One
that the root lacks is left out of every mean, too, and named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rpn2t.benchmark.experiments import OtbExperiment
from rpn2t.benchmark.manifest import note_on_folder
from rpn2t.benchmark.result_files import run_starts
from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.eval.comparison import compare
from rpn2t.eval.otb import metrics
from rpn2t.eval.otb.breakdown import Breakdown, break_down, mean_breakdown
from rpn2t.eval.otb.mat_files import MatReader
from rpn2t.eval.otb.result_formats import Run
from rpn2t.eval.otb.tracker_files import TrackerFiles, align, choose_trackers, find_trackers
from rpn2t.eval.report.speed import Speed, Times, joined, speed
from rpn2t.eval.seeds import find_seeds
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import DataSet, find_dataset
from rpn2t.sequences.target import ATTRIBUTES, Target


@dataclass(frozen=True)
class Score:
    """A tracker's measures on a sequence, or their means over several.

    Attributes:
        success: fraction of frames with overlap > 0, 0.05 ... 1.
        precision: fraction of frames whose centre is at most 0, 1 ... 50 px off.
        normalised: fraction of frames whose centre is at most 0, 0.01 ... 0.5 of the truth's sides off.
        speed: None if it was not measured.
        breakdown: where success is lost.
    """

    success: Floats
    precision: Floats
    normalised: Floats
    speed: Speed | None
    breakdown: Breakdown

    @property
    def auc(self) -> float:
        """Area under the success curve, the score that success plots are ranked by."""
        return float(self.success.mean())

    @property
    def precision_20(self) -> float:
        """Precision at 20 px, the score that precision plots are ranked by."""
        return float(self.precision[20])

    @property
    def success_rate(self) -> float:
        """Success at overlap 0.5."""
        return metrics.success_rate(self.success)

    @property
    def normalised_20(self) -> float:
        """Normalised precision at 0.2."""
        return float(self.normalised[20])


@dataclass(frozen=True)
class SeedRuns:
    """A tracker's runs with one seed, on the sequences that are compared.

    Attributes:
        scores: target -> score.
        times: target -> the times of its frames; None where they were not measured.
        boxes: target -> (n, 4) boxes as they are measured; only for OPE.
    """

    scores: Mapping[str, Score]
    times: Mapping[str, Times | None]
    boxes: Mapping[str, Floats]

    def mean(self, names: Sequence[str]) -> Score:
        """The mean over sequences. The speed is over those whose times are known."""
        measured = speed([self.times[name] for name in names])
        return _mean([self.scores[name] for name in names], measured)


@dataclass(frozen=True)
class Tracked:
    """A tracker on the sequences that are compared: one run, or several with a seed each.

    Attributes:
        name: of the tracker.
        seeds: its runs, at least one.
    """

    name: str
    seeds: tuple[SeedRuns, ...]

    @cached_property
    def scores(self) -> dict[str, Score]:
        """Target -> score; the mean over the seeds."""
        return {name: self.mean([name]) for name in self.seeds[0].scores}

    @property
    def boxes(self) -> Mapping[str, Floats]:
        """Target -> the boxes that are drawn: those of the first seed. Only for OPE."""
        return self.seeds[0].boxes

    def mean(self, names: Sequence[str]) -> Score:
        """The mean over sequences and seeds. The speed is over all frames whose times are known."""
        measured = speed([seed.times[name] for seed in self.seeds for name in names])
        return _mean(self.by_seed(names), measured)

    def by_seed(self, names: Sequence[str]) -> list[Score]:
        """The mean over sequences for each seed."""
        return [seed.mean(names) for seed in self.seeds]

    def values(self, names: Sequence[str], measure: Callable[[Score], float]) -> list[float]:
        """A figure over sequences for each seed."""
        return [measure(score) for score in self.by_seed(names)]


def _mean(scores: Sequence[Score], measured: Speed | None) -> Score:
    return Score(
        success=np.mean([score.success for score in scores], axis=0),
        precision=np.mean([score.precision for score in scores], axis=0),
        normalised=np.mean([score.normalised for score in scores], axis=0),
        speed=measured,
        breakdown=mean_breakdown(score.breakdown for score in scores),
    )


@dataclass(frozen=True)
class OtbEvaluation:
    """Everything that is drawn and written.

    Attributes:
        dataset: what was asked for.
        experiment: how trackers were run.
        protocol: whose rules.
        frames: how many first frames are compared; None for all.
        sequences: the compared targets, in their compared frames.
        absent: name -> why a sequence is left out.
        trackers: in the order asked for, or RPN2T's own first. The first one is in front everywhere.
        attributes: name of each that is drawn -> the names of the compared sequences that have it.
        notes: what a reader should know of the input, in lines.
    """

    dataset: DataSet
    experiment: OtbExperiment
    protocol: Protocol
    frames: int | None
    sequences: tuple[Target, ...]
    absent: Mapping[str, str]
    trackers: tuple[Tracked, ...]
    attributes: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The compared sequences' names."""
        return tuple(sequence.name for sequence in self.sequences)

    @property
    def is_whole(self) -> bool:
        """Whether this is the benchmark's one pass over a whole data set, as published figures are."""
        whole = len(self.sequences) == len(find_dataset(self.dataset.name).entries)
        return whole and self.frames is None and self.experiment == "ope"

    @property
    def scope(self) -> str:
        """What was compared, and how; it stands in every title."""
        name = self.dataset.name.rstrip("/").rpartition("/")[2]
        count = f"{len(self.sequences)} of {len(self.dataset.entries)} sequences"
        first = f", first {self.frames} frames" if self.frames else ""
        return f"{name}, {self.experiment.upper()}, protocol {self.protocol}, {count}{first}"


def compute(
    root: str | Path,
    results: str | Path,
    *,
    dataset: str = "otb100",
    protocol: Protocol = "otb",
    trackers: Sequence[str] = (),
    attributes: Sequence[str] = (),
    sequences: Sequence[str] = (),
    frames: int | None = None,
    experiment: OtbExperiment = "ope",
) -> OtbEvaluation:
    """Read everything and measure it; nothing is written. The arguments are :func:`.evaluation.evaluate`'s.

    Raises:
        InputError: an input cannot be used; one line names it and the cure.
    """
    chosen = _choose(dataset, sequences)
    if frames is not None and frames < 1:
        raise InputError(f"--frames {frames}: at least one frame is compared")
    for name in attributes:
        if name.upper() not in ATTRIBUTES:
            raise InputError(f"{name}: no attribute of OTB; there are {', '.join(ATTRIBUTES)}")
    opened = chosen.open(root, protocol)
    there = find_trackers(results, chosen, experiment)
    seeds = find_seeds({
        name: each.folder for name, each in there.items() if trackers or not each.ablation
    })  # fmt: skip
    files, notes = choose_trackers(there, seeds.expand(trackers), others=seeds.groups)
    members = seeds.collect([each.name for each in files], trackers)
    by_name = {each.name: each for each in files if any(each.name in names for names in members.values())}
    notes += seeds.notes_on(members)
    with MatReader() as matlab:
        compared = compare(
            results,
            by_name,
            opened.sequences,
            lambda name, target: _result(by_name[name], target, protocol, frames, experiment, matlab),
        )
    absent = {**opened.absent, **compared.absent}
    notes += compared.notes
    for name in compared.results:
        notes += note_on_folder(name, by_name[name].folder, chosen)
    for target in compared.targets:
        for found in compared.results.values():
            notes += found[target.name].notes
    return OtbEvaluation(
        dataset=chosen,
        experiment=experiment,
        protocol=protocol,
        frames=frames,
        # what has no truth is not measured
        sequences=tuple(target.head(frames).head(len(target.truth)) for target in compared.targets),
        absent={entry.name: absent[entry.name] for entry in chosen.entries if entry.name in absent},
        trackers=tuple(
            Tracked(tracker, tuple(_seed_runs(compared.results[name], experiment) for name in usable))
            for tracker, names in members.items()
            if (usable := [name for name in names if name in compared.results])
        ),
        attributes=_attributes(compared.targets, attributes),
        notes=tuple(notes),
    )


def _choose(dataset: str, sequences: Sequence[str]) -> DataSet:
    """A data set of OTB, with only the named sequences if any is named."""
    found = find_dataset(dataset)
    if found.kind != "otb":
        raise InputError(f"{dataset}: a data set of VOT; `python eval/vot_report.py` evaluates those")
    return found.select(sequences) if sequences else found


@dataclass(frozen=True)
class _Part:
    """The boxes of one run, with their truth."""

    boxes: Floats
    truth: Floats
    times: Times | None


@dataclass(frozen=True)
class _Result:
    """A tracker's result on one sequence.

    Attributes:
        score: over all runs.
        times: of its frames; None if they were not measured.
        boxes: of the first run, as they are measured.
        notes: what is odd in its files, in lines.
    """

    score: Score
    times: Times | None
    boxes: Floats
    notes: tuple[str, ...]


def _result(
    files: TrackerFiles,
    target: Target,
    protocol: Protocol,
    frames: int | None,
    experiment: OtbExperiment,
    matlab: MatReader,
) -> _Result:
    """Read a tracker's runs over a target and measure them.

    Raises:
        LookupError: it has none, or others than the experiment makes of the compared frames.
        InputError: a file cannot be used.
    """
    compared = target.head(frames)
    starts = run_starts(experiment, compared.truth)
    runs = files.read(target.name, starts, matlab)
    if experiment == "ope":
        boxes = align(runs[0], target, protocol, frames)[: len(target.truth)]
        parts = [_Part(boxes, target.truth[: len(boxes)], runs[0].times)]
    else:
        parts = _parts(runs, compared, starts.values(), experiment)
    times = joined([part.times for part in parts])
    score, measured = _measure(parts, times, protocol)
    notes = [note for run in runs for note in run.notes]
    notes += _beyond(runs, target, starts.values(), protocol)
    return _Result(score, times, measured, (*notes, *_unusable(files.name, target.name, parts)))


def _parts(runs: list[Run], target: Target, starts: Iterable[int], experiment: OtbExperiment) -> list[_Part]:
    """TRE's or SRE's runs, each with the truth from its own first frame on. They are cut to the truth.

    TRE's must not have more rows than frames: a longer sequence has its runs begin at other frames.
    """
    parts = []
    for run, start in zip(runs, starts, strict=True):
        truth = target.truth[start:]
        have, frames = len(run.boxes), len(target) - start
        if have < len(truth) or (experiment == "tre" and have > frames):
            raise InputError(
                f"{run.path}: has {have} boxes, the run of {target.name} from frame {start} (from 0) on has "
                f"{frames}; run it again"
            )
        parts.append(_Part(run.boxes[: len(truth)], truth, run.times))
    return parts


def _beyond(runs: list[Run], target: Target, starts: Iterable[int], protocol: Protocol) -> list[str]:
    """A note if there are rows beyond the ground truth's, which were cut."""
    whole = len(target) + target.entry.omitted(protocol)
    longer = [
        (run, whole - start)
        for run, start in zip(runs, starts, strict=True)
        if len(run.boxes) > whole - start
    ]
    if not longer:
        return []
    run, frames = longer[0]
    others = f", and so in {len(longer) - 1} more runs" if len(longer) > 1 else ""
    have = len(run.boxes)
    return [f"{run.path}: has {have} boxes for {frames} frames; the last {have - frames} are cut{others}"]


def _measure(parts: list[_Part], times: Times | None, protocol: Protocol) -> tuple[Score, Floats]:
    """The score of a sequence: the frames of all runs are counted together, as the toolkit counts them."""
    boxes = [metrics.as_tracked(part.boxes, part.truth, protocol) for part in parts]
    truths = [part.truth for part in parts]
    pairs = list(zip(boxes, truths, strict=True))
    overlaps = np.concatenate([metrics.overlaps(box, truth, protocol) for box, truth in pairs])
    errors = np.concatenate([metrics.centre_errors(box, truth, protocol) for box, truth in pairs])
    score = Score(
        success=metrics.success_curve(overlaps, protocol),
        precision=metrics.precision_curve(errors),
        normalised=metrics.normalised_precision(np.concatenate(boxes), np.concatenate(truths)),
        speed=speed([times]),
        breakdown=break_down(pairs, protocol),
    )
    return score, boxes[0]


def _unusable(tracker: str, target: str, parts: list[_Part]) -> list[str]:
    """A note if boxes are none; the protocol's rule says how they count."""
    rows = np.concatenate([part.boxes[1:] for part in parts])
    bad = int(np.sum(~(np.all(np.isfinite(rows), axis=1) & np.all(rows[:, 2:] > 0, axis=1))))
    return [f"{tracker}: {bad} boxes of {target} are none (NaN, or without area)"] if bad else []


def _seed_runs(found: Mapping[str, _Result], experiment: OtbExperiment) -> SeedRuns:
    return SeedRuns(
        scores={target: each.score for target, each in found.items()},
        times={target: each.times for target, each in found.items()},
        boxes={target: each.boxes for target, each in found.items()} if experiment == "ope" else {},
    )


def _attributes(sequences: Sequence[Target], chosen: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Attribute -> the sequences that have it, for the chosen ones (all if none is chosen) that occur."""
    wanted = [name.upper() for name in chosen] or list(ATTRIBUTES)
    groups = {
        name: tuple(sequence.name for sequence in sequences if name in sequence.attributes) for name in wanted
    }
    return {name: names for name, names in groups.items() if names}
