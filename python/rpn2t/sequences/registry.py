"""The data sets: which targets each consists of, and what a folder on this disk holds of them.

``data/otb.txt`` and ``data/vot.txt`` hold one target a line, with every peculiarity of the benchmarks: which
images a ground truth describes, two targets in one folder, another beginning in some protocol. This module
reads them and knows no sequence by name. A data set is ``otb100``, ``otb50``, ``otb2013``, ``vot2016``, or a
folder of sequences in one of the layouts of :mod:`rpn2t.sequences.layouts`.

    dataset = find_dataset("otb100")
    found = dataset.open("/data/OTB", protocol="otb")
    for target in found.sequences: ...      # found.absent: name -> why
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rpn2t.errors import InputError
from rpn2t.paths import typed_path
from rpn2t.sequences.layouts import LAYOUTS, Kind, places_under
from rpn2t.sequences.lists import read_list
from rpn2t.sequences.on_disk import entries_of, is_nowhere, open_target
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import Entry, Target, plain_name, spelled

_LISTS: dict[str, tuple[Kind, str, str]] = {
    "otb100": ("otb", "100", "TB-100, 100 targets in 98 folders"),
    "otb50": ("otb", "50", "TB-50, the 50 harder targets of TB-100; not OTB-2013"),
    "otb2013": ("otb", "2013", "OTB-2013, 51 targets in 50 folders"),
    "vot2016": ("vot", "2016", "VOT2016, 60 sequences"),
}
_STORES = {"otb100": "OTB2015", "otb50": "OTB2015", "otb2013": "OTB2015", "vot2016": "VOT2016"}


@dataclass(frozen=True)
class Opened:
    """What a root holds of a data set.

    Attributes:
        sequences: the targets that can be used, in the list's order.
        absent: name of each other target -> why it cannot be used, in a line.
    """

    sequences: tuple[Target, ...]
    absent: Mapping[str, str]


@dataclass(frozen=True)
class DataSet:
    """A list of targets.

    Attributes:
        name: as it is asked for.
        kind: ``otb`` or ``vot``; it decides how trackers are run.
        title: what it is, for people.
        entries: its targets.
        store: the folder of its results (got10k's name for OTB-100 and the lists within it).
    """

    name: str
    kind: Kind
    title: str
    entries: tuple[Entry, ...]
    store: str

    @property
    def folder(self) -> Path | None:
        """Where it lies, if it is a folder of sequences; None if it has a list."""
        return None if self.name in _LISTS else typed_path(self.name).resolve()

    @cached_property
    def _by_alias(self) -> tuple[dict[str, Entry], dict[str, Entry]]:
        """Targets by name: with one sign for all within it, and without any if that is only one target's."""
        counts = Counter(entry.folder for entry in self.entries)
        single = [(entry.folder_name, entry) for entry in self.entries if counts[entry.folder] == 1]
        names = [*single, *((entry.name, entry) for entry in self.entries)]
        plain: dict[str, set[str]] = {}
        for name, entry in names:
            plain.setdefault(plain_name(name), set()).add(entry.name)
        return (
            {spelled(name): entry for name, entry in names},
            {plain_name(name): entry for name, entry in names if len(plain[plain_name(name)]) == 1},
        )

    def entry(self, name: str) -> Entry | None:
        """The target by any toolkit's name: Jogging-1, Jogging.1, jogging_1, Jogging1; Human4, Human4-2."""
        exact, plain = self._by_alias
        return exact.get(spelled(name)) or plain.get(plain_name(name))

    def select(self, names: Iterable[str]) -> "DataSet":
        """The data set with only the named targets, in the list's order.

        Raises:
            InputError: no such target.
        """
        chosen = set()
        for name in names:
            # A folder's name stands for all of its targets.
            inside = {entry.name for entry in self.entries if spelled(entry.folder_name) == spelled(name)}
            entry = self.entry(name)
            if entry is None and not inside:
                raise InputError(
                    f"{name}: no sequence of {self.name}; `rpn2t datasets show {self.name}` lists them"
                )
            chosen |= {entry.name} if entry else inside
        return replace(self, entries=tuple(entry for entry in self.entries if entry.name in chosen))

    def got10k_name(self, entry: Entry) -> str:
        """The name under which got10k keeps results: Jogging.1, Human4."""
        inside = [other.name for other in _whole(self).entries if other.folder == entry.folder]
        folder = entry.folder_name
        return folder if len(inside) == 1 else f"{folder}.{inside.index(entry.name) + 1}"

    def open(self, root: str | Path, protocol: Protocol = "otb") -> Opened:
        """Find every target under a root: a folder of sequences, or of only NAME.txt and att/NAME.txt.

        Raises:
            InputError: there is no such folder, or none of the data set's sequences in it.
        """
        folder = typed_path(root)
        if not folder.is_dir():
            raise InputError(f"{root}: no such folder; --root names the one that holds the sequences")
        sequences, absent = [], {}
        for entry in self.entries:
            try:
                sequences.append(open_target(entry, folder, self.kind, protocol))
            except InputError as error:
                absent[entry.name] = str(error)
        if not sequences:
            reasons = set(absent.values())
            why = f" ({reasons.pop()})" if len(reasons) == 1 else ""
            raise InputError(
                f"{root}: holds no sequence of {self.name}{why}; "
                f"`rpn2t datasets check {self.name} --root {root}` says what it expects"
            )
        return Opened(tuple(sequences), absent)


def describe_absent(absent: Mapping[str, str]) -> list[str]:
    """Why sequences are left out, in lines; those that are simply not there share one."""
    nowhere = [name for name, why in absent.items() if is_nowhere(why.removeprefix(f"{name}: "))]
    lines = [f"not there: {', '.join(nowhere)}"] if nowhere else []
    others = [(name, why) for name, why in absent.items() if name not in nowhere]
    return [*lines, *(why if why.startswith(f"{name}: ") else f"{name}: {why}" for name, why in others)]


def dataset_names() -> tuple[str, ...]:
    """The data sets that have a list."""
    return tuple(_LISTS)


def find_dataset(name: str) -> DataSet:
    """A data set by its name, or a folder of sequences.

    Raises:
        InputError: neither.
    """
    if name.lower() in _LISTS:
        kind, key, title = _LISTS[name.lower()]
        entries = tuple(entry for entry in read_list(kind) if key in entry.sets)
        return DataSet(name.lower(), kind, title, entries, _STORES[name.lower()])
    folder = typed_path(name)
    if folder.is_dir():
        return _folder_dataset(name, folder)
    raise InputError(
        f"{name}: no such data set; there are {', '.join(_LISTS)}, or name a folder of sequences"
    )


def root_of(name: str, root: str | None) -> str:
    """Where a data set's sequences lie: the root given, or the data set itself if it is a folder.

    Raises:
        InputError: no root is given, and the data set is no folder.
    """
    if root is None and name.lower() in _LISTS:
        raise InputError(
            f"{name}: give --root DIR, the folder that holds its sequences; "
            f"`rpn2t datasets fetch {name} --root DIR` downloads them"
        )
    return root or name


def _whole(dataset: DataSet) -> DataSet:
    """The list that a selection was made from: Jogging.1 keeps its name if it is chosen without Jogging.2."""
    return find_dataset(dataset.name)


def _folder_dataset(name: str, root: Path) -> DataSet:
    """The sequences in a folder; those that a list has are taken as the list has them."""
    places = places_under(root)
    if not places:
        layouts = ", ".join(layout.name for layout in LAYOUTS if layout.in_sets)
        raise InputError(
            f"{name}: holds no sequence as {layouts} have them; `rpn2t datasets` says how they look"
        )
    kinds = {place.layout.kind for place in places}
    if len(kinds) > 1:
        raise InputError(f"{name}: holds sequences of OTB and of VOT; keep them in two folders")
    entries: dict[str, Entry] = {}
    for place in places:
        for entry in entries_of(place, root):
            other = entries.setdefault(entry.name, entry)
            if other is not entry:
                both = f"{other.folder} and in {entry.folder}"
                raise InputError(f"{name}: has {entry.name} in {both}; name one of the folders")
    store = Path(os.path.abspath(root)).name
    return DataSet(name, kinds.pop(), f"the sequences in {name}", tuple(entries.values()), store)
