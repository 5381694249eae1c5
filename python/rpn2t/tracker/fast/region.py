"""The search region: the part of a frame that one forward pass sees, and where boxes lie on its map.

All boxes around a target have its aspect ratio and nearly its size. So one resize serves them all. It brings
the target to the size that it has in a patch of its own (75 px of the student's 107). Position 0 of conv5's
map is centred on pixel 0 of the region, position j on pixel `stride` j, in the student and the teacher.
In a network that does this otherwise, boxes of other sizes than the target's are read a little off.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, as_boxes, centre_size, round_half_up
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.nets.backbone import Backbone, BackboneSpec, Maps
from rpn2t.nets.caffe import forward
from rpn2t.nets.patch import cut_corners_into
from rpn2t.system.stages import Stage, stage

Grids = Floats
"""Where n boxes' maps lie on a region's map, (n, 4): row and column of a box's position (0, 0), and the steps
down and across to the next position. All four are in positions of the region's map."""

LARGEST = 64
"""Rows, or columns, of a region's map at most. A target of an extreme aspect ratio, or one that was lost,
would have more."""


@dataclass(frozen=True)
class RegionGeometry:
    """How boxes, patches and regions of a backbone belong together.

    Attributes:
        spec: input side, context and stride of a box's own patch, in px of the network's input.
        map_size: rows, and columns, of a patch's map.
    """

    spec: BackboneSpec
    map_size: int

    def shape(self, state: Box, translation: float) -> tuple[int, int]:
        """Rows and columns of the map that holds the boxes around a target.

        Args:
            state: the target.
            translation: how far boxes' centres are from its own, over the mean of its sides.
        """
        mean_side = (state[2] + state[3]) / 2
        sizes = []
        for side in (state[3], state[2]):
            steps = translation * mean_side * self.spec.target_side / side / self.spec.stride
            # an even number more, so that the region's middle stays the target's
            most = (LARGEST - self.map_size) // 2
            sizes.append(self.map_size + 2 * (math.ceil(steps) if steps < most else most))
        return sizes[0], sizes[1]

    def input_size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the network's input that gives a map of this shape, (rows, columns)."""
        rows, columns = (self.spec.input_side + self.spec.stride * (n - self.map_size) for n in shape)
        return rows, columns

    def corners(self, state: Box, shape: tuple[int, int]) -> NDArray[np.int64]:
        """First and last pixel of the region around a target, inclusive: x1, y1, x2, y2."""
        height, width = self.input_size(shape)
        row = centre_size(state)[0]
        half = row[2:] / 2 * (np.array([width, height]) / self.spec.target_side)
        return round_half_up(np.concatenate([row[:2] - half, row[:2] + half])).astype(np.int64)

    def grids(self, boxes: Floats, corners: NDArray[np.int64], shape: tuple[int, int]) -> Grids:
        """Where boxes' maps lie on a region's.

        Args:
            boxes: shape (n, 4), frame px.
            corners: the region's.
            shape: rows and columns of its map.
        """
        height, width = self.input_size(shape)
        row = centre_size(as_boxes(boxes))
        px = row[:, 2:] / self.spec.target_side  # frame px a pixel of the box's own patch
        scale = np.array([width, height]) / (corners[2:] - corners[:2] + 1)
        centre_of_first = row[:, :2] - px * (self.spec.input_side / 2 - 0.5)
        first = ((centre_of_first - corners[:2]) * scale - 0.5) / self.spec.stride
        return np.concatenate([first[:, ::-1], (px * scale)[:, ::-1]], axis=1)

    def middles(self, grids: Grids) -> Floats:
        """Row and column of the grids' middles, (n, 2)."""
        return grids[:, :2] + grids[:, 2:] * (self.map_size - 1) / 2

    def middle_inside(self, grids: Grids, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which grids have their middle on the map."""
        middle = self.middles(grids)
        lies: NDArray[np.bool_] = np.all((middle >= -0.5) & (middle <= np.array(shape) - 0.5), axis=1)
        return lies

    def inside(self, grids: Grids, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """Which grids lie on the map, apart from their rim."""
        first = grids[:, :2] + grids[:, 2:]
        last = grids[:, :2] + grids[:, 2:] * (self.map_size - 2)
        lie: NDArray[np.bool_] = np.all((first >= -0.5) & (last <= np.array(shape) - 0.5), axis=1)
        return lie


@dataclass(frozen=True)
class SearchRegion:
    """conv5 of a part of a frame.

    Attributes:
        conv5: shape (channels, rows, columns).
        corners: its first and last pixel in the frame, inclusive: x1, y1, x2, y2.
    """

    conv5: Maps
    corners: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.conv5.shape[1], self.conv5.shape[2]


class RegionFeatures:
    """One forward pass for a whole region.

    Attributes:
        geometry: where boxes lie on the region's map.
    """

    def __init__(self, backbone: Backbone) -> None:
        """Make a net that shares the backbone's weights.

        Raises:
            InputError: the backbone cannot run on other sizes than a patch's.
        """
        self.geometry = RegionGeometry(backbone.spec, backbone.map_size)
        self.net, self._feature = backbone.net_without_rim(0, 1)
        self._backbone = backbone
        self._reshape((backbone.map_size + 2,) * 2)

    def see(self, image: Image, state: Box, shape: tuple[int, int]) -> SearchRegion:
        """The region around a box.

        Args:
            image: the frame.
            state: the box.
            shape: rows and columns of the region's map.
        """
        corners = self.geometry.corners(state, shape)
        return SearchRegion(self.conv5(image, corners, shape), corners)

    def conv5(self, image: Image, corners: NDArray[np.int64], shape: tuple[int, int]) -> Maps:
        """conv5 of a region.

        Args:
            image: the frame.
            corners: the region's first and last pixel, inclusive: x1, y1, x2, y2.
            shape: rows and columns of its map.

        Returns:
            A copy of shape (channels, rows, columns).
        """
        with stage(Stage.REGION):
            self._reshape(shape)
            cut_corners_into(self.net.blobs["data"], image, corners[None])
            forward(self.net)
            return np.array(self.net.blobs[self._feature].data[0])

    def _reshape(self, shape: tuple[int, int]) -> None:
        data, size = self.net.blobs["data"], self.geometry.input_size(shape)
        if tuple(data.shape) == (1, 3, *size):
            return
        data.reshape(1, 3, *size)
        self.net.reshape()
        found = tuple(self.net.blobs[self._feature].shape[2:])
        if found != shape:
            raise InputError(
                f"backbone {self._backbone.spec.folder.name}: gives a map of {found} for {size} px, "
                f"not {shape}, so it cannot be used with --mode fast; take --mode paper"
            )
