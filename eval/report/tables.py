"""An evaluation's tables, as CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rpn2t.eval.otb.scores import Evaluation, Score
from rpn2t.eval.report.published import ORIGIN, PARTIAL, Published, published
from rpn2t.sequences.registry import find_dataset

SCORES: dict[str, tuple[str, Callable[[Score], float]]] = {
    "success": ("Success (AUC)", lambda score: score.auc),
    "precision": ("Precision (20 px)", lambda score: score.precision_20),
}
"""What attributes and sequences are tabled by."""

SPEED = "Frames/s: mean of 1 / seconds over the frames, then over the sequences whose times are known."
"""What stands below a table with speeds."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        name: of its files.
        title: what it shows, and how that was measured.
        header: the columns.
        rows: of cells; numbers have three decimals.
        notes: below it.
        reference: how many rows at the end are published figures.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    reference: int = 0

    def files(self) -> dict[str, bytes]:
        """Its three files: path within an evaluation's folder -> content."""
        texts = {"csv": self.csv(), "md": self.markdown(), "tex": self.latex()}
        return {f"tables/{self.name}.{form}": text.encode() for form, text in texts.items()}

    def csv(self) -> str:
        """The table alone, with a header."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()

    def markdown(self) -> str:
        """With title and notes."""
        lines = [self.header, tuple("---" if i == 0 else "---:" for i in range(len(self.header))), *self.rows]
        rows = "".join(f"| {' | '.join(cell or '-' for cell in line)} |\n" for line in lines)
        return f"{self.title}\n\n{rows}" + "".join(f"\n{note}\n" for note in self.notes)

    def latex(self) -> str:
        """A tabular that needs no package."""
        lines = [f"% {text}" for text in (self.title, *self.notes)]
        lines += [
            rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
            r"\hline",
            _tex(self.header),
            r"\hline",
        ]
        measured = len(self.rows) - self.reference
        for number, row in enumerate(self.rows):
            lines += [r"\hline"] if number == measured > 0 else []
            lines.append(_tex(row))
        return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def tables(evaluation: Evaluation, *, normalised: bool = False) -> list[Table]:
    """All tables: overall, attributes and sequences, each of the last two by both scores."""
    found = [overall(evaluation, normalised=normalised)]
    found += [by_attribute(evaluation, score) for score in SCORES if evaluation.attributes]
    found += [by_sequence(evaluation, score) for score in SCORES]
    return found


def overall(evaluation: Evaluation, *, normalised: bool = False) -> Table:
    """A row a tracker, best first, and the published figures below."""
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


def by_attribute(evaluation: Evaluation, score: str) -> Table:
    """A row an attribute, a column a tracker."""
    title, measure = SCORES[score]
    rows = [
        (name, str(len(names)), *(_score(measure(tracker.mean(names))) for tracker in evaluation.trackers))
        for name, names in evaluation.attributes.items()
    ]
    header = ("Attribute", "Sequences", *(tracker.name for tracker in evaluation.trackers))
    return Table(f"attributes_{score}", f"{title} by attribute: {evaluation.scope}", header, tuple(rows))


def by_sequence(evaluation: Evaluation, score: str) -> Table:
    """A row a sequence, a column a tracker; where the first tracker is worst comes first."""
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
    """Where the published rows come from, a line a source."""
    by_source: dict[str, list[str]] = {}
    for each in references:
        by_source.setdefault(each.source, []).append(each.tracker)
    return [f"Published, {', '.join(names)}: {source}." for source, names in by_source.items()]


def speed_text(fps: float | None) -> str:
    """Frames a second, with three digits; empty where nobody measured it."""
    return "" if fps is None else f"{fps:.0f}" if fps >= 100 else f"{fps:.3g}"


def _score(value: float) -> str:
    return f"{value:.3f}"


def _tex(cells: Sequence[str]) -> str:
    escaped = (
        cell.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&").replace("#", r"\#") for cell in cells
    )
    return " & ".join(cell or "--" for cell in escaped) + r" \\"
