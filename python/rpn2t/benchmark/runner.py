"""Run a tracker over a data set: every run over a target is a task, and a finished one is never run again.

OPE is one run from the first frame. TRE is up to twenty, from frames spread over the sequence. SRE is
twelve, from boxes that are shifted or scaled (:mod:`rpn2t.benchmark.otb_robustness`). VOT's supervised
experiment repeats a sequence up to fifteen times and starts again after a failure
(:mod:`rpn2t.benchmark.vot_supervised`).

Workers only track. What they found comes back to this process, which writes it
(:mod:`rpn2t.benchmark.result_files`). A benchmark may be stopped at any moment: it loses the runs in
flight, and the next one goes on with the rest.
"""

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from time import monotonic
from typing import Any, Protocol

import cv2
import numpy as np
from distributed import Client, Future, KilledWorker, as_completed, get_worker

from rpn2t.benchmark.experiments import Experiment
from rpn2t.benchmark.manifest import Manifest
from rpn2t.benchmark.otb_robustness import sre_box
from rpn2t.benchmark.result_files import ResultFolder, boxes_text, run_starts, times_text
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.vot_supervised import (
    SAME_RUNS,
    SupervisedRun,
    enough,
    read_run,
    run_supervised,
    run_text,
    times_table,
)
from rpn2t.boxes import Box, as_box, as_boxes
from rpn2t.errors import InputError, one_line
from rpn2t.run.record import describe
from rpn2t.run.session import FrameTracker, run
from rpn2t.sequences.target import Target
from rpn2t.system.files import write_whole
from rpn2t.system.interruption import Interruption
from rpn2t.system.processor import cpu_name
from rpn2t.tracker.loop import Tracker
from rpn2t.video.frames import Frame
from rpn2t.video.images import ImageSource

_SECONDS_BETWEEN_REPORTS = 1.0


@dataclass(frozen=True)
class Task:
    """One run of a tracker over a target: all that a worker needs to know.

    Attributes:
        spec: the tracker.
        target: what is tracked; the worker reads its images.
        experiment: how it is run.
        label: which of the target's runs, see :func:`rpn2t.benchmark.result_files.run_labels`.
        seed: of the tracker.
    """

    spec: TrackerSpec
    target: Target
    experiment: Experiment
    label: str
    seed: int

    @property
    def name(self) -> str:
        """For people and for the manifest: ``Deer``, ``Deer 01``."""
        return f"{self.target.name} {self.label}".strip()

    @property
    def first(self) -> int:
        """The frame at which the run begins."""
        return run_starts(self.experiment, self.target.truth)[self.label]

    def __len__(self) -> int:
        return len(self.target) - self.first


@dataclass(frozen=True)
class Outcome:
    """What a task gave: ``boxes``, ``supervised`` or ``error``.

    Attributes:
        boxes: (n, 4), 0-based; None for VOT.
        supervised: what VOT's loop gives.
        seconds: of each frame.
        error: why there are no boxes, in a line.
        made: the machine, libraries and threads it was made with, and what the tracker says of itself.
    """

    boxes: Any = None
    supervised: SupervisedRun | None = None
    seconds: tuple[float, ...] = ()
    error: str | None = None
    made: Mapping[str, Any] | None = None


class Watcher(Protocol):
    """Is told how a benchmark goes on."""

    def frames(self, task: str, count: int) -> None:
        """A task in flight has tracked `count` frames; called from another thread."""

    def done(self, task: str, frames: int, error: str | None) -> None:
        """A task is over: it tracked all of its frames, or ended in an error."""


def perform(task: Task, topic: str) -> Outcome:
    """Do one task, in a worker.

    Args:
        task: what to do.
        topic: where to report the number of tracked frames, every second.

    Returns:
        The outcome. Nothing is raised: what went wrong is the outcome's error.
    """
    if threads := os.environ.get("OPENCV_FOR_THREADS_NUM"):
        cv2.setNumThreads(int(threads))
    tracker = None
    try:
        tracker = task.spec.make(task.seed)
        source = ImageSource(task.target.name, task.target.name, list(task.target.images[task.first :]))
        frames = _reporting(source.frames(), task.name, topic)
        if task.experiment == "vot":
            found = run_supervised(tracker, task.target, (frame.image for frame in frames))
            return Outcome(supervised=found, seconds=tuple(found.seconds), made=_made_with(tracker))
        return _one_pass(task, tracker, frames)
    except Exception as error:  # any tracker may be run here, and it may raise anything
        return Outcome(error=one_line(error), made=_made_with(tracker))


def _one_pass(task: Task, tracker: FrameTracker, frames: Iterator[Frame]) -> Outcome:
    first = next(frames)
    box = _first_box(task, first)
    steps = [(step.box, step.seconds) for step in run(tracker, chain([first], frames), box)]
    boxes = as_boxes([step[0] for step in steps])
    if not np.isfinite(boxes).all():
        bad = int(np.flatnonzero(~np.isfinite(boxes).all(axis=1))[0])
        raise InputError(f"the tracker's box of frame {bad} (from 0) is not finite: {boxes[bad].tolist()}")
    return Outcome(boxes=boxes, seconds=tuple(step[1] for step in steps), made=_made_with(tracker))


def _first_box(task: Task, first: Frame) -> Box:
    truth = task.target.truth[task.first]
    if not (np.isfinite(truth).all() and min(truth[2:]) > 0):
        raise InputError(
            f"{task.target.name}: the ground truth of its first frame is no box; nothing to track"
        )
    if task.experiment != "sre":
        return as_box(truth)
    height, width = first.image.shape[:2]
    return sre_box(as_box(truth), task.label, width, height)


def _reporting(frames: Iterator[Frame], task: str, topic: str) -> Iterator[Frame]:
    said = monotonic()
    for count, frame in enumerate(frames):
        if monotonic() - said >= _SECONDS_BETWEEN_REPORTS:
            said = monotonic()
            get_worker().log_event(topic, {"task": task, "frames": count})
        yield frame


def _made_with(tracker: FrameTracker | None) -> dict[str, Any]:
    made = {
        "cpu": cpu_name(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "opencv_threads": cv2.getNumThreads(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
        "system": platform.platform(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not isinstance(tracker, Tracker):
        return made
    about = describe(tracker)
    return made | {key: about[key] for key in ("device", "blas", "conv_proposal1_start")}


class Benchmark:
    """One tracker over one data set, with one seed.

    Attributes:
        title: of the results, for lines about several benchmarks.
        failed: task that failed since this object was made -> why.
        finished: how many runs are there, with those of earlier benchmarks.
        left: the tasks to do, as far as they are known.
    """

    def __init__(
        self,
        spec: TrackerSpec,
        targets: tuple[Target, ...],
        folder: ResultFolder,
        manifest: Manifest,
        *,
        seed: int,
        repetitions: int,
    ) -> None:
        """Look at what is there and what is left to do; nothing runs yet."""
        self.title = folder.path.name
        self._spec = spec
        self._folder = folder
        self._manifest = manifest
        self._seed = seed
        self._repetitions = repetitions
        self.failed: dict[str, str] = {}
        self.finished = 0
        self.left: list[Task] = []
        for target in targets:
            tasks = self._tasks(target)
            self.finished += sum(map(self._is_done, tasks))
            self.left += self._due(target, tasks)

    def frames_left(self) -> int:
        """Frames of the runs that are known to be left."""
        return sum(len(task) for task in self.left)

    def keep(self, task: Task, outcome: Outcome) -> list[Task]:
        """Write a result; returns the tasks that become due with it."""
        if outcome.error is not None:
            self.failed[task.name] = outcome.error
            return []
        entry, folder = task.target.entry, self._folder
        record = {"frames": len(outcome.seconds), "seconds": sum(outcome.seconds), "seed": task.seed}
        self._manifest.add(task.name, {**record, **(outcome.made or {})})
        if outcome.supervised is None:
            write_whole(folder.times(entry, task.label), times_text(outcome.seconds))
            write_whole(folder.boxes(entry, task.label), boxes_text(outcome.boxes))
            self.finished += 1
            return []
        times = folder.times(entry)
        write_whole(times, times_table(times, int(task.label), self._repetitions, outcome.seconds))
        write_whole(folder.boxes(entry, task.label), run_text(outcome.supervised))
        self.finished += 1
        return self._further_repetitions(task)

    def _due(self, target: Target, tasks: list[Task]) -> list[Task]:
        """The tasks of a target that are to be done, as far as they are known by now.

        VOT's later repetitions become due when the first three are there and differ.
        """
        left = [task for task in tasks if not self._is_done(task)]
        if self._folder.experiment != "vot":
            return left
        first = [task for task in left if task in tasks[:SAME_RUNS]]
        if first:
            return first
        runs = [read_run(self._folder.boxes(target.entry, task.label)) for task in tasks[:SAME_RUNS]]
        return [] if enough(runs) else left

    def _further_repetitions(self, task: Task) -> list[Task]:
        """VOT's later repetitions, if this task was the last of the first three and they differ."""
        tasks = self._tasks(task.target)
        if task in tasks[SAME_RUNS:]:
            return []
        return [each for each in self._due(task.target, tasks) if each in tasks[SAME_RUNS:]]

    def _tasks(self, target: Target) -> list[Task]:
        """All runs over a target that there can be."""
        labels = list(run_starts(self._folder.experiment, target.truth))
        if self._folder.experiment == "vot":
            labels = labels[: self._repetitions]
        return [self._task(target, label) for label in labels]

    def _task(self, target: Target, label: str) -> Task:
        # VOT's repetitions measure how much a tracker's own randomness matters; the others do not repeat.
        repetition = int(label) - 1 if self._folder.experiment == "vot" else 0
        return Task(self._spec, target, self._folder.experiment, label, self._seed + repetition)

    def _is_done(self, task: Task) -> bool:
        return self._folder.boxes(task.target.entry, task.label).exists()


def execute(
    benchmarks: Sequence[Benchmark], client: Client, watcher: Watcher, interruption: Interruption
) -> None:
    """Run what is left of several benchmarks, and write each result as it comes.

    Their tasks are mixed: no worker waits for the end of one benchmark before it begins with the next.

    Raises:
        InputError: a result cannot be written.
        Interrupted: a signal came; the finished runs are written.
    """
    listeners = {each: _listen(each, client, watcher, several=len(benchmarks) > 1) for each in benchmarks}
    # Long ones first: the other workers then wait less for the last one.
    order = sorted(
        ((each, task) for each in benchmarks for task in each.left), key=lambda pair: -len(pair[1])
    )
    tasks = {_submit(client, task, listeners[each].topic): (each, task) for each, task in order}
    coming = as_completed(list(tasks), raise_errors=False)
    while True:
        with interruption.allowed():
            future = next(coming, None)
        if future is None:
            return
        benchmark, task = tasks.pop(future)
        outcome = _outcome(future)
        for more in benchmark.keep(task, outcome):
            following = _submit(client, more, listeners[benchmark].topic)
            tasks[following] = benchmark, more
            coming.add(following)
        watcher.done(listeners[benchmark].name(task.name), len(task), outcome.error)
        future.release()


@dataclass(frozen=True)
class _Listener:
    """Where the workers report on a benchmark, and what its tasks are called before the watcher."""

    topic: str
    prefix: str

    def name(self, task: str) -> str:
        return f"{self.prefix}{task}"


def _listen(benchmark: Benchmark, client: Client, watcher: Watcher, *, several: bool) -> _Listener:
    listener = _Listener(f"rpn2t-{os.getpid()}-{id(benchmark)}", f"{benchmark.title}: " if several else "")
    client.subscribe_topic(
        listener.topic,
        lambda event: watcher.frames(listener.name(event[1]["task"]), event[1]["frames"]),
    )
    return listener


def _submit(client: Client, task: Task, topic: str) -> Future:
    return client.submit(perform, task, topic, pure=False)


def _outcome(future: Future) -> Outcome:
    """A task's outcome. If its worker died each time, or the cluster cannot run it, that is the error."""
    error = future.exception()
    if error is None:
        outcome: Outcome = future.result()
        return outcome
    if isinstance(error, KilledWorker):
        return Outcome(error="its worker died each time, killed or out of memory")
    return Outcome(error=one_line(error))
