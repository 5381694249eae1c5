"""What is missing or odd in a user's copy of a data set, and what to do about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rpn2t.errors import InputError
from rpn2t.eval.otb.metrics import valid_truth
from rpn2t.sequences.registry import DataSet, Entry, Protocol, Sequence, open_sequence
from rpn2t.video.sources import ImageSource


@dataclass(frozen=True)
class Finding:
    """Something about one sequence.

    Attributes:
        sequence: its name.
        kind: ``missing`` cannot be used; ``odd`` can, and the text says how it is taken.
        text: what, and what to do.
    """

    sequence: str
    kind: Literal["missing", "odd"]
    text: str


def check_sequence(
    dataset: DataSet, entry: Entry, root: Path, protocol: Protocol, *, read_images: bool
) -> Iterator[Finding]:
    """Yield what is missing or odd in one sequence.

    Args:
        dataset: its data set.
        entry: the sequence.
        root: the folder that holds the sequences.
        protocol: whose frames are meant.
        read_images: also decode every image (a minute or two for OTB-100).
    """
    try:
        sequence = open_sequence(entry, root, dataset.kind, protocol)
    except InputError as error:
        yield Finding(entry.name, "missing", _without_name(str(error), entry.name))
        return
    for text in _oddities(sequence, root):
        yield Finding(entry.name, "odd", text)
    if read_images and sequence.images:
        try:
            for _ in ImageSource(entry.name, entry.name, list(sequence.images)).frames():
                pass
        except InputError as error:
            text = _without_name(str(error), entry.name)
            yield Finding(entry.name, "missing", f"{text}; get the sequence again")


def _oddities(sequence: Sequence, root: Path) -> Iterator[str]:
    entry = sequence.entry
    if not sequence.images:
        yield "annotations alone, no images: it can be evaluated and not run"
    elif int(sequence.images[-1].stem) != entry.last and entry.last is not None:
        last = int(sequence.images[-1].stem)
        yield f"its last image is number {last}, the benchmark's {entry.last}; the images are taken in order"
    if not (root / entry.folder).exists() and sequence.images:
        found = next(part for part in sequence.images[0].parents if root in (part, part.parent))
        yield f"its folder is called {found.name}, the benchmark's {entry.folder}; taken nevertheless"
    invalid = (~valid_truth(sequence.truth)).nonzero()[0]
    if len(invalid):
        rows = ", ".join(str(row + 1) for row in invalid[:8]) + (", ..." if len(invalid) > 8 else "")
        yield f"{len(invalid)} rows of its ground truth are no boxes ({rows}); protocols differ on them"


def _without_name(text: str, name: str) -> str:
    return text.removeprefix(f"{name}: ")
