"""How sequences of the data sets lie on a disk: a table of layouts, and which one a folder has.

:data:`LAYOUTS` says for each data set where a sequence's images and its ground truth are. Nothing else in the
package knows a data set by its folders. Another one is another row.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Literal

from rpn2t.errors import InputError
from rpn2t.sequences.image_files import frames_in, natural

Kind = Literal["otb", "vot"]
"""Whose experiments are run on a sequence: OTB's single passes, or VOT's with a new start after a failure."""


@dataclass(frozen=True)
class Layout:
    """A row of the table. All paths of a row begin at the same folder. NAME is the sequence's name.

    Attributes:
        name: the data set's.
        sequence: the sequence's folder.
        truths: its ground-truth files; the first of these patterns that has any counts. Several files are
            several targets.
        images: where its images may be, within the sequence's folder; the first place that has any counts.
            The folder has this layout only if one of them is there.
        one_based: whether rectangles count pixels from 1, as MATLAB does, and not from 0.
        kind: whose experiment.
        signs: and only if one of these is there, or is its name.
        span: a file with the numbers of the first and the last image that the ground truth describes.
        listed: a file of data/ that says which images the ground truth of a sequence describes.
        every: the ground truth may have this many rows for each image, of which the first counts.
        in_sets: whether the sequences in a data set's folder may have it. If not, a sequence is named itself.
    """

    name: str
    sequence: str
    truths: tuple[str, ...]
    images: tuple[str, ...] = (".",)
    one_based: bool = False
    kind: Kind = "otb"
    signs: tuple[str, ...] = ()
    span: str | None = None
    listed: str | None = None
    every: int = 1
    in_sets: bool = True


LAYOUTS = (
    Layout(
        "OTB",
        "NAME",
        ("NAME/groundtruth_rect.txt", "NAME/groundtruth_rect.*.txt"),
        images=("img", "color", "."),
        one_based=True,
        listed="otb",
    ),
    Layout(
        "TColor-128",
        "NAME",
        ("NAME/NAME_gt.txt",),
        images=("img",),
        one_based=True,
        span="NAME/NAME_frames.txt",
    ),
    Layout("LaSOT", "NAME", ("NAME/groundtruth.txt",), images=("img",), one_based=True),
    Layout(
        "GOT-10k",
        "NAME",
        ("NAME/groundtruth.txt",),
        signs=("GOT-10k_*", "NAME/meta_info.ini", "NAME/absence.label"),
    ),
    Layout("VOT", "NAME", ("NAME/groundtruth.txt",), images=("color", "."), kind="vot"),
    Layout("TrackingNet", "frames/NAME", ("anno/NAME.txt",)),
    Layout(
        "UAV123",
        "data_seq/UAV123/NAME",
        ("anno/UAV123/NAME.txt", "anno/UAV123/NAME_[0-9].txt"),
        one_based=True,
        listed="uav123",
    ),
    Layout("NfS", "30/NAME", ("30/NAME.txt",), every=8),
    Layout("NfS, 240 frames/s", "240/NAME", ("240/NAME.txt",), in_sets=False),
)

IMAGE_FOLDERS = frozenset(place for layout in LAYOUTS for place in layout.images if place != ".")
"""Folders whose images are the frames of the sequence folder around them."""

_IMAGES = ("img", "color", ".")
"""Where images may be in a folder that has no ground truth."""

_DEPTH = 3
"""How far below a data set's folder a sequence may lie: TEST/frames/VIDEO."""


@dataclass(frozen=True)
class Place:
    """A sequence on the disk.

    Attributes:
        folder: of its images.
        layout: which it has.
        truths: its ground-truth files, one for each target; none is empty.
        span: the file that its layout names, if there is one.
    """

    folder: Path
    layout: Layout
    truths: tuple[Path, ...]
    span: Path | None = None

    @property
    def name(self) -> str:
        """The sequence's name."""
        return Path(os.path.abspath(self.folder)).name


def place_of(folder: Path) -> Place | None:
    """The sequence that a folder is, by the first layout that fits; None if it has no ground truth."""
    for layout in LAYOUTS:
        base = _base(folder, layout)
        if base is None:
            continue
        name = Path(os.path.abspath(folder)).name
        truths = next((found for each in layout.truths if (found := _files(base, each, name))), ())
        if truths and _has_signs(base, layout, name):
            span = _files(base, layout.span, name) if layout.span else ()
            return Place(folder, layout, truths, span[0] if span else None)
    return None


def places_under(root: Path) -> list[Place]:
    """The sequences in a data set's folder, or the folder itself if it is one; in the order people count."""
    return [place for place in _walk(root, _DEPTH) if place.layout.in_sets or place.folder == root]


def layout_of_truth(file: Path) -> Layout | None:
    """The layout of the sequence to which a ground-truth file belongs; None if it belongs to none."""
    path = Path(os.path.abspath(file))
    for layout in LAYOUTS:
        for pattern in layout.truths:
            count = len(PurePosixPath(pattern).parts)
            match = re.fullmatch(_expression(pattern), "/".join(path.parts[-count:]))
            if match and len(path.parents) >= count:
                base, name = path.parents[count - 1], match["name"]
                if _has_signs(base, layout, name):
                    return layout
    return None


def images_in(folder: Path, layout: Layout | None = None) -> tuple[list[Path], list[str]]:
    """A sequence's images, in the order people count, of the first place that has any; and notes of them.

    See :func:`rpn2t.sequences.image_files.frames_in`.

    Args:
        folder: the sequence's.
        layout: its, which names the places.

    Raises:
        InputError: several kinds of images may be the frames.
    """
    for name in layout.images if layout else _IMAGES:
        place = folder / name
        if os.access(place, os.R_OK | os.X_OK) and place.is_dir():
            files, notes = frames_in(str(place), place)
            if files:
                return files, notes
    return [], []


def numbered(images: Iterable[Path]) -> dict[int, Path]:
    """Images by number, in ascending order.

    The number is the name, and other images beside those are passed over (a preview). If no name is a number,
    it is what the names end in, or the place in the order if not all of them end in a number.

    Raises:
        InputError: two images have one number.
    """
    files = list(images)
    named = [file for file in files if re.fullmatch("[0-9]{1,18}", file.stem)] or files
    ends = [re.search("[0-9]{1,18}$", file.stem) for file in named]
    numbers = [int(end[0]) for end in ends if end]
    if len(numbers) < len(named):
        return dict(enumerate(named, start=1))
    found: dict[int, Path] = {}
    for number, file in sorted(zip(numbers, named, strict=True)):
        other = found.setdefault(number, file)
        if other is not file:
            raise InputError(
                f"{file.parent}: {other.name} and {file.name} have the same number; keep one of them"
            )
    return found


def _walk(folder: Path, depth: int) -> Iterator[Place]:
    place = place_of(folder)
    if place is not None:
        yield place
    elif depth:
        for item in natural(_items(folder)):
            if not item.name.startswith(".") and item.is_dir():
                yield from _walk(item, depth - 1)


def _base(folder: Path, layout: Layout) -> Path | None:
    """The folder at which a layout's paths begin, if this is a sequence's folder by its name."""
    parts = PurePosixPath(layout.sequence).parts
    # As it was typed, for messages. A link must not lead elsewhere, so ".." is never followed.
    whole = Path(os.path.abspath(folder))
    if whole.parts[-len(parts) : -1] != parts[:-1] or len(whole.parents) < len(parts):
        return None
    typed = len(folder.parts) >= len(parts) and ".." not in folder.parts
    return (folder if typed else whole).parents[len(parts) - 1]


def _files(base: Path, pattern: str, name: str) -> tuple[Path, ...]:
    """The files of a pattern that are not empty."""
    return tuple(
        file for file in natural(base.glob(pattern.replace("NAME", escape(name)))) if _has_text(file)
    )


def _has_text(file: Path) -> bool:
    try:
        return bool(file.read_bytes().strip())
    except IsADirectoryError:
        return False
    except OSError:  # whoever reads it says why it cannot be read
        return True


def _has_signs(base: Path, layout: Layout, name: str) -> bool:
    folder = base / layout.sequence.replace("NAME", name)
    if not any((folder / place).is_dir() for place in layout.images):
        return False
    return not layout.signs or any(
        (base / sign.replace("NAME", name)).exists() if "/" in sign else fnmatchcase(name, sign)
        for sign in layout.signs
    )


def _expression(pattern: str) -> str:
    """A pattern of the table as a regular expression with a group `name`."""
    first, *others = pattern.split("NAME")
    parts = [first, *others]
    escaped = [re.escape(part).replace(r"\*", "[^/]*").replace(r"\[0\-9\]", "[0-9]") for part in parts]
    return escaped[0] + "(?P<name>[^/]+)" + "(?P=name)".join(escaped[1:])


def _items(folder: Path) -> list[Path]:
    """What is in a folder; nothing if it cannot be read, as lost+found."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []
