"""Reading windows out of a map, bilinearly, and spreading gradients back. This is what makes fast mode fast.

A window's positions lie between those of the map. Each of a map's channels may belong to a group of the
window's positions: the reader then takes from position p the channels of p's group. So a 1 x 1 convolution
with an output for each group is a classifier that knows at which place in the window it looks. In a patch of
its own the padding tells it that (docs/fast.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

CLASSES = 2


def object_probability(scores: Array) -> NDArray[np.float64]:
    """The object's probability, shape (n, size, size), from both classes' scores (n, 2, size, size)."""
    probability: NDArray[np.float64] = 1 / (1 + np.exp((scores[:, 1] - scores[:, 0]).astype(np.float64)))
    return probability


@dataclass(frozen=True)
class Taps:
    """How the positions of n windows are read: each between four positions of the map.

    Attributes:
        corner: index of the upper left of the four neighbours in a channel, (n, size, size).
        weights: of upper and lower, left and right neighbour, (2, 2, n, size, size).
    """

    corner: NDArray[np.int64]
    weights: Array

    def take(self, which: NDArray[np.integer]) -> "Taps":
        """The taps of some of the windows."""
        return Taps(self.corner[which], self.weights[:, :, which])


@dataclass(frozen=True)
class MapReader:
    """Reads size x size positions of windows.

    Attributes:
        size: rows, and columns, that are read.
        first: the window's row, and column, at which they begin, in positions of the map that is read.
        groups: of positions, down and across. With 1 all positions are alike.
    """

    size: int
    first: int
    groups: int = 1

    @property
    def channels(self) -> int:
        """Channels of a map that is read: all groups' object channels, then their background channels."""
        return CLASSES * self.groups**2

    def taps(self, grids: NDArray[np.floating], rows: int, columns: int) -> Taps:
        """Where n windows lie on a map: their grids, (n, 4), see :data:`rpn2t.tracker.fast.region.Grids`.

        What would lie outside is read at the map's edge.
        """
        lower, share = [], []
        steps = np.arange(self.size) + self.first
        for axis, size in enumerate((rows, columns)):
            at = grids[:, axis, None] + grids[:, axis + 2, None] * steps
            at = np.clip(at, 0, size - 1)
            below = np.minimum(at.astype(np.int64), size - 2)
            lower.append(below)
            share.append((at - below).astype(np.float32))
        corner = lower[0][:, :, None] * columns + lower[1][:, None, :]
        down, across = (np.stack([1 - each, each]) for each in share)
        return Taps(corner, down[:, None, :, :, None] * across[None, :, :, None, :])

    def read(self, maps: Array, which: NDArray[np.integer], taps: Taps) -> Array:
        """Both classes' values at the windows' positions.

        Args:
            maps: shape (m, channels, rows, columns): channel `class * groups^2 + group`.
            which: the map of each window, (n,).
            taps: of the windows.

        Returns:
            Shape (n, 2, size, size).
        """
        flat = np.ascontiguousarray(maps).ravel()
        out = np.zeros((CLASSES, *taps.corner.shape), np.float32)
        for row, column, index in self._neighbours(maps.shape, which, taps):
            out += flat.take(index) * taps.weights[row, column]
        return out.transpose(1, 0, 2, 3)

    def spread(
        self, gradient: Array, shape: tuple[int, ...], which: NDArray[np.integer], taps: Taps
    ) -> Array:
        """The gradient of :meth:`read`: from that of its result to that of maps of `shape`."""
        by_class = gradient.transpose(1, 0, 2, 3)
        places, values = [], []
        for row, column, index in self._neighbours(shape, which, taps):
            places.append(index.ravel())
            values.append((by_class * taps.weights[row, column]).ravel())
        summed = np.bincount(np.concatenate(places), np.concatenate(values), int(np.prod(shape)))
        return summed.reshape(shape).astype(np.float32)

    def _neighbours(
        self, shape: tuple[int, ...], which: NDArray[np.integer], taps: Taps
    ) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """For each of the four neighbours: row and column, and indices (2, n, size, size) into the maps."""
        _, channels, rows, columns = shape
        group = np.arange(self.size) * self.groups // self.size
        channel = np.arange(CLASSES)[:, None, None] * self.groups**2 + group[:, None] * self.groups + group
        start = (which[:, None, None] * channels + channel[:, None]) * (rows * columns)
        start = start + taps.corner
        for row in (0, 1):
            for column in (0, 1):
                yield row, column, start + (row * columns + column)
