"""Results in the layouts of other toolkits.

Every toolkit has its own names for the targets, above all for two in one folder (Jogging, Skating2).
"""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from rpn2t.benchmark.result_files import ResultFolder, run_labels, times_text
from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import read_boxes
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import DataSet
from rpn2t.sequences.target import Entry
from rpn2t.system.files import write_whole

Runs = list[tuple[str, Floats, Floats]]
"""A target's runs: label, boxes in the file's own 1-based numbers, and seconds of each."""

_GOT10K_FOLDERS = {"otb100": "OTB2015", "otb50": "OTBtb50", "otb2013": "OTB2013"}


def export(
    toolkit: str, folder: ResultFolder, dataset: DataSet, output: Path, protocol: Protocol
) -> tuple[int, list[str]]:
    """Write one tracker's results as a toolkit reads them.

    Args:
        toolkit: ``otb`` (MATLAB), ``got10k``, ``pysot`` or ``pytracking``.
        folder: the results.
        dataset: the sequences to export.
        output: the folder in which the toolkit's folder is made.
        protocol: of the results; it says at which frame Tiger1 began.

    Returns:
        How many targets were written, and the names of those without results.

    Raises:
        InputError: the toolkit has no place for such results, or a file cannot be read or written.
    """
    write = _WRITERS[toolkit]
    if dataset.kind != "otb" or (folder.experiment != "ope" and toolkit != "otb"):
        raise InputError(
            f"--for {toolkit}: has no place for {folder.experiment.upper()} results"
            + ("; VOT results are in the toolkit's own layout already" if dataset.kind == "vot" else "")
        )
    lacking = []
    for entry in dataset.entries:
        runs = _read_runs(folder, entry)
        if runs:
            write(output, folder, dataset, entry, runs, protocol)
        else:
            lacking.append(entry.name)
    return len(dataset.entries) - len(lacking), lacking


def _read_runs(folder: ResultFolder, entry: Entry) -> Runs:
    runs = []
    for label in run_labels(folder.experiment):
        file, times = folder.boxes(entry, label), folder.times(entry, label)
        if file.exists():
            runs.append((label, read_boxes(file, one_based=False), _read_times(times)))
    return runs


def _read_times(file: Path) -> Floats:
    """Seconds of each frame; empty if there is no such file."""
    if not file.exists():
        return np.empty(0)
    try:
        return np.array([float(line) for line in file.read_text(encoding="ascii").split()])
    except ValueError as error:
        raise InputError(f"{file}: not a list of seconds; remove it, or run the sequence again") from error


def _write_matlab(
    output: Path, folder: ResultFolder, dataset: DataSet, entry: Entry, runs: Runs, protocol: Protocol
) -> None:
    """Write results_OPE/Deer_RPN2T.mat: a cell with a struct for each run."""
    first = entry.begins.get(protocol, entry.first)
    longest = max(len(boxes) for _, boxes, _ in runs)
    cells = np.empty((1, len(runs)), dtype=object)
    for number, (label, boxes, seconds) in enumerate(runs):
        cells[0, number] = {
            "res": boxes,
            "type": "rect",
            "fps": float(len(seconds) / seconds.sum()) if seconds.sum() > 0 else 0.0,
            "len": float(len(boxes)),
            "annoBegin": float(entry.first),
            "startFrame": float(first + longest - len(boxes)),
            **({"shiftType": label} if folder.experiment == "sre" else {}),
        }
    target = output / f"results_{folder.experiment.upper()}" / f"{entry.name}_{folder.path.name}.mat"
    _save_matlab(target, {"results": cells})


def _save_matlab(path: Path, content: dict[str, Any]) -> None:
    file = BytesIO()
    scipy.io.savemat(file, content)
    write_whole(path, file.getvalue())


def _write_got10k(
    output: Path, folder: ResultFolder, dataset: DataSet, entry: Entry, runs: Runs, protocol: Protocol
) -> None:
    """Write OTB2015/RPN2T/Jogging.1.txt, or into got10k's folder for OTB-50 or OTB-2013."""
    place = output / _GOT10K_FOLDERS.get(dataset.name, dataset.store) / folder.path.name
    name = dataset.got10k_name(entry)
    _write_text(place / f"{name}.txt", runs[0][1], ",")
    write_whole(place / "times" / f"{name}_time.txt", times_text(runs[0][2]))


def _write_pysot(
    output: Path, folder: ResultFolder, dataset: DataSet, entry: Entry, runs: Runs, protocol: Protocol
) -> None:
    """Write OTB100/RPN2T/Jogging-1.txt."""
    _write_text(output / "OTB100" / folder.path.name / f"{entry.name}.txt", runs[0][1], ",")


def _write_pytracking(
    output: Path, folder: ResultFolder, dataset: DataSet, entry: Entry, runs: Runs, protocol: Protocol
) -> None:
    """Write RPN2T/default/Jogging_1.txt and Jogging_1_time.txt."""
    place, name = output / folder.path.name / "default", entry.name.replace("-", "_")
    _write_text(place / f"{name}.txt", runs[0][1], "\t")
    write_whole(place / f"{name}_time.txt", times_text(runs[0][2]))


def _write_text(path: Path, boxes: Floats, separator: str) -> None:
    lines = (separator.join(f"{value:.3f}" for value in row) for row in boxes)
    write_whole(path, "".join(f"{line}\n" for line in lines))


_WRITERS: dict[str, Callable[[Path, ResultFolder, DataSet, Entry, Runs, Protocol], None]] = {
    "otb": _write_matlab,
    "got10k": _write_got10k,
    "pysot": _write_pysot,
    "pytracking": _write_pytracking,
}
