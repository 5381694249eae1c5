"""The table of the paper's comparisons on VOT: how good each variant is in the supervised experiment."""

from collections.abc import Mapping

from rpn2t.benchmark.variants import Variant
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot.metrics import DataSetScore
from rpn2t.eval.vot.scores import VotEvaluation
from rpn2t.eval.vot.tables import RULES

_HEADER = (
    "variant", "what is changed", "EAO", "accuracy", "robustness", "failures in 100 frames", "sequences",
)  # fmt: skip


def ablation_table(evaluation: VotEvaluation, variants: Mapping[str, Variant], how: str) -> Table:
    """A row for each variant that was measured, in the variants' order.

    Args:
        evaluation: of their results.
        variants: by the name of their results.
        how: the end of the title.
    """
    measured = evaluation.overall
    rows = tuple(
        _row(variant, measured[name], len(evaluation.sequences))
        for name, variant in variants.items()
        if name in measured
    )
    notes = (RULES, *(f"{note[0].upper()}{note[1:]}." for note in evaluation.notes))
    return Table("ablation", f"{evaluation.scope}{how}", _HEADER, rows, notes)


def _row(variant: Variant, score: DataSetScore, sequences: int) -> tuple[str, ...]:
    eao = "" if score.eao is None else f"{score.eao:.3f}"
    figures = (f"{each:.3f}" for each in (score.accuracy, score.robustness, score.per_hundred))
    return variant.name, variant.about, eao, *figures, str(sequences)
