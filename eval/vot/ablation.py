"""The table of the paper's comparisons on VOT: how good each variant is in the supervised experiment."""

from collections.abc import Mapping, Sequence

from rpn2t.benchmark.variants import Variant
from rpn2t.eval.report.spread import RULE, figure_text
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot.metrics import DataSetScore
from rpn2t.eval.vot.scores import VotEvaluation
from rpn2t.eval.vot.tables import RULES, eao_text

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
    measured = evaluation.by_seed
    rows = tuple(
        _row(variant, measured[name], len(evaluation.sequences))
        for name, variant in variants.items()
        if name in measured
    )
    spread = (RULE,) if any(len(seeds) > 1 for seeds in measured.values()) else ()
    notes = (RULES, *spread, *(f"{note[0].upper()}{note[1:]}." for note in evaluation.notes))
    return Table("ablation", f"{evaluation.scope}{how}", _HEADER, rows, notes)


def _row(variant: Variant, seeds: Sequence[DataSetScore], sequences: int) -> tuple[str, ...]:
    figures = zip(*((each.accuracy, each.robustness, each.per_hundred) for each in seeds), strict=True)
    return variant.name, variant.about, eao_text(seeds), *map(figure_text, figures), str(sequences)
