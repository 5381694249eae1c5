"""Drawing boxes around a target (MDNet's scheme, to which section 3.4 refers).

Every kind moves the target's centre and scales its sides; then sides are kept between `min_side` and
`frame_margin` below the frame's, and centres inside the frame. Boxes are rounded to whole px unless told
otherwise.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Box, Floats, as_boxes, centre_size, from_centre_size, iou, round_half_up

_LARGEST_PERMUTATION = 1_000_000


@dataclass(frozen=True)
class Sampler:
    """Draws boxes in a frame of `width` x `height` px.

    Each draw takes the target, the number of boxes n, a translation t and a scale range s, and
    returns boxes of shape (n, 4), rounded unless `rounding` is 0. ``randn`` below is 0.5 randn clipped
    to [-1, 1], m the rounded mean of the target's sides.
    """

    width: int
    height: int
    rng: np.random.Generator
    scale_factor: float = 1.05
    min_side: float = 10.0
    frame_margin: float = 10.0
    smallest: tuple[float, float] = (np.inf, np.inf)  # sides of a target that began smaller than min_side
    rounding: int = 1

    def gaussian(self, target: Box, n: int, t: float, s: float) -> Floats:
        """Centre += t m randn on each axis; both sides *= scale_factor ^ (s randn)."""
        return self._square_move(target, t, s, self._clipped_normal(n, 2), self._clipped_normal(n, 1))

    def uniform(self, target: Box, n: int, t: float, s: float) -> Floats:
        """Centre += t m U(-1, 1) on each axis; both sides *= scale_factor ^ (s U(-1, 1))."""
        return self._square_move(target, t, s, self._uniform(n, 2), self._uniform(n, 1))

    def uniform_aspect(self, target: Box, n: int, t: float, s: float, down: float = 0.0) -> Floats:
        """The sides vary by themselves.

        Centre += t (w, h) U(-1, 1); each side *= scale_factor ^ U(-2, 2); both *= scale_factor ^ U(-down, s).
        """
        row = centre_size(target)
        centre = row[:, :2] + t * row[:, 2:] * self._uniform(n, 2)
        steps = 2 * self._uniform(n, 2) + self.rng.uniform(-down, s, (n, 1))
        return self._fit(target, centre, row[:, 2:] * self.scale_factor**steps)

    def whole(self, target: Box, n: int, steps: int = 5) -> Floats:
        """Boxes from a grid over the whole frame, without replacement.

        Centres stand a fifth of the box apart, sizes are scale_factor ^ (-steps..steps). A grid
        smaller than n is drawn again from the start.
        """
        side = np.array(target[2:], dtype=np.float64)
        frame = np.array([self.width, self.height], dtype=np.float64)
        # The release's centres are 1-based pixels.
        first, last = round_half_up(side / 2) - 1, round_half_up(frame - side / 2) - 1
        stride = np.maximum(round_half_up(side / 5), 1)
        # A target as large as the frame leaves no range: one centre then.
        x, y = (np.arange(a, max(b, a) + 1, d) for a, b, d in zip(first, last, stride, strict=True))
        scale = np.arange(-steps, steps + 1)
        shape = (len(x), len(y), len(scale))
        size = int(np.prod(shape))
        # A permutation of a tiny target's whole grid in a large frame would take gigabytes.
        huge = size > _LARGEST_PERMUTATION and n <= size
        drawn = self.rng.choice(size, n, replace=False) if huge else epochs(size, n, self.rng)
        i, j, k = np.unravel_index(drawn, shape)
        centre = np.stack([x[i], y[j]], axis=1)
        return self._fit(target, centre, side * self.scale_factor ** scale[k][:, None])

    def _square_move(self, target: Box, t: float, s: float, move: Floats, scale: Floats) -> Floats:
        row = centre_size(target)
        mean_side = round_half_up(row[:, 2:].mean())
        return self._fit(
            target, row[:, :2] + t * mean_side * move, row[:, 2:] * self.scale_factor ** (s * scale)
        )

    def _fit(self, target: Box, centre: Floats, side: Floats) -> Floats:
        frame = np.array([self.width, self.height], dtype=np.float64)
        # The release's lower bound is 10 px; a smaller target would have no sample that overlaps it.
        lowest = np.minimum(self.min_side, np.minimum(target[2:], self.smallest))
        side = np.clip(side, lowest, np.maximum(frame - self.frame_margin, lowest))
        centre = np.clip(centre, 0, frame - 1)
        boxes = from_centre_size(np.concatenate([centre, side], axis=1))
        return round_half_up(boxes) if self.rounding else boxes

    def _clipped_normal(self, n: int, columns: int) -> Floats:
        return np.clip(0.5 * self.rng.standard_normal((n, columns)), -1, 1)

    def _uniform(self, n: int, columns: int) -> Floats:
        drawn: Floats = self.rng.uniform(-1, 1, (n, columns))
        return drawn


def epochs(size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """n indices below `size`: random permutations, one after the other, the last cut short."""
    whole = [rng.permutation(size) for _ in range(-(-n // max(size, 1)))]
    return np.concatenate(whole)[:n] if whole else np.empty(0, dtype=np.int64)


def choose(boxes: ArrayLike, keep: np.ndarray, n: int, rng: np.random.Generator) -> Floats:
    """A random subset of n of the boxes that `keep` marks; all of them if there are fewer."""
    kept = as_boxes(boxes)[keep]
    chosen: Floats = kept[rng.permutation(len(kept))[:n]]
    return chosen


def overlapping(boxes: ArrayLike, target: Box, above: float) -> np.ndarray:
    """Which boxes have an IoU with the target above the bound."""
    return iou(boxes, target) > above


def apart(boxes: ArrayLike, target: Box, below: float) -> np.ndarray:
    """Which boxes have an IoU with the target below the bound."""
    return iou(boxes, target) < below
