"""The windows that an iteration learns from: all objects, and the hardest of the background (fast mode)."""

from dataclasses import dataclass

import caffe
import numpy as np

from rpn2t.layers.parameters import read_parameters
from rpn2t.tracker.matching import object_probability


@dataclass(frozen=True)
class HardNegativesParameters:
    """``param_str`` of :class:`HardNegativesLayer`."""

    negatives: int

    def __post_init__(self) -> None:
        """Check the range."""
        if not isinstance(self.negatives, int) or self.negatives < 0:
            raise ValueError(f"negatives = {self.negatives!r}: must be a whole number from 0")


class HardNegativesLayer(caffe.Layer):
    """Hard negative mining, by term 2's score alone.

    bottom: term 2's scores of windows, shape (n, 2, size, size), the object's first;
            the windows, shape (n, 6): five numbers that ReadWindowsLayer reads, and the flag (1 object, 0
            background).
    top:    the windows that stay, (m, 6); and their flags, (m).

    Algorithm:
        keep all objects, and of the background windows the `negatives` with the highest mean
        probability of the object
    No gradient goes back.
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameter."""
        if len(bottom) != 2 or len(top) != 2:
            raise ValueError("HardNegativesLayer: needs two bottoms (scores, windows) and two tops")
        self.negatives = read_parameters(HardNegativesParameters, self.param_str).negatives

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Check the shapes; how many windows stay is known from their flags."""
        shape = bottom[1].data.shape
        if len(shape) != 2 or shape[1] != 6:
            raise ValueError(f"HardNegativesLayer: windows have shape (n, 6), not {shape}")
        if bottom[0].data.shape[:2] != (shape[0], 2):
            raise ValueError(f"HardNegativesLayer: {shape[0]} windows have no scores {bottom[0].data.shape}")
        flags = bottom[1].data[:, 5]
        objects = int((flags == 1).sum())
        count = objects + min(len(flags) - objects, self.negatives)
        top[0].reshape(count, 6)
        top[1].reshape(count)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Choose."""
        windows = bottom[1].data
        background = np.flatnonzero(windows[:, 5] != 1)
        likely = object_probability(bottom[0].data[background]).mean(axis=(1, 2))
        hard = background[np.argsort(-likely, kind="stable")[: self.negatives]]
        kept = np.concatenate([np.flatnonzero(windows[:, 5] == 1), hard])
        top[0].data[...] = windows[kept]
        top[1].data[...] = windows[kept, 5]

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Which windows are the hardest has no gradient."""
