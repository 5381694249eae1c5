"""The search region: the part of a frame that one forward pass sees, and where boxes lie on its map.

All boxes around a target have its aspect ratio and nearly its size. So one resize, that brings the target to
the size which it has in a patch of its own (75 px of the student's 107), serves them all. Position 0 of
conv5's map is centred on pixel 0 of the region, position j on pixel `stride` j, in the student and the
teacher; in a network where it is not, boxes of other sizes than the target's are read a little off.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, as_boxes, centre_size, round_half_up
from rpn2t.nets.backbone import BackboneSpec

Windows = Floats
"""Where n boxes' maps lie on a region's map, (n, 4): row and column of a box's position (0, 0), and the steps
down and across to the next position, all in positions of the region's map."""

LARGEST = 64
"""Rows, or columns, of a region's map at most: a target of an extreme aspect ratio, or one that was lost,
would have a larger one."""


@dataclass(frozen=True)
class RegionGeometry:
    """How boxes, patches and regions of a backbone belong together.

    Attributes:
        spec: input side, context and stride of a box's own patch, in px of the network's input.
        map_size: rows, and columns, of a patch's map.
    """

    spec: BackboneSpec
    map_size: int

    @property
    def target_side(self) -> int:
        """Px of the network's input that a target has."""
        return self.spec.input_side - 2 * self.spec.context

    def shape(self, state: Box, translation: float) -> tuple[int, int]:
        """Rows and columns of the map that holds the boxes around a target.

        Args:
            state: the target.
            translation: how far boxes' centres are from its own, over the mean of its sides.
        """
        mean_side = (state[2] + state[3]) / 2
        sizes = []
        for side in (state[3], state[2]):
            steps = translation * mean_side * self.target_side / side / self.spec.stride
            # an even number more, so that the region's middle stays the target's
            most = (LARGEST - self.map_size) // 2
            sizes.append(self.map_size + 2 * (math.ceil(steps) if steps < most else most))
        return sizes[0], sizes[1]

    def input_size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the network's input that gives a map of so many rows and columns."""
        rows, columns = (self.spec.input_side + self.spec.stride * (n - self.map_size) for n in shape)
        return rows, columns

    def corners(self, state: Box, shape: tuple[int, int]) -> NDArray[np.int64]:
        """First and last pixel of the region around a target, inclusive: x1, y1, x2, y2."""
        height, width = self.input_size(shape)
        row = centre_size(state)[0]
        half = row[2:] / 2 * (np.array([width, height]) / self.target_side)
        return round_half_up(np.concatenate([row[:2] - half, row[:2] + half])).astype(np.int64)

    def windows(self, boxes: Floats, corners: NDArray[np.int64], shape: tuple[int, int]) -> Windows:
        """Where boxes' maps lie on a region's.

        Args:
            boxes: shape (n, 4), frame px.
            corners: the region's.
            shape: rows and columns of its map.
        """
        height, width = self.input_size(shape)
        row = centre_size(as_boxes(boxes))
        px = row[:, 2:] / self.target_side  # frame px a pixel of the box's own patch
        scale = np.array([width, height]) / (corners[2:] - corners[:2] + 1)
        centre_of_first = row[:, :2] - px * (self.spec.input_side / 2 - 0.5)
        first = ((centre_of_first - corners[:2]) * scale - 0.5) / self.spec.stride
        return np.concatenate([first[:, ::-1], (px * scale)[:, ::-1]], axis=1)

    def places(self, rim: int) -> Floats:
        """Where the rows, and columns, of a box's map lie in the box, as parts of its side.

        Args:
            rim: rows, and columns, that are left out at either end.
        """
        pixels = np.arange(rim, self.map_size - rim) * float(self.spec.stride)
        # pixel j of the box's own patch is centred half a px further, and the box begins after the context
        places: Floats = (pixels + 0.5 - self.spec.context) / self.target_side
        return places

    def middles(self, windows: Windows) -> Floats:
        """Row and column of windows' middles, (n, 2)."""
        return windows[:, :2] + windows[:, 2:] * (self.map_size - 1) / 2

    def middle_inside(self, windows: Windows, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Of which windows the middle lies on the map."""
        middle = self.middles(windows)
        lies: NDArray[np.bool_] = np.all((middle >= -0.5) & (middle <= np.array(shape) - 0.5), axis=1)
        return lies

    def inside(self, windows: Windows, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which windows lie on the map as a whole, but for their rim."""
        first = windows[:, :2] + windows[:, 2:]
        last = windows[:, :2] + windows[:, 2:] * (self.map_size - 2)
        lie: NDArray[np.bool_] = np.all((first >= -0.5) & (last <= np.array(shape) - 0.5), axis=1)
        return lie
