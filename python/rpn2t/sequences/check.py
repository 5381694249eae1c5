"""What is missing or odd in a user's copy of a data set, and what to do about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rpn2t.errors import InputError
from rpn2t.sequences.layouts import numbered
from rpn2t.sequences.on_disk import open_target
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import DataSet
from rpn2t.sequences.target import Entry, Target, valid_truth


@dataclass(frozen=True)
class Finding:
    """Something about one target.

    Attributes:
        sequence: the target's name.
        kind: ``missing`` cannot be used; ``odd`` can be used, and the text says how it is taken.
        text: what, and what to do.
    """

    sequence: str
    kind: Literal["missing", "odd"]
    text: str


def check_target(
    dataset: DataSet,
    entry: Entry,
    root: Path,
    protocol: Protocol,
    read_images: Callable[[Target], None] | None = None,
) -> Iterator[Finding]:
    """Yield what is missing or odd in one target.

    Args:
        dataset: its data set.
        entry: the target's.
        root: the folder that holds the sequences.
        protocol: whose frames are meant.
        read_images: reads every image of a target, and raises InputError for one that cannot be read. This
            takes a minute or two for OTB-100; None to leave it out.
    """
    try:
        target = open_target(entry, root, dataset.kind, protocol)
    except InputError as error:
        yield Finding(entry.name, "missing", _without_name(str(error), entry.name))
        return
    for text in _oddities(target, root):
        yield Finding(entry.name, "odd", text)
    if read_images is not None and target.images:
        try:
            read_images(target)
        except InputError as error:
            text = _without_name(str(error), entry.name)
            yield Finding(entry.name, "missing", f"{text}; get the sequence again")


def _oddities(target: Target, root: Path) -> Iterator[str]:
    entry = target.entry
    if not target.images:
        yield "only annotations, no images: it can be evaluated but not run"
    elif entry.last is not None and (last := next(iter(numbered(target.images[-1:])))) != entry.last:
        yield f"its last image is number {last}, the benchmark's {entry.last}; the images are taken in order"
    if not (root / entry.folder).exists() and target.images:
        found = next(part for part in target.images[0].parents if root in (part, part.parent))
        yield f"its folder is called {found.name}, the benchmark's {entry.folder}; it is taken"
    known = len(target.truth)
    if not target.is_measurable:
        yield "its ground truth has only the first frame's box: it can be run but not evaluated"
    elif known < len(target):
        yield f"its ground truth has {known} rows for {len(target)} images: these {known} are evaluated"
    invalid = (~valid_truth(target.truth)).nonzero()[0]
    if len(invalid):
        rows = ", ".join(str(row + 1) for row in invalid[:8]) + (", ..." if len(invalid) > 8 else "")
        yield f"{len(invalid)} rows of its ground truth are no boxes ({rows}); protocols differ on them"


def _without_name(text: str, name: str) -> str:
    return text.removeprefix(f"{name}: ")
