"""The tables of an OTB evaluation: overall, by attribute and by sequence."""

from collections.abc import Callable, Sequence

from rpn2t.eval.otb.scores import OtbEvaluation, Score
from rpn2t.eval.report.published import ORIGIN, PARTIAL, Published, published
from rpn2t.eval.report.tables import SPEED, Table, speed_text
from rpn2t.sequences.registry import find_dataset

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
    means = [(tracker.name, tracker.mean(evaluation.names)) for tracker in evaluation.trackers]
    means.sort(key=lambda item: -item[1].auc)
    return Table(
        name="breakdown",
        title=f"Where success is lost: {evaluation.scope}",
        header=("Tracker", *BREAKDOWN),
        rows=tuple((name, *_breakdown_cells(mean)) for name, mean in means),
        notes=(BREAKDOWN_RULES,),
    )


def breakdown_by_sequence(evaluation: OtbEvaluation) -> Table:
    """A row for each sequence and tracker; the sequences where the first tracker is worst come first."""
    first = evaluation.trackers[0]
    ordered = sorted(evaluation.sequences, key=lambda sequence: first.scores[sequence.name].auc)
    rows = tuple(
        (sequence.name, tracker.name, *_breakdown_cells(tracker.scores[sequence.name]))
        for sequence in ordered
        for tracker in evaluation.trackers
    )
    title = f"Where success is lost, by sequence: {evaluation.scope}"
    header = ("Sequence", "Tracker", *BREAKDOWN)
    return Table("breakdown_sequences", title, header, rows, (BREAKDOWN_RULES,))


def _breakdown_cells(score: Score) -> tuple[str, ...]:
    parts = score.breakdown
    shares = (score.auc, parts.true_centre, parts.true_size, parts.true_aspect)
    return (*map(_score, shares), f"{100 * parts.lost:.1f}")


def overall(evaluation: OtbEvaluation, *, normalised: bool = False) -> Table:
    """A row for each tracker, best first, and the published figures below."""
    rows = []
    for tracker in evaluation.trackers:
        mean = tracker.mean(evaluation.names)
        cells = [tracker.name, _score(mean.auc), _score(mean.precision_20), _score(mean.success_rate)]
        cells += [_score(mean.normalised_20)] if normalised else []
        rows.append((mean.auc, (*cells, speed_text(mean.fps), "measured here")))
    rows.sort(key=lambda row: -row[0])
    references = published(evaluation.dataset.name) if evaluation.experiment == "ope" else []
    header = ["Tracker", "Success (AUC)", "Precision (20 px)", "Success rate (0.5)"]
    header += ["Normalised precision (0.2)"] if normalised else []
    notes = [SPEED]
    notes += ["Normalised precision is no measure of OTB."] if normalised else []
    notes += _sources(references)
    whole = len(evaluation.sequences) == len(find_dataset(evaluation.dataset.name).entries)
    if references and not (whole and evaluation.frames is None):
        notes.append(PARTIAL)
    return Table(
        name="overall",
        title=f"Overall: {evaluation.scope}",
        header=(*header, "Frames/s", "Origin"),
        rows=(*(row for _, row in rows), *(_reference(each, normalised) for each in references)),
        notes=tuple(notes),
        reference=len(references),
    )


def by_attribute(evaluation: OtbEvaluation, score: str) -> Table:
    """A row for each attribute, a column for each tracker."""
    title, measure = SCORES[score]
    rows = [
        (name, str(len(names)), *(_score(measure(tracker.mean(names))) for tracker in evaluation.trackers))
        for name, names in evaluation.attributes.items()
    ]
    header = ("Attribute", "Sequences", *(tracker.name for tracker in evaluation.trackers))
    return Table(f"attributes_{score}", f"{title} by attribute: {evaluation.scope}", header, tuple(rows))


def by_sequence(evaluation: OtbEvaluation, score: str) -> Table:
    """A row for each sequence, a column for each tracker; worst of the first tracker first."""
    title, measure = SCORES[score]
    first = evaluation.trackers[0]
    ordered = sorted(evaluation.sequences, key=lambda sequence: measure(first.scores[sequence.name]))
    rows = [
        (
            sequence.name,
            str(len(sequence)),
            " ".join(sequence.attributes),
            *(_score(measure(tracker.scores[sequence.name])) for tracker in evaluation.trackers),
        )
        for sequence in ordered
    ]
    header = ("Sequence", "Frames", "Attributes", *(tracker.name for tracker in evaluation.trackers))
    notes = (f"The sequences where {first.name} is worst come first.",)
    return Table(f"sequences_{score}", f"{title} by sequence: {evaluation.scope}", header, tuple(rows), notes)


def _reference(each: Published, normalised: bool) -> tuple[str, ...]:
    blanks = ("",) * (2 + normalised)  # no success rate, nothing normalised, no speed
    return each.tracker, each.success, each.precision, *blanks, ORIGIN


def _sources(references: Sequence[Published]) -> list[str]:
    """Where the published rows come from, a line for each source."""
    by_source: dict[str, list[str]] = {}
    for each in references:
        by_source.setdefault(each.source, []).append(each.tracker)
    return [f"Published, {', '.join(names)}: {source}." for source, names in by_source.items()]


def _score(value: float) -> str:
    return f"{value:.3f}"
