"""Back after a loss: where else to look for a target that is not where it was expected (ours).

The candidates reach as far as a target moves from frame to frame. After a jump of the camera, or behind an
obstacle, it may be anywhere. So a grid of boxes around the last state is scored, and other parts of the frame
are looked at as well, a few in every frame, until all have been: at once where the score has collapsed or
what was found looks otherwise than usual, and once some frames in a row have failed. The target is believed
to be found only where the score is far above that of a failed frame, and where it looks like the target in
the first frame (:mod:`rpn2t.tracker.likeness`). This keeps a thing that resembles the target from taking its
place whenever the score falls for a moment.
"""

import numpy as np

from rpn2t.boxes import Box, Floats, as_box, centre_size, from_centre_size
from rpn2t.config import Config

STEP = 0.2
"""Between neighbouring boxes of the grid, in sides of the target."""
_ROUND, _MOST = 25, 4
"""Frames in which the whole frame is looked at, and parts that are looked at in one of them, at most: a frame
has hundreds for a small target, and each is a forward pass of the largest region."""


class Search:
    """Where to look in a frame, and when.

    Attributes:
        failed: frames in a row in which the target was not found.
    """

    def __init__(self, config: Config, width: int, height: int) -> None:
        """Begin with a target that is there.

        Args:
            config: its numbers `search_...`.
            width, height: of the frames, px.
        """
        self._reach, self._patience = config.search_reach, config.search_patience
        self._collapse = config.search_collapse
        self._frame = np.array([width, height], dtype=np.float64)
        self.failed = self._unlike = 0

    def note(self, failed: bool) -> None:
        """Take in whether a frame has failed."""
        self.failed = self.failed + 1 if failed else 0

    def places(self, state: Box, score: float) -> list[Box]:
        """Where to look in a frame that has failed: boxes of the state's size.

        There are none in the first such frames, unless the score has collapsed: what is seen might be the
        target after all. The first is the state itself. The others go through all parts of the frame, the
        nearest first.

        Args:
            state: around which the candidates were drawn.
            score: of the best of them.
        """
        return self._in_turn(state, self.failed - (0 if score < self._collapse else self._patience))

    def places_elsewhere(self, state: Box, unlike: bool) -> list[Box]:
        """Where to look in a frame that has not failed: as in one that has, but only if it looks otherwise.

        Args:
            state: around which the candidates were drawn.
            unlike: whether what was found looks otherwise than usual.
        """
        self._unlike = self._unlike + 1 if unlike else 0
        return self._in_turn(state, self._unlike - 1)

    def grid(self, place: Box) -> Floats:
        """Boxes around a place whose middles lie in the frame, shape (n, 4)."""
        count = int(self._reach / STEP + 1e-9)
        steps = STEP * np.arange(-count, count + 1)
        row = centre_size(place)[0]
        across, down = np.meshgrid(steps, steps)
        middles = row[:2] + np.stack([across.ravel(), down.ravel()], axis=1) * row[2:]
        inside = np.all((middles >= 0) & (middles < self._frame), axis=1)
        return _of_size(middles[inside], row[2:])

    def _in_turn(self, state: Box, turn: int) -> list[Box]:
        if turn < 0:
            return []
        parts = self._parts(state)
        each = min(_MOST, -(-len(parts) // _ROUND))
        return [state, *(parts[number % len(parts)] for number in range(turn * each, (turn + 1) * each))]

    def _parts(self, state: Box) -> list[Box]:
        """Boxes whose grids cover the frame, the nearest first."""
        row = centre_size(state)[0]
        counts = np.ceil(self._frame / (2 * self._reach * row[2:])).astype(int)
        x, y = ((np.arange(n) + 0.5) / n * side for n, side in zip(counts, self._frame, strict=True))
        middles = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        order = np.argsort(((middles - row[:2]) ** 2).sum(axis=1), kind="stable")
        return [as_box(box) for box in _of_size(middles[order], row[2:])]


def _of_size(middles: Floats, sides: Floats) -> Floats:
    return from_centre_size(np.concatenate([middles, np.tile(sides, (len(middles), 1))], axis=1))
