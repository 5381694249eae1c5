"""Where a benchmark's results lie, in the layout that got10k reads.

    RESULTS/OTB2015/TRACKER/manifest.json       how they were made
    RESULTS/OTB2015/TRACKER/Deer.txt            OPE: a box a line, x,y,w,h, 1-based, three decimals
    RESULTS/OTB2015/TRACKER/times/Deer_time.txt seconds a frame
    RESULTS/OTB2015-TRE/TRACKER/Deer_01.txt     TRE: twenty runs, each from its own frame to the end
    RESULTS/OTB2015-SRE/TRACKER/Deer_left.txt   SRE: twelve runs, each from a shifted box
    RESULTS/VOT2016/TRACKER/baseline/bag/bag_001.txt    VOT: a region a line, 0-based, or a state

otb50 and otb2013 are parts of otb100 and share its folder. Names are got10k's (Jogging.1, Human4). Every file
is written whole or not at all, its times before its boxes: a file of boxes that is there is a finished run.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from numpy.typing import ArrayLike

from rpn2t.boxes import as_boxes
from rpn2t.sequences.registry import DataSet, Entry

Experiment = Literal["ope", "tre", "sre", "vot"]

EXPERIMENTS: tuple[Experiment, ...] = get_args(Experiment)

MANIFEST = "manifest.json"


def as_experiment(name: str) -> Experiment:
    """An experiment by its name, which must be one of EXPERIMENTS."""
    return EXPERIMENTS[EXPERIMENTS.index(name)]


def store_name(dataset: DataSet, experiment: Experiment) -> str:
    """The folder of all trackers' results on a data set: OTB2015, OTB2015-TRE."""
    return dataset.store if experiment in ("ope", "vot") else f"{dataset.store}-{experiment.upper()}"


class ResultFolder:
    """The results of one tracker in one experiment.

    Attributes:
        path: RESULTS/STORE/TRACKER.
        dataset: what was run.
        experiment: how.
    """

    def __init__(self, results: str | Path, dataset: DataSet, experiment: Experiment, tracker: str) -> None:
        self.path = Path(results).expanduser() / store_name(dataset, experiment) / tracker
        self.dataset = dataset
        self.experiment = experiment

    @property
    def manifest(self) -> Path:
        """manifest.json: seed, configuration, weights, versions, machine."""
        return self.path / MANIFEST

    def boxes(self, entry: Entry, run: str = "") -> Path:
        """The file of one run's boxes.

        Args:
            entry: the target.
            run: ``01`` to ``20`` for TRE, the shift's name for SRE, ``001`` to ``015`` for VOT; none for OPE.
        """
        name = self.dataset.got10k_name(entry)
        if self.experiment == "vot":
            return self.path / "baseline" / name / f"{name}_{run}.txt"
        return self.path / (f"{name}_{run}.txt" if run else f"{name}.txt")

    def times(self, entry: Entry, run: str = "") -> Path:
        """The file of the seconds each frame of it took; VOT keeps one file for all repetitions."""
        boxes = self.boxes(entry, run)
        if self.experiment == "vot":
            name = self.dataset.got10k_name(entry)
            return boxes.with_name(f"{name}_time.txt")
        return boxes.parent / "times" / f"{boxes.stem}_time.txt"


def boxes_text(boxes: ArrayLike) -> str:
    """Boxes, 0-based, as a result file has them: x,y,w,h, 1-based, a line each."""
    return "".join(f"{x + 1:.3f},{y + 1:.3f},{w:.3f},{h:.3f}\n" for x, y, w, h in as_boxes(boxes))


def times_text(seconds: Iterable[float]) -> str:
    """Seconds as a result file has them, a line a frame."""
    return "".join(f"{value:.8f}\n" for value in seconds)
