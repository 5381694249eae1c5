"""The table data/archives.txt: at which addresses the sequences of the data sets lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rpn2t.errors import InputError
from rpn2t.paths import data_dir, typed_path

DESCRIPTION = "*"
"""Stands for all sequences of a list: the file describes them."""


@dataclass(frozen=True)
class Site:
    """Where a list's files lie.

    Attributes:
        address: ends in a slash.
        official: the benchmark's own, if `address` is a mirror's.
        frame_bytes: what a frame takes on average, roughly.
        files: folder of a sequence, or DESCRIPTION -> file below the address.
    """

    address: str
    official: str
    frame_bytes: int
    files: Mapping[str, str] = field(default_factory=dict)

    def url(self, folder: str) -> str:
        """The address of a sequence's archive, or of the description that names it."""
        return self.moved(self.official + (self.files.get(folder) or self.files[DESCRIPTION]))

    def is_described(self, folder: str) -> bool:
        """Whether that address is the description's."""
        return folder not in self.files

    def moved(self, url: str) -> str:
        """An address of the official site as one of the mirror. Other addresses stay."""
        parts, own = urlsplit(url), urlsplit(self.official)
        if (parts.netloc, parts.path[: len(own.path)]) != (own.netloc, own.path):
            return url
        return self.address + parts.path[len(own.path) :]


@dataclass(frozen=True)
class Archives:
    """The whole table.

    Attributes:
        sites: list of data/ -> its site.
        pages: data set -> the page for people.
    """

    sites: Mapping[str, Site]
    pages: Mapping[str, str]


def read_archives() -> Archives:
    """The table of data/archives.txt."""
    sites: dict[str, tuple[str, int]] = {}
    pages: dict[str, str] = {}
    files: dict[str, dict[str, str]] = {}
    for line in (data_dir() / "archives.txt").read_text(encoding="ascii").splitlines():
        if not line or line.startswith("#"):
            continue
        first, second, third, *more = line.split()
        if first == "site":
            sites[second] = (third, int(more[0]))
        elif first == "page":
            pages[second] = third
        else:
            files.setdefault(first, {})[second] = third
    return Archives({kind: Site(url, url, size, files[kind]) for kind, (url, size) in sites.items()}, pages)


def mirror_address(typed: str) -> str:
    """A mirror as a user names it, as an address that ends in a slash.

    Args:
        typed: an address, or a folder with a copy of the site.

    Raises:
        InputError: it is neither.
    """
    folder = typed_path(typed)
    if folder.is_dir():
        typed = folder.resolve().as_uri()
    if urlsplit(typed).scheme not in ("http", "https", "file"):
        raise InputError(f"--mirror {typed}: not a folder, and no http:// or https:// address")
    return typed.rstrip("/") + "/"
