"""From one flag a sample to the two label maps of the loss (section 3.2, fig. 2)."""

from dataclasses import dataclass

import caffe
import numpy as np

from rpn2t.layers.parameters import listed, read_parameters
from rpn2t.tracker.matching import label_map, match_anchors


@dataclass(frozen=True)
class AnchorLabelParameters:
    """``param_str`` of :class:`AnchorLabelLayer`; lengths in px of the network's input."""

    map_size: int
    anchor_size: int
    stride: int
    iou_threshold: float
    margin: int
    crop: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("map_size", "anchor_size", "stride", "margin", "crop"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < (0 if name in ("margin", "crop") else 1):
                raise ValueError(f"{name} = {value!r}: must be a whole number in its range")
        if not 0 <= self.iou_threshold < 1:
            raise ValueError(f"iou_threshold = {self.iou_threshold}: must lie in [0, 1)")


class AnchorLabelLayer(caffe.Layer):
    """Label maps for a batch of samples.

    bottom: one flag a sample, shape (n): 1 = the object, 0 = background (p* in the paper).
    top:    two maps of class indices, shape (n, 1, size, size): 0 = object, 1 = background,
            -1 = ignored. The first marks the anchors that match the target, the second the map
            without its rim. `crop` leaves out that many rows and columns of the map on every side.

    Algorithm:
        for each position, compute its anchor's IoU with the target
        term 1's positions: IoU > iou_threshold; term 2's: `margin` or more away from the rim
        for each sample, write its class on its term's positions and -1 on all others
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters; the positions do not depend on the batch."""
        if len(bottom) != 1 or len(top) != 2:
            raise ValueError("AnchorLabelLayer: needs one bottom (flags) and two tops (label maps)")
        par = read_parameters(AnchorLabelParameters, self.param_str)
        whole = match_anchors(par.map_size, par.anchor_size, par.stride, par.iou_threshold, par.margin)
        self.matching = whole.crop(par.crop)

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """One map a sample."""
        samples = bottom[0].count
        for each in listed(top):
            each.reshape(samples, 1, *self.matching.iou.shape)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Write both maps."""
        flags = bottom[0].data.ravel()
        if not np.isin(flags, (0, 1)).all():
            raise ValueError("AnchorLabelLayer: a flag is neither 1 (object) nor 0 (background)")
        top[0].data[...] = label_map(self.matching.anchor, flags == 1)
        top[1].data[...] = label_map(self.matching.quality, flags == 1)

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Labels have no gradient."""
