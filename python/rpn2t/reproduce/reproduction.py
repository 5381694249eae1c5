"""What a reproduction has measured so far: its results, read by the project's own evaluations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rpn2t.benchmark.result_files import ResultFolder, seed_results
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.variants import Variant, of_figure
from rpn2t.errors import InputError
from rpn2t.eval.otb import scores as otb
from rpn2t.eval.otb.ablation import ablation_table, measure_all
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot import scores as vot
from rpn2t.reproduce.conditions import Conditions
from rpn2t.reproduce.places import PROTOCOL, Place, experiment_of, look
from rpn2t.sequences.registry import DataSet, find_dataset

OURS = "RPN2T"
"""What the tracker of the paper is called among the results."""


@dataclass(frozen=True)
class Reproduction:
    """The results of a reproduction.

    Attributes:
        root: of the data sets.
        results: the folder of the results.
        conditions: how they were made.
        spec: the tracker of the paper under these conditions.
        beside: trackers of others whose results lie in the same folder and are drawn with ours.
    """

    root: Path
    results: Path
    conditions: Conditions
    spec: TrackerSpec
    beside: tuple[str, ...] = ()

    def place(self, dataset: str) -> Place:
        """What is here of a data set."""
        return look(self.root, dataset, self.conditions.sequences)

    def name_of(self, variant: Variant | None) -> str:
        """What a variant's results are called. One that changes nothing is the paper's tracker itself."""
        return OURS if variant is None or variant.of(self.spec) == self.spec else variant.name

    def variants(self, comparison: str) -> dict[str, Variant]:
        """Name of the results -> variant called so, of one of the paper's comparisons."""
        named = {self.name_of(each): each for each in of_figure(comparison)}
        return {name: replace(each, name=name) for name, each in named.items()}

    def otb(self, dataset: str, trackers: Sequence[str] = (OURS,)) -> otb.OtbEvaluation:
        """Trackers on a list of OTB.

        Args:
            dataset: otb100 or otb50.
            trackers: names of results.

        Raises:
            InputError: there is nothing to compare.
        """
        place = self._with_targets(dataset)
        return otb.compute(
            place.root,
            self.results,
            dataset=dataset,
            protocol=PROTOCOL,
            trackers=(*trackers, *self.beside),
            sequences=self._asked(place),
            frames=self.conditions.frames,
        )

    def vot(self, trackers: Sequence[str] = (OURS,)) -> vot.VotEvaluation:
        """Trackers on VOT2016.

        Raises:
            InputError: there is nothing to compare.
        """
        place = self._with_targets("vot2016")
        return vot.compute(
            place.root,
            self.results,
            dataset="vot2016",
            trackers=trackers,
            sequences=self._asked(place),
            frames=self.conditions.frames,
        )

    def has(self, dataset: str, name: str) -> bool:
        """Whether a tracker has any results on a data set."""
        return any(folder.has_runs for folder in self.folders(find_dataset(dataset), name))

    def folders(self, dataset: DataSet, name: str) -> list[ResultFolder]:
        """A tracker's results, of each of its seeds."""
        first, count = self.conditions.seed, self.conditions.seeds
        return [*seed_results(self.results, dataset, experiment_of(dataset), name, first, count).values()]

    def variant_table(self, comparison: str, dataset: str) -> Table | None:
        """The paper's comparison as a table, over the sequences that every variant with results has."""
        place = self.place(dataset)
        targets = [target.head(self.conditions.frames) for target in place.targets]
        variants = self.variants(comparison)
        folders = {variant: self.folders(place.dataset, name) for name, variant in variants.items()}
        found = measure_all(folders, targets, PROTOCOL)
        first = f", first {self.conditions.frames} frames" if self.conditions.frames else ""
        return ablation_table(found, dataset, f"{first}, {self.conditions.seeds_text}") if found else None

    def _asked(self, place: Place) -> tuple[str, ...]:
        """The sequences that an evaluation is told to compare; none means all."""
        return tuple(entry.name for entry in place.dataset.entries) if self.conditions.sequences else ()

    def _with_targets(self, dataset: str) -> Place:
        place = self.place(dataset)
        if not place.targets:
            raise InputError(f"{dataset}: none of its sequences is in {place.root}")
        return place
