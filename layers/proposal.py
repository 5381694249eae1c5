"""From the RPN's two maps to proposals, by non-maximum suppression (Faster R-CNN, section 3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import caffe

from rpn2t.layers.parameters import read_parameters
from rpn2t.nets.proposals import AnchorShapes, Selection, propose


@dataclass(frozen=True)
class ProposalParameters:
    """``param_str`` of :class:`ProposalLayer`; see :mod:`rpn2t.nets.proposals`."""

    stride: int
    scales: Sequence[float]
    ratios: Sequence[float]
    before_nms: int
    nms_iou: float
    proposals: int
    smallest_side: float


class ProposalLayer(caffe.Layer):
    """Proposals of one image.

    bottom: rpn_cls_prob, shape (1, 2, A rows, columns): channel 0 = background, 1 = object;
            rpn_bbox_pred, shape (1, 4 A, rows, columns);
            data, shape (1, 3, height, width): only its size is read.
    top:    proposals, shape (n, 5): x, y, w, h in px of the input, and the score; the likeliest first.

    Algorithm:
        for each anchor, move and scale it by its prediction, and clip it to the image
        drop boxes with a side below smallest_side
        of the `before_nms` likeliest, drop those that overlap a likelier one by more than nms_iou
        keep `proposals` of them
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters."""
        if len(bottom) != 3 or len(top) != 1:
            raise ValueError("ProposalLayer: needs three bottoms (probabilities, steps, data) and one top")
        par = read_parameters(ProposalParameters, self.param_str)
        self.shapes = AnchorShapes(par.stride, par.scales, par.ratios)
        self.selection = Selection(**{each.name: getattr(par, each.name) for each in fields(Selection)})

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Check that the maps belong together; how many proposals there are is known later."""
        count = len(self.shapes)
        channels, rows, columns = bottom[1].data.shape[1:]
        if channels != 4 * count or bottom[0].data.shape != (1, 2, count * rows, columns):
            raise ValueError(f"ProposalLayer: maps of these shapes do not fit {count} anchors a position")
        top[0].reshape(1, 5)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Decode, suppress, keep."""
        count = len(self.shapes)
        rows, columns = bottom[1].data.shape[2:]
        scores = bottom[0].data[0, 1].reshape(count, rows, columns).transpose(1, 2, 0).ravel()
        steps = bottom[1].data[0].transpose(1, 2, 0).reshape(-1, 4)
        height, width = bottom[2].data.shape[2:]
        anchors = self.shapes.over(rows, columns)
        boxes, kept = propose(anchors, scores, steps.astype(float), (width, height), self.selection)
        top[0].reshape(max(len(boxes), 1), 5)
        top[0].data[...] = 0  # if nothing is left: one box without a side
        top[0].data[: len(boxes), :4], top[0].data[: len(boxes), 4] = boxes, kept

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Proposals are not trained through."""
