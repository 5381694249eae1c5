"""The table of the paper's comparisons: how good each variant is, on the sequences that all of them have."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from rpn2t.benchmark.result_files import ResultFolder
from rpn2t.benchmark.variants import Variant
from rpn2t.eval.otb.metrics import OnePassScore, one_pass_score
from rpn2t.eval.report.spread import RULE, figure_text
from rpn2t.eval.report.tables import Table
from rpn2t.sequences.box_files import read_boxes
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import Target

_HEADER = ("variant", "what is changed", "success AUC", "precision at 20 px", "sequences")


def measure(folder: ResultFolder, targets: Sequence[Target], protocol: Protocol) -> dict[str, OnePassScore]:
    """Target's name -> how good its run is. Only finished runs count, in the frames that have a ground truth.

    Args:
        folder: the results of one tracker, single passes.
        targets: what was tracked, in the frames that were run.
        protocol: whose rules.
    """
    files = [(target, folder.boxes(target.entry)) for target in targets]
    return {
        target.name: one_pass_score(
            read_boxes(file, one_based=True)[: len(target.truth)], target.truth, protocol
        )
        for target, file in files
        if file.exists() and target.is_measurable
    }


def ablation_table(
    measured: Mapping[Variant, Sequence[Mapping[str, OnePassScore]]], dataset: str, how: str
) -> Table | None:
    """A row for each variant; None if no target was measured for all of them.

    Args:
        measured: variant -> for each of its seeds, target's name -> its score.
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
    notes = (RULE,) if any(len(seeds) > 1 for seeds in measured.values()) else ()
    return Table("ablation", f"{dataset}: {len(common)} sequences{how}", _HEADER, rows, notes)


def _row(variant: Variant, seeds: Sequence[Sequence[OnePassScore]]) -> tuple[str, ...]:
    auc = [fmean(each.success_auc for each in scores) for scores in seeds]
    precision = [fmean(each.precision_20 for each in scores) for scores in seeds]
    return variant.name, variant.about, figure_text(auc), figure_text(precision), str(len(seeds[0]))
