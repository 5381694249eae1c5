"""VOT's report from trackers' result files: accuracy, robustness, expected average overlap, AR plot.

    python eval/vot_report.py --root DIR --results DIR --output DIR

The same as `rpn2t evaluate vot2016`. It needs NumPy, SciPy and matplotlib, and the package rpn2t
(`pip install --no-deps -e .` is enough); no Caffe, no OpenCV. docs/vot.md says what the numbers mean.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any

try:
    import numpy as np
    from matplotlib.figure import Figure
    from PIL import Image

    from rpn2t.benchmark.vot_supervised import SupervisedRun, ground_truth, read_run
    from rpn2t.errors import InputError
    from rpn2t.eval.otb.curves import saved
    from rpn2t.eval.report.command_line import Parser, run, words
    from rpn2t.eval.report.output import RECORD, check_output, write
    from rpn2t.eval.report.page import image, render, table_html
    from rpn2t.eval.report.published import ORIGIN, PARTIAL, published_rows
    from rpn2t.eval.report.styles import style_of
    from rpn2t.eval.report.tables import SPEED, Table, speed_text
    from rpn2t.eval.vot.metrics import (
        INTERVALS,
        SENSITIVITY,
        SequenceScore,
        Summary,
        eao_interval,
        score,
        summary,
    )
    from rpn2t.sequences.registry import DataSet, describe_absent, find_dataset
    from rpn2t.sequences.target import Target
    from rpn2t.sequences.vot_regions import FAILED, INITIALIZED, is_state
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "rpn2t":
        raise
    cure = "in the repository: pip install --no-deps -e ."
    print(f"vot_report.py: the package rpn2t is not installed; {cure}", file=sys.stderr)
    sys.exit(2)

RULES = (
    "Accuracy: mean overlap in pixels within the image, without the 10 frames from each start on; over "
    "repetitions, then over sequences by length. Robustness: failures a sequence, averaged likewise. EAO: "
    "every start counts the same. These are the rules of the VOT toolkit 0.9; docs/vot.md has them in full."
)
SEQUENCE_RULES = (
    "Accuracy and failures of a sequence are means over its repetitions; an accuracy of 0.000 may mean that "
    "no frame is ten frames away from a start. The data set's figures weigh sequences by their frames."
)

_ANY_SIZE = (1 << 16, 1 << 16)


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        dataset: what was asked for.
        sequences: the names of those that are compared.
        absent: name -> why a sequence is left out.
        trackers: name -> sequence -> score.
        interval: of the expected average overlap.
        bounded: whether every sequence has images, outside of which no pixel counts.
    """

    dataset: DataSet
    sequences: tuple[str, ...]
    absent: Mapping[str, str]
    trackers: Mapping[str, Mapping[str, SequenceScore]]
    interval: tuple[int, int]
    bounded: bool = True

    @property
    def scope(self) -> str:
        """What was compared, and how, for every title."""
        name = self.dataset.name.rstrip("/").rpartition("/")[2]
        low, high = self.interval
        return (
            f"{name}, supervised experiment, {len(self.sequences)} of {len(self.dataset.entries)} sequences, "
            f"EAO over {low} to {high} frames"
        )

    @property
    def notes(self) -> list[str]:
        """What is odd about these figures."""
        low, high = self.interval
        ends = {name: len(measured.curve) - 1 for name, measured in self.summaries().items()}
        short = [f"{name} at {end}" for name, end in ends.items() if end < high]
        notes = []
        if short:
            where = ", ".join(short)
            notes += [
                f"the EAO curve ends before {high} frames ({where}): EAO is the mean from {low} to there"
            ]
        if not self.bounded:
            notes += ["where there are no images, pixels to the right of them and below count, too"]
        return notes

    def summaries(self) -> Mapping[str, Summary]:
        """Tracker -> its measures over the data set."""
        return self._summaries

    @cached_property
    def _summaries(self) -> dict[str, Summary]:
        return {
            name: summary([scores[sequence] for sequence in self.sequences], self.interval)
            for name, scores in self.trackers.items()
        }


def report(
    root: str | Path,
    results: str | Path,
    output: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    interval: tuple[int, int] | None = None,
    say: Callable[[str], None] = print,
) -> Report:
    """Measure, draw and write everything; nothing is written where anything cannot be read.

    Args:
        root: folder of the sequences, or of NAME.txt.
        results: folder of the trackers' results.
        output: folder to write; what an earlier report wrote there is replaced.
        dataset: vot2016, or a folder of sequences in VOT's layout.
        trackers: which, and in what order; all where none is named.
        sequences: which; all where none is named.
        interval: of the expected average overlap; the challenge's, or by its rule, where None.
        say: what becomes of the lines for the user.

    Raises:
        InputError: an input cannot be used; one line names it and the cure.
    """
    folder = Path(output).expanduser()
    check_output(folder)
    found = compute(root, results, dataset=dataset, trackers=trackers, sequences=sequences, interval=interval)
    write(_files(found), folder)
    say(found.scope)
    for name, measured in _ranked(found.summaries()):
        eao = "-" if measured.eao is None else f"{measured.eao:.3f}"
        say(f"  {name}: EAO {eao}, accuracy {measured.accuracy:.3f}, robustness {measured.robustness:.3f}")
    for line in describe_absent(found.absent):
        say(f"  left out, {line}")
    for note in found.notes:
        say(f"  note: {note}")
    say(f"written: {folder / 'index.html'}, and plots and tables beside it")
    return found


def compute(
    root: str | Path,
    results: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    interval: tuple[int, int] | None = None,
) -> Report:
    """Read everything and measure it; nothing is written.

    Raises:
        InputError: an input cannot be used.
    """
    whole = find_dataset(dataset)
    if whole.kind != "vot":
        raise InputError(f"{dataset}: a data set of OTB; `python eval/otb_plots.py` evaluates those")
    chosen = whole.select(sequences) if sequences else whole
    opened = chosen.open(root)
    folders = _find_trackers(Path(results).expanduser(), results, chosen, trackers)
    absent = dict(opened.absent)
    measured: dict[str, dict[str, SequenceScore]] = {name: {} for name in folders}
    compared = []
    for target in opened.sequences:
        lacking = [name for name, folder in folders.items() if not _run_files(folder, target.name)]
        if lacking:
            absent[target.name] = f"no result of {', '.join(lacking)}"
            continue
        compared.append(target)
    if not compared:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(absent.items())[:3])
        raise InputError(f"{results}: no sequence has results of every tracker ({reasons})")
    for target in compared:
        for name, folder in folders.items():
            measured[name][target.name] = _measure(folder, target)
    return Report(
        dataset=whole,
        sequences=tuple(target.name for target in compared),
        absent={entry.name: absent[entry.name] for entry in chosen.entries if entry.name in absent},
        trackers=measured,
        interval=interval
        or INTERVALS.get(chosen.store.lower())
        or eao_interval([len(target) for target in compared]),
        bounded=all(target.images for target in compared),
    )


def _find_trackers(root: Path, typed: str | Path, dataset: DataSet, names: Sequence[str]) -> dict[str, Path]:
    """Tracker -> its folder baseline/, under RESULTS/STORE or RESULTS itself."""
    if not root.is_dir():
        raise InputError(f"{typed}: no such folder; --results names the one that holds trackers' results")
    found: dict[str, Path] = {}
    for folder in (*sorted((root / dataset.store).glob("*/baseline")), *sorted(root.glob("*/baseline"))):
        other = found.setdefault(folder.parent.name, folder)
        if other != folder:
            raise InputError(f"{folder}: results of a tracker of this name are in {other} too; remove one")
    if not found:
        raise InputError(f"{typed}: holds no {dataset.store}/TRACKER/baseline/SEQUENCE/SEQUENCE_001.txt")
    for name in names:
        if name not in found:
            raise InputError(f"{name}: no results of such a tracker; there are {', '.join(sorted(found))}")
    return {name: found[name] for name in names or sorted(found)}


def _run_files(folder: Path, sequence: str) -> list[Path]:
    """The repetitions' files, in order: text, or the toolkit's binary form."""
    place = folder / sequence
    files = {
        file.stem: file
        for suffix in (".bin", ".txt")
        for file in place.glob(f"{escape(sequence)}_*{suffix}")
        if file.stem.removeprefix(f"{sequence}_").isdecimal()
    }
    return [files[stem] for stem in sorted(files)]


def _measure(folder: Path, target: Target) -> SequenceScore:
    truth = ground_truth(target)
    runs = read_runs(folder, target.name)
    for file, run in runs.items():
        if len(run.regions) != len(truth):
            raise InputError(
                f"{file}: has {len(run.regions)} frames, {target.name} has {len(truth)}; run it again"
            )
    size = _image_size(target.images[0]) if target.images else _ANY_SIZE
    fps = _fps(folder / target.name / f"{target.name}_time.txt")
    return score(list(runs.values()), truth, size, fps)


def read_runs(folder: str | Path, sequence: str) -> dict[Path, SupervisedRun]:
    """A sequence's repetitions by their files, in order.

    Args:
        folder: TRACKER/baseline.
        sequence: its name.

    Raises:
        InputError: a file cannot be read, or its states are in an order that no run has.
    """
    found = {}
    for file in _run_files(Path(folder), sequence):
        found[file] = read_run(file)
        _check_order(file, found[file])
    return found


def _check_order(file: Path, run: SupervisedRun) -> None:
    """A tracker is started, tracks, and may fail; after that it is started again."""
    running = False
    for number, region in enumerate(run.regions, start=1):
        started, failed = region == (INITIALIZED,), region == (FAILED,)
        what = None
        if started and running:
            what = "a start while the tracker runs"
        elif (failed or not is_state(region)) and not running:
            what = "no start comes before this"
        if what is not None:
            raise InputError(f"{file}: frame {number}: {what}; run this repetition again")
        running = (running or started) and not failed


def _image_size(file: Path) -> tuple[int, int]:
    """Width and height, from the head of an image file."""
    try:
        with Image.open(file) as image_file:
            return image_file.size
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: cannot be read as an image; get the sequence again") from error


def _fps(file: Path) -> float | None:
    """Frames a second of the table of times, where there is one."""
    if not file.is_file():
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            seconds = np.loadtxt(file, delimiter=",", ndmin=2)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; make it readable, or remove it") from error
    except ValueError as error:
        raise InputError(f"{file}: not a table of seconds; remove it") from error
    tracked = seconds[np.isfinite(seconds) & (seconds > 0)]
    return float(np.mean(1 / tracked)) if len(tracked) else None


def _ranked(summaries: Mapping[str, Summary]) -> list[tuple[str, Summary]]:
    return sorted(summaries.items(), key=lambda item: -1.0 if item[1].eao is None else -item[1].eao)


def _files(found: Report) -> dict[str, bytes]:
    """Every file of a report: path within the output -> content."""
    figures = {"eao": eao_plot(found), "ar": ar_plot(found)}
    listed = [_overall(found), _by_sequence(found), _curves(found)]
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
    notes = [*(f"left out of every mean, {line}" for line in describe_absent(found.absent)), *found.notes]
    files_of["index.html"] = render("VOT report", found.scope, list(found.trackers), notes, sections).encode()
    files_of[RECORD] = _record(found, [*files_of, RECORD]).encode()
    return files_of


def _record(found: Report, names: Sequence[str]) -> str:
    """Every figure, for programs."""
    record = {
        "dataset": found.dataset.name,
        "experiment": "supervised",
        "interval": list(found.interval),
        "sequences": list(found.sequences),
        "absent": dict(found.absent),
        "notes": found.notes,
        "trackers": {
            name: {
                "overall": _overall_figures(measured),
                "sequences": {each: _figures(found.trackers[name][each]) for each in found.sequences},
            }
            for name, measured in found.summaries().items()
        },
        "files": list(names),
    }
    return json.dumps(record, indent=1) + "\n"


def _overall_figures(measured: Summary) -> dict[str, Any]:
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


def eao_plot(found: Report) -> Figure:
    """Expected average overlap by length, the interval of the score shaded."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(*found.interval, color="#eef1f4")
    for number, (name, measured) in enumerate(found.summaries().items()):
        style = style_of(number)
        label = f"{name} [{'-' if measured.eao is None else f'{measured.eao:.3f}'}]"
        axes.plot(
            np.arange(1, len(measured.curve)), measured.curve[1:], color=style.colour, linestyle=style.dash,
            linewidth=style.width, label=label,
        )  # fmt: skip
    axes.set(xlabel="Sequence length (frames)", ylabel="Expected average overlap", ylim=(0, 1))
    axes.set_title("Expected average overlap")
    axes.grid(True, color="#e8ebee")
    axes.legend(loc="upper right", fontsize=8)
    figure.supxlabel(found.scope, fontsize=7, color="#59636e")
    return figure


def ar_plot(found: Report) -> Figure:
    """Accuracy against reliability; the best are upper right."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, measured) in enumerate(found.summaries().items()):
        axes.plot(
            measured.reliability, measured.accuracy, "osD^v<>"[number % 7], color=style_of(number).colour,
            markersize=9, label=name, linestyle="none",
            clip_on=False, zorder=3,
        )  # fmt: skip
    axes.set(
        xlabel=f"Robustness: exp(-{SENSITIVITY} failures / frames)",
        ylabel="Accuracy",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.set_title("AR plot")
    axes.grid(True, color="#e8ebee")
    axes.legend(loc="lower left", fontsize=8)
    figure.supxlabel(found.scope, fontsize=7, color="#59636e")
    return figure


def _overall(found: Report) -> Table:
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
        for name, measured in _ranked(found.summaries())
    ]
    reference, sources = _published(found.dataset.name)
    notes = [RULES, SPEED, *(f"{note[0].upper()}{note[1:]}." for note in found.notes), *sources]
    if reference:
        notes.append("Published figures are by the MATLAB toolkit, which weighs starts otherwise in EAO.")
        if len(found.sequences) < len(found.dataset.entries):
            notes.append(PARTIAL)
    return Table(
        name="overall",
        title=f"Overall: {found.scope}",
        header=("Tracker", "EAO", "Accuracy", "Robustness", "Failures in 100 frames", "Frames/s", "Origin"),
        rows=(*rows, *reference),
        notes=tuple(notes),
        reference=len(reference),
    )


def _published(dataset: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """The published rows of a data set, and where they come from."""
    listed = published_rows("vot_published.csv", dataset)
    rows: list[tuple[str, ...]] = [
        (row["tracker"], row["eao"], row["accuracy"], row["robustness"], "", "", ORIGIN) for row in listed
    ]
    return rows, [f"Published, {row['tracker']}: {row['source']}." for row in listed]


def _by_sequence(found: Report) -> Table:
    """A row a sequence, the one where the first tracker fails most often first."""
    first = next(iter(found.trackers.values()))
    order = sorted(found.sequences, key=lambda name: (-first[name].failures, first[name].accuracy))
    header = ["Sequence", "Frames"]
    for name in found.trackers:
        header += [f"{name}: accuracy", f"{name}: failures"]
    rows = []
    for sequence in order:
        row = [sequence, str(first[sequence].frames)]
        for scores in found.trackers.values():
            row += [f"{scores[sequence].accuracy:.3f}", f"{scores[sequence].failures:.3f}"]
        rows.append(tuple(row))
    title = f"Sequences: {found.scope}"
    notes = (f"The sequences where {next(iter(found.trackers))} fails most often come first.", SEQUENCE_RULES)
    return Table("sequences", title, tuple(header), tuple(rows), notes)


def _curves(found: Report) -> Table:
    """A row a length, a column a tracker: the curve that is plotted."""
    curves = {name: measured.curve for name, measured in found.summaries().items()}
    rows = [
        (str(length), *(f"{curve[length]:.3f}" if length < len(curve) else "" for curve in curves.values()))
        for length in range(1, max(len(curve) for curve in curves.values()))
    ]
    title = f"Expected average overlap by length: {found.scope}"
    notes = ("Frames: after the start's own.",)
    return Table("eao_curve", title, ("Frames", *curves), tuple(rows), notes)


def _interval(text: str) -> tuple[int, int]:
    low, _, high = text.partition(":")
    if not (low.isdecimal() and high.isdecimal() and 1 <= int(low) <= int(high)):
        raise argparse.ArgumentTypeError("give LOW:HIGH, as 108:371")
    return int(low), int(high)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = Parser(prog="vot_report.py", description="VOT's report from trackers' result files.")
    add = parser.add_argument
    add("--root", metavar="DIR", required=True, help="the sequences")
    add("--results", metavar="DIR", required=True, help="TRACKER/baseline/SEQUENCE/SEQUENCE_001.txt")
    add("--output", metavar="DIR", required=True, help="folder to write")
    add("--dataset", default="vot2016", metavar="NAME", help="vot2016 or a folder [vot2016]")
    add("--trackers", type=words, default=(), metavar="A,B", help="which, in this order [all]")
    add("--sequences", type=words, default=(), metavar="A,B", help="which [all]")
    add("--interval", type=_interval, metavar="LOW:HIGH", help="of the EAO [the challenge's, or by its rule]")
    return run(parser, arguments, report)


if __name__ == "__main__":
    sys.exit(main())
