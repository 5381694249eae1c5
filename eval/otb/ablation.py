"""The table of the paper's comparisons: how good each variant is, on the sequences that all of them have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rpn2t.benchmark.result_files import ResultFolder
from rpn2t.benchmark.variants import Variant
from rpn2t.eval.otb.box_growth import BoxGrowth, box_growth, mean_growth
from rpn2t.eval.otb.breakdown import LOST_BELOW, lost_share
from rpn2t.eval.otb.metrics import OnePassScore, as_tracked, one_pass_score, overlaps
from rpn2t.eval.report.spread import RULE, figure_text
from rpn2t.eval.report.tables import Table
from rpn2t.sequences.box_files import read_boxes
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import Target

_HEADER = (
    "variant", "what is changed", "success AUC", "precision at 20 px", "frames lost", "box at the end",
    "growth in 100 frames", "sequences",
)  # fmt: skip

_NOTES = (
    f"Frames lost: the share whose overlap with the truth is below {LOST_BELOW}. Box at the end: its area "
    "over the truth's, the median over the last tenth of the frames. Growth in 100 frames: the factor by "
    "which that ratio grows, along the line through its logarithms. Both are 1 for a perfect box. Means over "
    "sequences; of these two, the geometric mean.",
)


@dataclass(frozen=True)
class Measured:
    """A variant on one target: OTB's measures, and what figure 3 shows.

    Attributes:
        score: success and precision.
        lost: share of the frames in which the object is lost.
        growth: of the box.
    """

    score: OnePassScore
    lost: float
    growth: BoxGrowth


def measure(folder: ResultFolder, targets: Sequence[Target], protocol: Protocol) -> dict[str, Measured]:
    """Target's name -> how good its run is. Only finished runs count, in the frames that have a ground truth.

    Args:
        folder: the results of one tracker, single passes.
        targets: what was tracked, in the frames that were run.
        protocol: whose rules.
    """
    files = [(target, folder.boxes(target.entry)) for target in targets]
    return {
        target.name: _measured(read_boxes(file, one_based=True)[: len(target.truth)], target, protocol)
        for target, file in files
        if file.exists() and target.is_measurable
    }


def measure_all(
    folders: Mapping[Variant, Iterable[ResultFolder]], targets: Sequence[Target], protocol: Protocol
) -> dict[Variant, list[dict[str, Measured]]]:
    """As :func:`measure`, of each seed of each variant. A variant that lacks one of its seeds is left out.

    Args:
        folders: variant -> the results of its seeds.
        targets, protocol: see there.
    """
    found = {
        variant: [measure(folder, targets, protocol) for folder in seeds]
        for variant, seeds in folders.items()
    }
    return {variant: seeds for variant, seeds in found.items() if all(seeds)}


def _measured(boxes: np.ndarray, target: Target, protocol: Protocol) -> Measured:
    tracked = as_tracked(boxes, target.truth, protocol)
    return Measured(
        one_pass_score(boxes, target.truth, protocol),
        lost_share(overlaps(tracked, target.truth, protocol)),
        box_growth(tracked, target.truth),
    )


def ablation_table(
    measured: Mapping[Variant, Sequence[Mapping[str, Measured]]], dataset: str, how: str
) -> Table | None:
    """A row for each variant; None if no target was measured for all of them.

    Args:
        measured: variant -> for each of its seeds, target's name -> how good its run is.
        dataset: what was run, for the title.
        how: the end of the title.
    """
    common = set.intersection(*(set(scores) for seeds in measured.values() for scores in seeds))
    if not common:
        return None
    rows = tuple(
        _row(variant, [[scores[name] for name in scores if name in common] for scores in seeds])
        for variant, seeds in measured.items()
    )
    notes = (*_NOTES, RULE) if any(len(seeds) > 1 for seeds in measured.values()) else _NOTES
    return Table("ablation", f"{dataset}: {len(common)} sequences{how}", _HEADER, rows, notes)


def _row(variant: Variant, seeds: Sequence[Sequence[Measured]]) -> tuple[str, ...]:
    columns = zip(*map(_figures, seeds), strict=True)
    cells = (figure_text(figures) if np.isfinite(figures).all() else "" for figures in columns)
    return variant.name, variant.about, *cells, str(len(seeds[0]))


def _figures(found: Sequence[Measured]) -> tuple[float, ...]:
    """One seed's means over the sequences, in the order of the table's columns."""
    growth = mean_growth(each.growth for each in found)
    return (
        float(np.mean([each.score.success_auc for each in found])),
        float(np.mean([each.score.precision_20 for each in found])),
        float(np.mean([each.lost for each in found])),
        growth.at_end,
        growth.in_100_frames,
    )
