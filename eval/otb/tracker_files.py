"""Trackers' result files, in every layout that is in use for OTB.

A folder of results is searched for folders whose files are called after sequences, by any toolkit's names:

    OTB2015/TRACKER/Deer.txt, OTB2015/TRACKER/times/Deer_time.txt    ours and got10k's
    OTB100/TRACKER/Jogging-1.txt                                     pysot's
    TRACKER/Deer.txt, TRACKER/PARAMETERS/Deer.txt                    flat, pytracking's
    results_OPE/Deer_TRACKER.mat, TRACKER/Deer_TRACKER.mat           the MATLAB toolkit's
    OPE/TRACKER/Deer.json                                            the Python toolkit's (jwlim)
    TRACKER/Deer/result.json                                         py-MDNet's

Results of `rpn2t benchmark`, beside which a manifest lies, belong to the data set whose folder they lie in.
Others belong to the sequences that they are called after.

:func:`find_trackers` finds them, :meth:`TrackerFiles.read` reads one target's, by
:mod:`rpn2t.eval.otb.result_formats`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS, OtbExperiment
from rpn2t.benchmark.result_files import MANIFEST, ablations_of, run_labels, store_name
from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.eval.otb.mat_files import MatReader
from rpn2t.eval.otb.result_formats import SUFFIXES, Run, runs_in
from rpn2t.paths import typed_path
from rpn2t.sequences.protocols import PROTOCOLS, Protocol
from rpn2t.sequences.registry import DataSet, find_dataset
from rpn2t.sequences.target import Target

_NOT_RESULTS = re.compile(
    r"(_time|_times|_all_boxes|_all_scores|_object_presence_scores|_confidence)$|^(manifest|performance|readme)"
)
_NAMELESS = "result.json"
"""py-MDNet's file, in a folder that is called after the sequence."""

_NO_TRACKERS = {"times", "baseline", "attributes", "reports"}
_STORES = {
    "ope": re.compile(r"^(otb[-_]?(100|50|2013|2015)?|(otb)?tb[-_]?(50|100)|cvpr13|ope|results(_ope.*)?)$"),
    "tre": re.compile(r"^(.+-tre|tre|results_tre.*)$"),
    "sre": re.compile(r"^(.+-sre|sre|results_sre.*)$"),
}  # fmt: skip
"""Folders that hold trackers of an experiment and are no part of a tracker's name."""


@dataclass(frozen=True)
class TrackerFiles:
    """A tracker's files.

    Attributes:
        name: of the tracker.
        folder: where they lie.
        files: target -> label of the run -> file. The label is "" unless it is TRE or SRE in text files.
        experiment: which one was run.
        strangers: files beside them whose names are no sequence's.
        other: another folder with results of a tracker of this name; None if there is none.
        ablation: whether `rpn2t ablate` made them. They are compared only if they are named.
    """

    name: str
    folder: Path
    files: Mapping[str, Mapping[str, Path]]
    experiment: OtbExperiment
    strangers: tuple[Path, ...] = ()
    other: Path | None = None
    ablation: bool = False

    def read(self, target: str, labels: Collection[str], matlab: MatReader) -> list[Run]:
        """The runs over one target, in the order of the labels.

        Args:
            target: its name.
            labels: of the runs that the experiment makes of it.
            matlab: reads MATLAB's files.

        Raises:
            LookupError: there are other runs, or none; the text says it.
            InputError: a file is not what it should be; it is named, with the cure.
        """
        files = self.files.get(target)
        if not files:
            raise LookupError("no file")
        if "" in files:
            runs = runs_in(files[""], matlab)
            found, runs = len(runs), runs[: len(labels)]
        else:
            if lacking := [label for label in labels if label not in files]:
                raise LookupError(f"no file of run {', '.join(lacking)}")
            found, runs = len(files), [runs_in(files[label], matlab)[0] for label in labels]
        if found != len(labels) and self.experiment != "ope":
            raise LookupError(f"{found} runs of {len(labels)}")
        return runs


def find_trackers(
    results: str | Path, dataset: DataSet, experiment: OtbExperiment
) -> dict[str, TrackerFiles]:
    """Every tracker that has results of the experiment on the data set under a folder, by name.

    Raises:
        InputError: there is no such folder, or it holds no results.
    """
    root = typed_path(results)
    if not root.is_dir():
        raise InputError(f"{results}: no such folder; --results names the one that holds trackers' results")
    lists = (dataset, find_dataset(dataset.name), find_dataset("otb100"))
    store = store_name(dataset, experiment)
    ablations = store_name(ablations_of(dataset), experiment)
    found: dict[str, TrackerFiles] = {}
    elsewhere: set[str] = set()
    for folder in _folders(root, experiment, store):
        # A store, or a tracker's folder in it, that the caller named is taken whatever it is called.
        named = root in (folder, folder.parent)
        if _benchmarked(folder) and not named and folder.parent.name not in (store, ablations):
            elsewhere.add(str(folder.parent))
            continue
        ablation = folder.parent.name == ablations and not named
        for tracker in _in_folder(folder, root, lists, experiment):
            first = found.setdefault(tracker.name, replace(tracker, ablation=ablation))
            if first.folder != folder:
                found[tracker.name] = replace(first, other=folder)
    if not found:
        raise InputError(
            f"{results}: holds no tracker's {experiment.upper()} results on {dataset.name}; it should hold "
            "TRACKER/SEQUENCE.txt, .mat or .json (docs/evaluation.md lists the layouts)"
            + (f"; to take another data set's, say --results {min(elsewhere)}" if elsewhere else "")
        )
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def choose_trackers(
    found: Mapping[str, TrackerFiles], names: Sequence[str], others: Iterable[str] = ()
) -> tuple[list[TrackerFiles], list[str]]:
    """The named trackers in the order named. If none is named: all that are no ablations.

    Args:
        found: what there is.
        names: which.
        others: further names that could have been given, for messages.

    Returns:
        The trackers, and notes on what of theirs is left out.

    Raises:
        InputError: there is no such tracker, it has two folders, or there is none to choose.
    """
    by_lower = {name.lower(): name for name in found}
    chosen: dict[str, TrackerFiles] = {}
    notes = []
    for name in names or [each.name for each in found.values() if not each.ablation]:
        known = name if name in found else by_lower.get(name.lower())
        if known is None:
            raise InputError(
                f"{name}: no results of such a tracker; there are {', '.join((*others, *found))}"
            )
        tracker = found[known]
        if tracker.other is None:
            chosen[known] = tracker
            continue
        doubled = f"{known}: has results in {tracker.folder} and in {tracker.other}; keep one of them"
        if names:
            raise InputError(doubled)
        notes.append(f"{known} is left out: {doubled}")
    if not chosen:
        raise InputError(
            "; ".join(notes) or f"there are only ablations; name them: --trackers {','.join(found)}"
        )
    notes += [_note_on(each.strangers) for each in chosen.values() if each.strangers]
    return list(chosen.values()), notes


def _note_on(strangers: tuple[Path, ...]) -> str:
    more = len(strangers) - 1
    others = f", and so are {more} more files there" if more else ""
    return f"{strangers[0]}: is called after no sequence and left out{others}"


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
    for file in [*sorted(folder.iterdir()), *sorted(folder.glob(f"*/{_NAMELESS}"))]:
        if file.suffix not in SUFFIXES or not file.is_file() or _NOT_RESULTS.search(file.stem.lower()):
            continue
        if file.name == _NAMELESS and file.parent == folder:
            continue  # it belongs to the folder above
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
    called = file.parent.name if file.name == _NAMELESS else file.stem
    stem, run = _split_run(called, experiment) if text and experiment != "ope" else (called, "")
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
        _split_run(called, kind)[0] for kind in OTB_EXPERIMENTS if kind != "ope"
    ]
    elsewhere = any(each.entry(name) is not None for each in lists for name in names)
    return _Parsed(own, None, run) if elsewhere else None


def _split_run(stem: str, experiment: OtbExperiment) -> tuple[str, str]:
    """A stem without the label of the run that it ends in, and the label: Deer_07, Deer_scale_8."""
    match = re.fullmatch(rf"(.+)_({'|'.join(run_labels(experiment))})", stem)
    return (match[1], match[2]) if match else (stem, "")


def align(run: Run, target: Target, protocol: Protocol, frames: int | None) -> Floats:
    """The boxes of an OPE run that are compared.

    A file may hold all rows of the ground truth although the protocol begins later, it may end with the
    ground truth, and it may end early if only the first frames are compared. Rows beyond the frames are
    cut, as the toolkits do.

    Args:
        run: what was read.
        target: what was tracked, in all of its frames.
        protocol: says where the sequence begins.
        frames: how many frames are compared; None for all.

    Raises:
        InputError: the file has too few rows, or it cannot be known which frames they belong to.
        LookupError: it begins later than the protocol does; the text says it.
    """
    have, rows = len(run.boxes), len(target)
    wanted = min(rows, frames or rows)
    omitted = target.entry.omitted(protocol)
    if have in (rows, len(target.truth)) or (have > rows and not omitted):
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
    if frames is not None:
        cure = f"{wanted} are compared; remove the file, and run the sequence again"
    else:
        cure = f"for runs of the first {have} frames say --frames {have}" if have < rows else "get it again"
    raise InputError(f"{run.path}: has {have} boxes, {target.name} has {rows} frames; {cure}")
