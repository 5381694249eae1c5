"""Trackers' result files of VOT's supervised experiment, as the toolkit and `rpn2t benchmark` leave them.

    RESULTS/VOT2016/TRACKER/baseline/bag/bag_001.txt    a repetition: a region or a state on each line
    RESULTS/VOT2016/TRACKER/baseline/bag/bag_001.bin    the same in the toolkit's binary form
    RESULTS/VOT2016/TRACKER/baseline/bag/bag_time.txt   seconds: frames x repetitions

RESULTS may also hold the trackers' folders themselves.
"""

import warnings
from collections.abc import Sequence
from glob import escape
from pathlib import Path

import numpy as np

from rpn2t.benchmark.vot_supervised import SupervisedRun, read_run
from rpn2t.errors import InputError
from rpn2t.eval.report.speed import Times, measured_times
from rpn2t.eval.seeds import find_seeds
from rpn2t.paths import typed_path
from rpn2t.sequences.registry import DataSet
from rpn2t.sequences.vot_regions import FAILED, INITIALIZED, is_state


def find_trackers(
    results: str | Path, dataset: DataSet, names: Sequence[str]
) -> tuple[dict[str, Path], dict[str, tuple[str, ...]], list[str]]:
    """The named trackers, or all if none is named.

    Returns:
        Name of the results -> their folder baseline/; tracker -> the names of its results, which are several
        if it has several seeds (:mod:`rpn2t.eval.seeds`); and notes on what is left out.

    Raises:
        InputError: there is no such folder or tracker, a named tracker has two folders, or every one has.
    """
    root = typed_path(results)
    if not root.is_dir():
        raise InputError(f"{results}: no such folder; --results names the one that holds trackers' results")
    found: dict[str, Path] = {}
    doubled: dict[str, str] = {}
    for folder in (*sorted((root / dataset.store).glob("*/baseline")), *sorted(root.glob("*/baseline"))):
        other = found.setdefault(folder.parent.name, folder)
        if other != folder:
            doubled[folder.parent.name] = (
                f"{folder}: results of a tracker of this name are in {other} too; remove one"
            )
    if not found:
        raise InputError(f"{results}: holds no {dataset.store}/TRACKER/baseline/SEQUENCE/SEQUENCE_001.txt")
    seeds = find_seeds({name: found[name].parent for name in sorted(found)})
    wanted = seeds.expand(names)
    for name in wanted:
        if name not in found:
            known = ", ".join((*seeds.groups, *sorted(found)))
            raise InputError(f"{name}: no results of such a tracker; there are {known}")
    for name, why in doubled.items():
        if name in wanted or len(doubled) == len(found):
            raise InputError(why)
    notes = [f"{name} is left out: {why}" for name, why in doubled.items() if not names]
    there = [name for name in wanted or sorted(found) if name not in doubled]
    members = seeds.collect(there, names)
    compared = {name: found[name] for each in members.values() for name in each}
    return compared, members, [*notes, *seeds.notes_on(members)]


def run_files(folder: Path, sequence: str) -> list[Path]:
    """The files of a sequence's repetitions, in order; text is taken before the toolkit's binary form.

    Args:
        folder: TRACKER/baseline.
        sequence: its name.
    """
    place = folder / sequence
    files = {
        file.stem: file
        for suffix in (".bin", ".txt")
        for file in place.glob(f"{escape(sequence)}_*{suffix}")
        if file.stem.removeprefix(f"{sequence}_").isdecimal()
    }
    return [files[stem] for stem in sorted(files)]


def read_runs(folder: str | Path, sequence: str) -> dict[Path, SupervisedRun]:
    """A sequence's repetitions in order: file -> run.

    Args:
        folder: TRACKER/baseline.
        sequence: its name.

    Raises:
        InputError: a file cannot be read, or its states come in an order that no run has.
    """
    found = {}
    for file in run_files(Path(folder), sequence):
        found[file] = read_run(file)
        _check_order(file, found[file])
    return found


def _check_order(file: Path, run: SupervisedRun) -> None:
    """Check that the tracker is started, tracks, and is started again after it failed."""
    running = False
    for index, region in enumerate(run.regions):
        started, failed = region == (INITIALIZED,), region == (FAILED,)
        what = None
        if started and running:
            what = "a start while the tracker runs"
        elif (failed or not is_state(region)) and not running:
            what = "no start comes before this"
        if what is not None:
            raise InputError(f"{file}: frame {index} (from 0): {what}; run this repetition again")
        running = (running or started) and not failed


def read_times(folder: Path, sequence: str) -> Times | None:
    """The times of a sequence's frames in all repetitions; None if there is no table of them.

    Raises:
        InputError: the table cannot be read.
    """
    file = folder / sequence / f"{sequence}_time.txt"
    if not file.is_file():
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # of an empty file
            seconds = np.loadtxt(file, delimiter=",", ndmin=2)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; make it readable, or remove it") from error
    except ValueError as error:
        raise InputError(f"{file}: not a table of seconds; remove it") from error
    return measured_times(seconds.ravel())
