"""From the objects' boxes to what every anchor is to say: the RPN's labels and targets (section 3.2)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import caffe
import numpy as np

from rpn2t.layers.parameters import listed, read_parameters
from rpn2t.nets.proposals import AnchorShapes, Sampling, assign


@dataclass(frozen=True)
class AnchorTargetParameters:
    """``param_str`` of :class:`AnchorTargetLayer`; see :mod:`rpn2t.nets.proposals`."""

    stride: int
    scales: Sequence[float]
    ratios: Sequence[float]
    positive_iou: float
    negative_iou: float
    anchors: int
    positives: float
    seed: int = 0


class AnchorTargetLayer(caffe.Layer):
    """Labels and targets of the anchors of one image.

    bottom: rpn_cls_score, shape (1, 2 A, rows, columns): only its shape is read;
            boxes, shape (n, 4): the objects, (x, y, w, h) in px of the input;
            draw, one number: with `seed` it decides which anchors are drawn.
    top:    labels, shape (1, 1, A rows, columns): 1 = object, 0 = background, -1 = ignored;
            targets, shape (1, 4 A, rows, columns): dx, dy, dw, dh of anchor after anchor;
            weights, the targets' shape: 1 / (objects' anchors drawn) at these, else 0.

    Algorithm:
        for each position, lay down A anchors, scale by scale for each ratio
        positive: IoU with an object at least positive_iou, or the best anchor of an object
        negative: IoU with every object below negative_iou
        draw `anchors` of them, at most the share `positives` of them positive; ignore the others
        targets: shift of the centre over the anchor's side, logarithm of the sides' ratio
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters."""
        if len(bottom) != 3 or len(top) != 3:
            raise ValueError("AnchorTargetLayer: needs three bottoms (scores, boxes, draw) and three tops")
        par = read_parameters(AnchorTargetParameters, self.param_str)
        self.shapes = AnchorShapes(par.stride, par.scales, par.ratios)
        self.sampling = Sampling(**{each.name: getattr(par, each.name) for each in fields(Sampling)})
        self.seed = par.seed
        self.size = (0, 0)

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """The anchors depend only on the map's size."""
        channels, rows, columns = bottom[0].data.shape[1:]
        count = len(self.shapes)
        if channels != 2 * count:
            raise ValueError(f"AnchorTargetLayer: {channels} scores a position do not fit {count} anchors")
        if self.size != (rows, columns):
            self.size = (rows, columns)
            self.all_anchors = self.shapes.over(rows, columns)
        top[0].reshape(1, 1, count * rows, columns)
        for each in listed(top)[1:]:
            each.reshape(1, 4 * count, rows, columns)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Draw, and write all three."""
        rng = np.random.default_rng([self.seed, int(bottom[2].data.ravel()[0])])
        labels, targets = assign(self.all_anchors, bottom[1].data.astype(np.float64), self.sampling, rng)
        count, (rows, columns) = len(self.shapes), self.size
        by_anchor = (rows, columns, count)
        top[0].data[...] = labels.reshape(by_anchor).transpose(2, 0, 1).reshape(top[0].data.shape)
        top[1].data[...] = targets.reshape(rows, columns, 4 * count).transpose(2, 0, 1)
        weights = (labels == 1).reshape(by_anchor) / max(int((labels == 1).sum()), 1)
        top[2].data[...] = np.repeat(weights, 4, axis=2).transpose(2, 0, 1)

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Labels have no gradient; the net must say so with `propagate_down`."""
