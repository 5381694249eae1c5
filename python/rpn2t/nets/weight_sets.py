"""Named sets of weights: the shipped one, and those that the user installed.

A set is a folder with ``zf_student.caffemodel`` (conv1 to conv5 of the tracker's features) and, in
most, ``zf_teacher.caffemodel`` (conv1 to conv5 of the net the student was distilled from, and the
region proposal network's 3x3 layer, from which the tracker's head starts). A set may have
``zf_refiner.caffemodel``, fast mode's refinement net, which fits its own student only. ``SHA256SUMS`` beside
them says what they are meant to be. ``shipped`` is part of the package; ``rpn2t weights import`` and
``fetch`` add others to the user's folder.
"""

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.nets.caffemodel import Layers, check_refiner, check_zf, find_conv3x3, read_caffemodel
from rpn2t.paths import models_dir, typed_path
from rpn2t.system.files import sha256, write_whole

SHIPPED = "shipped"
AUTHORS = "authors"
"""The set that `rpn2t weights fetch` makes."""
SUMS = "SHA256SUMS"
FILES = {"student": "zf_student.caffemodel", "teacher": "zf_teacher.caffemodel"}
_ALL_FILES = {**FILES, "refiner": "zf_refiner.caffemodel"}


@dataclass(frozen=True)
class WeightSet:
    """A folder of weights. ``files`` has the parts that are there: ``student``, ``teacher``, ``refiner``."""

    name: str
    folder: Path
    files: dict[str, Path]

    def file(self, part: str) -> Path:
        """Path of a part; InputError if the set has none."""
        if part not in self.files:
            raise InputError(f"weights {self.name}: the set has no {_ALL_FILES[part]} in {self.folder}")
        return self.files[part]

    def refiner_beside(self, frozen: Collection[str]) -> Path | None:
        """The refinement net's file, if it still fits a student that keeps these layers: it reads conv2."""
        return self.files.get("refiner") if {"conv1", "conv2"} <= set(frozen) else None


def user_weights_dir() -> Path:
    """Folder of the user's own sets: weights/ in $RPN2T_HOME or ~/.local/share/rpn2t."""
    if home := os.environ.get("RPN2T_HOME"):
        return typed_path(home) / "weights"
    share = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return typed_path(share) / "rpn2t" / "weights"


def user_backbones_dir() -> Path:
    """Folder of the user's own weights of classification networks: backbones/ beside weights/."""
    return user_weights_dir().with_name("backbones")


def installed_sets() -> list[WeightSet]:
    """The shipped set, then the user's in order of name. A damaged set is listed too."""
    home = user_weights_dir()
    folders = [path for path in home.glob("*/") if is_set_name(path.name)]
    return [_open(SHIPPED, models_dir()), *(_open(path.name, path) for path in sorted(folders))]


def find_set(name_or_dir: str | Path) -> WeightSet:
    """The installed set of this name, or the one in this folder. An installed name goes first.

    Raises:
        InputError: there is no such set or folder, or it holds no weights.
    """
    sets = {each.name: each for each in installed_sets()}
    found = sets.get(str(name_or_dir))
    if found is None:
        folder = typed_path(str(name_or_dir))
        if not os.path.isdir(folder):
            cure = "; `rpn2t weights fetch` downloads them" if str(name_or_dir) == AUTHORS else ""
            raise InputError(
                f"weights {name_or_dir}: no such set or folder (installed: {', '.join(sets)}){cure}"
            )
        found = _open(folder.resolve().name, folder)
    if not found.files:
        raise InputError(f"weights {name_or_dir}: no {' or '.join(FILES.values())} in {found.folder}")
    return found


def is_set_name(name: str) -> bool:
    """Whether a user's set may be called this (a plain folder name, and not ``shipped``)."""
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)) and name != SHIPPED


def verify(weights: WeightSet) -> dict[str, str]:
    """State of each file of a set against its SHA256SUMS.

    Returns:
        File name to ``ok``, ``changed``, ``missing``, or ``unlisted`` (SHA256SUMS does not name it).
    """
    sums = _read_sums(weights.folder / SUMS)
    names = {FILES["student"], *sums, *(path.name for path in weights.files.values())}
    return {name: _state(weights.folder / name, sums.get(name)) for name in sorted(names)}


def checked_layers(path: Path) -> Layers:
    """All layers of a set's file, which has those of its part.

    Raises:
        InputError: it cannot be read, or a layer is missing or has another shape.
    """
    layers = read_caffemodel(path)
    check = check_refiner if path.name == _ALL_FILES["refiner"] else check_zf
    check(layers, source=path)
    return layers


def rpn_conv3x3(weights: WeightSet) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Initial weights (256, 256, 3, 3) and bias (256,) of the head's 3x3 layer, or None.

    They are the region proposal network's own 3x3 layer, looked for in the teacher's file and then in
    the student's, under each of the names in ``RPN_CONV3X3``.

    Raises:
        InputError: a layer of that name has another shape, or a file cannot be read.
    """
    for part in ("teacher", "student"):
        if part not in weights.files:
            continue
        path = weights.files[part]
        if found := find_conv3x3(read_caffemodel(path), 256, source=path):
            return found
    return None


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for the weights in a folder, as ``sha256sum`` does."""
    files = (folder / name for name in _ALL_FILES.values())
    lines = [f"{sha256(path)}  {path.name}\n" for path in files if path.exists()]
    write_whole(folder / SUMS, "".join(lines))


def _open(name: str, folder: Path) -> WeightSet:
    return WeightSet(name, folder, {p: folder / f for p, f in _ALL_FILES.items() if (folder / f).is_file()})


def _read_sums(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    rows = (line.split(maxsplit=1) for line in path.read_text(errors="replace").splitlines())
    return {row[1].removeprefix("*"): row[0].lower() for row in rows if len(row) == 2}


def _state(path: Path, expected: str | None) -> str:
    if not os.path.isfile(path):  # also for a name that is too long, unlike Path.is_file
        return "missing"
    if expected is None:
        return "unlisted"
    return "ok" if sha256(path) == expected else "changed"
