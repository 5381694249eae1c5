"""Where features come from: the seam between the tracking loop and conv5.

The loop asks for the window of conv5 that belongs to a box and never sees how it was made. Here it
is made as in the paper: one patch, and one forward pass of the backbone, a box.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.backbone import Backbone
from rpn2t.boxes import as_boxes
from rpn2t.patch import cut_into
from rpn2t.runtime import forward
from rpn2t.windows import Windows, WindowStore


class FeatureSource(Protocol):
    """Gives each box of a frame its window of conv5.

    Attributes:
        shape: of a window, (channels, size, size).
    """

    shape: tuple[int, int, int]

    def windows(self, image: NDArray[np.uint8], boxes: ArrayLike, store: WindowStore) -> Windows:
        """Windows for n boxes of shape (n, 4), in room reserved in the store."""
        ...


class PatchFeatures:
    """One patch a box (section 3.3: the student sees each candidate at 107 px).

    Args:
        backbone: the frozen net.
        rim: rows and columns of conv5's map to leave out on every side: those that the head never
            reads.
    """

    def __init__(self, backbone: Backbone, rim: int) -> None:
        self.spec = backbone.spec
        self.net, self._feature = backbone.net_without_rim(rim)
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

    def _run(self, image: NDArray[np.uint8], boxes: NDArray[np.float64]) -> None:
        """The feature maps of the boxes, in the first rows of the feature's blob."""
        data = self.net.blobs["data"]
        self._device.set_batch(data, len(boxes))
        cut_into(data, image, boxes, self.spec.context)
        forward(self.net)
