"""How long a reproduction will take: a few frames are timed in a worker of the kind that will run it."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.boxes import Box

FRAMES = 12
"""Frames that are timed: the first, and the first eleven after it, among which one learns."""

SIZE, SIDE = (320, 240), 60
"""Of the timed frames and of the target in them, in pixels."""


@dataclass(frozen=True)
class Pace:
    """Seconds a frame.

    Attributes:
        first: of the first frame, in which the tracker learns the object.
        later: mean of a later one, the frames in which it learns included.
    """

    first: float
    later: float

    def seconds(self, frames: int) -> float:
        """Of a run of so many frames."""
        return self.first + max(frames - 1, 0) * self.later


def measure_pace(spec: TrackerSpec) -> Pace:
    """Time a tracker on made frames: a textured square that moves over a textured ground."""
    tracker = spec.make(0)
    images = [made_frame(index) for index in range(FRAMES)]
    began = perf_counter()
    tracker.init(images[0], made_box(0))
    first = perf_counter()
    for image in images[1:]:
        tracker.update(image)
    return Pace(first - began, (perf_counter() - first) / (FRAMES - 1))


def made_box(index: int) -> Box:
    """The target in a made frame."""
    return 100.0 + 2 * index, 80.0 + index, float(SIDE), float(SIDE)


def made_frame(index: int) -> NDArray[np.uint8]:
    """A made frame, uint8 BGR."""
    rng = np.random.default_rng(0)
    image = _texture(rng, SIZE, 60, 140)
    x, y = map(int, made_box(index)[:2])
    image[y : y + SIDE, x : x + SIDE] = _texture(rng, (SIDE, SIDE), 0, 255)
    return image


def time_of(frames: Sequence[int], pace: Pace, workers: int) -> float:
    """Seconds until all runs are done.

    Args:
        frames: of each run.
        pace: of every worker.
        workers: each takes the longest run that is left.
    """
    busy = [0.0] * max(workers, 1)
    for count in sorted(frames, reverse=True):
        soonest = busy.index(min(busy))
        busy[soonest] += pace.seconds(count)
    return max(busy)


def _texture(rng: np.random.Generator, size: tuple[int, int], low: int, high: int) -> NDArray[np.uint8]:
    cells = rng.integers(low, high, (size[1] // 8 + 2, size[0] // 8 + 2, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
