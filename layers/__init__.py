"""RPN2T's Caffe layers in Python. A prototxt names them as ``module: "rpn2t.layers"``."""

from rpn2t.layers.anchor_label import AnchorLabelLayer
from rpn2t.layers.rpn2t_loss import RPN2TLossLayer

__all__ = ["AnchorLabelLayer", "RPN2TLossLayer"]
