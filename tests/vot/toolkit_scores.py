"""Runs in the VOT toolkit's Python: its own overlaps and analysis, of regions that come as JSON.

The standard input has {"low": 108, "high": 371, "sequences": [{"size": [w, h], "truth": [region, ...],
"runs": [[region, ...], ...]}, ...]}; the standard output gets the measures, named as `main` names them.
"""

import json
import sys
from typing import Any

from vot.analysis.supervised import AccuracyRobustness, AverageAccuracyRobustness, EAOCurve
from vot.region import Special, calculate_overlaps
from vot.region.shapes import Polygon, Rectangle
from vot.tracker.results import Trajectory


class Sequence:
    """As much of a sequence as the analysis asks for."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.truth = [region(numbers) for numbers in given["truth"]]
        self.size = given["size"]
        self.runs = [trajectory(run) for run in given["runs"]]

    def __len__(self) -> int:
        return len(self.truth)

    def groundtruth(self) -> list[Any]:
        """All regions."""
        return self.truth


class Experiment:
    """Has the runs at hand."""

    def gather(self, tracker: object, sequence: Sequence) -> list[Any]:
        """A sequence's runs."""
        return sequence.runs


def region(numbers: list[float]) -> Any:
    """Numbers as one of the toolkit's regions."""
    if len(numbers) == 1:
        return Special(numbers[0])
    if len(numbers) == 4:
        return Rectangle(*numbers)
    return Polygon(list(zip(numbers[::2], numbers[1::2], strict=True)))


def trajectory(run: list[list[float]]) -> Any:
    """A run as the toolkit has it."""
    made = Trajectory(len(run))
    for index, numbers in enumerate(run):
        made.set(index, region(numbers))
    return made


def main() -> None:
    """Measure what is asked for."""
    given = json.load(sys.stdin)
    sequences = [Sequence(each) for each in given["sequences"]]
    single = AccuracyRobustness()
    scores = [single.subcompute(Experiment(), None, sequence, []) for sequence in sequences]
    mean = AverageAccuracyRobustness().aggregate(None, sequences, scores)
    curve = EAOCurve().subcompute(Experiment(), None, sequences, [])[0]
    part = curve[given["low"] : given["high"] + 1]
    overlaps = [
        [calculate_overlaps(run.regions(), sequence.truth, sequence.size) for run in sequence.runs]
        for sequence in sequences
    ]
    found = {
        "overlaps": overlaps,
        "sequences": [score[:2] for score in scores],
        "accuracy": mean[0],
        "robustness": mean[1],
        "reliability": mean[2][0],
        "curve": list(map(float, curve)),
        "eao": float(sum(part) / len(part)),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
