"""VOT's accuracy, robustness and expected average overlap from trackers' result files: plots and tables.

    python eval/vot_report.py --root DIR --results DIR --output DIR

The same as `rpn2t evaluate vot2016`. It needs NumPy, SciPy and matplotlib, and the package rpn2t (`pip
install --no-deps -e .` is enough); no Caffe, no OpenCV. docs/vot.md says what the numbers mean.
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

try:
    from rpn2t.datasets import DataSet, find_dataset
    from rpn2t.datasets import Sequence as Target
    from rpn2t.errors import InputError
    from rpn2t.eval.curves import saved
    from rpn2t.eval.otb_plots import RECORD, write
    from rpn2t.eval.tables import Table
    from rpn2t.eval.vot_curves import ar_plot, eao_plot
    from rpn2t.eval.vot_metrics import (
        EAO_PROTOCOLS,
        INTERVALS,
        SENSITIVITY,
        EaoProtocol,
        SequenceScore,
        TrackerScore,
        eao_interval,
        score_sequence,
    )
    from rpn2t.supervised import ground_truth, read_run
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] != "rpn2t":
        raise
    sys.exit(
        "vot_report.py: the package rpn2t is not installed; in the repository: pip install --no-deps -e ."
    )

EXPERIMENT = "baseline"
"""What VOT calls the supervised experiment, and its folder."""


@dataclass(frozen=True)
class VotEvaluation:
    """Trackers on the sequences that all of them have.

    Attributes:
        dataset: what was run.
        trackers: their scores, in the order asked for.
        interval: lengths over which EAO is averaged.
        protocol: whose details of EAO.
        absent: sequence -> why it is left out.
        notes: what a reader should know, a line each.
    """

    dataset: DataSet
    trackers: tuple[TrackerScore, ...]
    interval: tuple[int, int]
    protocol: EaoProtocol
    absent: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The sequences compared."""
        return [each.name for each in self.trackers[0].sequences]

    @property
    def scope(self) -> str:
        """What was measured how, for every plot and table."""
        count = len(self.names)
        low, high = self.interval
        return (
            f"{self.dataset.name}, {count} sequence{'s' * (count != 1)}, supervised; "
            f"EAO over lengths {low}-{high}, protocol {self.protocol}"
        )


def report(
    root: str | Path,
    results: str | Path,
    output: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    protocol: EaoProtocol = "toolkit",
    interval: tuple[int, int] | None = None,
    sensitivity: float = SENSITIVITY,
    say: Callable[[str], None] = print,
) -> VotEvaluation:
    """Measure, draw and write everything; nothing is written where anything cannot be read or drawn.

    Args:
        root: folder of the sequences, or of NAME.txt.
        results: folder of the trackers' results.
        output: folder to write; what an earlier evaluation wrote there is replaced.
        dataset: vot2016, or a folder of sequences in VOT's layout.
        trackers: which, and in what order; all where none is named.
        sequences: which; all where none is named.
        protocol: whose details of EAO.
        interval: lengths over which EAO is averaged; the challenge's, or by its rule, where not given.
        sensitivity: S of the AR plot.
        say: what becomes of the lines for the user.

    Raises:
        InputError: an input cannot be used, or the output cannot be written; one line names it and the cure.
    """
    evaluation = evaluate(
        root, results, dataset=dataset, trackers=trackers, sequences=sequences, protocol=protocol,
        interval=interval, sensitivity=sensitivity,
    )  # fmt: skip
    folder = Path(output).expanduser()
    write(_files(evaluation), folder)
    for line in _summary(evaluation, folder):
        say(line)
    return evaluation


def evaluate(
    root: str | Path,
    results: str | Path,
    *,
    dataset: str = "vot2016",
    trackers: Sequence[str] = (),
    sequences: Sequence[str] = (),
    protocol: EaoProtocol = "toolkit",
    interval: tuple[int, int] | None = None,
    sensitivity: float = SENSITIVITY,
) -> VotEvaluation:
    """Measure; see :func:`report`."""
    chosen = find_dataset(dataset)
    if chosen.kind != "vot":
        raise InputError(f"{dataset}: is no set of VOT; eval/otb_plots.py evaluates it")
    if sequences:
        chosen = chosen.select(sequences)
    if interval is not None and not 1 <= interval[0] <= interval[1]:
        raise InputError(f"EAO interval {interval[0]}-{interval[1]}: give two lengths, the smaller one first")
    opened = chosen.open(root)
    folders = tracker_folders(results, chosen, trackers)
    absent, notes = dict(opened.absent), _unknown(folders, chosen)
    common = []
    for target in opened.sequences:
        lacking = [name for name, folder in folders.items() if not run_files(folder, target.name)]
        if lacking:
            absent[target.name] = f"no results of {', '.join(lacking)}"
        else:
            common.append(target)
    if not common:
        raise InputError(f"{results}: there is no sequence of which all of {', '.join(folders)} have results")
    if any(not target.images for target in common):
        notes.append("where there are no images, pixels outside of them count too")
    lengths = interval or _interval(chosen, common)
    scores = tuple(
        TrackerScore(name, _scores(folder, common), lengths, protocol, sensitivity)
        for name, folder in folders.items()
    )
    for score in scores:
        score.eao  # noqa: B018  an interval that no sequence reaches is refused here
    return VotEvaluation(chosen, scores, lengths, protocol, absent, tuple(notes))


def tracker_folders(results: str | Path, dataset: DataSet, wanted: Sequence[str]) -> dict[str, Path]:
    """Tracker -> its folder of results, in RESULTS/STORE/, RESULTS/, or RESULTS itself.

    Raises:
        InputError: there are none, or a wanted one is not among them.
    """
    base = Path(results).expanduser()
    if not base.is_dir():
        raise InputError(
            f"{results}: no such folder; --results names the one that holds TRACKER/{EXPERIMENT}/"
        )
    found: dict[str, Path] = {}
    for place in (base / dataset.store, base):
        if place.is_dir() and not found:
            found = {each.name: each for each in sorted(place.iterdir()) if (each / EXPERIMENT).is_dir()}
    if not found and (base / EXPERIMENT).is_dir():
        found = {base.resolve().name: base}
    if not found:
        raise InputError(
            f"{results}: holds no results of VOT, TRACKER/{EXPERIMENT}/SEQUENCE/SEQUENCE_001.txt"
        )
    for name in wanted:
        if name not in found:
            raise InputError(f"{results}: there is no tracker {name}; there are {', '.join(found)}")
    return {name: found[name] for name in wanted} if wanted else found


def run_files(tracker: Path, sequence: str) -> list[Path]:
    """A tracker's result files on a sequence, by repetition; the text where there is a binary one too."""
    folder = tracker / EXPERIMENT / sequence
    pattern = re.compile(re.escape(sequence) + r"_(\d{3})\.(txt|bin)")
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else ():
        if match := pattern.fullmatch(file.name):
            found.setdefault(match[1], file)  # .txt comes before .bin in this order
    return [found[number] for number in sorted(found)]


def _unknown(folders: Mapping[str, Path], dataset: DataSet) -> list[str]:
    """A line a tracker that has results for other sequences."""
    notes = []
    for name, folder in folders.items():
        others = [
            each.name
            for each in sorted((folder / EXPERIMENT).iterdir())
            if each.is_dir() and dataset.entry(each.name) is None
        ]
        if others:
            shown = ", ".join(others[:5]) + (f" and {len(others) - 5} more" if len(others) > 5 else "")
            notes.append(f"{name} has results of sequences that are not evaluated: {shown}")
    return notes


def _interval(dataset: DataSet, sequences: Sequence[Target]) -> tuple[int, int]:
    """The challenge's interval where it is one of theirs, else by their rule."""
    for name in (dataset.name.lower(), dataset.store.lower()):
        if name in INTERVALS:
            return INTERVALS[name]
    return eao_interval([len(each) for each in sequences])


def _scores(folder: Path, sequences: Sequence[Target]) -> tuple[SequenceScore, ...]:
    scores = []
    for target in sequences:
        found = run_files(folder, target.name)
        runs = [read_run(file) for file in found]
        try:
            scores.append(score_sequence(target.name, runs, ground_truth(target), _size(target)))
        except InputError as error:
            raise InputError(f"{found[0].parent}: {error}") from error
    return tuple(scores)


def _size(target: Target) -> tuple[int, int] | None:
    """Width and height of the first image."""
    from PIL import Image, UnidentifiedImageError

    if not target.images:
        return None
    try:
        with Image.open(target.images[0]) as image:
            width, height = image.size
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"{target.images[0]}: is no image ({error}); get the sequence again") from error
    return width, height


def _files(evaluation: VotEvaluation) -> dict[str, bytes]:
    """Every file of an evaluation: path within the output -> content."""
    found: dict[str, bytes] = {}
    plots = {
        "eao_curve": eao_plot(evaluation.trackers, evaluation.scope),
        "ar_plot": ar_plot(evaluation.trackers, evaluation.scope),
    }
    for name, figure in plots.items():
        found |= {f"{name}.{form}": saved(figure, form) for form in ("pdf", "png")}
    for table in tables(evaluation):
        texts = {"csv": table.csv(), "md": table.markdown(), "tex": table.latex()}
        found |= {f"tables/{table.name}.{form}": text.encode() for form, text in texts.items()}
    found[RECORD] = _record(evaluation, [*found, RECORD]).encode()
    return found


def tables(evaluation: VotEvaluation) -> list[Table]:
    """Overall, and accuracy and failures by sequence."""
    return [
        _overall(evaluation),
        _by_sequence(evaluation, "accuracy", lambda score: score.accuracy, worst_high=False),
        _by_sequence(evaluation, "failures", lambda score: score.failures, worst_high=True),
    ]


def _overall(evaluation: VotEvaluation) -> Table:
    """A row a tracker, best EAO first, and the published figures below."""
    ordered = sorted(evaluation.trackers, key=lambda tracker: -tracker.eao)
    rows = [
        (
            tracker.name,
            f"{tracker.eao:.3f}",
            f"{tracker.accuracy:.3f}",
            f"{tracker.robustness:.3f}",
            f"{tracker.failures_per_100:.3f}",
            f"{tracker.reliability:.3f}",
            "measured here",
        )
        for tracker in ordered
    ]
    references, sources = _published(evaluation.dataset.name)
    sensitivity = evaluation.trackers[0].sensitivity
    return Table(
        name="overall",
        title=f"Overall: {evaluation.scope}",
        header=("Tracker", "EAO", "Accuracy", "Robustness", "Failures per 100", "Reliability", "Origin"),
        rows=(*rows, *references),
        notes=(
            "Accuracy and robustness (failures a sequence) are means of the sequences', weighted by "
            "their lengths, as the VOT toolkit has them; failures per 100 frames are pysot's. "
            f"Reliability: exp(-{sensitivity:g} x robustness / mean length), the AR plot's x.",
            *sources,
        ),
        reference=len(references),
    )


def _by_sequence(
    evaluation: VotEvaluation, name: str, measure: Callable[[SequenceScore], float], *, worst_high: bool
) -> Table:
    """A row a sequence, a column a tracker; where the first tracker is worst comes first."""
    first = evaluation.trackers[0]
    order = sorted(range(len(first.sequences)), key=lambda i: measure(first.sequences[i]), reverse=worst_high)
    rows = [
        (
            first.sequences[i].name,
            str(first.sequences[i].frames),
            *(f"{measure(tracker.sequences[i]):.3f}" for tracker in evaluation.trackers),
        )
        for i in order
    ]
    header = ("Sequence", "Frames", *(tracker.name for tracker in evaluation.trackers))
    notes = (f"The sequences where {first.name} is worst come first.",)
    title = f"{name.capitalize()} by sequence: {evaluation.scope}"
    return Table(f"sequences_{name}", title, header, tuple(rows), notes)


def _published(dataset: str) -> tuple[list[tuple[str, ...]], list[str]]:
    """The published rows on a data set, and where they come from."""
    text = (files("rpn2t.eval") / "published_vot.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
    sources: dict[str, list[str]] = {}
    for row in found:
        sources.setdefault(row["source"], []).append(row["tracker"])
    figures = ("tracker", "eao", "accuracy", "robustness")
    origin = ("", "", "published, not measured here")
    rows = [(*(row[name] for name in figures), *origin) for row in found]
    return rows, [f"Published, {', '.join(names)}: {source}." for source, names in sources.items()]


def _record(evaluation: VotEvaluation, names: Sequence[str]) -> str:
    """Every figure, for programs."""
    record = {
        "dataset": evaluation.dataset.name,
        "experiment": "supervised",
        "protocol": evaluation.protocol,
        "interval": list(evaluation.interval),
        "sequences": evaluation.names,
        "absent": dict(evaluation.absent),
        "notes": list(evaluation.notes),
        "trackers": {tracker.name: _figures(tracker) for tracker in evaluation.trackers},
        "files": list(names),
    }
    return json.dumps(record, indent=1) + "\n"


def _figures(tracker: TrackerScore) -> dict[str, Any]:
    return {
        "eao": round(tracker.eao, 9),
        "accuracy": round(tracker.accuracy, 9),
        "robustness": round(tracker.robustness, 9),
        "failures_per_100": round(tracker.failures_per_100, 9),
        "reliability": round(tracker.reliability, 9),
        "curve": [round(float(value), 9) for value in tracker.curve],
        "sequences": {
            each.name: {
                "frames": each.frames,
                "runs": each.runs,
                "accuracy": round(each.accuracy, 9),
                "failures": round(each.failures, 9),
            }
            for each in tracker.sequences
        },
    }


def _summary(evaluation: VotEvaluation, folder: Path) -> list[str]:
    """What the user sees at the end."""
    width = max(len(tracker.name) for tracker in evaluation.trackers)
    lines = [evaluation.scope]
    lines += [
        f"  {tracker.name:{width}}  EAO {tracker.eao:.3f}, accuracy {tracker.accuracy:.3f}, "
        f"robustness {tracker.robustness:.3f} failures a sequence"
        for tracker in sorted(evaluation.trackers, key=lambda tracker: -tracker.eao)
    ]
    lines += [
        f"  left out: {why if why.startswith(f'{name}:') else f'{name}: {why}'}"
        for name, why in evaluation.absent.items()
    ]
    lines += [f"  note: {note}" for note in evaluation.notes]
    return [*lines, f"written: {folder / 'eao_curve.pdf'}, ar_plot.pdf and tables beside it"]


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; -h lists the options", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> _Parser:
    parser = _Parser(
        prog="vot_report.py", description="VOT's accuracy, robustness and EAO from trackers' result files."
    )
    add = parser.add_argument
    add("--root", metavar="DIR", required=True, help="the sequences, or NAME.txt")
    add("--results", metavar="DIR", required=True, help="TRACKER/baseline/SEQUENCE/SEQUENCE_001.txt or .bin")
    add("--output", metavar="DIR", required=True, help="folder to write")
    add("--dataset", default="vot2016", metavar="NAME", help="vot2016, or a folder of sequences [vot2016]")
    add("--protocol", choices=EAO_PROTOCOLS, default="toolkit", help="whose details of EAO [toolkit]")
    add("--interval", type=_pair, metavar="LOW-HIGH", help="lengths of EAO [the challenge's, or by its rule]")
    add("--sensitivity", type=float, default=SENSITIVITY, metavar="S", help="of the AR plot [30]")
    add("--trackers", type=_words, default=(), metavar="A,B", help="which, in this order [all]")
    add("--sequences", type=_words, default=(), metavar="A,B", help="which [all]")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _pair(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)-(\d+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}': write two lengths, as in 108-371")
    return int(match[1]), int(match[2])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    if not given:
        parser.error("give --root DIR (the sequences), --results DIR (the trackers' files) and --output DIR")
    options = vars(parser.parse_args(given))
    try:
        report(options.pop("root"), options.pop("results"), options.pop("output"), **options)
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
