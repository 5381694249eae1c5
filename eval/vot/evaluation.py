"""VOT's evaluation from trackers' result files: it reads, measures and writes plots, tables and a page."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rpn2t.eval.report.figures import saved
from rpn2t.eval.report.output import RECORD, write
from rpn2t.eval.report.page import image, render, table_html
from rpn2t.eval.vot.metrics import DataSetScore, SequenceScore
from rpn2t.eval.vot.plots import ar_plot, eao_plot
from rpn2t.eval.vot.scores import VotEvaluation, compute
from rpn2t.eval.vot.tables import by_length, by_sequence, overall
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
    write(_files(evaluation), folder)
    say(evaluation.scope)
    for name, measured in evaluation.ranked:
        eao = "-" if measured.eao is None else f"{measured.eao:.3f}"
        say(f"  {name}: EAO {eao}, accuracy {measured.accuracy:.3f}, robustness {measured.robustness:.3f}")
    for line in describe_absent(evaluation.absent):
        say(f"  left out, {line}")
    for note in evaluation.notes:
        say(f"  note: {note}")
    say(f"written: {folder / 'index.html'}, and plots and tables beside it")
    return evaluation


def _files(evaluation: VotEvaluation) -> dict[str, bytes]:
    """Every file of an evaluation: path within the output -> content."""
    figures = {"eao": eao_plot(evaluation), "ar": ar_plot(evaluation)}
    listed = [overall(evaluation), by_sequence(evaluation), by_length(evaluation)]
    files_of = {
        f"{name}.{form}": saved(figure, form) for name, figure in figures.items() for form in ("pdf", "png")
    }
    for table in listed:
        files_of |= table.files()
    pictures = "".join(
        image(figure, name)
        for name, figure in zip(("expected average overlap", "AR plot"), figures.values(), strict=True)
    )
    sections = {
        "Overall": f'<div class="plots">{pictures}</div>{table_html(listed[0])}',
        "Sequences": table_html(listed[1]),
    }
    notes = [
        *(f"left out of every mean, {line}" for line in describe_absent(evaluation.absent)),
        *evaluation.notes,
    ]
    files_of["index.html"] = render(
        "VOT report", evaluation.scope, list(evaluation.trackers), notes, sections
    ).encode()
    files_of[RECORD] = _record(evaluation, [*files_of, RECORD]).encode()
    return files_of


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
                "overall": _overall_figures(measured),
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
        "fps": None if measured.fps is None else round(measured.fps, 3),
        "eao_curve": [round(float(value), 9) for value in measured.curve],
    }


def _figures(measured: SequenceScore) -> dict[str, Any]:
    return {
        "frames": measured.frames,
        "repetitions": measured.repetitions,
        "accuracy": round(measured.accuracy, 9),
        "failures": round(measured.failures, 9),
        "fps": None if measured.fps is None else round(measured.fps, 3),
    }
