"""What a reproduction has to run: which tracker over which targets, and how much of it is left."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rpn2t.benchmark.result_files import run_labels
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.reproduce.drawings import evenly
from rpn2t.reproduce.exhibits import Exhibit
from rpn2t.reproduce.places import Place
from rpn2t.reproduce.reproduction import OURS, Reproduction
from rpn2t.sequences.target import Entry, Target


@dataclass(frozen=True)
class Job:
    """One tracker over a data set.

    Attributes:
        name: what its results are called.
        spec: the tracker.
        place: the data set.
        targets: those that are run, in the frames that are run.
        coming: frames of those that are still to be fetched.
    """

    name: str
    spec: TrackerSpec
    place: Place
    targets: tuple[Target, ...]
    coming: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What its results are called: another job of the same name shares them."""
        return self.name, self.place.dataset.store

    def left(self, reproduction: Reproduction) -> list[int]:
        """Frames of each run that is not there yet; of VOT at most, since equal runs are not repeated."""
        place = self.place
        labels = run_labels(place.experiment)[: reproduction.conditions.repetitions]
        folders = reproduction.folders(place.dataset, self.name)
        there = [
            len(target)
            for folder in folders
            for target in self.targets
            for label in labels
            if not folder.boxes(target.entry, label).exists()
        ]
        return there + [frames for frames in self.coming for _ in labels for _ in folders]


def jobs_of(
    exhibit: Exhibit, reproduction: Reproduction, coming: Mapping[str, Sequence[Entry]] | None = None
) -> list[Job]:
    """What an exhibit needs, as far as its data sets and networks are here.

    Args:
        exhibit: of the paper.
        reproduction: what is here.
        coming: data set -> targets that will be fetched first; what they need is counted.
    """
    found = []
    frames = reproduction.conditions.frames
    for run in exhibit.runs:
        place = reproduction.place(run.dataset)
        targets = [target.head(frames) for target in place.targets]
        later = [
            min(entry.rows or 0, frames or entry.rows or 0) for entry in (coming or {}).get(run.dataset, ())
        ]
        if run.few is not None:
            later = later[: max(run.few - len(targets), 0)]
            targets = evenly(targets, run.few)
        if targets or later:
            for name, spec in _specs(run.comparison, reproduction).items():
                found.append(Job(name, spec, place, tuple(targets), tuple(later)))
    return found


def lacking_of(exhibit: Exhibit, reproduction: Reproduction) -> dict[str, str]:
    """Name of each variant that cannot be run -> why: it lacks its weights, or is not for the mode."""
    found = {}
    for run in exhibit.runs:
        for name, variant in reproduction.variants(run.comparison).items() if run.comparison else ():
            if why := variant.lacking(reproduction.conditions.weights, reproduction.conditions.mode):
                found[name] = why
    return found


def without_repeats(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, those of one name once: the one with most targets has the others' in it."""
    largest: dict[tuple[str, str], Job] = {}
    for job in jobs:
        other = largest.setdefault(job.key, job)
        if len(job.targets) + len(job.coming) > len(other.targets) + len(other.coming):
            largest[job.key] = job
    return list(largest.values())


def _specs(comparison: str | None, reproduction: Reproduction) -> dict[str, TrackerSpec]:
    """Name -> tracker: the paper's, or the variants of a comparison whose networks are installed."""
    if comparison is None:
        return {OURS: reproduction.spec}
    conditions = reproduction.conditions
    return {
        name: variant.of(reproduction.spec)
        for name, variant in reproduction.variants(comparison).items()
        if variant.lacking(conditions.weights, conditions.mode) is None
    }
