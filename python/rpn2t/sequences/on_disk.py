"""How sequences lie on a disk: their folders, images, ground truth and attributes, in OTB's and VOT's layout.

    ROOT/Deer/img/0001.jpg, ROOT/Deer/groundtruth_rect.txt               OTB
    ROOT/Jogging/groundtruth_rect.1.txt, .../groundtruth_rect.2.txt      OTB, two targets
    ROOT/bag/00000001.jpg or bag/color/00000001.jpg, bag/groundtruth.txt VOT
    ROOT/deer.txt, ROOT/att/deer.txt                                     annotations without images

Folders, files and images may be called in another case, and a copy may have a folder for each target.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES
from rpn2t.sequences.box_files import is_one_based, read_boxes, read_regions
from rpn2t.sequences.image_files import prefer_jpeg
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import ATTRIBUTES, Entry, Kind, Target, plain_name

IMAGE_FOLDERS = ("img", "color")
"""OTB's and VOT's folder of images within a sequence's; the images may also lie in the sequence's itself."""

TRUTH_NAMES = ("groundtruth_rect.txt", "groundtruth_rect.*.txt", "groundtruth.txt")
"""OTB's ground truth, OTB's of several targets, and VOT's."""

_NO_FOLDER = "no folder "


def is_nowhere(why: str) -> bool:
    """Whether a target could not be opened because its folder is not there at all.

    Args:
        why: the message of :func:`open_target`, without the target's name.
    """
    return why.startswith(_NO_FOLDER)


def open_target(entry: Entry, root: Path, kind: Kind, protocol: Protocol) -> Target:
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
    images = _images_of(entry, folder, len(rows)) if folder else ()
    regions = read_regions(truth) if kind == "vot" else []
    omitted = entry.omitted(protocol)
    return Target(
        entry=entry,
        kind=kind,
        truth=rows[omitted:],
        images=images[omitted:],
        regions=tuple(regions[omitted:]),
        attributes=_attributes(entry, root),
    )


def sequence_folders(name: str, root: Path) -> tuple[Kind, list[Path]]:
    """The folders of sequences in a root, or the root if it is a sequence, and whose layout they have.

    Args:
        name: what the user called the root, for messages.
        root: the folder.

    Raises:
        InputError: there is no sequence, or some are OTB's and some VOT's.
    """
    places = [root] if truth_files(root) else sorted(path for path in root.iterdir() if path.is_dir())
    truths = {folder: files[0] for folder in places if (files := truth_files(folder))}
    kinds: set[Kind] = {"vot" if file.name == "groundtruth.txt" else "otb" for file in truths.values()}
    if not kinds:
        raise InputError(
            f"{name}: no folder in it has a groundtruth_rect.txt (OTB) or a groundtruth.txt (VOT)"
        )
    if len(kinds) > 1:
        raise InputError(f"{name}: holds sequences of OTB and of VOT; keep them in two folders")
    return kinds.pop(), list(truths)


def unlisted_entries(folder: Path) -> list[Entry]:
    """The targets of a sequence that no list has: one for each ground-truth file in its folder."""
    truths = truth_files(folder)
    first = min(_numbered_images(folder), default=1)
    if len(truths) == 1:
        return [Entry(folder.name, folder.name, truths[0].name, first, None)]
    return [
        Entry(f"{folder.name}-{number}", folder.name, truth.name, first, None)
        for number, truth in enumerate(truths, start=1)
    ]


def truth_files(folder: Path) -> list[Path]:
    """A folder's ground-truth files that are not empty, of the first of TRUTH_NAMES that has any."""
    for pattern in TRUTH_NAMES:
        files = [file for file in sorted(folder.glob(pattern)) if file.read_bytes().strip()]
        if files:
            return files
    return []


def _images_of(entry: Entry, folder: Path, rows: int) -> tuple[Path, ...]:
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


def _sequence_folder(entry: Entry, root: Path) -> Path | None:
    """The sequence's folder, whatever the case of its name; None if the root holds only annotations."""
    for name in (entry.folder, entry.name):
        folder = _within(root, name)
        if folder is not None and folder.is_dir():
            return folder
    # A root that is itself the one sequence.
    return root if root.name.lower() == entry.folder.lower() and (root / entry.truth).is_file() else None


def _truth_file(entry: Entry, folder: Path | None, root: Path) -> Path:
    if folder is None:
        file = _file_called_after(entry, root.glob("*.txt"))
        if file is None:
            raise InputError(f"{entry.name}: {_NO_FOLDER}{entry.folder} in {root}")
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


def _file_called_after(entry: Entry, files: Iterable[Path]) -> Path | None:
    """The file with the target's name in any toolkit's spelling, or with its folder's."""
    by_name = {plain_name(file.stem): file for file in files}
    return by_name.get(plain_name(entry.name)) or by_name.get(plain_name(entry.folder))


def _numbered_images(folder: Path) -> dict[int, Path]:
    """Number -> image file, of the first of img/, color/ and the folder itself that has any."""
    for place in (*(folder / name for name in IMAGE_FOLDERS), folder):
        if place.is_dir():
            found = {
                int(file.stem): file
                for file in prefer_jpeg(place.iterdir())  # masks of the same numbers are no JPEGs
                if file.suffix.lower() in IMAGE_SUFFIXES and file.stem.isdecimal()
            }
            if found:
                return found
    return {}


def _attributes(entry: Entry, root: Path) -> tuple[str, ...]:
    """The attributes of the root's own att/NAME.txt, or the list's if there is no such file."""
    file = _file_called_after(entry, (root / "att").glob("*.txt"))
    if file is None:
        return entry.attributes
    marks = re.split(r"[,\s]+", file.read_text(encoding="utf-8").strip())
    if len(marks) != len(ATTRIBUTES) or not set(marks) <= {"0", "1"}:
        order = ", ".join(ATTRIBUTES)
        raise InputError(f"{file}: expected {len(ATTRIBUTES)} zeros and ones, in the order {order}")
    # The toolkit's own file for Human4 has only zeros, which no sequence of OTB can mean.
    return (
        tuple(name for name, mark in zip(ATTRIBUTES, marks, strict=True) if mark == "1") or entry.attributes
    )
