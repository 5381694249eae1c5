"""What the heads of both modes share: which positions they read, how they score, and how they are trained.

The head is one 3x3 and two sibling 1x1 layers on conv5, trained online by a Caffe solver (section 3.4). The
configuration is laid over the committed nets, so that every number of the method can be set. With the
defaults nothing changes.
"""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe, make_from_message, read_message
from rpn2t.paths import prototxt_dir
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.matching import Matching, match_anchors

ProposalWeights = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weight and bias of the region proposal network's 3x3 layer."""

Probabilities = tuple[Floats, Floats]
"""The object's probability by term 1 and by term 2, each of shape (n, rows, columns)."""


class HeadGeometry:
    """What of conv5's map the head reads, given the positions that the loss looks at.

    Attributes:
        matching: both terms' positions on the head's own, smaller map.
        label_crop: rim of the whole map that no term looks at.
        window_rim: rim of conv5's map that the head therefore never reads (its 3x3 layer reaches one
            position further than the labels).
        pad: of the 3x3 layer: 0, unless the loss looks at the map's very rim.
        score_weights: of both terms' positions in a box's score, see :meth:`score`.
    """

    def __init__(self, config: Config, map_size: int) -> None:
        """Match the anchors of a `map_size` x `map_size` map.

        Raises:
            InputError: with these settings the loss would look at no position.
        """
        try:
            whole = match_anchors(
                map_size, config.anchor_size, config.anchor_stride, config.matching_iou, config.quality_margin
            )
        except ValueError as error:
            raise InputError(f"matching_iou, quality_margin: {error}") from None
        self.map_size = map_size
        self.label_crop = whole.rim
        self.matching: Matching = whole.crop(self.label_crop)
        self.window_rim = max(self.label_crop - 1, 0)
        self.window_size = map_size - 2 * self.window_rim
        self.pad = 0 if self.label_crop else 1
        self.score_weights = self.matching.score_weights(
            config.score_weight_anchor, config.score_weight_quality
        )

    def score(self, anchor: Floats, quality: Floats) -> Floats:
        """How much boxes look like the target.

        The score_weight_anchor / score_weight_quality mix of the IoU-weighted mean of the object's
        probability over term 1's positions and of its mean over term 2's.

        Args:
            anchor: the object's probability by term 1's layer, shape (n, rows, columns).
            quality: the object's probability by term 2's layer, likewise.

        Returns:
            Shape (n,), between 0 and the sum of the two score weights.
        """
        first, second = (
            np.einsum("nij,ij->n", probability, weights)
            for probability, weights in zip((anchor, quality), self.score_weights, strict=True)
        )
        total: Floats = first + second
        return total


def make_nets(
    folder: str,
    lay_over: Callable[[Any], None],
    config: Config,
    proposal: ProposalWeights | None,
    seed: int,
) -> tuple[Any, Callable[[], Any], str]:
    """A head's nets, which share their weights.

    Args:
        folder: of prototxt/, that holds their definitions: train.prototxt and deploy.prototxt.
        lay_over: writes the configuration into a definition, a NetParameter message.
        config: the method's numbers.
        proposal, seed: see :class:`rpn2t.tracker.paper.head.PaperHead`.

    Returns:
        The solver with the training net, what makes scoring nets, and how the 3x3 layer started, in words.

    Raises:
        InputError: `proposal` does not fit the layer.
    """
    with stage(Stage.LOAD):
        caffe = load_caffe()
        train = read_message(prototxt_dir() / folder / "train.prototxt", "NetParameter")
        deploy = read_message(prototxt_dir() / folder / "deploy.prototxt", "NetParameter")
        lay_over(train)
        lay_over(deploy)
        caffe.set_random_seed(seed)  # Caffe's fillers draw from it, and only while a net is made
        solver: Any = make_from_message(caffe.SGDSolver, _solver(config, train))

        def make_scoring_net() -> Any:
            net: Any = make_from_message(lambda path: caffe.Net(path, caffe.TEST), deploy)
            net.share_with(solver.net)
            return net

        return solver, make_scoring_net, _start_proposal(solver.net, proposal, config)


def _start_proposal(net: Any, proposal: ProposalWeights | None, config: Config) -> str:
    """Start a head's 3x3 layer from the RPN's, or leave it its gaussian; which, in words."""
    if proposal is None:
        return f"gaussian, sigma {config.proposal_std:g}: the weights bring no RPN 3x3 layer"
    for blob, values in zip(net.params["conv_proposal1"], proposal, strict=True):
        if blob.data.shape != values.shape:
            raise InputError(
                f"the weights' RPN 3x3 layer has shape {values.shape}, the head needs {blob.data.shape}"
            )
        blob.data[...] = values
    return "the weights' RPN 3x3 layer"


def lay_over_learning(layer: dict[str, Any], config: Config) -> None:
    """Write the starts and rates of the head's layers into a net's layers, which are given by name.

    Fast mode's net has one layer of scores, paper mode's has one a term.
    """
    scores = ("score",) if "score" in layer else ("score_anchor", "score_quality")
    for name in ("conv_proposal1", *scores):
        std, rate = config.score_std, config.lr_mult_score
        if name == "conv_proposal1":
            std, rate = config.proposal_std, config.lr_mult_proposal
        layer[name].convolution_param.weight_filler.std = std
        layer[name].param[0].lr_mult, layer[name].param[1].lr_mult = rate, 2 * rate


def label_settings(layer: dict[str, Any], config: Config, geometry: HeadGeometry) -> None:
    """Write what the layers of labels and loss are told into a net's layers, which are given by name."""
    labels = {
        "map_size": geometry.map_size,
        "anchor_size": config.anchor_size,
        "stride": config.anchor_stride,
        "iou_threshold": config.matching_iou,
        "margin": config.quality_margin,
        "crop": geometry.label_crop,
    }
    layer["label"].python_param.param_str = json.dumps(labels)
    loss = {"alpha": config.alpha, "beta": config.beta, "ignore_label": -1}
    layer["loss"].python_param.param_str = json.dumps(loss)


def use_compiled_loss(net: Any, config: Config, geometry: HeadGeometry) -> None:
    """Let Caffe's own layers compute the loss of paper mode's training net, and give it the labels.

    The Python layers in the committed net are there to be read, and cost little beside what a CPU has to
    compute. A GPU would wait for them, and for what they read and write. The numbers are the same, and so are
    the labels in every iteration.

    Args:
        net: the NetParameter message. Its blobs `label_anchor` and `label_quality` are to be filled.
        config, geometry: of the head.
    """
    own = type(net)(name=net.name)
    for layer in net.layer:
        if layer.name == "flag":
            samples = layer.input_param.shape[0].dim[0]
        elif layer.name == "label":
            labels = own.layer.add(name="label", type="Input", top=layer.top)
            for _ in layer.top:
                labels.input_param.shape.add(dim=[samples, 1, *geometry.matching.iou.shape])
        elif layer.name == "loss":
            for term in ("anchor", "quality"):
                each = own.layer.add(name=f"loss_{term}", type="SoftmaxWithLoss", top=[f"loss_{term}"])
                each.bottom[:] = [f"score_{term}", f"label_{term}"]
                each.loss_weight[:] = [0]  # the sum has it
                each.loss_param.ignore_label = -1
            total = own.layer.add(name="loss", type="Eltwise", top=layer.top, loss_weight=layer.loss_weight)
            total.bottom[:] = ["loss_anchor", "loss_quality"]
            total.eltwise_param.coeff[:] = [config.alpha, config.beta]
        else:
            own.layer.add().CopyFrom(layer)
    net.CopyFrom(own)


def _solver(config: Config, train: Any) -> Any:
    """The committed solver of a head's training net, with this configuration's numbers."""
    solver = read_message(prototxt_dir() / "head/solver.prototxt", "SolverParameter")
    solver.base_lr, solver.momentum = config.learning_rate, config.momentum
    solver.weight_decay = config.weight_decay
    solver.net_param.CopyFrom(train)
    return solver


def require_finite(loss: float) -> float:
    """The loss of an iteration.

    Raises:
        InputError: it is no longer a number.
    """
    if not math.isfinite(loss):
        raise InputError(f"the head's loss is {loss}: it diverged; lower learning_rate")
    return loss
