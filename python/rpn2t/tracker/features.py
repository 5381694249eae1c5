"""conv5 of boxes, each in a patch of its own, and of a whole region around them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import as_boxes
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone, Maps
from rpn2t.nets.caffe import forward
from rpn2t.nets.patch import cut_corners_into, cut_into
from rpn2t.tracker.fast.region import RegionGeometry
from rpn2t.tracker.paper.windows import Windows, WindowStore


class PatchFeatures:
    """One patch a box (section 3.3: the student sees each candidate at 107 px).

    Args:
        backbone: the frozen net.
        rim: rows and columns of conv5's map to leave out on every side: those that the head never
            reads.
        batch: boxes in one forward pass, which a GPU always makes whole; as many as suit the device
            where not given.
    """

    def __init__(self, backbone: Backbone, rim: int, batch: int | None = None) -> None:
        self.spec = backbone.spec
        self.net, self._feature = backbone.net_without_rim(rim, batch)
        self.batch, channels, height, width = self.net.blobs[self._feature].shape
        self.shape = (channels, height, width)
        self._device = backbone.device

    def windows(self, image: NDArray[np.uint8], boxes: ArrayLike, store: WindowStore) -> Windows:
        """Cut, resize and run the backbone on each box, a batch at a time."""
        boxes = as_boxes(boxes)
        windows = store.reserve(len(boxes))
        try:
            for start in range(0, len(boxes), self.batch):
                part = slice(start, start + self.batch)
                self._run(image, boxes[part])
                store.fill(windows.take(part), self.net.blobs[self._feature])
        except BaseException:
            store.release(windows)
            raise
        return windows

    def maps(self, image: NDArray[np.uint8], boxes: ArrayLike) -> Maps:
        """The windows as an array on the host, of shape (n, channels, size, size)."""
        boxes = as_boxes(boxes)
        return self.windows(image, boxes, WindowStore(len(boxes), self.shape)).array()

    def _run(self, image: NDArray[np.uint8], boxes: NDArray[np.float64]) -> None:
        """The feature maps of the boxes, in the first rows of the feature's blob."""
        data = self.net.blobs["data"]
        self._device.set_batch(data, len(boxes))
        cut_into(data, image, boxes, self.spec.context)
        forward(self.net)


class RegionFeatures:
    """One forward pass for a whole region (fast mode).

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

    def conv5(self, image: NDArray[np.uint8], corners: NDArray[np.int64], shape: tuple[int, int]) -> Maps:
        """conv5 of a region.

        Args:
            image: the frame.
            corners: the region's first and last pixel, inclusive: x1, y1, x2, y2.
            shape: rows and columns of its map.

        Returns:
            A copy of shape (channels, rows, columns).
        """
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
