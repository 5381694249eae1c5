"""What an evaluation of VOT's results computes: each tracker's scores on each sequence and on the data set.

All trackers are compared on the same sequences (:mod:`rpn2t.eval.comparison`). One that the root lacks is
left out, too, and named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from rpn2t.benchmark.manifest import note_on_folder
from rpn2t.benchmark.vot_supervised import SupervisedRun, ground_truth
from rpn2t.errors import InputError
from rpn2t.eval.comparison import compare
from rpn2t.eval.report.speed import speed
from rpn2t.eval.vot.metrics import (
    INTERVALS,
    DataSetScore,
    SequenceScore,
    eao_interval,
    mean_dataset,
    mean_sequence,
    score_dataset,
    score_sequence,
)
from rpn2t.eval.vot.tracker_files import find_trackers, read_runs, read_times
from rpn2t.sequences.registry import DataSet, find_dataset
from rpn2t.sequences.target import Target
from rpn2t.sequences.vot_regions import Region

_ANY_SIZE = (1 << 16, 1 << 16)
"""Taken for an image's size if there is no image: larger than any."""


@dataclass(frozen=True)
class VotEvaluation:
    """Everything that is drawn and written.

    Attributes:
        dataset: what was asked for.
        sequences: the names of those that are compared.
        absent: name -> why a sequence is left out.
        shown: the compared sequences, in their compared frames.
        seeds: tracker -> for each of its seeds, sequence -> score. Trackers are in the order asked for, or
            RPN2T's own come first.
        regions: tracker -> sequence -> what its first repetition with its first seed tracked.
        interval: of the expected average overlap.
        bounded: whether every sequence has images, outside of which no pixel counts.
        frames: how many first frames are compared; None for all.
        odd: what is left out of the results, and what is odd in them, in lines.
    """

    dataset: DataSet
    sequences: tuple[str, ...]
    absent: Mapping[str, str]
    shown: tuple[Target, ...]
    seeds: Mapping[str, tuple[Mapping[str, SequenceScore], ...]]
    regions: Mapping[str, Mapping[str, Sequence[Region]]]
    interval: tuple[int, int]
    bounded: bool = True
    frames: int | None = None
    odd: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        """What was compared, and how; it stands in every title."""
        name = self.dataset.name.rstrip("/").rpartition("/")[2]
        low, high = self.interval
        first = f", first {self.frames} frames" if self.frames else ""
        return (
            f"{name}, supervised experiment, {len(self.sequences)} of {len(self.dataset.entries)} sequences"
            f"{first}, EAO over {low} to {high} frames"
        )

    @property
    def notes(self) -> list[str]:
        """What a reader should know of these figures, in lines."""
        low, high = self.interval
        ends = {name: len(measured.curve) - 1 for name, measured in self.overall.items()}
        short = [f"{name} at {end}" for name, end in ends.items() if end < high]
        notes = list(self.odd)
        if short:
            where = ", ".join(short)
            notes += [
                f"the EAO curve ends before {high} frames ({where}): EAO is the mean from {low} to there"
            ]
        if not self.bounded:
            notes += ["where there are no images, pixels to the right of them and below count, too"]
        return notes

    @property
    def is_whole(self) -> bool:
        """Whether all frames of all sequences are compared, as in published figures."""
        return self.frames is None and len(self.sequences) == len(self.dataset.entries)

    @cached_property
    def trackers(self) -> dict[str, dict[str, SequenceScore]]:
        """Tracker -> sequence -> score, the mean over the seeds."""
        return {
            name: {each: mean_sequence([seed[each] for seed in seeds]) for each in self.sequences}
            for name, seeds in self.seeds.items()
        }

    @cached_property
    def by_seed(self) -> dict[str, list[DataSetScore]]:
        """Tracker -> its score on the data set with each seed."""
        return {
            name: [score_dataset([seed[each] for each in self.sequences], self.interval) for seed in seeds]
            for name, seeds in self.seeds.items()
        }

    @cached_property
    def overall(self) -> dict[str, DataSetScore]:
        """Tracker -> its score on the data set, the mean over the seeds."""
        return {
            name: mean_dataset(
                scores, speed([seed[each].times for seed in self.seeds[name] for each in self.sequences])
            )
            for name, scores in self.by_seed.items()
        }

    @property
    def ranked(self) -> list[tuple[str, DataSetScore]]:
        """The trackers and their scores on the data set, best EAO first."""
        return sorted(self.overall.items(), key=lambda item: -1.0 if item[1].eao is None else -item[1].eao)


def compute(
    root: str | Path,
    results: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    interval: tuple[int, int] | None = None,
    frames: int | None = None,
) -> VotEvaluation:
    """Read everything and measure it; nothing is written. The arguments are :func:`.evaluation.evaluate`'s.

    Raises:
        InputError: an input cannot be used; one line names it and the cure.
    """
    whole = find_dataset(dataset)
    if whole.kind != "vot":
        raise InputError(f"{dataset}: a data set of OTB; `python eval/otb_plots.py` evaluates those")
    chosen = whole.select(sequences) if sequences else whole
    opened = chosen.open(root)
    absent = dict(opened.absent)
    targets, sizes = [], {}
    for target in opened.sequences:
        try:
            sizes[target.name] = _image_size(target.images[0]) if target.images else _ANY_SIZE
            targets.append(target)
        except InputError as error:
            absent[target.name] = str(error)
    if not targets:
        raise InputError(f"{root}: no sequence can be used ({'; '.join(list(absent.values())[:3])})")
    folders, members, notes = find_trackers(results, chosen, trackers)
    compared = compare(
        results,
        folders,
        targets,
        lambda name, target: _measure(folders[name], target, sizes[target.name], frames),
    )
    absent |= compared.absent
    for name, found in compared.results.items():
        notes += note_on_folder(name, folders[name].parent, chosen)
        for each in found.values():
            notes += each.notes
    usable = {
        tracker: there
        for tracker, names in members.items()
        if (there := [name for name in names if name in compared.results])
    }
    shown = [target.head(frames) for target in compared.targets]
    return VotEvaluation(
        dataset=whole,
        sequences=tuple(target.name for target in shown),
        absent={entry.name: absent[entry.name] for entry in chosen.entries if entry.name in absent},
        shown=tuple(shown),
        seeds={
            tracker: tuple(
                {target: each.score for target, each in compared.results[name].items()} for name in names
            )
            for tracker, names in usable.items()
        },
        regions={
            tracker: {target: each.regions for target, each in compared.results[names[0]].items()}
            for tracker, names in usable.items()
        },
        interval=interval or _interval(chosen, shown, frames),
        bounded=all(target.images for target in shown),
        frames=frames,
        odd=(*compared.notes, *notes),
    )


def _interval(dataset: DataSet, targets: Sequence[Target], frames: int | None) -> tuple[int, int]:
    """The challenge's, if whole sequences of its are compared, or one by its rule."""
    challenge = None if frames else INTERVALS.get(dataset.store.lower())
    return challenge or eao_interval([len(target) for target in targets])


@dataclass(frozen=True)
class _Result:
    """A tracker's result on one sequence.

    Attributes:
        score: over all repetitions.
        regions: of the first repetition.
        notes: what is odd in its files, in lines.
    """

    score: SequenceScore
    regions: Sequence[Region]
    notes: tuple[str, ...]


def _measure(folder: Path, target: Target, size: tuple[int, int], frames: int | None) -> _Result:
    """Read a tracker's repetitions over a target and measure them.

    Raises:
        LookupError: it has no result.
        InputError: a file cannot be used.
    """
    truth = ground_truth(target.head(frames))
    runs, notes = [], []
    for file, run in read_runs(folder, target.name).items():
        have = len(run.regions)
        if have < len(truth):
            cure = f"for runs of the first {have} frames say --frames {have}"
            raise InputError(f"{file}: has {have} frames, {target.name} has {len(target)}; {cure}")
        if have > len(target):
            notes.append(f"{file}: has {have} frames, {target.name} has {len(target)}; the others are cut")
        runs.append(SupervisedRun(run.regions[: len(truth)]))
    if not runs:
        raise LookupError("no result")
    times = None
    try:
        times = read_times(folder, target.name)
    except InputError as error:
        notes.append(f"no speed: {error}")
    return _Result(score_sequence(runs, truth, size, times), runs[0].regions, tuple(notes))


def _image_size(file: Path) -> tuple[int, int]:
    """Width and height of an image; only the file's head is read."""
    try:
        with Image.open(file) as image_file:
            return image_file.size
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: cannot be read as an image; get the sequence again") from error
