"""What a reproduction has to run: which tracker over which targets, and how much of it is left."""

from collections.abc import Iterable
from dataclasses import dataclass

from rpn2t.benchmark.result_files import ResultFolder, run_labels
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.reproduce.drawings import evenly
from rpn2t.reproduce.exhibits import Exhibit
from rpn2t.reproduce.measured import OURS, Measured
from rpn2t.reproduce.places import Place
from rpn2t.sequences.target import Target


@dataclass(frozen=True)
class Job:
    """One tracker over a data set.

    Attributes:
        name: what its results are called.
        spec: the tracker.
        place: the data set.
        targets: those that are run, in the frames that are run.
    """

    name: str
    spec: TrackerSpec
    place: Place
    targets: tuple[Target, ...]

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """What makes it the same job as another's."""
        return self.name, self.place.dataset.store, tuple(target.name for target in self.targets)

    def left(self, measured: Measured) -> list[int]:
        """Frames of each run that is not there yet; of VOT at most, since equal runs are not repeated."""
        place = self.place
        folder = ResultFolder(measured.results, place.dataset, place.experiment, self.name)
        labels = run_labels(place.experiment)[: measured.conditions.repetitions]
        return [
            len(target)
            for target in self.targets
            for label in labels
            if not folder.boxes(target.entry, label).exists()
        ]


def jobs_of(exhibit: Exhibit, measured: Measured) -> list[Job]:
    """What an exhibit needs, as far as its data sets and networks are here."""
    found = []
    for run in exhibit.runs:
        place = measured.place(run.dataset)
        targets = tuple(target.head(measured.conditions.frames) for target in place.targets)
        if not targets:
            continue
        if run.few is not None:
            targets = tuple(evenly(targets, run.few))
        for name, spec in _specs(run.comparison, measured).items():
            found.append(Job(name, spec, place, targets))
    return found


def lacking_of(exhibit: Exhibit, measured: Measured) -> dict[str, str]:
    """Name of each variant that cannot be run -> why: its network's weights are not installed."""
    found = {}
    for run in exhibit.runs:
        for name, variant in measured.variants(run.comparison).items() if run.comparison else ():
            if why := variant.lacking(measured.conditions.weights):
                found[name] = why
    return found


def without_repeats(jobs: Iterable[Job]) -> list[Job]:
    """The jobs, each once, in order."""
    return list({job.key: job for job in jobs}.values())


def _specs(comparison: str | None, measured: Measured) -> dict[str, TrackerSpec]:
    """Name -> tracker: the paper's, or the variants of a comparison whose networks are installed."""
    if comparison is None:
        return {OURS: measured.spec}
    weights = measured.conditions.weights
    return {
        name: variant.of(measured.spec)
        for name, variant in measured.variants(comparison).items()
        if variant.lacking(weights) is None
    }
