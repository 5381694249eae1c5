"""Windows read out of the score maps of whole regions, the hardest negatives only (fast mode)."""

from dataclasses import dataclass

import caffe
import numpy as np

from rpn2t.layers.parameters import read_parameters
from rpn2t.tracker.fast.reader import MapReader, object_probability


@dataclass(frozen=True)
class MapWindowsParameters:
    """``param_str`` of :class:`MapWindowsLayer`."""

    size: int
    first: int
    groups: int
    negatives: int

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("size", "groups"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} = {getattr(self, name)!r}: must be a whole number from 1")
        if self.groups > self.size:
            raise ValueError(f"groups = {self.groups}: a window has only {self.size} rows")
        if self.negatives < 0:
            raise ValueError(f"negatives = {self.negatives}: must not be negative")


class MapWindowsLayer(caffe.Layer):
    """Both terms' scores at the positions of windows on maps, with hard negative mining.

    bottom: score_anchor, score_quality: shape (maps, 2 groups^2, rows, columns), first all groups' object
            channels, then their background channels;
            windows: shape (n, 6): map, row, column, step down, step across, flag (1 object, 0 background).
    top:    the same scores, (m, 2, size, size) each; and the flags, (m).

    Algorithm:
        read both classes' scores of term 2 at each window's positions, bilinearly, each from its group
        keep all objects, and of the background windows the `negatives` with the highest mean
        probability of the object
        read term 1's scores of those that are kept
    The gradient goes back to the four neighbours of each position, by the same weights.
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters."""
        if len(bottom) != 3 or len(top) != 3:
            raise ValueError("MapWindowsLayer: needs three bottoms (two scores, windows) and three tops")
        par = read_parameters(MapWindowsParameters, self.param_str)
        self.reader = MapReader(par.size, par.first, par.groups)
        self.negatives = par.negatives

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Check the shapes; how many windows stay is known from their flags."""
        for score in (bottom[0], bottom[1]):
            if score.data.shape[1] != self.reader.channels:
                raise ValueError(
                    f"MapWindowsLayer: {self.reader.channels} channels expected, not {score.data.shape[1]}"
                )
        if bottom[2].data.ndim != 2 or bottom[2].data.shape[1] != 6:
            raise ValueError(f"MapWindowsLayer: windows have shape (n, 6), not {bottom[2].data.shape}")
        flags = bottom[2].data[:, 5]
        objects = int((flags == 1).sum())
        count = objects + min(len(flags) - objects, self.negatives)
        size = self.reader.size
        top[0].reshape(count, 2, size, size)
        top[1].reshape(count, 2, size, size)
        top[2].reshape(count)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Mine and read."""
        windows = bottom[2].data
        rows, columns = bottom[0].data.shape[2:]
        taps = self.reader.taps(windows[:, 1:5], windows[:, 0], rows, columns)
        quality = taps.read(bottom[1].data)
        background = np.flatnonzero(windows[:, 5] != 1)
        likely = object_probability(quality[background]).mean(axis=(1, 2))
        hard = background[np.argsort(-likely, kind="stable")[: self.negatives]]
        kept = np.concatenate([np.flatnonzero(windows[:, 5] == 1), hard])
        self.taps = taps.take(kept)
        top[0].data[...] = self.taps.read(bottom[0].data)
        top[1].data[...] = quality[kept]
        top[2].data[...] = windows[kept, 5]

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """To the scores; windows have no gradient."""
        for index in (0, 1):
            if propagate_down[index]:
                spread = self.taps.spread(top[index].diff, bottom[index].data.shape)
                bottom[index].diff[...] = spread
