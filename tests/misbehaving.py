"""A server of archives that can be told to misbehave, and archives of sequences for it."""

import hashlib
import io
import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass(frozen=True)
class Asked:
    """A request, and what was sent.

    Attributes:
        path: without the first slash.
        range: the header of this name, or nothing.
        status: of the answer.
        sent: bytes of the body.
    """

    path: str
    range: str
    status: int
    sent: int


@dataclass
class Site:
    """What the server has, and how it serves.

    Attributes:
        files: path -> content.
        asked: all requests.
        breaks: path -> bytes after which the connection ends; nobody is told, the length is the whole file's.
        once: paths of `breaks` which break only once.
        statuses: path -> an error's status, instead of the file.
        no_ranges: whether parts are not served.
        careless: whether If-Range is not looked at.
        unnamed: whether a file's ETag is left out.
        claims: path -> Content-Length, instead of the true one.
        hangs: path -> bytes after which nothing comes any more, until `release` is set.
        release: lets hanging answers end.
        hung: set when an answer begins to hang.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    breaks: dict[str, int] = field(default_factory=dict)
    once: set[str] = field(default_factory=set)
    statuses: dict[str, int] = field(default_factory=dict)
    no_ranges: bool = False
    careless: bool = False
    unnamed: bool = False
    claims: dict[str, int] = field(default_factory=dict)
    hangs: dict[str, int] = field(default_factory=dict)
    release: Event = field(default_factory=Event)
    hung: Event = field(default_factory=Event)

    def requests(self, path: str) -> list[Asked]:
        """Those for one file."""
        return [each for each in self.asked if each.path == path]


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        site, path = self.site, self.path.lstrip("/")
        content = site.files.get(path)
        status = site.statuses.get(path, 200 if content is not None else 404)
        if content is None or status != 200:
            self._note(path, status, 0)
            self.send_error(status)
            return
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        begin = self._begin(etag)
        if begin is not None and begin >= len(content):
            self._note(path, 416, 0)
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        body = content[begin or 0 :]
        self.send_response(200 if begin is None else 206)
        if begin is not None:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        if not site.unnamed:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(site.claims.get(path, len(body))))
        self.end_headers()
        self._send(path, body, 200 if begin is None else 206)

    def _begin(self, etag: str) -> int | None:
        """The first byte that is asked for; None if all of the file is to be sent."""
        asked = self.headers.get("Range")
        if asked is None or self.site.no_ranges:
            return None
        if self.headers.get("If-Range") != etag and not self.site.careless:
            return None
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _send(self, path: str, body: bytes, status: int) -> None:
        site = self.site
        end = site.breaks.pop(path, None) if path in site.once else site.breaks.get(path)
        hang = site.hangs.get(path)
        part = body[: end if end is not None else hang]
        self._note(path, status, len(part))
        self.wfile.write(part)
        self.wfile.flush()
        if hang is not None:
            site.hung.set()
            site.release.wait(30)

    def _note(self, path: str, status: int, sent: int) -> None:
        self.site.asked.append(Asked(path, self.headers.get("Range", ""), status, sent))


@contextmanager
def served() -> Iterator[Site]:
    """A server on this machine, with nothing in it yet."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}/"
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield site
    finally:
        site.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


def image(number: int, size: int = 1500) -> bytes:
    """What stands for an image: bytes that no zip makes smaller."""
    return random.Random(number).randbytes(size)


def otb_members(
    folder: str, first: int, last: int, truths: tuple[str, ...] = ("groundtruth_rect.txt",)
) -> dict[str, bytes]:
    """The files of a sequence in OTB's layout; the ground truth describes all images."""
    members = {f"{folder}/img/{number:04d}.jpg": image(number) for number in range(first, last + 1)}
    rows = "10,20,30,40\n" * (last - first + 1)
    return members | {f"{folder}/{truth}": rows.encode() for truth in truths}


def zipped(members: Mapping[str | zipfile.ZipInfo, bytes] | Mapping[str, bytes]) -> bytes:
    """A zip archive with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return made.getvalue()
