"""The file in which the VOT toolkit says where a data set's archives are (``description.json``).

It has a list ``sequences``. Each has a ``name``, its ``annotations``, and its ``channels``, of which
``color`` are the images we track on. Annotations and channels have a ``url``, from the file's own folder on,
the size of the archive (``compressed``) and its ``checksum``.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from rpn2t.errors import InputError

_HASHES = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
"""Length of a checksum -> how it is made. The file does not say it."""


@dataclass(frozen=True)
class Archive:
    """A zip file of a sequence, or of a part of it.

    Attributes:
        url: its address.
        place: where in the sequence's folder its content belongs; empty for the folder itself.
        bytes: its size; None if unknown.
        checksum: in hexadecimal; None if none was published.
    """

    url: str
    place: str = ""
    bytes: int | None = None
    checksum: str | None = None


def read_description(
    content: bytes, url: str, moved: Callable[[str], str]
) -> Mapping[str, tuple[Archive, ...]]:
    """Sequence's name -> its archives: annotations, then images.

    Args:
        content: of the file.
        url: its official address, from which its addresses are counted.
        moved: makes the mirror's of an official address.

    Raises:
        InputError: it is no such file.
    """

    def archive(part: Any, place: str) -> Archive:
        checksum, size = part.get("checksum"), part.get("compressed")
        if checksum is not None and not (re.fullmatch("[0-9a-fA-F]+", checksum) and len(checksum) in _HASHES):
            raise ValueError(f"a checksum of {len(checksum)} digits")
        address = moved(urljoin(url, part["url"]))
        return Archive(address, place, size if isinstance(size, int) else None, checksum)

    try:
        return {
            sequence["name"]: (
                archive(sequence["annotations"], ""),
                archive(sequence["channels"]["color"], "color"),
            )
            for sequence in json.loads(content)["sequences"]
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{url}: not a description of VOT's sequences ({error!r})") from error


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether a file has a published checksum."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _HASHES[len(checksum)]).hexdigest() == checksum.lower()
