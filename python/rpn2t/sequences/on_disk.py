"""Sequences on a disk: their targets, images, ground truth and attributes.

Where these lie is :mod:`rpn2t.sequences.layouts`' business. Besides, a root may hold annotations without
images, ``ROOT/deer.txt`` and ``ROOT/att/deer.txt``. Folders, files and images of a listed data set may be
called in another case, and a copy may have a folder for each target.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import count_rows, read_boxes, read_regions
from rpn2t.sequences.layouts import Kind, Layout, Place, images_in, layout_of_truth, numbered, place_of
from rpn2t.sequences.lists import read_list
from rpn2t.sequences.number_lines import numbers_of, read_lines
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.target import ATTRIBUTES, Entry, Target, plain_name

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
    layout = layout_of_truth(truth) if folder else None
    if layout is not None and layout.kind != kind:
        layout = None  # the list knows better
    files = images_in(folder, layout)[0] if folder else []
    rows = _boxes_of(truth, layout.one_based if layout else kind == "otb", layout, len(files))
    if entry.rows is not None and len(rows) != entry.rows:
        raise InputError(
            f"{entry.name}: {truth.name} has {len(rows)} rows, the benchmark's has {entry.rows}; "
            "get the sequence again"
        )
    images = _images_of(entry, files, len(rows), folder) if folder else ()
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


def entries_of(place: Place, root: Path) -> list[Entry]:
    """The targets of a sequence: as a list of data/ has them, or else one for each ground-truth file.

    Args:
        place: where the sequence is.
        root: the data set's folder.
    """
    entries = list(_targets(place).values())
    if place.folder == root:
        return entries
    return [replace(entry, folder=_path_from(root, place.folder)) for entry in entries]


@dataclass(frozen=True)
class Sequence:
    """A folder of images of which one target is tracked by itself.

    Attributes:
        images: its frames, in order.
        truth_file: the target's ground truth; None if there is none.
        truth: (n, 4) boxes, 0-based; row i belongs to frame i. None if there are none that can be read.
        fault: why the ground truth cannot be read, or nothing.
        notes: what a user should know of how the folder was understood, a sentence each.
    """

    images: list[Path]
    truth_file: Path | None = None
    truth: Floats | None = None
    fault: str = ""
    notes: tuple[str, ...] = ()


def read_sequence(folder: Path, truth: Path | None = None) -> Sequence:
    """A folder of images, with a target's ground truth if it is a sequence.

    If a list of data/ says which images the ground truth describes, the frames are these. If not, all images
    are.

    Args:
        folder: of the sequence.
        truth: the ground-truth file of the target that is meant. The first, if it is none of this folder's.
    """
    place = place_of(folder)
    files, notes = images_in(folder, place.layout if place else None)
    if place is None or not files:
        return Sequence(files, notes=tuple(notes))
    targets = _targets(place)
    asked = [file for file in targets if truth and is_same_file(file, truth)]
    chosen = asked[0] if asked else next(iter(targets))
    if not asked and len(targets) > 1:
        others = ", ".join(file.name for file in targets if file != chosen)
        notes.append(f"The ground truth is {chosen.name}; the folder also has {others}.")
    try:
        rows = _boxes_of(chosen, place.layout.one_based, place.layout, len(files))
    except InputError as error:
        notes.append(f"The ground truth cannot be read, so nothing is measured: {error}.")
        return Sequence(files, chosen, None, str(error), tuple(notes))
    images, rows, said = _frames_of(targets[chosen], place.folder, files, rows)
    return Sequence(images, chosen, rows, "", (*notes, *said))


def _frames_of(
    entry: Entry, folder: Path, files: list[Path], rows: Floats
) -> tuple[list[Path], Floats, list[str]]:
    """The images that a ground truth describes, its rows of them, and what is to be said."""
    truth = Path(entry.truth).name
    try:
        images = list(_images_of(entry, files, len(rows), folder))
    except InputError:
        images = files
    if len(rows) != len(images):
        if by_number := _images_around_gaps(entry, files, len(rows)):
            missing = [number for number in range(entry.first, max(by_number)) if number not in by_number]
            said = f"image {missing[0]} is missing"
            if len(missing) > 1:
                said = f"{len(missing)} images are missing, the first is number {missing[0]}"
            said += f"; the rows of {truth} follow the numbers of those that are there."
            return list(by_number.values()), rows[[number - entry.first for number in by_number]], [said]
        said = f"{truth} has {len(rows)} rows for {len(images)} frames; row i is taken as frame i."
        return images, rows, [said]
    if len(images) == len(files):
        return images, rows, []
    of = f"{len(images)} of the {len(files)} images, {images[0].name} to {images[-1].name}"
    return images, rows, [f"{truth} describes {of}; these are the frames."]


def _images_around_gaps(entry: Entry, files: list[Path], rows: int) -> dict[int, Path]:
    """Images by number, if all have a row by their number and some between them are missing; or nothing.

    By order alone, every image after the gap would be measured by its neighbour's box.
    """
    try:
        by_number = numbered(files)
    except InputError:
        return {}
    fit = len(by_number) == len(files) and all(0 <= number - entry.first < rows for number in by_number)
    return by_number if fit and max(by_number) - entry.first >= len(by_number) else {}


def _targets(place: Place) -> dict[Path, Entry]:
    """Ground-truth file -> target; the targets of the layout's list, or else one for each file.

    A folder of the user's own may be called like a sequence of the list. Then no file has the list's number
    of rows.
    """
    beside = {file.name.lower(): file for file in sorted(place.truths[0].parent.glob("*"))}
    listed = {
        beside[entry.truth.lower()]: entry
        for entry in (read_list(place.layout.listed) if place.layout.listed else ())
        if entry.folder.lower() == place.name.lower() and entry.truth.lower() in beside
    }
    if not any(_row_count(file) == entry.rows for file, entry in listed.items()):
        return _unlisted(place)
    return {file: replace(entry, truth=_path_from(place.folder, file)) for file, entry in listed.items()}


def _row_count(file: Path) -> int | None:
    try:
        return count_rows(file)
    except InputError:  # whoever reads the boxes says it
        return None


def _unlisted(place: Place) -> dict[Path, Entry]:
    first, last = _span(place)
    targets = {}
    for number, truth in enumerate(place.truths, start=1):
        own = truth.stem if truth.stem.startswith(place.name) else f"{place.name}-{number}"
        name = own if len(place.truths) > 1 else place.name
        targets[truth] = Entry(name, place.name, _path_from(place.folder, truth), first, last)
    return targets


def _span(place: Place) -> tuple[int, int | None]:
    """Numbers of the first and the last image that the ground truth describes; the last is mostly unknown."""
    if place.span is not None:
        try:
            numbers = numbers_of(",".join(read_lines(place.span)))
        except (InputError, ValueError):
            numbers = []
        if len(numbers) == 2 and 0 <= numbers[0] <= numbers[1]:
            return int(numbers[0]), int(numbers[1])
    try:
        return min(numbered(images_in(place.folder, place.layout)[0]), default=1), None
    except InputError:  # opening the target says it
        return 1, None


def _boxes_of(truth: Path, one_based: bool, layout: Layout | None, images: int) -> Floats:
    """The rows of a ground truth that belong to images: one of several for each, if the layout has it so."""
    rows = read_boxes(truth, one_based=one_based)
    if layout is None or layout.every == 1 or not 0 < images < len(rows):
        return rows
    if abs(len(rows) / images - layout.every) < 1:
        rows = rows[:: layout.every]
    return rows[:images] if len(rows) == images + 1 else rows


def _images_of(entry: Entry, files: list[Path], rows: int, folder: Path) -> tuple[Path, ...]:
    """The images of a target, by the numbers they are called.

    They are those that the rows of the ground truth describe. If no list says where the ground truth ends,
    the images after them belong to the target as well. Images that were renumbered are taken in order if
    there are as many as rows.

    Raises:
        InputError: some are missing, there are none, or two have the same number.
    """
    by_number = numbered(files)
    wanted = range(entry.first, entry.first + rows)
    missing = [number for number in wanted if number not in by_number]
    if not missing:
        later = [number for number in by_number if entry.last is None and number >= wanted.stop]
        return tuple(by_number[number] for number in (*wanted, *later))
    if len(by_number) == rows:
        return tuple(by_number.values())
    if not files:
        raise InputError(f"{entry.name}: no images in {folder}; get the sequence again")
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
    own = Path(os.path.abspath(root)).name.lower()
    return root if own == entry.folder.lower() and (root / entry.truth).is_file() else None


def _truth_file(entry: Entry, folder: Path | None, root: Path) -> Path:
    if folder is None:
        file = _file_called_after(entry, root.glob("*.txt"))
        if file is None:
            raise InputError(f"{entry.name}: {_NO_FOLDER}{entry.folder} in {root}")
        return file
    # Copies that split a folder of two targets (Jogging-1/) call each file groundtruth_rect.txt.
    split = Path(os.path.abspath(folder)).name.lower() != entry.folder_name.lower()
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
    return by_name.get(plain_name(entry.name)) or by_name.get(plain_name(entry.folder_name))


def _path_from(folder: Path, file: Path) -> str:
    """The path from a folder to a file or folder, by names alone: links are not followed."""
    return Path(os.path.relpath(os.path.abspath(file), os.path.abspath(folder))).as_posix()


def is_same_file(file: str | Path, other: str | Path) -> bool:
    """Whether two paths lead to one file, which need not be there."""
    return os.path.realpath(file) == os.path.realpath(other)


def _attributes(entry: Entry, root: Path) -> tuple[str, ...]:
    """The attributes of the root's own att/NAME.txt, or the list's if there is no such file."""
    file = _file_called_after(entry, (root / "att").glob("*.txt"))
    if file is None:
        return entry.attributes
    marks = re.split(r"[,\s]+", "\n".join(read_lines(file)).strip())
    if len(marks) != len(ATTRIBUTES) or not set(marks) <= {"0", "1"}:
        order = ", ".join(ATTRIBUTES)
        raise InputError(f"{file}: expected {len(ATTRIBUTES)} zeros and ones, in the order {order}")
    # The toolkit's own file for Human4 has only zeros, which no sequence of OTB can mean.
    return (
        tuple(name for name, mark in zip(ATTRIBUTES, marks, strict=True) if mark == "1") or entry.attributes
    )
