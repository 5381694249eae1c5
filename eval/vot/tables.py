"""The tables of a VOT evaluation: overall, by sequence, and the plotted curves."""

from collections.abc import Sequence

from rpn2t.eval.report.published import ORIGIN, published_rows, without_figures
from rpn2t.eval.report.speed import COLUMNS as SPEED_COLUMNS
from rpn2t.eval.report.speed import RULE as SPEED_RULE
from rpn2t.eval.report.speed import speed_cells
from rpn2t.eval.report.spread import RULE as SEED_RULE
from rpn2t.eval.report.spread import figure_text, seeds_text
from rpn2t.eval.report.tables import Better, Table, best_in_columns, best_in_rows
from rpn2t.eval.vot.metrics import DataSetScore, common_curves
from rpn2t.eval.vot.scores import VotEvaluation

RULES = (
    "Accuracy: mean overlap in pixels within the image, without the 10 frames from each start on; over "
    "repetitions, then over sequences by length. Robustness: failures a sequence, averaged likewise. EAO: "
    "every start counts the same. These are the rules of the VOT toolkit 0.9; docs/vot.md has them in full."
)
SEQUENCE_RULES = (
    "Accuracy and failures of a sequence are means over its repetitions; an accuracy of 0.000 may mean that "
    "no frame is ten frames away from a start. The data set's figures weigh sequences by their frames."
)


def overall(evaluation: VotEvaluation) -> Table:
    """A row for each tracker, best EAO first. Published figures are below, beside a whole data set only."""
    rows = [
        (
            name_of(evaluation, name),
            eao_text(seeds := evaluation.by_seed[name]),
            figure_text([each.accuracy for each in seeds]),
            figure_text([each.robustness for each in seeds]),
            figure_text([each.per_hundred for each in seeds]),
            *speed_cells(measured.speed),
            "measured here",
        )
        for name, measured in evaluation.ranked
    ]
    reference, sources = published_lines(evaluation.dataset.name) if evaluation.is_whole else ([], [])
    notes = [RULES, *_rule(evaluation), SPEED_RULE]
    notes += [*(f"{note[0].upper()}{note[1:]}." for note in evaluation.notes), *sources]
    if reference:
        notes.append("Published figures are by the MATLAB toolkit, which weighs starts otherwise in EAO.")
    better: dict[int, Better] = {1: "higher", 2: "higher", 3: "lower", 4: "lower"}
    better |= {5: "higher", 6: "lower", 7: "lower"}
    return Table(
        name="overall",
        title=f"Overall: {evaluation.scope}",
        header=(
            "Tracker", "EAO", "Accuracy", "Robustness", "Failures in 100 frames", *SPEED_COLUMNS, "Origin"
        ),
        rows=(*rows, *reference),
        notes=tuple(notes),
        reference=len(reference),
        best=best_in_columns(rows, better),
    )  # fmt: skip


def eao_text(seeds: Sequence[DataSetScore]) -> str:
    """The EAO over the seeds; empty if one of them has none."""
    found = [each.eao for each in seeds if each.eao is not None]
    return figure_text(found) if len(found) == len(seeds) else ""


def name_of(evaluation: VotEvaluation, tracker: str) -> str:
    """A tracker's name, and how many seeds its figures are means over."""
    return f"{tracker}{seeds_text(len(evaluation.seeds[tracker]))}"


def published_lines(dataset: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """The published rows of a data set, and lines that say where their figures come from."""
    listed = published_rows("vot_published.csv", dataset)
    blanks = ("",) * (1 + len(SPEED_COLUMNS))
    rows: list[tuple[str, ...]] = [
        (row["tracker"], row["eao"], row["accuracy"], row["robustness"], *blanks, ORIGIN) for row in listed
    ]
    sources = [f"Published, {row['tracker']}: {row['source']}." for row in listed]
    return rows, [*sources, *without_figures("vot_published.csv", dataset)]


def by_sequence(evaluation: VotEvaluation) -> Table:
    """A row for each sequence; those where the first tracker fails most often come first."""
    first_name, first = next(iter(evaluation.trackers.items()))
    order = sorted(evaluation.sequences, key=lambda name: (-first[name].failures, first[name].accuracy))
    header = ["Sequence", "Frames"]
    for name in evaluation.trackers:
        header += [f"{name}: accuracy", f"{name}: failures"]
    rows = []
    for sequence in order:
        row = [sequence, str(first[sequence].frames)]
        for seeds in evaluation.seeds.values():
            row.append(figure_text([seed[sequence].accuracy for seed in seeds]))
            row.append(figure_text([seed[sequence].failures for seed in seeds]))
        rows.append(tuple(row))
    best = best_in_rows(rows, range(2, len(header), 2)) | best_in_rows(
        rows, range(3, len(header), 2), "lower"
    )
    return Table(
        name="sequences",
        title=f"Sequences: {evaluation.scope}",
        header=tuple(header),
        rows=tuple(rows),
        notes=(
            f"The sequences where {first_name} fails most often come first.",
            SEQUENCE_RULES,
            *_rule(evaluation),
        ),
        best=best,
    )


def by_length(evaluation: VotEvaluation) -> Table:
    """A row for each length, a column for each tracker: the curves that are plotted."""
    curves = {name: common_curves(seeds) for name, seeds in evaluation.by_seed.items()}
    rows = [
        (
            str(length),
            *(
                figure_text([float(seed[length]) for seed in seeds]) if length < len(seeds[0]) else ""
                for seeds in curves.values()
            ),
        )
        for length in range(1, max(len(seeds[0]) for seeds in curves.values()))
    ]
    title = f"Expected average overlap by length: {evaluation.scope}"
    notes = ("Frames: after the start's own.", *_rule(evaluation))
    return Table("eao_curve", title, ("Frames", *curves), tuple(rows), notes)


def _rule(evaluation: VotEvaluation) -> tuple[str, ...]:
    """How seeds are counted, if a tracker has several."""
    return (SEED_RULE,) if any(len(seeds) > 1 for seeds in evaluation.seeds.values()) else ()
