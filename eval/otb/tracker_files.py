"""Trackers' result files, in every layout that is in use for OTB.

A folder of results is searched for folders whose files are called after sequences, by any toolkit's names:

    OTB2015/TRACKER/Deer.txt, OTB2015/TRACKER/times/Deer_time.txt    ours and got10k's
    OTB100/TRACKER/Jogging-1.txt                                     pysot's
    TRACKER/Deer.txt, TRACKER/PARAMETERS/Deer.txt                    flat, pytracking's
    results_OPE/Deer_TRACKER.mat, TRACKER/Deer_TRACKER.mat           the MATLAB toolkit's
    OPE/TRACKER/Deer.json                                            the Python toolkit's (jwlim)

Results of `rpn2t benchmark`, beside which a manifest lies, belong to the data set whose folder they lie in.
Others belong to the sequences that they are called after.

:func:`find_trackers` finds them, :meth:`TrackerFiles.read` reads one sequence's. Numbers in all
of them are OTB's, 1-based; what is read is 0-based.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS, OtbExperiment
from rpn2t.benchmark.result_files import MANIFEST, run_labels, store_name
from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.sequences.registry import DataSet, find_dataset
from rpn2t.sequences.target import PROTOCOLS, Protocol, Target

_SUFFIXES = {".txt", ".mat", ".json"}
_NOT_RESULTS = re.compile(
    r"(_time|_times|_all_boxes|_all_scores|_object_presence_scores|_confidence)$|^(manifest|performance|readme)"
)
_NO_TRACKERS = {"times", "baseline", "attributes", "reports"}
_STORES = {
    "ope": re.compile(r"^(otb[-_]?(100|50|2013|2015)?|(otb)?tb[-_]?(50|100)|cvpr13|ope|results(_ope.*)?)$"),
    "tre": re.compile(r"^(.+-tre|tre|results_tre.*)$"),
    "sre": re.compile(r"^(.+-sre|sre|results_sre.*)$"),
}  # fmt: skip
"""Folders that hold trackers of an experiment and are no part of a tracker's name."""


@dataclass(frozen=True)
class Run:
    """One run of a tracker over a sequence, as its file has it.

    Attributes:
        boxes: (n, 4), 0-based.
        path: the file, for messages.
        fps: frames a second, as a mean over the frames like got10k's; None if nothing says it.
        first: number of the image of the first box, if the file says it.
    """

    boxes: Floats
    path: Path
    fps: float | None = None
    first: int | None = None


@dataclass(frozen=True)
class TrackerFiles:
    """A tracker's files.

    Attributes:
        name: of the tracker.
        folder: where they lie.
        files: target -> label of the run -> file. The label is "" unless it is TRE or SRE in text files.
        experiment: which one was run.
        strangers: files beside them whose names are no sequence's.
    """

    name: str
    folder: Path
    files: Mapping[str, Mapping[str, Path]]
    experiment: OtbExperiment
    strangers: tuple[Path, ...] = ()

    def read(self, target: str, labels: Collection[str]) -> list[Run]:
        """The runs over one target, in the order of the labels.

        Args:
            target: its name.
            labels: of the runs that the experiment makes of it.

        Raises:
            LookupError: there are other runs, or none; the text says it.
            InputError: a file is not what it should be; it is named, with the cure.
        """
        files = self.files.get(target)
        if not files:
            raise LookupError("no file")
        if "" in files:
            runs = _read(files[""])
            found, runs = len(runs), runs[: len(labels)]
        else:
            if lacking := [label for label in labels if label not in files]:
                raise LookupError(f"no file of run {', '.join(lacking)}")
            found, runs = len(files), [_read(files[label])[0] for label in labels]
        if found != len(labels) and self.experiment != "ope":
            raise LookupError(f"{found} runs of {len(labels)}")
        return runs


def find_trackers(
    results: str | Path, dataset: DataSet, experiment: OtbExperiment
) -> dict[str, TrackerFiles]:
    """Every tracker that has results of the experiment on the data set under a folder, by name.

    Raises:
        InputError: there is no such folder, it holds no results, or one name stands for two folders.
    """
    root = Path(results).expanduser()
    if not root.is_dir():
        raise InputError(f"{results}: no such folder; --results names the one that holds trackers' results")
    lists = (dataset, find_dataset(dataset.name), find_dataset("otb100"))
    store = store_name(dataset, experiment)
    found: dict[str, TrackerFiles] = {}
    elsewhere: set[str] = set()
    for folder in _folders(root, experiment, store):
        # A store, or a tracker's folder in it, that the caller named is taken whatever it is called.
        named = root in (folder, folder.parent)
        if _benchmarked(folder) and not named and folder.parent.name != store:
            elsewhere.add(str(folder.parent))
            continue
        for tracker in _in_folder(folder, root, lists, experiment):
            other = found.setdefault(tracker.name, tracker)
            if other is not tracker:
                raise InputError(
                    f"{tracker.name}: has results in {other.folder} and in {folder}; keep one of them"
                )
    if not found:
        raise InputError(
            f"{results}: holds no tracker's {experiment.upper()} results on {dataset.name}; it should hold "
            "TRACKER/SEQUENCE.txt, .mat or .json (docs/evaluation.md lists the layouts)"
            + (f"; to take another data set's, say --results {min(elsewhere)}" if elsewhere else "")
        )
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def choose_trackers(found: Mapping[str, TrackerFiles], names: Sequence[str]) -> list[TrackerFiles]:
    """The named trackers in the order named, or all if none is named.

    Raises:
        InputError: there is no such tracker, or a file in its folder is called after no sequence.
    """
    by_lower = {name.lower(): name for name in found}
    chosen: dict[str, TrackerFiles] = {}
    for name in names or found:
        known = name if name in found else by_lower.get(name.lower())
        if known is None:
            raise InputError(f"{name}: no results of such a tracker; there are {', '.join(found)}")
        chosen[known] = found[known]
        for file in found[known].strangers:
            raise InputError(f"{file}: is called after no sequence; rename it, or take it out of the folder")
    return list(chosen.values())


def _benchmarked(folder: Path) -> bool:
    """Whether `rpn2t benchmark` made the results in a folder."""
    return (folder / MANIFEST).is_file()


def _folders(root: Path, experiment: OtbExperiment, store: str) -> Iterator[Path]:
    """The folder and those below it, without those of other experiments.

    The data set's own store, and what `rpn2t benchmark` made, are taken under any name.
    """
    yield root
    others = [pattern for name, pattern in _STORES.items() if name not in (experiment, "ope")]
    if experiment != "ope":
        others.append(re.compile(r"^(ope|results_ope.*)$"))
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        lower = folder.name.lower()
        hidden = lower.startswith((".", "vot", "scores_")) or lower in _NO_TRACKERS
        foreign = hidden or any(pattern.match(lower) for pattern in others)
        if folder.name == store or _benchmarked(folder) or not foreign:
            yield from _folders(folder, experiment, store)


def _in_folder(
    folder: Path, root: Path, lists: tuple[DataSet, ...], experiment: OtbExperiment
) -> list[TrackerFiles]:
    """The trackers whose files lie in this very folder."""
    parts = folder.relative_to(root).parts
    if _benchmarked(folder):
        own = "/".join((*parts[:-2], *parts[-1:]))
    else:
        own = "/".join(part for part in parts if not any(p.match(part.lower()) for p in _STORES.values()))
    stored = any(_STORES[experiment].match(part.lower()) for part in (root.name, *parts))
    found: dict[str, dict[str, dict[str, Path]]] = {}
    strangers = []
    for file in sorted(folder.iterdir()):
        if file.suffix not in _SUFFIXES or not file.is_file() or _NOT_RESULTS.search(file.stem.lower()):
            continue
        parsed = _parse(file, own or root.name, lists, experiment, stored)
        if parsed is None:
            strangers.append(file)
        elif parsed.target is not None:
            found.setdefault(parsed.tracker, {}).setdefault(parsed.target, {})[parsed.run] = file
    return [TrackerFiles(name, folder, files, experiment, tuple(strangers)) for name, files in found.items()]


@dataclass(frozen=True)
class _Parsed:
    """What a file's name says; the target is None if it belongs to another list or experiment."""

    tracker: str
    target: str | None
    run: str


def _parse(
    file: Path, own: str, lists: tuple[DataSet, ...], experiment: OtbExperiment, stored: bool
) -> _Parsed | None:
    """Whose results a file holds; None if its name is no sequence's."""
    text = file.suffix == ".txt"
    stem, run = _split_run(file.stem, experiment) if text and experiment != "ope" else (file.stem, "")
    pairs = [(stem, own)]
    if file.suffix == ".mat":
        # Deer_KCF.mat; the tracker's own name may hold underscores, the sequence's too (Jogging_1).
        cuts = [match.start() for match in re.finditer("_", stem)]
        pairs = [(stem[:cut], stem[cut + 1 :]) for cut in reversed(cuts)] + pairs
    for name, tracker in pairs:
        entry = lists[0].entry(name)
        if entry is not None:
            # A single pass, in a folder that does not say that it is of this experiment.
            another = experiment != "ope" and not (run if text else stored)
            return _Parsed(tracker, None if another else entry.name, run)
    names = [name for name, _ in pairs] + [
        _split_run(file.stem, kind)[0] for kind in OTB_EXPERIMENTS if kind != "ope"
    ]
    elsewhere = any(each.entry(name) is not None for each in lists for name in names)
    return _Parsed(own, None, run) if elsewhere else None


def _split_run(stem: str, experiment: OtbExperiment) -> tuple[str, str]:
    """A stem without the label of the run that it ends in, and the label: Deer_07, Deer_scale_8."""
    match = re.fullmatch(rf"(.+)_({'|'.join(run_labels(experiment))})", stem)
    return (match[1], match[2]) if match else (stem, "")


def _read(path: Path) -> list[Run]:
    if path.suffix == ".mat":
        return _read_mat(path)
    if path.suffix == ".json":
        return _read_json(path)
    return [Run(_read_text(path), path, _text_fps(path))]


def _read_text(path: Path) -> Floats:
    """Boxes of a text file: one on each line, all lines with the same separator."""
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); get it again") from error
    if not lines:
        raise InputError(f"{path}: the file is empty; run the sequence again, or remove the file")
    rows = np.empty((len(lines), 4))
    first = ""
    for number, line in enumerate(lines, start=1):
        used = {mark for mark in ",;\t" if mark in line.strip()} or {" "}
        separator = used.pop()
        first = first or separator
        if used or separator != first:
            raise InputError(
                f"{path}: line {number}: mixed separators; write all lines with commas, or tabs, "
                "blanks or semicolons"
            )
        words = line.split() if separator == " " else line.split(separator)
        rows[number - 1] = _numbers(words, path, number)
    return rows - (1, 1, 0, 0)


def _numbers(words: list[str], path: Path, number: int) -> list[float]:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != 4:
        raise InputError(f"{path}: line {number}: expected x, y, width and height; get the file again")
    if not all(np.isfinite(values)):
        raise InputError(
            f"{path}: line {number}: not a box (NaN or infinite); run the sequence again, or repeat the box "
            "of the frame before, as the benchmark counts it"
        )
    return values


def _text_fps(path: Path) -> float | None:
    """Mean of 1 / seconds over the frames, from a file of times in got10k's or pytracking's place."""
    for file in (path.parent / "times" / f"{path.stem}_time.txt", path.parent / f"{path.stem}_time.txt"):
        if file.is_file():
            try:
                seconds = np.array(
                    re.split(r"[,\s]+", file.read_text(encoding="ascii").strip()), dtype=np.float64
                )
            except ValueError as error:
                raise InputError(
                    f"{file}: not a list of seconds; remove it, or run the sequence again"
                ) from error
            seconds = seconds[seconds > 0]
            return float(np.mean(1 / seconds)) if len(seconds) else None
    return None


def _read_mat(path: Path) -> list[Run]:
    """The cell `results` of the MATLAB toolkit."""
    from scipy.io import loadmat

    try:
        cell = loadmat(path, squeeze_me=True, struct_as_record=False)["results"]
    except Exception as error:  # scipy raises many kinds
        raise InputError(
            f"{path}: no MATLAB file with a cell `results` (version 7 or older); get it again"
        ) from error
    structs = [item for item in np.atleast_1d(cell).ravel() if hasattr(item, "res")]
    if not structs:
        raise InputError(f"{path}: its results are empty; run the sequence again, or remove the file")
    return [_run_of({name: getattr(item, name) for name in item._fieldnames}, path) for item in structs]


def _read_json(path: Path) -> list[Run]:
    """A list of the Python toolkit's results."""
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not JSON; get it again") from error
    items = items if isinstance(items, list) else [items]
    if not items or not all(isinstance(item, dict) and item.get("res") for item in items):
        raise InputError(f"{path}: its results are empty; run the sequence again, or remove the file")
    return [_run_of({**item, "type": item.get("resType", item.get("type", "rect"))}, path) for item in items]


def _run_of(fields: Mapping[str, Any], path: Path) -> Run:
    try:
        res = np.asarray(fields["res"], dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: its boxes are not rows of numbers; get it again") from error
    if res.size == 0:
        raise InputError(f"{path}: its results are empty; run the sequence again, or remove the file")
    kind = str(fields.get("type", fields.get("transformType", "rect")))
    boxes = _rectangles(res, kind, fields.get("tmplsize"), path)
    return Run(
        boxes - (1, 1, 0, 0), path, _number(fields.get("fps")), _whole_number(fields.get("startFrame"))
    )


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _whole_number(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _rectangles(res: Floats, kind: str, template: Any, path: Path) -> Floats:
    """What a tracker reported as rectangles x, y, w, h, 1-based, by the toolkit's rules."""
    if kind == "rect":
        return _rows_of(res, 4, kind, path)
    if kind in ("4corner", "affine"):
        # Two rows a frame: the corners' x and y; the box reaches from the first to the third.
        corners = _rows_of(res, res.shape[1] if res.ndim == 2 else 0, kind, path)
        if len(corners) % 2 or corners.shape[1] < 4:
            raise InputError(
                f"{path}: type {kind} wants two rows of four corners a frame; export it as 'rect'"
            )
        return _corner_boxes(corners.reshape(len(corners) // 2, 2, -1)[:, :, :4])
    if kind == "ivtAff":
        rows = _rows_of(res, 6, kind, path)
        size = np.asarray(template if template is not None else [], dtype=np.float64).ravel()
        if len(size) < 2:
            raise InputError(f"{path}: type {kind} wants a tmplsize; export it as 'rect'")
        w, h = size[:2]
        template_corners = np.array(
            [[1, 1, 1, 1], [-w / 2, w / 2, w / 2, -w / 2], [-h / 2, -h / 2, h / 2, h / 2]]
        )
        maps = rows[:, [0, 2, 3, 1, 4, 5]].reshape(-1, 2, 3)
        return _corner_boxes(maps @ template_corners)
    raise InputError(f"{path}: results of type {kind} are not read; export them from the toolkit as 'rect'")


def _rows_of(res: Floats, columns: int, kind: str, path: Path) -> Floats:
    rows = res.reshape(1, -1) if res.ndim == 1 else res
    if rows.ndim != 2 or rows.shape[1] != columns:
        raise InputError(f"{path}: type {kind} wants {columns} numbers a frame; get the file again")
    return rows


def _corner_boxes(corners: Floats) -> Floats:
    """Boxes of (n, 2, 4) corners, by the toolkit from the first corner to the third, in whole pixels."""
    whole = np.floor(corners)
    start, end = whole[:, :, 0], whole[:, :, 2]
    return np.concatenate([start, end - start], axis=1)


def align(run: Run, target: Target, protocol: Protocol, frames: int | None) -> Floats:
    """The boxes of an OPE run that are compared.

    A file may hold all rows of the ground truth although the protocol begins later, and it may end early
    if only the first frames are compared.

    Args:
        run: what was read.
        target: what was tracked, in all of its frames.
        protocol: says where the sequence begins.
        frames: how many frames are compared; None for all.

    Raises:
        InputError: the file has other rows.
        LookupError: it begins later than the protocol does; the text says it.
    """
    have, rows = len(run.boxes), len(target)
    wanted = min(rows, frames or rows)
    omitted = target.entry.omitted(protocol)
    if have == rows:
        return run.boxes[:wanted]
    if omitted and have == rows + omitted:
        return run.boxes[omitted : omitted + wanted]
    later = [other for other in PROTOCOLS if target.entry.omitted(other) > omitted]
    for other in later:
        if have == rows + omitted - target.entry.omitted(other):
            raise LookupError(
                f"begins {target.entry.omitted(other) - omitted} frames later, as protocol {other}"
            )
    if frames is not None and wanted <= have < rows:
        return run.boxes[:wanted]
    cure = f"for runs of the first {have} frames say --frames {have}" if have < rows else "get the file again"
    raise InputError(f"{run.path}: has {have} boxes, {target.name} has {rows} frames; {cure}")
