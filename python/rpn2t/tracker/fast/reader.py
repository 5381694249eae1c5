"""Reading windows out of a map, bilinearly. This is what makes fast mode fast.

A window's positions lie between those of the map. Each of a map's channels may belong to a group of the
window's positions: the reader then takes from position p the channels of p's group. So a 1 x 1 convolution
with an output for each group is a classifier that knows at which place in the window it looks. In a patch of
its own the padding tells it that (docs/fast.md). Candidates are read here, at positions in double precision;
where gradients must go back, Caffe's ReadWindowsLayer reads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Array = NDArray[np.float32]

CLASSES = 2
NEIGHBOURS = 4


def object_probability(scores: Array) -> NDArray[np.float64]:
    """The object's probability, shape (n, size, size), from both classes' scores (n, 2, size, size)."""
    probability: NDArray[np.float64] = 1 / (1 + np.exp((scores[:, 1] - scores[:, 0]).astype(np.float64)))
    return probability


@dataclass(frozen=True)
class Taps:
    """How the positions of n windows are read: each between four positions of a map.

    Attributes:
        index: of the four neighbours among the numbers of all maps, for the object's class,
            (n, size, size, 4); the background's lie `between` further on.
        weights: of the four neighbours, of the same shape.
        between: numbers from a class's channels to the other's.
    """

    index: NDArray[np.int32]
    weights: Array
    between: int

    def read(self, maps: Array) -> Array:
        """Both classes' values at the windows' positions.

        Args:
            maps: those that the taps are for, (m, channels, rows, columns).

        Returns:
            Shape (n, 2, size, size).
        """
        numbers = np.ascontiguousarray(maps).ravel()
        one_class = maps.size - self.between  # so many from each class's first on
        matrix = _matrix(self.weights, self.index, one_class)
        count, down, across, _ = self.index.shape
        out = np.empty((count, CLASSES, down, across), np.float32)
        for number in range(CLASSES):
            values = matrix @ numbers[number * self.between :][:one_class]
            out[:, number] = values.reshape(count, down, across)
        return out


def _matrix(weights: Array, index: NDArray[np.int32], numbers: int) -> csr_array:
    """What makes values out of so many numbers, each of four of them."""
    ends = np.arange(0, index.size + 1, NEIGHBOURS, dtype=np.int32)
    return csr_array((weights.ravel(), index.ravel(), ends), shape=(len(ends) - 1, numbers))


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

    def taps(self, grids: NDArray[np.floating], which: NDArray[np.generic], rows: int, columns: int) -> Taps:
        """Where n windows lie on maps. What would lie outside is read at the map's edge.

        Args:
            grids: of the windows, (n, 4), see :data:`rpn2t.tracker.fast.region.Grids`.
            which: the map of each window, (n,). A map has shape (channels, rows, columns), channel
                `class * groups^2 + group`.
            rows, columns: of the maps.
        """
        lower, share = [], []
        steps = np.arange(self.size) + self.first
        for axis, size in enumerate((rows, columns)):
            at = grids[:, axis, None] + grids[:, axis + 2, None] * steps
            at = np.clip(at, 0, size - 1)
            below = np.clip(at.astype(np.int32), 0, size - 2)  # nothing else checks an index
            lower.append(below)
            share.append((at - below).astype(np.float32))
        group = (np.arange(self.size) * self.groups // self.size).astype(np.int32)
        channel = which.astype(np.int32)[:, None, None] * self.channels + group[:, None] * self.groups + group
        corner = channel * (rows * columns) + lower[0][:, :, None] * columns + lower[1][:, None, :]
        index = np.empty((*corner.shape, NEIGHBOURS), np.int32)
        weights = np.empty(index.shape, np.float32)
        down, across = ((1 - each, each) for each in share)
        for number in range(NEIGHBOURS):
            row, column = divmod(number, 2)
            index[..., number] = corner + (row * columns + column)
            weights[..., number] = down[row][:, :, None] * across[column][:, None, :]
        return Taps(index, weights, self.groups**2 * rows * columns)
