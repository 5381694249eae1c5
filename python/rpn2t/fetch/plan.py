"""What is to be fetched: which sequences of a data set are in a folder, and which are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rpn2t.errors import InputError
from rpn2t.fetch.archives import Site, mirror_address, read_archives
from rpn2t.paths import typed_path
from rpn2t.sequences.on_disk import is_nowhere, open_target
from rpn2t.sequences.registry import DataSet, dataset_names, find_dataset
from rpn2t.sequences.target import Entry


@dataclass(frozen=True)
class FetchItem:
    """A sequence that is to be fetched. Its archive serves all of its targets.

    Attributes:
        name: its folder's: Deer, Jogging.
        url: its archive's address, or that of the description which names its archives.
        bytes: what is to be downloaded; None if only the server knows.
        estimate: the same, roughly, from the number of frames.
        entries: its targets, by which it is checked.
    """

    name: str
    url: str
    bytes: int | None
    estimate: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class FetchPlan:
    """What a folder has of a data set, and what it lacks.

    Attributes:
        dataset: with the chosen sequences only.
        root: the folder.
        site: where the sequences come from.
        present: names of the sequences that are there and complete.
        items: those that are not there.
        damaged: name of a sequence that is there but not complete -> what it lacks. It is left as it is.
    """

    dataset: DataSet
    root: Path
    site: Site
    present: tuple[str, ...]
    items: tuple[FetchItem, ...]
    damaged: Mapping[str, str]

    @property
    def bytes(self) -> int:
        """What is to be downloaded, in all; an estimate as long as an item's bytes are unknown."""
        return sum(item.estimate if item.bytes is None else item.bytes for item in self.items)

    @property
    def is_estimate(self) -> bool:
        """Whether `bytes` is one."""
        return any(item.bytes is None for item in self.items)


def plan_fetch(
    dataset: str, root: str | Path, sequences: Sequence[str] | None = None, *, mirror: str | None = None
) -> FetchPlan:
    """Look which sequences are in a folder. Opens no connection, and changes nothing.

    A sequence is there if its images have the list's numbers, and its ground truth the list's number of rows.
    Images are not read: ``rpn2t datasets check`` does that.

    Args:
        dataset: otb100, otb50, otb2013 or vot2016.
        root: the folder of its sequences; it need not be there yet.
        sequences: names of the sequences that are wanted, as any toolkit has them; None for all.
        mirror: an address, or a folder, with a copy of the site.

    Raises:
        InputError: no such data set or sequence, none that can be downloaded, or the root is a file.
    """
    archives = read_archives()
    whole = _fetchable(dataset, archives.pages)
    wanted = whole.select(sequences) if sequences is not None else whole
    site = archives.sites[whole.kind]
    if mirror is not None:
        site = replace(site, address=mirror_address(mirror))
    folder = typed_path(root)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{root}: not a folder; --root names the one for the sequences")

    present, items, damaged = [], [], {}
    for name in dict.fromkeys(entry.folder for entry in wanted.entries):
        entries = tuple(entry for entry in wanted.entries if entry.folder == name)
        states = [_state(entry, folder, wanted) for entry in entries]
        faults = [state for state in states if state]
        if faults:
            damaged[name] = faults[0]
        elif None in states:
            # What is fetched is checked as a whole, also if only one of its targets is wanted.
            inside = tuple(entry for entry in whole.entries if entry.folder == name)
            frames = max(entry.rows or 0 for entry in inside)
            items.append(FetchItem(name, site.url(name), None, frames * site.frame_bytes, inside))
        else:
            present.append(name)
    return FetchPlan(wanted, folder, site, tuple(present), tuple(items), damaged)


def _fetchable(name: str, pages: Mapping[str, str]) -> DataSet:
    """A data set that has a site.

    Raises:
        InputError: it has none: where it is to be had, or that there is no such data set.
    """
    if name.lower() in dataset_names():
        return find_dataset(name)
    plain = name.lower().replace("-", "")
    if plain in pages:
        raise InputError(
            f"{name}: its files have no lasting addresses; get it by hand from {pages[plain]}, and "
            "`rpn2t datasets` says how it has to lie"
        )
    raise InputError(f"{name}: no data set that can be fetched; there are {', '.join(dataset_names())}")


def _state(entry: Entry, root: Path, dataset: DataSet) -> str | None:
    """Of a target: nothing to say if it is complete, None if it is not there, or else what it lacks."""
    if not root.is_dir():
        return None
    try:
        return "" if open_target(entry, root, dataset.kind, "otb").images else None
    except InputError as error:
        why = str(error).removeprefix(f"{entry.name}: ")
        return None if is_nowhere(why) else why
