"""Where to look for a target that is lost: all over the frame, a part at a time (ours).

MDNet's scheme looks a little further after each failed frame, but never further than 1.5 sides of the
target. A camera that jumps, or a target that comes back at another place, leaves that for good. A part of
the frame is what one forward pass sees, some sides of the target across. The first one lies around the place
where the target was last; the others cover the frame, row by row. So a search costs no more than two frames.
"""

import math

import numpy as np

from rpn2t.boxes import Box, Floats, from_centre_size
from rpn2t.config import Config

REACH = 2.5
"""How far from a part's middle boxes are centred, over the mean of the target's sides."""

_STEPS = 41  # boxes across a part, and down
_NEWEST = 0.1  # weight of a new score in the usual one


class Search:
    """When, where and what to search, by the frames of one target in their order."""

    def __init__(self, config: Config, target: Box) -> None:
        """Begin with the first frame, in which the target was given."""
        self._config = config
        self._last = target
        self._usual = 1.0
        self._failures = 0

    @property
    def due(self) -> bool:
        """Whether the next frame, if it fails as well, is searched."""
        late = self._failures - self._config.search_after
        return self._config.search_after > 0 and late >= 0 and late % self._config.search_every == 0

    @property
    def least(self) -> float:
        """The score that what is found elsewhere must exceed, so that something alike is not taken for it."""
        return self._config.search_share * self._usual

    def part(self, width: int, height: int) -> tuple[Box, Floats]:
        """The part of a frame to look at.

        Args:
            width, height: of the frame.

        Returns:
            The box in the part's middle, and boxes all over it whose centres lie in the frame, (n, 4).
        """
        number = (self._failures - self._config.search_after) // self._config.search_every
        middle = part_of_frame(self._last, width, height, number)
        return middle, boxes_of_part(middle, width, height)

    def take(self, state: Box, score: float, *, failed: bool) -> None:
        """Count a frame: where the target was found and what it scored, or that it was not."""
        self._failures = self._failures + 1 if failed else 0
        if not failed:
            self._last = state
            self._usual += _NEWEST * (score - self._usual)


def part_of_frame(last: Box, width: int, height: int, number: int) -> Box:
    """The box in the middle of a part of the frame. It has the target's size.

    Args:
        last: where the target was last.
        width, height: of the frame.
        number: of the part: 0 is the one around `last`. The others follow row by row, and begin again.
    """
    w, h = last[2:]
    span = REACH * (w + h)  # twice the reach, of half the sum
    columns, rows = max(1, math.ceil(width / span)), max(1, math.ceil(height / span))
    number %= rows * columns + 1
    if number == 0:
        return last
    row, column = divmod(number - 1, columns)
    return (column + 0.5) * width / columns - w / 2, (row + 0.5) * height / rows - h / 2, w, h


def boxes_of_part(middle: Box, width: int, height: int) -> Floats:
    """Boxes of the middle one's size all over a part, whose centres lie in the frame; shape (n, 4)."""
    x, y, w, h = middle
    shift = np.linspace(-REACH, REACH, _STEPS) * (w + h) / 2
    across, down = np.meshgrid(x + w / 2 + shift, y + h / 2 + shift)
    centres = np.stack([across.ravel(), down.ravel()], axis=1)
    centres = centres[np.all((centres >= 0) & (centres <= (width, height)), axis=1)]
    return from_centre_size(np.concatenate([centres, np.tile((w, h), (len(centres), 1))], axis=1))
