"""What an evaluation of VOT's results computes: each tracker's scores on each sequence and on the data set.

All trackers are compared on the same sequences: one that any of them lacks, or that the root lacks, is left
out and named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from rpn2t.benchmark.vot_supervised import ground_truth
from rpn2t.errors import InputError
from rpn2t.eval.vot.metrics import (
    INTERVALS,
    DataSetScore,
    SequenceScore,
    eao_interval,
    score_dataset,
    score_sequence,
)
from rpn2t.eval.vot.tracker_files import find_trackers, frames_per_second, read_runs, run_files
from rpn2t.sequences.registry import DataSet, find_dataset
from rpn2t.sequences.target import Target

_ANY_SIZE = (1 << 16, 1 << 16)
"""Taken for an image's size if there is no image: larger than any."""


@dataclass(frozen=True)
class VotEvaluation:
    """Everything that is drawn and written.

    Attributes:
        dataset: what was asked for.
        sequences: the names of those that are compared.
        absent: name -> why a sequence is left out.
        trackers: name -> sequence -> score, in the order asked for.
        interval: of the expected average overlap.
        bounded: whether every sequence has images, outside of which no pixel counts.
    """

    dataset: DataSet
    sequences: tuple[str, ...]
    absent: Mapping[str, str]
    trackers: Mapping[str, Mapping[str, SequenceScore]]
    interval: tuple[int, int]
    bounded: bool = True

    @property
    def scope(self) -> str:
        """What was compared, and how; it stands in every title."""
        name = self.dataset.name.rstrip("/").rpartition("/")[2]
        low, high = self.interval
        return (
            f"{name}, supervised experiment, {len(self.sequences)} of {len(self.dataset.entries)} sequences, "
            f"EAO over {low} to {high} frames"
        )

    @property
    def notes(self) -> list[str]:
        """What a reader should know of these figures, in lines."""
        low, high = self.interval
        ends = {name: len(measured.curve) - 1 for name, measured in self.overall.items()}
        short = [f"{name} at {end}" for name, end in ends.items() if end < high]
        notes = []
        if short:
            where = ", ".join(short)
            notes += [
                f"the EAO curve ends before {high} frames ({where}): EAO is the mean from {low} to there"
            ]
        if not self.bounded:
            notes += ["where there are no images, pixels to the right of them and below count, too"]
        return notes

    @cached_property
    def overall(self) -> dict[str, DataSetScore]:
        """Tracker -> its score on the data set, in the order asked for."""
        return {
            name: score_dataset([scores[sequence] for sequence in self.sequences], self.interval)
            for name, scores in self.trackers.items()
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
    folders = find_trackers(results, chosen, trackers)
    absent = dict(opened.absent)
    measured: dict[str, dict[str, SequenceScore]] = {name: {} for name in folders}
    compared = []
    for target in opened.sequences:
        lacking = [name for name, folder in folders.items() if not run_files(folder, target.name)]
        if lacking:
            absent[target.name] = f"no result of {', '.join(lacking)}"
            continue
        if not target.is_measurable:
            absent[target.name] = "its ground truth has only the first frame's box"
            continue
        compared.append(target)
    if not compared:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(absent.items())[:3])
        raise InputError(f"{results}: no sequence has results of every tracker ({reasons})")
    for target in compared:
        for name, folder in folders.items():
            measured[name][target.name] = _measure(folder, target)
    return VotEvaluation(
        dataset=whole,
        sequences=tuple(target.name for target in compared),
        absent={entry.name: absent[entry.name] for entry in chosen.entries if entry.name in absent},
        trackers=measured,
        interval=interval
        or INTERVALS.get(chosen.store.lower())
        or eao_interval([len(target) for target in compared]),
        bounded=all(target.images for target in compared),
    )


def _measure(folder: Path, target: Target) -> SequenceScore:
    truth = ground_truth(target)
    runs = read_runs(folder, target.name)
    for file, run in runs.items():
        if len(run.regions) != len(truth):
            raise InputError(
                f"{file}: has {len(run.regions)} frames, {target.name} has {len(truth)}; run it again"
            )
    size = _image_size(target.images[0]) if target.images else _ANY_SIZE
    return score_sequence(list(runs.values()), truth, size, frames_per_second(folder, target.name))


def _image_size(file: Path) -> tuple[int, int]:
    """Width and height of an image; only the file's head is read."""
    try:
        with Image.open(file) as image_file:
            return image_file.size
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: cannot be read as an image; get the sequence again") from error
