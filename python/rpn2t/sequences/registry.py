"""The benchmarks' sequences: what a data set consists of, and where it lies on this disk.

``data/otb.txt`` and ``data/vot.txt`` hold one target a line, with every peculiarity of the benchmarks (which
images a ground truth describes, two targets in one folder, where a protocol begins elsewhere). This module
reads them and knows no sequence by name. A data set is ``otb100``, ``otb50``, ``otb2013``, ``vot2016``, or a
folder whose own folders are sequences in OTB's or VOT's layout.

    dataset = find_dataset("otb100")
    found = dataset.open("/data/OTB", protocol="otb")
    for sequence in found.sequences: ...      # found.absent: name -> why
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.paths import data_dir
from rpn2t.sequences.box_files import is_one_based, read_boxes, read_regions

Kind = Literal["otb", "vot"]
Protocol = Literal["otb", "got10k", "pysot"]

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""Where the community disagrees: the MATLAB toolkit of OTB, got10k's and pysot's rules."""


def as_protocol(name: str) -> Protocol:
    """A protocol by its name, which must be one of PROTOCOLS."""
    return PROTOCOLS[PROTOCOLS.index(name)]


ATTRIBUTES = {
    "IV": "illumination variation", "OPR": "out-of-plane rotation", "SV": "scale variation",
    "OCC": "occlusion", "DEF": "deformation", "MB": "motion blur", "FM": "fast motion",
    "IPR": "in-plane rotation", "OV": "out of view", "BC": "background clutter", "LR": "low resolution",
}  # fmt: skip
"""OTB's attributes in the order of its files and plots."""

IMAGE_SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png"}

_LISTS: dict[str, tuple[str, str, str]] = {
    "otb100": ("otb", "100", "TB-100, 100 targets in 98 folders"),
    "otb50": ("otb", "50", "TB-50, the 50 harder targets of TB-100; not OTB-2013"),
    "otb2013": ("otb", "2013", "OTB-2013, 51 targets in 50 folders"),
    "vot2016": ("vot", "2016", "VOT2016, 60 sequences"),
}
_STORES = {"otb100": "OTB2015", "otb50": "OTB2015", "otb2013": "OTB2015", "vot2016": "VOT2016"}


@dataclass(frozen=True)
class Entry:
    """A line of a list.

    Attributes:
        name: of the target: Deer, Jogging-1.
        folder: of the sequence: Deer, Jogging.
        truth: the ground-truth file's name.
        first: number of the image that the first row of the ground truth describes.
        last: of the last one; None where only the folder knows.
        sets: the lists it belongs to.
        attributes: OTB's.
        begins: protocol -> number of the image at which it begins, where that is not `first`.
    """

    name: str
    folder: str
    truth: str
    first: int
    last: int | None
    sets: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    begins: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int | None:
        """Rows of the whole ground truth; None where only the folder knows."""
        return None if self.last is None else self.last - self.first + 1

    def omitted(self, protocol: Protocol) -> int:
        """How many rows at the beginning this protocol leaves out."""
        return self.begins.get(protocol, self.first) - self.first


@dataclass(frozen=True)
class Sequence:
    """One target to track.

    Attributes:
        entry: its line.
        kind: ``otb`` or ``vot``.
        truth: (n, 4) boxes of the frames that are run, 0-based; rows that are no box stay as they are.
        images: their files, in order; empty where the root holds annotations alone.
        regions: VOT's ground truth as it was annotated: 4 numbers (x, y, w, h) or the corners of a polygon, a
            frame each; empty for OTB.
        attributes: the entry's, or those the root's own att/NAME.txt gives.
    """

    entry: Entry
    kind: Kind
    truth: Floats
    images: tuple[Path, ...]
    regions: tuple[Floats, ...]
    attributes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The target's name."""
        return self.entry.name

    def __len__(self) -> int:
        return len(self.truth)

    def head(self, frames: int | None) -> "Sequence":
        """The sequence's first frames (all where None)."""
        return replace(
            self, truth=self.truth[:frames], images=self.images[:frames], regions=self.regions[:frames]
        )


@dataclass(frozen=True)
class Opened:
    """What a root holds of a data set.

    Attributes:
        sequences: what can be used, in the list's order.
        absent: name -> why it cannot be used, a line each.
    """

    sequences: tuple[Sequence, ...]
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

    @cached_property
    def _by_alias(self) -> dict[str, Entry]:
        folders = [entry.folder for entry in self.entries]
        alone = {_plain(entry.folder): entry for entry in self.entries if folders.count(entry.folder) == 1}
        return alone | {_plain(entry.name): entry for entry in self.entries}

    def entry(self, name: str) -> Entry | None:
        """The target by any toolkit's name: Jogging-1, Jogging.1, jogging_1, Jogging1; Human4, Human4-2."""
        return self._by_alias.get(_plain(name))

    def select(self, names: Iterable[str]) -> "DataSet":
        """The named targets alone, in the list's order.

        Raises:
            InputError: no such target.
        """
        chosen = set()
        for name in names:
            # A folder's name stands for all of its targets.
            inside = {entry.name for entry in self.entries if _plain(entry.folder) == _plain(name)}
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
        return entry.folder if len(inside) == 1 else f"{entry.folder}.{inside.index(entry.name) + 1}"

    def open(self, root: str | Path, protocol: Protocol = "otb") -> Opened:
        """Find every target under a root, a folder of sequences, or of NAME.txt and att/NAME.txt alone.

        Raises:
            InputError: there is no such folder, or none of the data set's sequences in it.
        """
        folder = Path(root).expanduser()
        if not folder.is_dir():
            raise InputError(f"{root}: no such folder; --root names the one that holds the sequences")
        sequences, absent = [], {}
        for entry in self.entries:
            try:
                sequences.append(open_sequence(entry, folder, self.kind, protocol))
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
    """Why sequences are left out, in lines: those that are simply not there share one."""
    nowhere = [name for name, why in absent.items() if why.startswith(f"{name}: no folder ")]
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
        entries = tuple(entry for entry in _read_list(kind) if key in entry.sets)
        return DataSet(name.lower(), _kind(kind), title, entries, _STORES[name.lower()])
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _folder_dataset(name, folder)
    raise InputError(
        f"{name}: no such data set; there are {', '.join(_LISTS)}, or name a folder of OTB or VOT sequences"
    )


def root_of(name: str, root: str | None) -> str:
    """Where a data set's sequences lie: the root given, or the data set itself where it is a folder.

    Raises:
        InputError: it is neither.
    """
    if root is None and name.lower() in _LISTS:
        raise InputError(f"{name}: give --root DIR, the folder that holds its sequences")
    return root or name


def open_sequence(entry: Entry, root: Path, kind: Kind, protocol: Protocol) -> Sequence:
    """Find one target under a root and read its ground truth.

    Raises:
        InputError: it is not there, or is not what the list says: how, and what to do.
    """
    folder = _sequence_folder(entry, root)
    truth = _truth_file(entry, folder, root)
    rows = read_boxes(truth, one_based=is_one_based(truth))
    if entry.rows is not None and len(rows) != entry.rows:
        raise InputError(
            f"{entry.name}: {truth.name} has {len(rows)} rows, the benchmark's has {entry.rows}; "
            "get the sequence again"
        )
    images = sequence_images(entry, folder, len(rows)) if folder else ()
    regions = read_regions(truth) if kind == "vot" else []
    omitted = entry.omitted(protocol)
    return Sequence(
        entry=entry,
        kind=kind,
        truth=rows[omitted:],
        images=images[omitted:],
        regions=tuple(regions[omitted:]),
        attributes=_attributes(entry, root),
    )


def sequence_images(entry: Entry, folder: Path, rows: int) -> tuple[Path, ...]:
    """The image files that the rows of a ground truth describe, by the numbers they are called.

    Images that were renumbered are taken in order if there are as many as rows.

    Raises:
        InputError: some are missing, or there are none.
    """
    files = _numbered_images(folder)
    wanted = range(entry.first, entry.first + rows)
    missing = [number for number in wanted if number not in files]
    if not missing:
        return tuple(files[number] for number in wanted)
    if len(files) == rows:
        return tuple(files[number] for number in sorted(files))
    if not files:
        raise InputError(f"{entry.name}: no numbered images in {folder}; get the sequence again")
    raise InputError(
        f"{entry.name}: {len(missing)} of {rows} images are missing from {folder}, the first is number "
        f"{missing[0]}; get the sequence again"
    )


def _read_list(kind: str) -> list[Entry]:
    lines = (data_dir() / f"{kind}.txt").read_text(encoding="ascii").splitlines()
    return [_parse_line(line) for line in lines if line and not line.startswith("#")]


def _parse_line(line: str) -> Entry:
    name, folder, truth, first, last, sets, *more = line.split()
    begins = dict(word.split(":") for word in more if ":" in word)
    attributes = next((word for word in more if ":" not in word), "")
    return Entry(
        name=name,
        folder=folder,
        truth=truth,
        first=int(first),
        last=int(last),
        sets=tuple(sets.split(",")),
        attributes=tuple(attributes.split(",")) if attributes else (),
        begins={protocol: int(number) for protocol, number in begins.items()},
    )


def _kind(text: str) -> Kind:
    return "vot" if text == "vot" else "otb"


def _whole(dataset: DataSet) -> DataSet:
    """The list a selection was made from: of a selection of one target Jogging.1 stays Jogging.1."""
    return find_dataset(dataset.name)


def _plain(name: str) -> str:
    return re.sub(r"[-._ ]", "", name).lower()


def _folder_dataset(name: str, root: Path) -> DataSet:
    """The sequences in a folder; those that a list knows are taken as the list has them."""
    folders = [root] if _truths_in(root) else sorted(path for path in root.iterdir() if path.is_dir())
    kinds = {folder: "vot" if _truths_in(folder)[0].name == "groundtruth.txt" else "otb"
             for folder in folders if _truths_in(folder)}  # fmt: skip
    if not kinds:
        raise InputError(
            f"{name}: no folder in it has a groundtruth_rect.txt (OTB) or a groundtruth.txt (VOT)"
        )
    if len(set(kinds.values())) > 1:
        raise InputError(f"{name}: holds sequences of OTB and of VOT; keep them in two folders")
    kind = _kind(next(iter(kinds.values())))
    known: dict[str, list[Entry]] = {}
    for entry in _read_list(kind):
        known.setdefault(entry.folder.lower(), []).append(entry)
    entries: list[Entry] = []
    for folder in kinds:
        listed = known.get(folder.name.lower(), []) if kind == "otb" else []
        entries += listed or _entries_of(folder)
    return DataSet(name, kind, f"the sequences in {name}", tuple(entries), root.resolve().name)


def _entries_of(folder: Path) -> list[Entry]:
    """What an unknown sequence folder says of itself: a target a ground-truth file."""
    truths = _truths_in(folder)
    numbers = sorted(_numbered_images(folder))
    first = numbers[0] if numbers else 1
    if len(truths) == 1:
        return [Entry(folder.name, folder.name, truths[0].name, first, None)]
    return [
        Entry(f"{folder.name}-{number}", folder.name, truth.name, first, None)
        for number, truth in enumerate(truths, start=1)
    ]


def _truths_in(folder: Path) -> list[Path]:
    """Ground-truth files with something in them; groundtruth_rect.txt alone where there is one."""
    for pattern in ("groundtruth_rect.txt", "groundtruth_rect.*.txt", "groundtruth.txt"):
        files = [file for file in sorted(folder.glob(pattern)) if file.read_bytes().strip()]
        if files:
            return files
    return []


def _sequence_folder(entry: Entry, root: Path) -> Path | None:
    """The sequence's folder, whatever the case of its name; None where the root has annotations alone."""
    for name in (entry.folder, entry.name):
        folder = _within(root, name)
        if folder is not None and folder.is_dir():
            return folder
    # A root that is itself the one sequence.
    return root if root.name.lower() == entry.folder.lower() and (root / entry.truth).is_file() else None


def _truth_file(entry: Entry, folder: Path | None, root: Path) -> Path:
    if folder is None:
        flat = {_plain(file.stem): file for file in root.glob("*.txt")}
        file = flat.get(_plain(entry.name)) or flat.get(_plain(entry.folder))
        if file is None:
            raise InputError(f"{entry.name}: no folder {entry.folder} in {root}")
        return file
    # Copies that split a folder of two targets (Jogging-1/) call each file groundtruth_rect.txt.
    split = folder.name.lower() != entry.folder.lower()
    for name in [entry.truth, "groundtruth_rect.txt"] if split else [entry.truth]:
        file = _within(folder, name)
        if file is not None:
            return file
    raise InputError(f"{entry.name}: no {entry.truth} in {folder}; get the sequence again")


def _within(folder: Path, name: str) -> Path | None:
    """The folder's item of that name, or of that name in another case."""
    if (folder / name).exists():
        return folder / name
    return next((item for item in sorted(folder.iterdir()) if item.name.lower() == name.lower()), None)


def _numbered_images(folder: Path) -> dict[int, Path]:
    """Number -> image file, of the first of img/, color/ and the folder itself that has any."""
    for place in (folder / "img", folder / "color", folder):
        if place.is_dir():
            found = {
                int(file.stem): file
                for file in place.iterdir()
                if file.suffix.lower() in IMAGE_SUFFIXES and file.stem.isdecimal()
            }
            if found:
                return found
    return {}


def _attributes(entry: Entry, root: Path) -> tuple[str, ...]:
    """The attributes of the root's own att/NAME.txt where it has one, else the list's."""
    folder = root / "att"
    files = {_plain(file.stem): file for file in folder.glob("*.txt")} if folder.is_dir() else {}
    file = files.get(_plain(entry.name)) or files.get(_plain(entry.folder))
    if file is None:
        return entry.attributes
    marks = re.split(r"[,\s]+", file.read_text(encoding="utf-8").strip())
    if len(marks) != len(ATTRIBUTES) or not set(marks) <= {"0", "1"}:
        order = ", ".join(ATTRIBUTES)
        raise InputError(f"{file}: expected {len(ATTRIBUTES)} zeros and ones, in the order {order}")
    # The toolkit's own file for Human4 has zeros alone, which no sequence of OTB can mean.
    return (
        tuple(name for name, mark in zip(ATTRIBUTES, marks, strict=True) if mark == "1") or entry.attributes
    )
