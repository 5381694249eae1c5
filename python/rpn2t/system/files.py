"""Files: written whole or not at all, kept from a second run, and refused in one line that says why."""

import fcntl
import glob
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Any

from rpn2t.errors import InputError
from rpn2t.system.container import denied_hint

_PART = ".part"


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file so that at any moment it is there as a whole or not at all.

    Its folder is made if need be. Until the file is complete, its content is in a hidden file beside it.

    Args:
        path: the file; one that is there is replaced.
        content: a text becomes UTF-8.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=_PART, delete=False) as part:
            try:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
                os.fchmod(part.fileno(), 0o644)
                os.replace(part.name, path)
            except BaseException:
                Path(part.name).unlink(missing_ok=True)
                raise


def unfinished(path: Path) -> list[Path]:
    """What :func:`write_whole` left beside a file if it was killed."""
    return list(path.parent.glob(f".{glob.escape(path.name)}.*{_PART}"))


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the system in the block into a line that names the file.

    Raises:
        InputError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror or error}{denied_hint(error)}"
        raise InputError(f"{path}: cannot write: {reason}") from error


def numbered_paths(path: Path) -> Iterator[Path]:
    """PATH, PATH-2, PATH-3 ... without end: names for what must not replace what is there."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}")


def require_writable(path: Path, option: str) -> None:
    """Check that a folder can be written, or made, and change nothing.

    Args:
        path: the folder.
        option: by which the user chose it.

    Raises:
        InputError: it cannot.
    """
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise InputError(f"{path}: {there} is not a folder; choose another {option}")
    try:
        TemporaryFile(dir=there).close()
    except OSError as error:
        cure = denied_hint(error) or f"; choose another {option}"
        raise InputError(f"{path}: cannot write in {there} ({error.strerror}){cure}") from error


@contextmanager
def exclusive(path: Path, option: str, busy: str) -> Iterator[None]:
    """Keep a second run out of a folder for as long as the block lasts.

    Args:
        path: a file in the folder, for the lock. Both are made if need be.
        option: by which the user chose the folder.
        busy: what a second run is told.

    Raises:
        InputError: another run is there, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.open("a")
    except OSError as error:
        cure = denied_hint(error) or f"; choose another {option}"
        raise InputError(f"{path.parent}: cannot write there ({error.strerror}){cure}") from error
    with held:
        lock(held, busy)
        yield


def lock(stream: IO[Any], busy: str) -> None:
    """Lock an open file for as long as it is open.

    Raises:
        InputError: another process holds it; `busy` is the message.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(busy) from None
    except OSError:
        return  # a file system without locks: only this check is lost


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
