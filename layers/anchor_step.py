"""From one step a sample to what every anchor is to say of the box: eq. 1's regression term in tracking."""

import caffe
import numpy as np

from rpn2t.layers.anchor_label import AnchorLabelParameters
from rpn2t.layers.parameters import listed, read_parameters
from rpn2t.tracker.matching import anchor_shifts, match_anchors


class AnchorStepLayer(caffe.Layer):
    """Targets and weights of the matched anchors (t* of eq. 1). The parameters are AnchorLabelLayer's.

    bottom: one flag a sample, shape (n): 1 = the object, 0 = background (p* in the paper);
            one step a sample, shape (n, 4): how the target differs from the sample's box
            (:func:`rpn2t.boxes.encode`); a background sample's is not read.
    top:    targets, shape (n, 4, size, size): how the target differs from each position's anchor;
            weights, likewise: 1 / (matched anchors of all positives) at these, else 0.

    Algorithm:
        for each position, compute how far its anchor stands from the sample's box
        targets: the sample's step less that way; the anchor's sides are the box's
        weights: only positive samples, and only where the anchor matches (IoU > iou_threshold)
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters; the anchors do not depend on the batch."""
        if len(bottom) != 2 or len(top) != 2:
            raise ValueError("AnchorStepLayer: needs two bottoms (flags, steps) and two tops")
        par = read_parameters(AnchorLabelParameters, self.param_str)
        whole = match_anchors(par.map_size, par.anchor_size, par.stride, par.iou_threshold, par.margin)
        self.matched = whole.crop(par.crop).anchor
        inside = slice(par.crop, par.map_size - par.crop)
        self.shifts = anchor_shifts(par.map_size, par.anchor_size, par.stride)[:, inside, inside]

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Four maps a sample."""
        samples = bottom[0].count
        if bottom[1].data.shape != (samples, 4):
            raise ValueError(f"AnchorStepLayer: steps {bottom[1].data.shape} do not fit {samples} flags")
        for each in listed(top):
            each.reshape(samples, 4, *self.matched.shape)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Write both."""
        positive = bottom[0].data.ravel() == 1
        targets = np.zeros(top[0].data.shape)
        targets[positive] = bottom[1].data[positive][:, :, None, None]
        targets[positive, :2] -= self.shifts
        top[0].data[...] = targets
        weights = positive[:, None, None, None] & self.matched
        top[1].data[...] = weights / max(int(weights.sum()), 1)

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Targets have no gradient."""
