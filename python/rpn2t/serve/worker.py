"""The process that tracks, so that the server answers while Caffe works, and lives on if Caffe dies.

It writes nothing to the disk. What it finds it sends to the server, as messages of the types below.
"""

import signal
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from rpn2t.boxes import Box
from rpn2t.config import Config
from rpn2t.errors import InputError, one_line
from rpn2t.images import Image
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.pictures import draw
from rpn2t.run.plan import Plan, Sweep
from rpn2t.run.rows import Row
from rpn2t.run.session import Finder, ObjectFinder, follow, one_each
from rpn2t.video.frames import Frame, Source
from rpn2t.video.sources import open_source
from rpn2t.video.writer import VideoWriter


class Maker(Protocol):
    """Makes trackers. It is pickled."""

    def make(self) -> ObjectFinder:
        """A new tracker."""

    def describe(self, tracker: Finder) -> dict[str, Any]:
        """What it is made of, for run.json."""


@dataclass(frozen=True, kw_only=True)
class TrackerMaker:
    """Makes RPN2T's tracker; the attributes are its arguments."""

    config: Config
    mode: str
    backbone: str
    weights: str
    device: str
    seed: int
    tf32: bool
    bf16: bool | None

    def make(self) -> ObjectFinder:
        """A new tracker."""
        from rpn2t.tracker.loop import Tracker

        return Tracker(
            self.config, mode=self.mode, backbone=self.backbone, weights=self.weights, device=self.device,
            seed=self.seed, tf32=self.tf32, bf16=self.bf16,
        )  # fmt: skip

    def describe(self, tracker: Finder) -> dict[str, Any]:
        """What it is made of, for run.json."""
        from rpn2t.run.record import describe
        from rpn2t.tracker.loop import Tracker

        assert isinstance(tracker, Tracker), "it was made here"
        return describe(tracker)


@dataclass(frozen=True)
class Task:
    """What is to be tracked: the source as :func:`open_source` takes it, the plan, and by which tracker."""

    source: str
    plan: Plan
    maker: Maker


class Begun(NamedTuple):
    """Caffe and the source are ready.

    Attributes:
        header: of run.json.
        total: how many frames will be tracked, each counted once a sweep; None if nobody knows.
    """

    header: dict[str, Any]
    total: int | None


class Phase(NamedTuple):
    """What the worker is at."""

    name: Literal["learning", "tracking"]


class Found(NamedTuple):
    """The rows of a frame, and how long `update` took for each, or None where the box was given."""

    frame: int
    rows: list[tuple[Row, float | None]]


class Ended(NamedTuple):
    """The end: all done, stopped as the server asked, or failed with a sentence."""

    state: Literal["done", "stopped", "failed"]
    error: str | None = None


class _StopError(Exception):
    """The server asked to stop."""


def work(server: Connection, task: Task) -> None:
    """Do a task, in a process of its own. Returns early if the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches all; the server decides
    try:
        try:
            _track(server, task)
            server.send(Ended("done"))
        except _StopError:
            server.send(Ended("stopped"))
        except InputError as error:
            server.send(Ended("failed", str(error)))
        except (BrokenPipeError, EOFError):
            raise
        except Exception as error:
            server.send(Ended("failed", f"the tracker failed: {one_line(error)}"))
    except (BrokenPipeError, EOFError, ConnectionResetError):
        return


def _track(server: Connection, task: Task) -> None:
    server.send(Phase("learning"))
    with open_source(task.source) as source:
        trackers = one_each(task.plan.objects, task.maker.make())
        list(source.frames(0, 1))  # tells the size
        header = {
            **task.maker.describe(next(iter(trackers.values()))),
            "source": {
                **asdict(SourceInfo.of(source)),
                "first_frame": task.plan.start,
                "scaled_from": source.scaled_from, "notes": source.notes,
            },
        }  # fmt: skip
        server.send(Begun(header, task.plan.total(source.length)))
        told = {name: _Told(tracker, server) for name, tracker in trackers.items()}
        for moment in follow(told, task.plan, lambda sweep: _frames(sweep, source)):
            rows = [(step.row, None if step.score is None else step.seconds) for step in moment.steps]
            server.send(Found(moment.frame.index, rows))
            _obey(server)


def _frames(sweep: Sweep, source: Source) -> Iterator[Frame]:
    """The frames of a sweep, without decoding a long video from its beginning."""
    if not sweep.backward:
        return source.jump(sweep.start, sweep.stop)
    assert sweep.stop is not None, "a sweep backward begins at a box"
    return source.jump_backward(sweep.start, sweep.stop)


def _obey(server: Connection) -> None:
    """Do what the server says between two frames; while it says pause, wait."""
    paused = False
    while paused or server.poll():
        word = server.recv()
        if word == "stop":
            raise _StopError
        paused = word == "pause"


class _Told:
    """A tracker that tells the server when it learns."""

    def __init__(self, tracker: Finder, server: Connection) -> None:
        self._tracker = tracker
        self._server = server

    def init(self, image: Image, box: Box) -> None:
        self._server.send(Phase("learning"))
        self._tracker.init(image, box)
        self._server.send(Phase("tracking"))

    def update(self, image: Image) -> tuple[Box, float]:
        return self._tracker.update(image)

    @property
    def found(self) -> bool:
        return self._tracker.found


def draw_video(
    server: Connection, source: str, rows: Mapping[int, list[Row]], objects: list[str], path: str
) -> None:
    """Draw a run's video, in a process of its own. Sends why it failed, or None.

    Args:
        server: where to send it.
        source: as :func:`open_source` takes it.
        rows: of each frame, in the order of the objects.
        objects: all names, in order.
        path: the file to write.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with open_source(source) as opened, VideoWriter(Path(path), opened.fps, opened.pixel_aspect) as video:
            for frame in opened.jump(min(rows), max(rows) + 1):
                video.write(draw(frame, rows.get(frame.index, []), objects), frame.time)
        server.send(None)
    except InputError as error:
        server.send(str(error))
