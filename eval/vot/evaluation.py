"""VOT's evaluation from trackers' result files: it reads, measures and writes plots, tables and a page."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rpn2t.eval.report.figures import saved
from rpn2t.eval.report.output import RECORD, write
from rpn2t.eval.report.speed import speed, speed_words
from rpn2t.eval.report.spread import deviation, figure_text
from rpn2t.eval.report.strips import pdf
from rpn2t.eval.vot.metrics import DataSetScore, SequenceScore
from rpn2t.eval.vot.page import can_draw, page, strip_of
from rpn2t.eval.vot.plots import ar_plot, eao_plot
from rpn2t.eval.vot.scores import VotEvaluation, compute
from rpn2t.eval.vot.tables import by_length, by_sequence, eao_text, name_of, overall
from rpn2t.paths import typed_path
from rpn2t.sequences.registry import describe_absent
from rpn2t.system.files import require_writable


def evaluate(
    root: str | Path,
    results: str | Path,
    output: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    interval: tuple[int, int] | None = None,
    frames: int | None = None,
    strips: bool = True,
    say: Callable[[str], None] = print,
) -> VotEvaluation:
    """Measure, draw and write everything; nothing is written if nothing can be compared.

    Args:
        root: folder of the sequences, or of NAME.txt.
        results: folder of the trackers' results.
        output: folder to write; what an earlier evaluation wrote there is replaced.
        dataset: vot2016, or a folder of sequences in VOT's layout.
        trackers: which, and in what order; all if none is named.
        sequences: which; all if none is named.
        interval: of the expected average overlap; None for the challenge's, or one by its rule.
        frames: how many first frames are compared; None for all.
        strips: whether frames are shown, if the root has images.
        say: shows a line to the user.

    Raises:
        InputError: an input cannot be used; one line names it and the cure.
    """
    folder = typed_path(output)
    require_writable(folder, "--output")
    evaluation = compute(
        root,
        results,
        dataset=dataset,
        trackers=trackers,
        sequences=sequences,
        interval=interval,
        frames=frames,
    )
    write(_files(evaluation, strips=strips), folder)
    say(evaluation.scope)
    for name, measured in evaluation.ranked:
        seeds = evaluation.by_seed[name]
        accuracy = figure_text([each.accuracy for each in seeds])
        robustness = figure_text([each.robustness for each in seeds])
        say(
            f"  {name_of(evaluation, name)}: EAO {eao_text(seeds) or '-'}, accuracy {accuracy}, "
            f"robustness {robustness}{speed_words(measured.speed)}"
        )
    for line in describe_absent(evaluation.absent):
        say(f"  left out, {line}")
    for note in evaluation.notes:
        say(f"  note: {note}")
    say(f"written: {folder / 'index.html'}, and plots and tables beside it")
    return evaluation


def _files(evaluation: VotEvaluation, *, strips: bool) -> dict[str, bytes]:
    """Every file of an evaluation: path within the output -> content."""
    figures = {"eao": eao_plot(evaluation), "ar": ar_plot(evaluation)}
    tables = {
        table.name: table for table in (overall(evaluation), by_sequence(evaluation), by_length(evaluation))
    }
    found = {
        f"{name}.{form}": saved(figure, form) for name, figure in figures.items() for form in ("pdf", "png")
    }
    for table in tables.values():
        found |= table.files()
    if strips and can_draw(evaluation):
        shown = [strip_of(evaluation, target) for target in evaluation.shown if target.images]
        found["strips.pdf"] = pdf(shown, list(evaluation.trackers))
    pictures = {"expected average overlap": figures["eao"], "AR plot": figures["ar"]}
    found["index.html"] = page(evaluation, pictures, tables, strips=strips).encode()
    found[RECORD] = _record(evaluation, [*found, RECORD]).encode()
    return found


def _record(evaluation: VotEvaluation, names: Sequence[str]) -> str:
    """Every figure, for programs."""
    record = {
        "dataset": evaluation.dataset.name,
        "experiment": "supervised",
        "interval": list(evaluation.interval),
        "frames": evaluation.frames,
        "sequences": list(evaluation.sequences),
        "absent": dict(evaluation.absent),
        "notes": evaluation.notes,
        "trackers": {
            name: {
                "seeds": len(evaluation.seeds[name]),
                "overall": _overall_figures(measured) | _seed_figures(evaluation.by_seed[name]),
                "sequences": {
                    each: _figures(evaluation.trackers[name][each]) for each in evaluation.sequences
                },
            }
            for name, measured in evaluation.overall.items()
        },
        "files": list(names),
    }
    return json.dumps(record, indent=1) + "\n"


def _overall_figures(measured: DataSetScore) -> dict[str, Any]:
    return {
        "eao": None if measured.eao is None else round(measured.eao, 9),
        "accuracy": round(measured.accuracy, 9),
        "robustness": round(measured.robustness, 9),
        "failures_in_100_frames": round(measured.per_hundred, 9),
        "reliability": round(measured.reliability, 9),
        "speed": None if measured.speed is None else measured.speed.record(),
        "eao_curve": [round(float(value), 9) for value in measured.curve],
    }


def _seed_figures(seeds: Sequence[DataSetScore]) -> dict[str, Any]:
    """Each seed's figures and their deviations; nothing if there is one seed."""
    if len(seeds) < 2:
        return {}
    single = [_overall_figures(each) for each in seeds]
    columns = {name: [each[name] for each in single] for name in ("eao", "accuracy", "robustness")}
    deviations = {
        name: None if None in values or (found := deviation(values)) is None else round(found, 9)
        for name, values in columns.items()
    }
    return {"deviations": deviations, "by_seed": single}


def _figures(measured: SequenceScore) -> dict[str, Any]:
    return {
        "frames": measured.frames,
        "repetitions": measured.repetitions,
        "accuracy": round(measured.accuracy, 9),
        "failures": round(measured.failures, 9),
        "speed": None if (found := speed([measured.times])) is None else found.record(),
    }
