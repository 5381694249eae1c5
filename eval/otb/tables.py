"""The tables of an OTB evaluation: overall, by attribute and by sequence."""

from collections.abc import Callable, Sequence

from rpn2t.eval.otb.scores import OtbEvaluation, Score, Tracked
from rpn2t.eval.report.published import ORIGIN, Published, published, without_figures
from rpn2t.eval.report.speed import COLUMNS as SPEED_COLUMNS
from rpn2t.eval.report.speed import RULE as SPEED_RULE
from rpn2t.eval.report.speed import speed_cells
from rpn2t.eval.report.spread import RULE as SEED_RULE
from rpn2t.eval.report.spread import figure_text, seeds_text
from rpn2t.eval.report.tables import Better, Table, best_in_columns, best_in_rows

SCORES: dict[str, tuple[str, Callable[[Score], float]]] = {
    "success": ("Success (AUC)", lambda score: score.auc),
    "precision": ("Precision (20 px)", lambda score: score.precision_20),
}
"""The two scores by which attributes and sequences are tabled."""

BREAKDOWN = (
    "Success (AUC)", "with the true centre", "with the true size", "with the true aspect ratio", "Lost (%)"
)  # fmt: skip
"""The columns of the breakdown's tables."""

BREAKDOWN_RULES = (
    "With the true centre: the success AUC of boxes that have the truth's centre and the tracker's own width "
    "and height. With the true size: the tracker's centre and the truth's width and height. With the true "
    "aspect ratio: the tracker's centre and area. Lost: frames whose overlap with the truth is below 0.1."
)


def tables(evaluation: OtbEvaluation, *, normalised: bool = False) -> list[Table]:
    """All tables: overall, attributes and sequences, each of the last two by both scores."""
    found = [overall(evaluation, normalised=normalised)]
    found += [by_attribute(evaluation, score) for score in SCORES if evaluation.attributes]
    found += [by_sequence(evaluation, score) for score in SCORES]
    return [*found, breakdown(evaluation), breakdown_by_sequence(evaluation)]


def breakdown(evaluation: OtbEvaluation) -> Table:
    """A row for each tracker, best first: its success, and what it would be with a part of each box true."""
    rows = [
        (name_of(tracker), *_breakdown_cells(tracker, evaluation.names)) for tracker in _ranked(evaluation)
    ]
    return Table(
        name="breakdown",
        title=f"Where success is lost: {evaluation.scope}",
        header=("Tracker", *BREAKDOWN),
        rows=tuple(rows),
        notes=(BREAKDOWN_RULES, *_rule(evaluation)),
        best=best_in_columns(rows, {1: "higher", 5: "lower"}),
    )


def breakdown_by_sequence(evaluation: OtbEvaluation) -> Table:
    """A row for each sequence and tracker; the sequences where the first tracker is worst come first."""
    rows = tuple(
        (name, tracker.name, *_breakdown_cells(tracker, [name]))
        for name in _worst_first(evaluation, lambda score: score.auc)
        for tracker in evaluation.trackers
    )
    title = f"Where success is lost, by sequence: {evaluation.scope}"
    header = ("Sequence", "Tracker", *BREAKDOWN)
    return Table("breakdown_sequences", title, header, rows, (BREAKDOWN_RULES, *_rule(evaluation)))


def _breakdown_cells(tracker: Tracked, names: Sequence[str]) -> tuple[str, ...]:
    measures: tuple[Callable[[Score], float], ...] = (
        lambda score: score.auc,
        lambda score: score.breakdown.true_centre,
        lambda score: score.breakdown.true_size,
        lambda score: score.breakdown.true_aspect,
    )
    lost = tracker.values(names, lambda score: 100 * score.breakdown.lost)
    return (*(figure_text(tracker.values(names, measure)) for measure in measures), figure_text(lost, 1))


def overall(evaluation: OtbEvaluation, *, normalised: bool = False) -> Table:
    """A row for each tracker, best first. The published figures are below, beside a whole data set only."""
    columns: dict[str, Callable[[Score], float]] = {
        "Success (AUC)": lambda score: score.auc,
        "Precision (20 px)": lambda score: score.precision_20,
        "Success rate (0.5)": lambda score: score.success_rate,
    }
    if normalised:
        columns["Normalised precision (0.2)"] = lambda score: score.normalised_20
    names = evaluation.names
    rows = [
        (
            name_of(tracker),
            *(figure_text(tracker.values(names, measure)) for measure in columns.values()),
            *speed_cells(tracker.mean(names).speed),
            "measured here",
        )
        for tracker in _ranked(evaluation)
    ]
    dataset = evaluation.dataset.name
    references = published(dataset) if evaluation.is_whole else []
    notes = [*_rule(evaluation), SPEED_RULE]
    notes += ["Normalised precision is no measure of OTB."] if normalised else []
    notes += _sources(references)
    notes += without_figures("published.csv", dataset) if references else []
    better: dict[int, Better] = {column: "higher" for column in range(1, len(columns) + 1)}
    first_speed = len(columns) + 1
    better |= {first_speed: "higher", first_speed + 1: "lower", first_speed + 2: "lower"}
    blanks = ("",) * (len(columns) - 2 + len(SPEED_COLUMNS))
    return Table(
        name="overall",
        title=f"Overall: {evaluation.scope}",
        header=("Tracker", *columns, *SPEED_COLUMNS, "Origin"),
        rows=(*rows, *((each.tracker, each.success, each.precision, *blanks, ORIGIN) for each in references)),
        notes=tuple(notes),
        reference=len(references),
        best=best_in_columns(rows, better),
    )


def by_attribute(evaluation: OtbEvaluation, score: str) -> Table:
    """A row for each attribute, a column for each tracker."""
    title, measure = SCORES[score]
    rows = tuple(
        (name, str(len(names)), *_cells(evaluation, names, measure))
        for name, names in evaluation.attributes.items()
    )
    header = ("Attribute", "Sequences", *map(name_of, evaluation.trackers))
    return Table(
        name=f"attributes_{score}",
        title=f"{title} by attribute: {evaluation.scope}",
        header=header,
        rows=rows,
        notes=_rule(evaluation),
        best=best_in_rows(rows, range(2, len(header))),
    )


def by_sequence(evaluation: OtbEvaluation, score: str) -> Table:
    """A row for each sequence, a column for each tracker; worst of the first tracker first."""
    title, measure = SCORES[score]
    of = {sequence.name: sequence for sequence in evaluation.sequences}
    rows = tuple(
        (name, str(len(of[name])), " ".join(of[name].attributes), *_cells(evaluation, [name], measure))
        for name in _worst_first(evaluation, measure)
    )
    header = ("Sequence", "Frames", "Attributes", *map(name_of, evaluation.trackers))
    worst = f"The sequences where {evaluation.trackers[0].name} is worst come first."
    return Table(
        name=f"sequences_{score}",
        title=f"{title} by sequence: {evaluation.scope}",
        header=header,
        rows=rows,
        notes=(worst, *_rule(evaluation)),
        best=best_in_rows(rows, range(3, len(header))),
    )


def name_of(tracker: Tracked) -> str:
    """A tracker's name, and how many seeds its figures are means over."""
    return f"{tracker.name}{seeds_text(len(tracker.seeds))}"


def _rule(evaluation: OtbEvaluation) -> tuple[str, ...]:
    """How seeds are counted, if a tracker has several."""
    return (SEED_RULE,) if any(len(tracker.seeds) > 1 for tracker in evaluation.trackers) else ()


def _ranked(evaluation: OtbEvaluation) -> list[Tracked]:
    return sorted(evaluation.trackers, key=lambda tracker: -tracker.mean(evaluation.names).auc)


def _worst_first(evaluation: OtbEvaluation, measure: Callable[[Score], float]) -> list[str]:
    """The sequences' names; first come those on which the first tracker is worst."""
    first = evaluation.trackers[0]
    return sorted(evaluation.names, key=lambda name: measure(first.scores[name]))


def _cells(evaluation: OtbEvaluation, names: Sequence[str], measure: Callable[[Score], float]) -> list[str]:
    """A figure of every tracker."""
    return [figure_text(tracker.values(names, measure)) for tracker in evaluation.trackers]


def _sources(references: Sequence[Published]) -> list[str]:
    """Where the published rows come from, a line for each source."""
    by_source: dict[str, list[str]] = {}
    for each in references:
        by_source.setdefault(each.source, []).append(each.tracker)
    return [f"Published, {', '.join(names)}: {source}." for source, names in by_source.items()]
