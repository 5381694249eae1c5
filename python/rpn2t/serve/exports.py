"""A project's boxes as files to download."""

import io
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

from rpn2t.errors import InputError
from rpn2t.run.formats.finished_run import REPORT, read_source
from rpn2t.run.formats.registry import FORMATS
from rpn2t.serve.project import Project

NAMES = ("csv", "json", "txt", *FORMATS)
"""The formats that are made of the rows at once. ``mp4`` is drawn."""


class Download(NamedTuple):
    """A file to download."""

    name: str
    data: bytes


def export(project: Project, name: str) -> Download:
    """The boxes in one of NAMES, also while a job runs.

    Raises:
        InputError: there is no such format, or there are no boxes.
    """
    if name not in NAMES:
        raise InputError(f"format {name}: choose one of {', '.join(NAMES)}, mp4")
    rows = project.rows()
    if not rows:
        raise InputError(f"{project.id}: has no boxes yet; track an object first")
    if name in FORMATS:
        text = FORMATS[name].text(rows, read_source(project.folder / REPORT))
        return _download(project, FORMATS[name].file, text)
    files = project.files()
    if name == "csv":
        return _download(project, "boxes.csv", files["boxes.csv"])
    if name == "json":
        return _download(project, REPORT, files[REPORT])
    boxes = {file: text for file, text in files.items() if file.endswith(".txt")}
    if len(boxes) > 1:
        return Download(f"{project.id}_boxes.zip", _zipped(boxes))
    return _download(project, "boxes.txt", boxes["boxes.txt"])


def _download(project: Project, file: str, text: str) -> Download:
    return Download(f"{project.id}_{file}", text.encode())


def _zipped(files: Mapping[str, str]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()
