"""A server that tests start: with a tracker that only counts, in a thread or in a process of its own."""

import http.client
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn

from rpn2t.boxes import Box
from rpn2t.images import Image
from rpn2t.serve.app import App, make_app
from rpn2t.serve.library import Library
from rpn2t.serve.server import listen, serve
from rpn2t.serve.worker import Maker
from rpn2t.system.closing import Closing
from rpn2t.system.files import lock
from rpn2t.video.writer import VideoWriter

__all__ = ["Browser", "Counter", "CounterMaker", "Library", "lock", "make_video", "served"]

TOKEN = "right"
LIMIT = 5000
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
FRAMES = 12


def make_video(path: Path) -> None:
    """Each of 12 frames is grey, and 20 brighter than the one before."""
    with VideoWriter(path, Fraction(10)) as video:
        for index in range(FRAMES):
            video.write(np.full((120, 160, 3), 20 * index, np.uint8))


@dataclass
class Counter:
    """Its boxes' x counts the frames since the box that it learned. Two frames after that one it is lost."""

    pace: float = 0
    dies_after: int | None = None
    steps: int = field(default=0)

    def init(self, image: Image, box: Box) -> None:
        self.box, self.steps = box, 0

    def update(self, image: Image) -> tuple[Box, float]:
        self.steps += 1
        time.sleep(self.pace)
        if self.steps == self.dies_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return (self.box[0] + self.steps, *self.box[1:]), 0.5

    @property
    def found(self) -> bool:
        return self.steps != 2

    def another(self) -> "Counter":
        return replace(self, steps=0)


@dataclass(frozen=True)
class CounterMaker:
    """Makes counters.

    Attributes:
        pace: seconds that an update takes.
        dies_after: the update in which the process is killed.
    """

    pace: float = 0
    dies_after: int | None = None

    def make(self) -> Counter:
        return Counter(self.pace, self.dies_after)

    def describe(self, tracker: Any) -> dict[str, Any]:
        return {"tracker": "counter", "seed": 0}


class Browser:
    """Asks a server, always with the token."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and content of an answer. What is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data, HEADERS if headers is None else headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def json(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        status, _, content = self.ask(method, path, body)
        return status, json.loads(content)

    def project(self, name: str) -> Any:
        """A project."""
        return self.json("GET", f"/api/projects/{name}")[1]

    def track(self, name: str, *boxes: tuple[str, int], **more: Any) -> tuple[int, Any]:
        """Begin a job from boxes (name, frame); each has the frame's number times 10 as x."""
        given = [{"object": each, "frame": frame, "box": [10 * frame, 5, 20, 20]} for each, frame in boxes]
        return self.json("POST", f"/api/projects/{name}/track", {"boxes": given, **more})

    def until(self, name: str, what: Callable[[Any], bool]) -> Any:
        """The project as soon as it is so."""
        for _ in range(400):
            project = self.project(name)
            if what(project):
                return project
            time.sleep(0.05)
        raise AssertionError(f"never: {project}")

    def done(self, name: str, state: str = "done") -> Any:
        """The project once its job is over."""
        project = self.until(name, lambda each: each["job"]["state"] not in ("running", "paused"))
        assert project["job"]["state"] == state, project["job"]
        return project

    def watch(self, name: str, after: str | None = None) -> "Watch":
        """The events of a project from now on."""
        return Watch(self.port, name, after)


class Watch(Closing):
    """A stream of events."""

    def __init__(self, port: int, name: str, after: str | None) -> None:
        self.id = ""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        more = {} if after is None else {"Last-Event-ID": after}
        self._connection.request("GET", f"/api/projects/{name}/events", headers={**HEADERS, **more})
        self._answer = self._connection.getresponse()

    def events(self) -> Iterator[tuple[str, Any]]:
        """Each event's name and data; ("", None) for a comment."""
        name, data = "", None
        while line := self._answer.readline().decode():
            key, _, value = line.rstrip("\n").partition(": ")
            if key == "id":
                self.id = value
            elif key == "event":
                name = value
            elif key == "data":
                data = json.loads(value)
            elif line == "\n":
                yield name, data
                name, data = "", None

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


@contextmanager
def served(folder: Path, maker: Maker | None = None, host: str = "127.0.0.1") -> Iterator[Browser]:
    """Serve a folder in a thread while the block lasts."""
    with listen(host, 0) as listening:
        port = listening.getsockname()[1]
        app = App(folder, folder / "runs", maker or CounterMaker(), LIMIT)
        made = make_app(app, token=TOKEN, host=host, port=port)
        server = uvicorn.Server(uvicorn.Config(made, log_level="critical", timeout_graceful_shutdown=1))
        app.is_over = lambda: server.should_exit
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Browser(port)
        finally:
            server.should_exit = True
            thread.join()


def main() -> None:
    """Serve a folder in a process of its own, with a slow tracker."""
    folder = Path(sys.argv[1])
    serve(folder, folder / "runs", CounterMaker(0.1), host="127.0.0.1", port=0, upload_limit=LIMIT,
          say=lambda text: print(text, flush=True))  # fmt: skip


if __name__ == "__main__":
    main()
