"""Unpacking a sequence's zip archive without trusting it.

Archives of OTB have a folder of the sequence's name, those of VOT have none, and some have what a desktop
left (``__MACOSX``, ``Thumbs.db``). So a sequence begins at the folder in which a file lies that it must have.
"""

import errno
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from threading import Event
from typing import NamedTuple

from rpn2t.system.download import Stopped

_PIECE = 1 << 20
_GROWTH = 20
"""How many times its own size an archive may unpack to. Images are compressed already, and hardly grow."""
_SLACK = 1_000_000
"""Bytes that it may have besides, for text, which grows more."""
_MOST = 100_000
"""Members that it may have. The longest sequence of OTB has 3,872 images."""
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, ValueError
)  # fmt: skip
"""What zipfile raises over damaged archives."""
_DESKTOP = {"__macosx", "thumbs.db", "desktop.ini"}


class ArchiveError(Exception):
    """An archive that cannot be used, and why, in a phrase."""


class _Member(NamedTuple):
    info: zipfile.ZipInfo
    path: PurePosixPath


def unpack(archive: Path, folder: Path, must_have: Callable[[str], bool], stop: Event | None = None) -> None:
    """Unpack the folder of an archive in which a certain file lies. Its checksums (CRC-32) are checked.

    Args:
        archive: a zip file.
        folder: where that folder's content is to be; it is made.
        must_have: whether a file of this name must be in it. Of several folders the uppermost counts.
        stop: ends the unpacking when it is set.

    Raises:
        ArchiveError: it is damaged, has no such file, or has something that no sequence has: a path that
            leaves the folder, a link, a password, or far more data than its size allows.
        Stopped: `stop` was set.
        OSError: the files cannot be written.
    """
    stop = stop or Event()
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, archive.stat().st_size)
            base = _base(members, must_have)
            folder.mkdir(parents=True, exist_ok=True)
            for info, path in members:
                if path.is_relative_to(base):
                    _write(opened, info, folder / path.relative_to(base), stop)
    except NotImplementedError as error:  # a compression, or a version, that zipfile does not know
        raise ArchiveError(f"it cannot be unpacked ({error})") from error
    except _DAMAGED as error:
        # A wrong number can also lead to a place before the file's beginning. Other OSErrors are the disk's.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise ArchiveError(f"it is damaged ({str(error) or type(error).__name__})") from error


def _members(opened: zipfile.ZipFile, size: int) -> list[_Member]:
    """The files of an archive of `size` bytes, without folders and what a desktop left."""
    infos = opened.infolist()
    total = sum(info.file_size for info in infos)
    if len(infos) > _MOST:
        raise ArchiveError(f"it has {len(infos)} members, and no sequence has more than {_MOST}")
    if total > _GROWTH * size + _SLACK:
        raise ArchiveError(f"it would grow from {size / 1e6:.1f} to {total / 1e6:.1f} MB")
    return list(_safe(infos))


def _safe(infos: list[zipfile.ZipInfo]) -> Iterator[_Member]:
    """The files of a sequence among the members; each is refused that could write anywhere else."""
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for info in infos:
        # Archives made on Windows may have backslashes.
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
            raise ArchiveError(f"it has a path that leaves its folder: {info.filename}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"it has a link or a device: {info.filename}")
        if info.flag_bits & 1:
            raise ArchiveError("it has a password")
        is_folder = info.filename.endswith(("/", "\\"))
        if is_folder or any(part.lower() in _DESKTOP or part.startswith(".") for part in path.parts):
            continue
        if path in files or path in folders or files.intersection(path.parents):
            raise ArchiveError(f"it has two members of one name: {info.filename}")
        files.add(path)
        folders.update(path.parents)
        yield _Member(info, path)


def _base(members: list[_Member], must_have: Callable[[str], bool]) -> PurePosixPath:
    """The folder at which the sequence begins."""
    folders = [path.parent for _, path in members if must_have(path.name)]
    if not folders:
        raise ArchiveError("it does not hold the sequence")
    return min(folders, key=lambda folder: len(folder.parts))


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, place: Path, stop: Event) -> None:
    """Write one member. It cannot be longer than it says, and its checksum is compared at its end."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, place.open("xb") as target:
        while piece := source.read(_PIECE):
            target.write(piece)
            if stop.is_set():
                raise Stopped
    if stop.is_set():
        raise Stopped
