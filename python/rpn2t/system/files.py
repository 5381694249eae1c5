"""Keeping two runs out of one folder."""

import fcntl
import hashlib
from pathlib import Path
from typing import IO, Any

from rpn2t.errors import InputError


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
        return  # a file system without locks: nothing is lost but this check


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
