"""Downloads of files: they go on where they stopped, and a file is there as a whole or not at all.

Until a file is complete it is ``NAME.part``. Beside it ``NAME.part.json`` says which file of the server that
is. The server is asked for the rest of that very file (Range with If-Range, RFC 9110). If it has another by
now, or cannot send parts, it sends all of it, and the download begins anew.
"""

import http.client
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any

from rpn2t.system.files import write_whole

Tell = Callable[[int, int], None]
"""Called with the bytes that are here, and the bytes of the whole file (0 if the server does not say)."""

_PIECE = 1 << 16
_BUSY = {408, 425, 429, 500, 502, 503, 504}
"""HTTP's statuses of a server that may answer later."""


class DownloadError(Exception):
    """A file that could not be downloaded, and why. What has arrived is kept.

    Attributes:
        reason: a phrase for people.
        passing: whether another try may help.
        unreachable: whether no connection was made at all.
    """

    def __init__(self, reason: str, *, passing: bool = False, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.passing, self.unreachable = reason, passing, unreachable


class Stopped(Exception):
    """The download was asked to stop. What has arrived is kept."""


def download(
    url: str,
    path: Path,
    *,
    timeout: float = 30.0,
    attempts: int = 1,
    pause: float = 1.0,
    tell: Tell | None = None,
    stop: Event | None = None,
) -> None:
    """Download a file, beginning where an earlier call stopped.

    Args:
        url: its address: http, https or file.
        path: where it is to be; its folder is there.
        timeout: seconds to wait for an answer, and for each piece.
        attempts: how often to try, if another try may help.
        pause: seconds before the second try; twice as many before the third.
        tell: called as it arrives.
        stop: ends the download when it is set.

    Raises:
        DownloadError: it did not arrive.
        Stopped: `stop` was set.
        OSError: it cannot be written.
        InputError: neither can the note beside it.
    """
    stop = stop or Event()
    for attempt in range(1, attempts + 1):
        try:
            _download_rest(url, path, timeout, tell, stop)
            return
        except DownloadError as error:
            if attempt == attempts or not error.passing:
                raise
        if stop.wait(pause * attempt):
            raise Stopped


def parts_of(path: Path) -> tuple[Path, Path]:
    """Where a file is until it is complete, and the note beside it."""
    return path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json")


def forget(path: Path) -> None:
    """Delete a downloaded file and what there is of its parts."""
    for each in (path, *parts_of(path)):
        each.unlink(missing_ok=True)


def _download_rest(url: str, path: Path, timeout: float, tell: Tell | None, stop: Event) -> None:
    """One try: ask for what is missing, and append it."""
    part, note = parts_of(path)
    begun = _read_note(note, url)
    here = part.stat().st_size if begun and part.exists() else 0
    begun = begun if here else None
    with closing(_ask(url, here, begun, timeout)) as answer:
        span = _span_of(answer, here)
        if here and span.begin == 0:
            begun = None  # the server sends all of it
        elif span.begin != here or (begun and span.validator not in (None, begun)):
            note.unlink(missing_ok=True)  # a server that ignores If-Range sends the rest of another file
            raise DownloadError("the server's file has changed", passing=True)
        with part.open("ab" if span.begin else "wb") as file:
            if not begun:
                _write_note(note, url, span.validator)
            here = _copy(answer, file, span, tell, stop)
    if span.total and here != span.total:
        raise DownloadError(
            f"the connection ended after {here / 1e6:.1f} of {span.total / 1e6:.1f} MB", passing=True
        )
    os.replace(part, path)
    note.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Span:
    """What an answer holds: the bytes from `begin` on, of `total` (0 if unknown), of which file."""

    begin: int
    total: int
    validator: str | None


def _ask(url: str, here: int, begun: str | None, timeout: float) -> Any:
    """The server's answer to a request for a file, or for its rest from byte `here` on."""
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "rpn2t"})
        if here and begun:
            request.add_header("Range", f"bytes={here}-")
            request.add_header("If-Range", begun)
        return urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # no such range: the part is the whole file already, or is longer than it
            return error
        error.close()  # it is the answer, too, and holds the connection
        raise DownloadError(f"{error.code} {error.reason}", passing=error.code in _BUSY) from error
    except urllib.error.URLError as error:
        raise DownloadError(_phrase(error.reason), passing=True, unreachable=True) from error
    except (OSError, http.client.HTTPException) as error:  # a connection that ended before the answer
        raise DownloadError(_phrase(error), passing=not isinstance(error, http.client.InvalidURL)) from error
    except ValueError as error:
        raise DownloadError(_phrase(error)) from error  # not an address


def _span_of(answer: Any, here: int) -> _Span:
    headers = answer.headers
    etag = headers.get("ETag", "")
    # If-Range takes no weak ETag.
    validator = etag if etag.startswith('"') else headers.get("Last-Modified")
    status = answer.status or 200  # a file: address has none
    if status not in (206, 416):
        length = headers.get("Content-Length", "")
        return _Span(0, int(length) if length.isdigit() else 0, validator)
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
    total = int(found[2]) if found and found[2] != "*" else 0
    if status == 416:
        return _Span(here if total == here else -1, total, validator)
    return _Span(int(found[1]) if found and found[1] else -1, total, validator)


def _copy(answer: Any, file: IO[bytes], span: _Span, tell: Tell | None, stop: Event) -> int:
    """Append what an answer holds to a file. Returns the bytes that are there then."""
    here = span.begin
    while answer.status != 416 and (piece := _read(answer)):
        file.write(piece)
        here += len(piece)
        if tell:
            tell(here, span.total)
        if stop.is_set():
            raise Stopped
    return here


def _read(answer: Any) -> bytes:
    """What has arrived of an answer; nothing at its end."""
    try:
        piece: bytes = answer.read1(_PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"the connection broke: {_phrase(error)}", passing=True) from error
    return piece


def _read_note(note: Path, url: str) -> str | None:
    """The file of the server that a part belongs to, by its ETag or its date; None if that is not known."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
        validator = content["validator"] if content["url"] == url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return validator if isinstance(validator, str) else None


def _write_note(note: Path, url: str, validator: str | None) -> None:
    """Say what the part, which is empty now, will be a part of. Without a validator nothing can go on."""
    note.unlink(missing_ok=True)
    if validator:
        write_whole(note, json.dumps({"url": url, "validator": validator}))


def _phrase(error: object) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
