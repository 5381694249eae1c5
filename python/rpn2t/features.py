"""Where features come from: the seam between the tracking loop and conv5.

The loop asks for the window of conv5 that belongs to a box and never sees how it was made. Here it
is made as in the paper: one patch, and one forward pass of the backbone, a box.
"""

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.backbone import Backbone, Windows
from rpn2t.boxes import as_boxes
from rpn2t.patch import cut_patches


class FeatureSource(Protocol):
    """Gives each box of a frame its window of conv5."""

    def windows(self, image: NDArray[np.uint8], boxes: ArrayLike) -> Windows:
        """Windows of shape (n, channels, size, size) for n boxes of shape (n, 4)."""
        ...


class PatchFeatures:
    """One patch a box (section 3.3: the student sees each candidate at 107 px).

    Args:
        backbone: the frozen net.
        rim: rows and columns of conv5's map to leave out on every side: those that the head never
            reads.
    """

    def __init__(self, backbone: Backbone, rim: int) -> None:
        self.backbone = backbone
        self.rim = rim
        self.size = backbone.map_size - 2 * rim

    def windows(self, image: NDArray[np.uint8], boxes: ArrayLike) -> Windows:
        """Cut, resize and run the backbone on each box, a batch at a time."""
        boxes = as_boxes(boxes)
        spec = self.backbone.spec
        inside = slice(self.rim, self.rim + self.size)
        windows = np.empty((len(boxes), self.backbone.channels, self.size, self.size), dtype=np.float32)
        for start in range(0, len(boxes), self.backbone.batch):
            part = slice(start, start + self.backbone.batch)
            patches = cut_patches(image, boxes[part], spec.input_side, spec.context)
            windows[part] = self.backbone.conv5(patches)[:, :, inside, inside]
        return windows
