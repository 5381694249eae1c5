"""The videos and folders of frames below the served folder."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import NamedTuple

from anyio import to_thread

from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES
from rpn2t.sequences.image_files import natural
from rpn2t.sequences.layouts import IMAGE_FOLDERS
from rpn2t.serve.refusal import Refusal
from rpn2t.system.files import writing
from rpn2t.video.frames import Source
from rpn2t.video.sources import open_source

VIDEO_SUFFIXES = frozenset({
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv",
    ".ts", ".webm", ".wmv", ".y4m",
})  # fmt: skip
"""What video files end in, in lower case."""

MOST = 2000
"""So many sources are listed."""
_PART = ".rpn2t-upload"


class Listed(NamedTuple):
    """A source in the list.

    Attributes:
        path: below the served folder, with ``/``.
        kind: ``video`` or ``folder``.
        bytes: of a video's file.
    """

    path: str
    kind: str
    bytes: int | None


class Library:
    """What may be seen of the disk: what lies below a folder, without hidden files and the folder of runs.

    Attributes:
        folder: the served folder, absolute.
    """

    def __init__(self, folder: Path, runs: Path) -> None:
        self.folder = folder.resolve()
        self._runs = runs.resolve()

    def sources(self) -> Iterator[Listed]:
        """All sources, each folder's own before those of the folders in it."""
        own, around = set[Path](), set[Path]()
        for top, folders, names in os.walk(self.folder):
            here = Path(top)
            folders[:] = [
                each.name
                for each in natural(here / name for name in folders if not name.startswith("."))
                if each.resolve() != self._runs
            ]
            files = [here / name for name in names if not name.startswith(".")]
            if sum(file.suffix.lower() in IMAGE_SUFFIXES for file in files) >= 2:
                place = self._sequence(here)
                if place in own:  # it has frames of its own
                    place = here
                if place not in around:
                    (own if place == here else around).add(place)
                    yield Listed(self.path_of(place), "folder", None)
            for file in natural(file for file in files if file.suffix.lower() in VIDEO_SUFFIXES):
                if self._is_inside(file) and file.is_file():
                    yield Listed(self.path_of(file), "video", file.stat().st_size)

    def path_of(self, place: Path) -> str:
        """The path of a file or folder below the served one."""
        return place.relative_to(self.folder).as_posix()

    def find(self, path: str) -> Path:
        """The file or folder of a path below the served folder.

        Raises:
            Refusal: there is none, it is hidden, or it leads out of the folder.
        """
        parts = PurePosixPath(path).parts
        hidden = any(part.startswith(".") for part in parts)  # and with it ".."
        if "\0" in path or not path or path.startswith("/") or hidden:
            raise _missing(path)
        place = self.folder.joinpath(*parts)
        try:
            there = self._is_inside(place) and (place.is_file() or place.is_dir())
        except OSError:  # a name that is too long
            there = False
        if not there or place.resolve() == self._runs:
            raise _missing(path)
        return place

    def open(self, path: str) -> Source:
        """Open the source of a path.

        Raises:
            Refusal: there is none, or a frame of it lies elsewhere by a link.
            InputError: it cannot be read.
        """
        place = self.find(path)
        source = open_source(str(place))
        for folder in source.folders:
            with os.scandir(folder) as entries:
                links = [Path(entry.path) for entry in entries if entry.is_symlink()]
            if not all(map(self._is_inside, [folder, *links])):
                source.close()
                raise _missing(path)
        return source

    def from_typed(self, typed: str) -> str | None:
        """The path of a source that was typed for ``rpn2t track`` in this folder or beside that of the runs.

        None if it lies elsewhere, or is no file or folder.
        """
        for base in (self.folder, self._runs.parent):
            place = base / typed
            try:
                if place.exists() and self._is_inside(place):
                    return self.path_of(self._sequence(place.resolve()))
            except (OSError, ValueError):  # no path at all
                return None
        return None

    def clean(self) -> None:
        """Remove what is left of uploads during which the server was killed."""
        for part in self.folder.glob(f".*{_PART}"):
            with suppress(OSError):  # the folder may be read only
                part.unlink()

    def _sequence(self, folder: Path) -> Path:
        """The sequence folder that a folder of its images stands for."""
        return folder.parent if folder.name in IMAGE_FOLDERS and folder != self.folder else folder

    async def take(self, name: str, chunks: AsyncIterator[bytes], limit: int) -> str:
        """Write an uploaded video under a free name, whole or not at all.

        Args:
            name: the wanted name.
            chunks: what is in it.
            limit: the most bytes.

        Returns:
            Its path.

        Raises:
            InputError: it cannot be called so, or cannot be written.
            Refusal: it is too large.
        """
        _check_name(name)
        wanted = self.folder / name
        with (
            writing(Path(name)),
            NamedTemporaryFile(dir=self.folder, prefix=f".{name[:100]}.", suffix=_PART) as part,
        ):
            size = 0
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise too_large(name, limit)
                await to_thread.run_sync(part.write, chunk)
            if not size:
                raise InputError(f"{name}: is empty; choose a video")
            part.flush()
            await to_thread.run_sync(os.fsync, part.fileno())
            os.fchmod(part.fileno(), 0o644)
            return self.path_of(_linked(Path(part.name), wanted))

    def _is_inside(self, place: Path) -> bool:
        return place.resolve().is_relative_to(self.folder)


def too_large(name: str, limit: int) -> Refusal:
    """The refusal of an upload."""
    return Refusal(
        413, f"{name}: is larger than {limit / 1e9:.3g} GB; raise --upload-limit, or copy it into the folder."
    )


def _missing(path: str) -> Refusal:
    return Refusal(404, f"{path or 'path'}: there is no such video or folder of frames here.")


def _check_name(name: str) -> None:
    if not name.isprintable() or "/" in name or name.startswith(".") or len(name.encode()) > 200:
        raise InputError(f"{name[:50]}: a file cannot be called so here; rename it")
    if Path(name).suffix.lower() not in VIDEO_SUFFIXES:
        raise InputError(f"{name}: is no video by its name; choose a file such as clip.mp4")


def _linked(part: Path, wanted: Path) -> Path:
    """Give a file its name, or NAME-2, NAME-3 ... if others have it."""
    for number in count(1):
        place = wanted if number == 1 else wanted.with_stem(f"{wanted.stem}-{number}")
        try:
            os.link(part, place)
        except FileExistsError:
            continue
        return place
    raise AssertionError("numbers do not end")
