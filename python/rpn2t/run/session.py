"""The frame loop: trackers, a source of frames and the boxes that were given.

    with Interruption() as interruption:
        for step in run(tracker, source.frames(0, None), box, interruption):
            print(step.frame.index, step.box, step.score)

:func:`run` is for one tracker and one box. :func:`follow` is for whatever a plan asks for: several objects,
corrections, passes backwards. The loops know nothing of files, pictures or progress. Whoever goes through
their steps takes care of these.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from rpn2t.boxes import Box, as_box
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.run.given import ONLY
from rpn2t.run.plan import Pass, Plan, Sweep
from rpn2t.run.rows import Row, Status
from rpn2t.system.interruption import Interruption
from rpn2t.system.stages import Stage, stage

if TYPE_CHECKING:
    from rpn2t.video.frames import Frame


class FrameTracker(Protocol):
    """What the loop asks of a tracker. Images are uint8 BGR, boxes (x, y, w, h) in pixels, 0-based."""

    def init(self, image: Image, box: Box) -> None:
        """Learn the object in the box."""

    def update(self, image: Image) -> tuple[Box, float]:
        """Find it in the next frame: box and score."""


class Finder(FrameTracker, Protocol):
    """A tracker that says whether it has found its object."""

    @property
    def found(self) -> bool:
        """Whether the last box's score reached the tracker's threshold."""


class ObjectFinder(Finder, Protocol):
    """A tracker that is one of several, each with an object of its own."""

    def another(self) -> Self:
        """One like it for another object."""


@dataclass(frozen=True)
class Step:
    """One object in one tracked frame.

    Attributes:
        frame: the frame, with its image and its 0-based index in the source.
        box: (x, y, w, h) in pixels, 0-based; on the first frame the given one.
        score: the tracker's score; None on the first frame, and where the user has corrected the box.
        seconds: wall time of `init` where the box was given, of `update` elsewhere; nothing else.
        object: the object's name.
        status: whose the box is. :func:`run` does not ask the tracker whether it is lost.
    """

    frame: "Frame"
    box: Box
    score: float | None
    seconds: float
    object: str = ONLY
    status: Status = "found"

    @property
    def row(self) -> Row:
        """The step as a row of the run's table."""
        return Row(self.object, self.frame.index, self.frame.time, self.box, self.score, self.status)


@dataclass(frozen=True)
class Moment:
    """One frame, and all objects that were tracked in it, in the order of the plan.

    There may be none: in a frame before one object begins and after another has ended.
    """

    frame: "Frame"
    steps: tuple[Step, ...]


def run(
    tracker: FrameTracker, frames: "Iterable[Frame]", box: Box, interruption: Interruption | None = None
) -> Iterator[Step]:
    """Track through the frames. Yields one step a frame, the first with the given box.

    Args:
        tracker: what tracks; `init` gets the first frame, `update` each other.
        frames: the frames in order. Each is read when the loop comes to it.
        box: the object in the first frame, (x, y, w, h) in pixels, 0-based.
        interruption: if given, signals stop the reading and the tracking, but never the block that handles
            a step.

    Raises:
        InputError: from the tracker (the box cannot be used) or from the frames (one cannot be
            read, or has another size). The steps before it have been yielded.
        Interrupted: a signal came.
    """
    allowed = interruption.allowed if interruption else nullcontext
    box = as_box(box)
    coming = iter(frames)
    first = True
    while True:
        with allowed():
            with stage(Stage.READ):
                frame = next(coming, None)
            if frame is None:
                return
            started = perf_counter()
            if first:
                tracker.init(frame.image, box)
                found, score = box, None
            else:
                found, score = tracker.update(frame.image)
            seconds = perf_counter() - started
        yield Step(frame, found, score, seconds, status="given" if first else "found")
        first = False


Each = TypeVar("Each", bound=ObjectFinder)


def one_each(objects: Sequence[str], tracker: Each) -> dict[str, Each]:
    """A tracker for each object: this one for the first, and others like it, which share its backbone."""
    return {name: tracker.another() if number else tracker for number, name in enumerate(objects)}


def follow(
    trackers: Mapping[str, Finder],
    plan: Plan,
    read: "Callable[[Sweep], Iterator[Frame]]",
    interruption: Interruption | None = None,
) -> Iterator[Moment]:
    """Track what a plan asks for. Yields one moment a frame, sweep by sweep.

    The objects are tracked one after the other in each frame, because they share a backbone. At each given
    box the object's tracker learns it as a new one would. So each object's boxes are those that it would get
    in a run of its own.

    Args:
        trackers: one for each object.
        plan: see :func:`rpn2t.run.plan.make_plan`.
        read: gives the frames of a sweep, in its direction.
        interruption: as for :func:`run`.

    Raises:
        InputError: as for :func:`run`; or a given box lies outside of the frames, which shows before anything
            is learned; or the source lacks its frame. What was yielded stands.
        Interrupted: a signal came.
    """
    allowed = interruption.allowed if interruption else nullcontext
    checked = False
    for sweep in plan.sweeps:
        left, learned = set(sweep.passes), set[Pass]()
        coming = read(sweep)
        while left:
            with allowed():
                with stage(Stage.READ):
                    frame = next(coming, None)
                if frame is None:
                    break
                if not checked:
                    plan.require_inside(frame.image.shape)
                    checked = True
                _require_learned({each for each in left if each.is_past(frame.index)} - learned)
                steps = []
                for each in sweep.passes:
                    if each in left and each.needs(frame.index):
                        step = _step(trackers[each.mark.object], each, frame, learned)
                        steps += [step] if each.gives(frame.index) else []
            yield Moment(frame, tuple(steps))
            left = {each for each in left if not each.ends_at(frame.index)}
        _require_learned(left - learned)


def _step(tracker: Finder, each: Pass, frame: "Frame", learned: set[Pass]) -> Step:
    """Learn the object of a pass, or find it."""
    mark = each.mark
    started = perf_counter()
    if frame.index == mark.frame:
        try:
            tracker.init(frame.image, mark.box)
        except InputError as error:
            raise InputError(f"{mark.typed}: {error}") from error
        learned.add(each)
        return Step(frame, mark.box, None, perf_counter() - started, mark.object, mark.status)
    box, score = tracker.update(frame.image)
    status: Status = "found" if tracker.found else "lost"
    return Step(frame, box, score, perf_counter() - started, mark.object, status)


def _require_learned(missing: set[Pass]) -> None:
    """Refuse to go on without the frame of a given box."""
    for each in sorted(missing, key=lambda each: each.mark.frame)[:1]:
        raise InputError(
            f"{each.mark.typed}: frame {each.mark.frame} has not come: the source lacks it, or ends before it"
        )
