"""RPN2T's Caffe layers in Python. A prototxt names them as ``module: "rpn2t.layers"``."""

from rpn2t.layers.anchor_label import AnchorLabelLayer
from rpn2t.layers.anchor_step import AnchorStepLayer
from rpn2t.layers.anchor_target import AnchorTargetLayer
from rpn2t.layers.hard_negatives import HardNegativesLayer
from rpn2t.layers.proposal import ProposalLayer
from rpn2t.layers.rpn2t_loss import RPN2TLossLayer
from rpn2t.layers.smooth_l1_loss import SmoothL1LossLayer

__all__ = [
    "AnchorLabelLayer",
    "AnchorStepLayer",
    "AnchorTargetLayer",
    "HardNegativesLayer",
    "ProposalLayer",
    "RPN2TLossLayer",
    "SmoothL1LossLayer",
]
