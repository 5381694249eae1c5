"""OTB's evaluation from trackers' result files: it reads, measures and writes plots, tables and a page."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rpn2t.benchmark.experiments import OtbExperiment
from rpn2t.boxes import Floats
from rpn2t.eval.otb.curves import PLOTS, attribute_sheet, breakdown_plot, plot
from rpn2t.eval.otb.page import page
from rpn2t.eval.otb.scores import OtbEvaluation, Score, Tracked, compute
from rpn2t.eval.otb.strips import can_draw, strip_of
from rpn2t.eval.otb.tables import name_of, tables
from rpn2t.eval.report.figures import saved
from rpn2t.eval.report.output import RECORD, write
from rpn2t.eval.report.speed import speed_words
from rpn2t.eval.report.spread import deviation, figure_text
from rpn2t.eval.report.strips import pdf
from rpn2t.paths import typed_path
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import describe_absent
from rpn2t.system.files import require_writable


def evaluate(
    root: str | Path,
    results: str | Path,
    output: str | Path,
    *,
    dataset: str = "otb100",
    protocol: Protocol = "otb",
    trackers: Sequence[str] = (),
    attributes: Sequence[str] = (),
    sequences: Sequence[str] = (),
    frames: int | None = None,
    experiment: OtbExperiment = "ope",
    normalised: bool = False,
    strips: bool = True,
    say: Callable[[str], None] = print,
) -> OtbEvaluation:
    """Measure, draw and write everything; nothing is written if nothing can be compared.

    Args:
        root: folder of the sequences, or of NAME.txt and att/NAME.txt.
        results: folder of the trackers' results.
        output: folder to write; what an earlier evaluation wrote there is replaced.
        dataset: otb100, otb50, otb2013, or a folder of sequences in OTB's layout.
        protocol: whose rules.
        trackers: which, and in what order; all if none is named.
        attributes: which; all that occur if none is named.
        sequences: which; all if none is named.
        frames: how many first frames are compared; None for all.
        experiment: one pass, or TRE or SRE.
        normalised: whether the overall table has normalised precision, which is no measure of OTB.
        strips: whether frames are shown, if the root has images.
        say: shows a line to the user.

    Raises:
        InputError: an input cannot be used, or the output cannot be written; one line names it and the cure.
    """
    folder = typed_path(output)
    require_writable(folder, "--output")
    evaluation = compute(
        root,
        results,
        dataset=dataset,
        protocol=protocol,
        trackers=trackers,
        attributes=attributes,
        sequences=sequences,
        frames=frames,
        experiment=experiment,
    )
    write(_files(evaluation, normalised=normalised, strips=strips), folder)
    for line in _summary(evaluation, folder):
        say(line)
    return evaluation


def _files(evaluation: OtbEvaluation, *, normalised: bool, strips: bool) -> dict[str, bytes]:
    """Every file of an evaluation: path within the output -> content."""
    found: dict[str, bytes] = {}
    for kind in PLOTS:
        overall = plot(evaluation, kind)
        found |= {f"{kind}.{form}": saved(overall, form) for form in ("pdf", "png")}
        for name in evaluation.attributes:
            figure = plot(evaluation, kind, name)
            found |= {f"attributes/{kind}_{name}.{form}": saved(figure, form) for form in ("pdf", "png")}
    if evaluation.attributes:
        sheet = attribute_sheet(evaluation)
        found |= {f"attributes.{form}": saved(sheet, form) for form in ("pdf", "png")}
    lost = breakdown_plot(evaluation)
    found |= {f"breakdown.{form}": saved(lost, form) for form in ("pdf", "png")}
    listed = tables(evaluation, normalised=normalised)
    for table in listed:
        found |= table.files()
    if strips and can_draw(evaluation):
        shown = [strip_of(evaluation, each) for each in evaluation.sequences if each.images]
        found["strips.pdf"] = pdf(shown, [tracker.name for tracker in evaluation.trackers])
    found["index.html"] = page(evaluation, listed, strips=strips).encode()
    found[RECORD] = _record(evaluation, [*found, RECORD]).encode()
    return found


def _record(evaluation: OtbEvaluation, names: Sequence[str]) -> str:
    """Every figure, for programs."""
    record = {
        "dataset": evaluation.dataset.name,
        "experiment": evaluation.experiment,
        "protocol": evaluation.protocol,
        "frames": evaluation.frames,
        "sequences": list(evaluation.names),
        "absent": dict(evaluation.absent),
        "notes": list(evaluation.notes),
        "trackers": {
            tracker.name: {
                "seeds": len(tracker.seeds),
                "overall": _figures(tracker, evaluation.names),
                "attributes": {name: _figures(tracker, of) for name, of in evaluation.attributes.items()},
                "sequences": {name: _figures(tracker, [name]) for name in evaluation.names},
            }
            for tracker in evaluation.trackers
        },
        "files": list(names),
    }
    return json.dumps(record, indent=1) + "\n"


_SCORES: dict[str, Callable[[Score], float]] = {
    "success_auc": lambda score: score.auc,
    "precision_20": lambda score: score.precision_20,
    "success_rate": lambda score: score.success_rate,
    "normalised_precision_20": lambda score: score.normalised_20,
}
"""What evaluation.json calls the scores."""


def _figures(tracker: Tracked, names: Sequence[str]) -> dict[str, Any]:
    """A tracker's means over sequences and seeds; of several seeds, also each one's scores and curves."""
    mean = tracker.mean(names)
    figures: dict[str, Any] = {name: round(measure(mean), 9) for name, measure in _SCORES.items()}
    figures["speed"] = None if mean.speed is None else mean.speed.record()
    figures["breakdown"] = {name: round(value, 9) for name, value in asdict(mean.breakdown).items()}
    figures |= {"success_curve": _rounded(mean.success), "precision_curve": _rounded(mean.precision)}
    if len(tracker.seeds) > 1:
        deviations = {name: deviation(tracker.values(names, measure)) for name, measure in _SCORES.items()}
        figures["deviations"] = {
            name: round(value, 9) for name, value in deviations.items() if value is not None
        }
        figures["by_seed"] = [
            {name: round(measure(score), 9) for name, measure in _SCORES.items()}
            | {"success_curve": _rounded(score.success), "precision_curve": _rounded(score.precision)}
            for score in tracker.by_seed(names)
        ]
    return figures


def _rounded(curve: Floats) -> list[float]:
    return [round(float(value), 9) for value in curve]


def _summary(evaluation: OtbEvaluation, folder: Path) -> list[str]:
    """The lines that the user sees at the end."""
    names = evaluation.names
    means = [(tracker, tracker.mean(names)) for tracker in evaluation.trackers]
    width = max(len(name_of(tracker)) for tracker, _ in means)
    lines = [evaluation.scope]
    for tracker, mean in sorted(means, key=lambda item: -item[1].auc):
        success, precision = (
            figure_text(tracker.values(names, _SCORES[score])) for score in ("success_auc", "precision_20")
        )
        lines.append(
            f"  {name_of(tracker):{width}}  success {success}, precision {precision}{speed_words(mean.speed)}"
        )
    lines += [f"  left out, {line}" for line in describe_absent(evaluation.absent)]
    lines += [f"  note: {note}" for note in evaluation.notes]
    return [*lines, f"written: {folder / 'index.html'}, and plots and tables beside it"]
