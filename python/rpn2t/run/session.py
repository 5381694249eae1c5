"""The frame loop: a tracker, a source of frames and a first box.

    with Interruption() as interruption:
        for step in run(tracker, source.frames(0, None), box, interruption):
            print(step.frame.index, step.box, step.score)

The loop knows nothing of files, pictures or progress. Whoever goes through its steps takes care of these.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from rpn2t.boxes import Box, as_box
from rpn2t.images import Image
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


@dataclass(frozen=True)
class Step:
    """One tracked frame.

    Attributes:
        frame: the frame, with its image and its 0-based index in the source.
        box: (x, y, w, h) in pixels, 0-based; on the first frame the given one.
        score: the tracker's score; None on the first frame.
        seconds: wall time of `init` on the first frame, of `update` on the others; nothing else.
    """

    frame: "Frame"
    box: Box
    score: float | None
    seconds: float


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
        first = False
        yield Step(frame, found, score, seconds)
