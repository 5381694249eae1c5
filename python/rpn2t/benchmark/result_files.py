"""Where a benchmark's results lie, in the layout that got10k reads, and what runs are called.

    RESULTS/OTB2015/TRACKER/manifest.json       how they were made
    RESULTS/OTB2015/TRACKER/Deer.txt            OPE: a box a line, x,y,w,h, 1-based, three decimals
    RESULTS/OTB2015/TRACKER/times/Deer_time.txt seconds a frame
    RESULTS/OTB2015-TRE/TRACKER/Deer_01.txt     TRE: up to twenty runs, each from its own frame to the end
    RESULTS/OTB2015-SRE/TRACKER/Deer_left.txt   SRE: twelve runs, each from a shifted box
    RESULTS/OTB2015-ABLATION/ablate-full/Deer.txt  OPE by a variant of `rpn2t ablate`
    RESULTS/VOT2016/TRACKER/baseline/bag/bag_001.txt    VOT: a region a line, 0-based, or a state
    RESULTS/OTB2015/TRACKER-seed0/              one of several seeds of TRACKER, as its manifest says

otb50 and otb2013 are parts of otb100 and share its folder. Names are got10k's (Jogging.1, Human4). Every file
is written whole or not at all, and a run's times before its boxes: a run is finished if its boxes are there.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from numpy.typing import ArrayLike

from rpn2t.benchmark.experiments import Experiment
from rpn2t.benchmark.otb_robustness import SEGMENTS, SHIFTS, tre_starts
from rpn2t.benchmark.vot_supervised import REPETITIONS
from rpn2t.boxes import as_boxes
from rpn2t.paths import typed_path
from rpn2t.sequences.box_files import box_line
from rpn2t.sequences.registry import DataSet
from rpn2t.sequences.target import Entry

MANIFEST = "manifest.json"


def run_labels(experiment: Experiment) -> tuple[str, ...]:
    """What the runs over a target can be called in the names of their files, in order.

    OPE's one run has no label. TRE has ``01`` to ``20``, SRE its twelve shifts, VOT ``001`` to ``015``.
    """
    if experiment == "ope":
        return ("",)
    if experiment == "tre":
        return tuple(f"{number:02}" for number in range(1, SEGMENTS + 1))
    if experiment == "sre":
        return SHIFTS
    return tuple(f"{number:03}" for number in range(1, REPETITIONS + 1))


def run_starts(experiment: Experiment, truth: ArrayLike) -> dict[str, int]:
    """The runs that an experiment makes of a target: label -> the frame at which the run begins.

    In TRE a target with less than 38 frames has fewer runs than there are labels.

    Args:
        experiment: which; of VOT's repetitions all are listed, though a tracker may need only three.
        truth: (n, 4) ground truth of the frames that are run, 0-based.
    """
    labels = run_labels(experiment)
    if experiment == "tre":
        return dict(zip(labels, tre_starts(truth), strict=False))
    return dict.fromkeys(labels, 0)


def store_name(dataset: DataSet, experiment: Experiment) -> str:
    """The folder of all trackers' results on a data set: OTB2015, OTB2015-TRE."""
    return dataset.store if experiment in ("ope", "vot") else f"{dataset.store}-{experiment.upper()}"


def ablations_of(dataset: DataSet) -> DataSet:
    """The data set with another store, for results of ablations: they lie apart from other trackers'."""
    return replace(dataset, store=f"{dataset.store}-ABLATION")


def seed_folder(tracker: str, seed: int) -> str:
    """The name of the folder of one of several seeds of a tracker.

    People read the name. What evaluations go by is the manifest in the folder.
    """
    return f"{tracker}-seed{seed}"


def seeds_of(experiment: Experiment, first: int, count: int) -> tuple[int, ...]:
    """The seeds of several runs of a whole experiment.

    VOT's repetitions within one run have seeds of their own, one after the other. There a run begins as many
    seeds later as a sequence has repetitions, so that no two runs share one.

    Args:
        experiment: which.
        first: the first run's seed.
        count: how many runs.
    """
    step = REPETITIONS if experiment == "vot" else 1
    return tuple(first + number * step for number in range(count))


class ResultFolder:
    """The results of one tracker in one experiment.

    Attributes:
        path: RESULTS/STORE/TRACKER.
        dataset: what was run.
        experiment: how.
    """

    def __init__(self, results: str | Path, dataset: DataSet, experiment: Experiment, tracker: str) -> None:
        self.path = typed_path(results) / store_name(dataset, experiment) / tracker
        self.dataset = dataset
        self.experiment = experiment

    @property
    def has_runs(self) -> bool:
        """Whether there is a file of boxes of any run."""
        return any(self.path.glob("baseline/*/*_001.txt" if self.experiment == "vot" else "*.txt"))

    @property
    def manifest(self) -> Path:
        """manifest.json: seed, configuration, weights, versions, machine."""
        return self.path / MANIFEST

    def boxes(self, entry: Entry, run: str = "") -> Path:
        """The file of one run's boxes.

        Args:
            entry: the target.
            run: its label, one of :func:`run_labels`.
        """
        name = self.dataset.got10k_name(entry)
        if self.experiment == "vot":
            return self.path / "baseline" / name / f"{name}_{run}.txt"
        return self.path / (f"{name}_{run}.txt" if run else f"{name}.txt")

    def times(self, entry: Entry, run: str = "") -> Path:
        """The file of the seconds that each frame of a run took; VOT has one file for all repetitions."""
        boxes = self.boxes(entry, run)
        if self.experiment == "vot":
            name = self.dataset.got10k_name(entry)
            return boxes.with_name(f"{name}_time.txt")
        return boxes.parent / "times" / f"{boxes.stem}_time.txt"


def seed_results(
    results: str | Path, dataset: DataSet, experiment: Experiment, tracker: str, first: int, count: int | None
) -> dict[int, ResultFolder]:
    """Seed -> the folder of its results.

    Args:
        results: the folder of all results.
        dataset, experiment: what is run, and how.
        tracker: its name.
        first: the first seed.
        count: how many seeds; None for one alone, whose folder is called as the tracker.
    """
    seeds = (first,) if count is None else seeds_of(experiment, first, count)
    names = {seed: tracker if count is None else seed_folder(tracker, seed) for seed in seeds}
    return {seed: ResultFolder(results, dataset, experiment, name) for seed, name in names.items()}


def boxes_text(boxes: ArrayLike) -> str:
    """A result file's text: a line for each of the boxes, which are 0-based here and 1-based there."""
    return "".join(map(box_line, as_boxes(boxes)))


def times_text(seconds: Iterable[float]) -> str:
    """A text file of seconds, a line for each frame."""
    return "".join(f"{value:.8f}\n" for value in seconds)
