"""The tables of a VOT evaluation: overall, by sequence, and the plotted curves."""

from rpn2t.eval.report.published import ORIGIN, PARTIAL, published_rows
from rpn2t.eval.report.tables import SPEED, Table, speed_text
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
    """A row for each tracker, best EAO first, and the published figures below."""
    rows = [
        (
            name,
            "" if measured.eao is None else f"{measured.eao:.3f}",
            f"{measured.accuracy:.3f}",
            f"{measured.robustness:.3f}",
            f"{measured.per_hundred:.3f}",
            speed_text(measured.fps),
            "measured here",
        )
        for name, measured in evaluation.ranked
    ]
    reference, sources = published_lines(evaluation.dataset.name)
    notes = [RULES, SPEED, *(f"{note[0].upper()}{note[1:]}." for note in evaluation.notes), *sources]
    if reference:
        notes.append("Published figures are by the MATLAB toolkit, which weighs starts otherwise in EAO.")
        if evaluation.frames or len(evaluation.sequences) < len(evaluation.dataset.entries):
            notes.append(PARTIAL)
    return Table(
        name="overall",
        title=f"Overall: {evaluation.scope}",
        header=("Tracker", "EAO", "Accuracy", "Robustness", "Failures in 100 frames", "Frames/s", "Origin"),
        rows=(*rows, *reference),
        notes=tuple(notes),
        reference=len(reference),
    )


def published_lines(dataset: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """The published rows of a data set, and a line for each that says where its figures come from."""
    listed = published_rows("vot_published.csv", dataset)
    rows: list[tuple[str, ...]] = [
        (row["tracker"], row["eao"], row["accuracy"], row["robustness"], "", "", ORIGIN) for row in listed
    ]
    return rows, [f"Published, {row['tracker']}: {row['source']}." for row in listed]


def by_sequence(evaluation: VotEvaluation) -> Table:
    """A row for each sequence; those where the first tracker fails most often come first."""
    first = next(iter(evaluation.trackers.values()))
    order = sorted(evaluation.sequences, key=lambda name: (-first[name].failures, first[name].accuracy))
    header = ["Sequence", "Frames"]
    for name in evaluation.trackers:
        header += [f"{name}: accuracy", f"{name}: failures"]
    rows = []
    for sequence in order:
        row = [sequence, str(first[sequence].frames)]
        for scores in evaluation.trackers.values():
            row += [f"{scores[sequence].accuracy:.3f}", f"{scores[sequence].failures:.3f}"]
        rows.append(tuple(row))
    title = f"Sequences: {evaluation.scope}"
    notes = (
        f"The sequences where {next(iter(evaluation.trackers))} fails most often come first.",
        SEQUENCE_RULES,
    )
    return Table("sequences", title, tuple(header), tuple(rows), notes)


def by_length(evaluation: VotEvaluation) -> Table:
    """A row for each length, a column for each tracker: the curves that are plotted."""
    curves = {name: measured.curve for name, measured in evaluation.overall.items()}
    rows = [
        (str(length), *(f"{curve[length]:.3f}" if length < len(curve) else "" for curve in curves.values()))
        for length in range(1, max(len(curve) for curve in curves.values()))
    ]
    title = f"Expected average overlap by length: {evaluation.scope}"
    notes = ("Frames: after the start's own.",)
    return Table("eao_curve", title, ("Frames", *curves), tuple(rows), notes)
