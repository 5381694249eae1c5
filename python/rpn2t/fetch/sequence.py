"""One sequence: downloaded, unpacked, compared with the benchmark's list, and put in place by one rename.

All of it happens in a hidden folder beside the place, so a sequence is there as a whole or not at all.
"""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from threading import Event
from urllib.parse import urlsplit

from rpn2t.errors import InputError
from rpn2t.fetch.description import Archive, has_checksum
from rpn2t.fetch.plan import FetchItem
from rpn2t.fetch.unpack import ArchiveError, unpack
from rpn2t.images import IMAGE_SUFFIXES
from rpn2t.sequences.layouts import Kind
from rpn2t.sequences.on_disk import open_target
from rpn2t.system.download import DownloadError, download, forget

AGAIN = "; get the sequence again"
"""How the readers of sequences end a line about one that is not complete."""


class FetchError(Exception):
    """A sequence that was not fetched: why, and what to do, in a line.

    Attributes:
        unreachable: whether there was no connection at all.
    """

    def __init__(self, line: str, *, unreachable: bool = False) -> None:
        super().__init__(line)
        self.unreachable = unreachable


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: how often a download is tried.
        pause: seconds before the second try.
        timeout: seconds for an answer, and for each piece.
    """

    attempts: int = 3
    pause: float = 1.0
    timeout: float = 30.0


@dataclass(frozen=True)
class Workshop:
    """Where sequences are made.

    Attributes:
        root: where they belong.
        home: where they are until they are complete; on the same disk.
        kind: of the data set.
        patience: with the server.
    """

    root: Path
    home: Path
    kind: Kind
    patience: Patience


def fetch_sequence(
    item: FetchItem,
    archives: Sequence[Archive],
    shop: Workshop,
    tell: Callable[[int, int], None],
    stop: Event,
) -> None:
    """Get one sequence.

    Args:
        item: the sequence.
        archives: where it is.
        shop: where it is made.
        tell: called as it arrives, with the bytes that are here and those of all archives (0 if unknown).
        stop: ends the work when it is set.

    Raises:
        FetchError: it could not be had, or is not the benchmark's.
        Stopped: `stop` was set. What has arrived is kept.
    """
    made = shop.home / item.name
    files = [shop.home / f"{item.name}{'.' * bool(each.place)}{each.place}.zip" for each in archives]
    with _told(shop.root):
        shutil.rmtree(made, ignore_errors=True)
        try:
            before = 0
            for archive, file in zip(archives, files, strict=True):
                rest = sum(each.bytes or 0 for each in archives if each != archive)
                _get(archive, file, shop.patience, _beside(tell, before, rest), stop)
                before += file.stat().st_size
                unpack(file, made / archive.place, _must_have(item, archive), stop)
            _compare(item, shop)
            made.rename(shop.root / item.name)
        except ArchiveError as error:
            for file in files:
                forget(file)
            raise FetchError(
                f"its archive cannot be used: {error}; it was deleted, the same command downloads it again, "
                "and --mirror names another site"
            ) from error
        finally:
            shutil.rmtree(made, ignore_errors=True)
        for file in files:
            forget(file)


def _beside(tell: Callable[[int, int], None], before: int, rest: int) -> Callable[[int, int], None]:
    """Count an archive's bytes on top of those of the archives before it."""
    return lambda here, total: tell(before + here, total and total + rest)


def _get(
    archive: Archive, file: Path, patience: Patience, tell: Callable[[int, int], None], stop: Event
) -> None:
    """Download an archive, unless it is here from an earlier run."""
    if not file.exists():
        try:
            download(
                archive.url,
                file,
                timeout=patience.timeout,
                attempts=patience.attempts,
                pause=patience.pause,
                tell=tell,
                stop=stop,
            )
        except DownloadError as error:
            raise FetchError(cure(archive.url, error), unreachable=error.unreachable) from error
    if archive.checksum and not has_checksum(file, archive.checksum):
        raise ArchiveError("it has not the published checksum")


def cure(url: str, error: DownloadError) -> str:
    """Why a file did not arrive, and what to do, in a line."""
    if error.unreachable:
        return (
            f"{urlsplit(url).netloc} cannot be reached ({error.reason}); check the network, or name another "
            "site by --mirror; the same command goes on"
        )
    if error.passing:
        return f"{url}: {error.reason}; what has arrived is kept, the same command goes on"
    return f"{url}: {error.reason}; --mirror names another site"


def _must_have(item: FetchItem, archive: Archive) -> Callable[[str], bool]:
    """Which files show where in an archive the sequence begins: images in VOT's color, else the boxes."""
    if archive.place:
        return lambda name: PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES
    truths = {PurePosixPath(entry.truth).name.lower() for entry in item.entries}
    return lambda name: name.lower() in truths


def _compare(item: FetchItem, shop: Workshop) -> None:
    """Compare what was unpacked with the list: the images' numbers, and the rows of the ground truth."""
    for entry in item.entries:
        try:
            open_target(entry, shop.home, shop.kind, "otb")
        except InputError as error:
            why = str(error).removeprefix(f"{entry.name}: ").removesuffix(AGAIN)
            raise ArchiveError(f"it is not the benchmark's: {why}") from error


@contextmanager
def _told(root: Path) -> Iterator[None]:
    """Turn an error of the disk into a line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            line = f"the disk of {root} is full; make room, and the same command goes on"
        else:
            line = f"cannot write in {root}: {error.strerror or error}"
        raise FetchError(line) from error
    except InputError as error:
        raise FetchError(str(error)) from error
