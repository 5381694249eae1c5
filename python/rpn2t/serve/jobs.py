"""Jobs: a worker process for each, at most two at once, and what is known of them."""

import threading
from collections import deque
from collections.abc import Callable
from itertools import groupby
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from secrets import token_hex
from time import monotonic
from typing import Any, Literal

from rpn2t.errors import InputError
from rpn2t.run.plan import Plan
from rpn2t.run.rows import Row
from rpn2t.serve.project import Project
from rpn2t.serve.refusal import Refusal
from rpn2t.serve.worker import Begun, Ended, Found, Maker, Phase, Task, draw_video, work

AT_ONCE = 2
"""Workers that track at the same time. Each of them uses all cores."""
_PATIENCE = 1.0
"""Seconds that a worker has to stop by itself. Learning takes longer, and nothing is lost by ending it."""
_RECENT = 40
"""Frames whose pace is told."""

_SPAWN = get_context("spawn")


class Job:
    """One piece of tracking in a project.

    Attributes:
        id: another one than any other job's, of an earlier server too.
        state: see the page's description in docs/serve.md.
    """

    def __init__(
        self, project: Project, task: Task, turn: threading.Semaphore, named: Callable[[str], str]
    ) -> None:
        self.id = token_hex(4)
        self.project = project
        self.state: Literal["running", "paused", "done", "stopped", "failed"] = "running"
        self._task = task
        self._turn = turn
        self._named = named
        self._done = 0
        self._total: int | None = None
        self._frame: int | None = None
        self._phase = "waiting"
        self._error: str | None = None
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._worker: Connection | None = None
        self._stopping: float | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def runs(self) -> bool:
        """Whether it is not over."""
        return self.state in ("running", "paused")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def told(self) -> dict[str, Any]:
        """The job as the page gets it."""
        fps = self._fps()
        left = None if self._total is None or not fps else max(0, self._total - self._done) / fps
        return {
            "id": self.id,
            "state": self.state,
            "done": self._done,
            "total": self._total,
            "fps": round(fps, 2),
            "left_s": None if left is None or not self.runs else round(left, 1),
            "frame": self._frame,
            "phase": self._phase,
            "error": self._error,
        }

    def command(self, word: str) -> None:
        """Pause, resume or stop it. What it is already is no error.

        Raises:
            InputError: the word is none of these.
        """
        if word not in ("pause", "resume", "stop"):
            raise InputError(f"do {word}: choose one of pause, resume, stop")
        with self._lock:
            if not self.runs:
                return
            if word == "stop":
                self._stopping = self._stopping or monotonic()
            else:
                self.state = "paused" if word == "pause" else "running"
                self._arrivals.clear()
            self._send(word)

    def _send(self, word: str) -> None:
        if self._worker is not None:
            try:
                self._worker.send(word)
            except OSError:
                return  # it is gone, as its reader will notice

    def _fps(self) -> float:
        arrivals = list(self._arrivals)
        if len(arrivals) < 2 or arrivals[-1][0] == arrivals[0][0]:
            return 0.0
        return (len(arrivals) - 1) / (arrivals[-1][0] - arrivals[0][0])

    def _run(self) -> None:
        end = Ended("failed", "the job failed; see the server's terminal")
        try:
            end = self._wait_and_track()
        except (InputError, Refusal) as error:
            end = Ended("failed", str(error))
        finally:
            self._finish(end)

    def _wait_and_track(self) -> Ended:
        while not self._turn.acquire(timeout=0.1):
            if self._stopping:
                return Ended("stopped")
        try:
            self._phase = "learning"
            self.project.begin()
            return self._track()
        finally:
            self._turn.release()

    def _track(self) -> Ended:
        ours, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=work, args=(theirs, self._task), daemon=True)
        process.start()
        theirs.close()
        with self._lock:
            self._worker = ours
            if self.state == "paused":
                self._send("pause")
            if self._stopping:
                self._send("stop")
        try:
            return self._listen(ours, process)
        finally:
            with self._lock:
                self._worker = None
            ours.close()
            process.kill()
            process.join()

    def _listen(self, worker: Connection, process: BaseProcess) -> Ended:
        """Take what the worker finds, until it ends."""
        while True:
            if not worker.poll(0.1):
                if self._stopping and monotonic() - self._stopping > _PATIENCE:
                    return Ended("stopped")
                continue
            try:
                message = worker.recv()
            except (EOFError, OSError):
                return _death(process)
            if isinstance(message, Ended):
                return message
            self._take(message)

    def _take(self, message: Begun | Phase | Found) -> None:
        if isinstance(message, Begun):
            self._total = message.total
            self.project.describe(message.header)
        elif isinstance(message, Phase):
            self._phase = message.name
            self._arrivals.clear()
        else:
            self.project.add(message.rows)
            self._done += 1
            self._frame = message.frame
            self._arrivals.append((monotonic(), self._done))

    def _finish(self, end: Ended) -> None:
        status = {"done": "complete", "stopped": "interrupted", "failed": "failed"}[end.state]
        try:
            self.project.end(status, end.error)
        except (InputError, Refusal) as error:
            end = Ended("failed", end.error or str(error))
        with self._lock:
            self._error = None if end.error is None else self._named(end.error)
            self.state = end.state


class Jobs:
    """The jobs of all projects."""

    def __init__(self, maker: Maker, named: Callable[[str], str]) -> None:
        """Have none.

        Args:
            maker: of trackers.
            named: makes a message name files as people know them.
        """
        self._maker = maker
        self._named = named
        self._turn = threading.Semaphore(AT_ONCE)
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def of(self, project: Project) -> Job | None:
        """The last job of a project."""
        return self._jobs.get(project.id)

    def start(self, project: Project, source: str, plan: Callable[[], Plan]) -> Job:
        """Begin a job.

        Args:
            project: what it belongs to.
            source: the project's source, as a file or folder.
            plan: makes the plan, once the project is the job's.

        Raises:
            Refusal: something works on the project.
            InputError: the plan cannot be made.
        """
        project.reserve()
        try:
            job = Job(project, Task(source, plan(), self._maker), self._turn, self._named)
        except BaseException:
            project.free()
            raise
        with self._lock:
            self._jobs[project.id] = job
        job.start()
        return job

    def forget(self, name: str) -> None:
        """Forget the job of a project that is no more."""
        self._jobs.pop(name, None)

    def close(self) -> None:
        """Stop all jobs, and wait until their files are whole."""
        for job in list(self._jobs.values()):
            job.command("stop")
        for job in list(self._jobs.values()):
            job.wait()


def draw(project: Project, source: str) -> None:
    """Write a project's video.mp4, in a process of its own.

    Raises:
        InputError: it has no rows, or the video cannot be drawn.
        Refusal: something works on the project.
    """
    with project.reserved():
        rows = project.rows()
        if not rows:
            raise InputError(f"{project.id}: has no boxes yet; track an object first")
        by_frame: dict[int, list[Row]] = {
            frame: list(group) for frame, group in groupby(rows, key=lambda row: row.frame)
        }
        ours, theirs = _SPAWN.Pipe(duplex=False)
        arguments = (theirs, source, by_frame, project.objects, str(project.folder / "video.mp4"))
        process = _SPAWN.Process(target=draw_video, args=arguments, daemon=True)
        process.start()
        theirs.close()
        try:
            error = ours.recv()
        except EOFError:
            error = _death(process).error
        finally:
            ours.close()
            process.join()
        if error:
            raise InputError(error)


def _death(process: BaseProcess) -> Ended:
    """A worker that said nothing at its end."""
    process.join()
    code = process.exitcode or 0
    how = f"by signal {-code}" if code < 0 else f"with status {code}"
    return Ended(
        "failed", f"the worker ended {how}; the boxes up to there are kept: track on from the last one"
    )
