"""Folders of photographs to train on, with or without boxes: Pascal VOC, a list in JSON lines, or neither."""

import hashlib
import json
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rpn2t.boxes import Floats, as_boxes
from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES, Image

HOLD_OUT = 10  # one photograph in ten


@dataclass(frozen=True, eq=False)
class Photograph:
    """One image file.

    Attributes:
        path: of the file.
        boxes: shape (n, 4), (x, y, w, h) in px, 0-based; of annotated objects, perhaps none.
        source: the data set it belongs to, if a list says so.
    """

    path: Path
    boxes: Floats
    source: str = ""

    def read(self) -> Image:
        """Its pixels, uint8 (height, width, 3), BGR.

        Raises:
            InputError: it is no image that OpenCV reads.
        """
        image = cv2.imread(str(self.path), cv2.IMREAD_COLOR)
        if image is None:
            raise InputError(f"{self.path}: not an image that can be read")
        return image.astype(np.uint8, copy=False)


def find_photographs(
    images: str | Path, annotations: str | Path | None = None, *, as_release: bool = False
) -> list[Photograph]:
    """The photographs of a folder.

    Args:
        images: the folder. With JPEGImages/ and Annotations/ it is Pascal VOC's, and needs no `annotations`.
        annotations: a folder of Pascal VOC's XML files, or a list in JSON lines: ``file`` (within
            `images`), ``boxes`` ([[x, y, w, h], ...], px, 0-based) and perhaps ``source``. Then only the
            photographs that it names are taken.
        as_release: read Pascal VOC's boxes as the release's distillation does: what VOC calls difficult
            has a box as well, and a width is xmax - xmin. Otherwise a difficult object has no box, and
            both of a box's edge pixels belong to it.

    Returns:
        They are in the list's order, or in order of name.

    Raises:
        InputError: nothing is there, or a line, a file or a box cannot be used. The first one is named.
    """
    folder = Path(images)
    if not folder.is_dir():
        raise InputError(f"{images}: no such folder of images")
    if annotations is None and (folder / "JPEGImages").is_dir() and (folder / "Annotations").is_dir():
        folder, annotations = folder / "JPEGImages", folder / "Annotations"
    if annotations is None:
        found = [Photograph(path, as_boxes([])) for path in _image_files(folder)]
    elif Path(annotations).is_dir():
        found = list(_pascal_voc(folder, Path(annotations), as_release))
    else:
        found = list(_json_lines(folder, Path(annotations)))
    if not found:
        raise InputError(f"{annotations or images}: no photographs ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return found


def hold_out(
    photographs: Sequence[Photograph], source: str | None = None
) -> tuple[list[Photograph], list[Photograph]]:
    """Divide photographs into those that train and those held out, which are the 10th, the 20th and so on.

    Args:
        photographs: in their order.
        source: hold out every tenth of only this data set's.

    Raises:
        InputError: none would train, or none would be held out.
    """
    counted = [each for each in photographs if source in (None, each.source)]
    held = counted[HOLD_OUT - 1 :: HOLD_OUT]
    if not held:
        known = ", ".join(sorted({each.source for each in photographs if each.source})) or "none"
        of = f" of source {source!r} (there are: {known})" if source is not None else ""
        raise InputError(f"{len(counted)} photographs{of}: at least {HOLD_OUT} are needed, to hold one out")
    left_out = {id(each) for each in held}
    return [each for each in photographs if id(each) not in left_out], held


def fingerprint(images: str | Path, *parts: Sequence[Photograph]) -> str:
    """A short hash of photographs' names within their folder and of their boxes, part by part."""
    rows = [[(os.path.relpath(each.path, images), each.boxes.tolist()) for each in part] for part in parts]
    return hashlib.sha256(repr(rows).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _image_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)


def _json_lines(folder: Path, path: Path) -> Iterator[Photograph]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a list of annotations, which is text in JSON lines") from None
    except OSError:
        raise InputError(f"{path}: no such list of annotations, nor a folder of XML files") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _photograph(folder, line, f"{path}, line {number}")


def _photograph(folder: Path, line: str, where: str) -> Photograph:
    try:
        row: Any = json.loads(line)
        file, boxes = folder / row["file"], as_boxes(row["boxes"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{where}: expected {{"file": ..., "boxes": [[x, y, w, h], ...]}} ({error})'
        ) from None
    return Photograph(_existing(file, where), _checked(boxes, where), str(row.get("source", "")))


def _pascal_voc(folder: Path, annotations: Path, as_release: bool) -> Iterator[Photograph]:
    files = {path.stem: path for path in _image_files(folder)}
    for path in sorted(annotations.glob("*.xml")):
        if path.stem not in files:
            raise InputError(f"{path}: no image of this name in {folder}")
        yield Photograph(files[path.stem], _checked(_voc_boxes(path, as_release), path))


def _voc_boxes(path: Path, as_release: bool) -> Floats:
    """Boxes of a VOC annotation, whose corners are pixels, 1-based, both inclusive."""
    try:
        objects = ElementTree.parse(path).getroot().iter("object")
        corners = [
            [float(each.findtext(f"bndbox/{name}") or "missing") for name in ("xmin", "ymin", "xmax", "ymax")]
            for each in objects
            if as_release or each.findtext("difficult") != "1"
        ]
    except (ElementTree.ParseError, ValueError, OSError) as error:
        raise InputError(f"{path}: not an annotation of Pascal VOC ({error})") from None
    rows = as_boxes(corners)
    return np.concatenate([rows[:, :2] - 1, rows[:, 2:] - rows[:, :2] + (not as_release)], axis=1)


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise InputError(f"{where}: no such image, {path}")
    return path


def _checked(boxes: Floats, where: object) -> Floats:
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise InputError(f"{where}: a box without width or height")
    return boxes
