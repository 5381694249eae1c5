"""Write the networks' prototxt files, so that what they have in common stands once.

    python -m rpn2t.prototxt.generate           # write them
    python -m rpn2t.prototxt.generate --check   # say which differ, exit 1 if any does

The files are committed; a test checks that generating them again changes nothing.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rpn2t.config import Config
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.proposals import AnchorShapes, Sampling, Selection
from rpn2t.paths import prototxt_dir
from rpn2t.tracker.matching import match_anchors

caffe = load_caffe()
L, P = caffe.layers, caffe.params

MAP_SIZE = 14  # conv5 of teacher and student, and of the classification CNNs


def learning(weights: float, bias: float) -> list[dict[str, float]]:
    """Learning rate multipliers of a layer; both decay (the release lets biases decay, too)."""
    return [{"lr_mult": weights, "decay_mult": 1}, {"lr_mult": bias, "decay_mult": 1}]


def gaussian(std: float) -> dict[str, object]:
    """Initial weights of a layer that no file brings."""
    return {
        "weight_filler": {"type": "gaussian", "std": std},
        "bias_filler": {"type": "constant", "value": 0},
    }


def convolution(bottom: Any, outputs: int, kernel: int, **kwargs: Any) -> Any:
    """A square convolution that keeps the size (at stride 1) unless `pad` says otherwise."""
    kwargs.setdefault("pad", kernel // 2)
    return L.Convolution(bottom, num_output=outputs, kernel_size=kernel, **kwargs)


def normalise(bottom: Any) -> Any:
    """ZF's local response normalisation: x (1 + alpha/9 sum of x^2 over 3 x 3)^-0.75, within a channel."""
    return L.LRN(bottom, norm_region=P.LRN.WITHIN_CHANNEL, local_size=3, alpha=5e-5, beta=0.75)


def zf(side: int, *, conv1_stride: int, pooling: bool, batch: int = 1, **learns: Any) -> Any:
    """ZF net up to conv5, for patches of `side` px.

    The student is the teacher without its two pooling layers and with conv1's stride doubled: the
    same weights fit both.
    """
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [batch, 3, side, side]})
    n.conv1 = convolution(n.data, 96, 7, stride=conv1_stride, **learns)
    n.relu1 = L.ReLU(n.conv1, in_place=True)
    n.norm1 = top = normalise(n.relu1)
    if pooling:
        n.pool1 = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2, pad=1)
    n.conv2 = convolution(top, 256, 5, stride=2, **learns)
    n.relu2 = L.ReLU(n.conv2, in_place=True)
    n.norm2 = top = normalise(n.relu2)
    if pooling:
        n.pool2 = top = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=3, stride=2, pad=1)
    _upper_zf(n, top, **learns)
    return n


def _upper_zf(n: Any, bottom: Any, **learns: Any) -> None:
    """conv3 to conv5 of the ZF net."""
    n.conv3 = convolution(bottom, 384, 3, **learns)
    n.relu3 = L.ReLU(n.conv3, in_place=True)
    n.conv4 = convolution(n.relu3, 384, 3, **learns)
    n.relu4 = L.ReLU(n.conv4, in_place=True)
    n.conv5 = convolution(n.relu4, 256, 3, **learns)


def deploy(n: Any) -> Any:
    """The backbone that the tracker reads: conv5 after its ReLU."""
    n.relu5 = L.ReLU(n.conv5)
    return n


def alexnet(side: int, *, pool_first: bool = False) -> Any:
    """AlexNet up to conv5, layer by layer as its public weights (bvlc_alexnet) have it.

    With `pool_first` it is CaffeNet (bvlc_reference_caffenet), which pools before it normalises.
    """

    def normalised(bottom: Any) -> Any:
        return L.LRN(bottom, local_size=5, alpha=1e-4, beta=0.75)

    def pooled(bottom: Any) -> Any:
        return L.Pooling(bottom, pool=P.Pooling.MAX, kernel_size=3, stride=2)

    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [1, 3, side, side]})
    n.conv1 = convolution(n.data, 96, 11, stride=4, pad=0)
    n.relu1 = top = L.ReLU(n.conv1, in_place=True)
    for number in (1, 2):
        if number == 2:
            n.conv2 = convolution(top, 256, 5, group=2)
            n.relu2 = top = L.ReLU(n.conv2, in_place=True)
        if pool_first:
            n[f"pool{number}"] = top = pooled(top)
            n[f"norm{number}"] = top = normalised(top)
        else:
            n[f"norm{number}"] = top = normalised(top)
            n[f"pool{number}"] = top = pooled(top)
    n.conv3 = convolution(top, 384, 3)
    n.relu3 = L.ReLU(n.conv3, in_place=True)
    n.conv4 = convolution(n.relu3, 384, 3, group=2)
    n.relu4 = L.ReLU(n.conv4, in_place=True)
    n.conv5 = convolution(n.relu4, 256, 3, group=2)
    n.relu5 = L.ReLU(n.conv5)
    return n


def vgg(side: int, convolutions: int) -> Any:
    """VGG up to the last ReLU of block 5. Blocks 3 to 5 have this many `convolutions` each: 3 or 4."""
    n = caffe.NetSpec()
    n.data = top = L.Input(shape={"dim": [1, 3, side, side]})
    for block, outputs in enumerate((64, 128, 256, 512, 512), start=1):
        count = 2 if block < 3 else convolutions
        for index in range(1, count + 1):
            conv = n[f"conv{block}_{index}"] = convolution(top, outputs, 3)
            in_place = (block, index) != (5, count)
            top = n[f"relu{block}_{index}"] = L.ReLU(conv, in_place=in_place)
        if block < 5:
            top = n[f"pool{block}"] = L.Pooling(top, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    return n


def distillation() -> Any:
    """The student learns the teacher's conv5, before its ReLU (section 3.3).

    Both maps are standardised by element with the same two constants, gathered beforehand: the mean
    and the inverse of the standard deviation of the teacher's conv5, as a frozen scale and bias.
    """
    n = zf(107, conv1_stride=4, pooling=False, batch=32, param=learning(1, 2))
    n.target = L.Input(shape={"dim": [32, 256, MAP_SIZE, MAP_SIZE]})
    frozen = [
        {"name": name, "lr_mult": 0, "decay_mult": 0} for name in ("inverse_std", "minus_mean_over_std")
    ]
    for name in ("conv5", "target"):
        n[f"{name}_standardised"] = L.Scale(n[name], param=frozen, axis=1, num_axes=3, bias_term=True)
    n.loss = L.EuclideanLoss(n.conv5_standardised, n.target_standardised)
    return n


def rpn(*, train: bool) -> Any:
    """The teacher as a region proposal network: conv5, a 3x3 layer, and two 1x1 layers for nine anchors.

    The layers' names are py-faster-rcnn's, but for the 3x3 layer, which has the authors'.
    """
    shapes, count = AnchorShapes(), len(AnchorShapes())
    anchors = {"stride": shapes.stride, "scales": shapes.scales, "ratios": shapes.ratios}
    learns: dict[str, Any] = {"param": learning(1, 2)} if train else {}
    slowly: dict[str, Any] = {"param": learning(0.3, 0.6)} if train else {}  # rpn/README.md says why
    n = zf(203, conv1_stride=2, pooling=True, **learns)
    n.relu5 = L.ReLU(n.conv5, in_place=True)
    n.conv_proposal1 = convolution(n.relu5, 256, 3, **slowly, **gaussian(0.01))
    n.relu_proposal1 = L.ReLU(n.conv_proposal1, in_place=True)
    n.rpn_cls_score = convolution(n.relu_proposal1, 2 * count, 1, **learns, **gaussian(0.01))
    n.rpn_bbox_pred = convolution(n.relu_proposal1, 4 * count, 1, **learns, **gaussian(0.01))
    n.rpn_cls_pair = L.Reshape(n.rpn_cls_score, reshape_param={"shape": {"dim": [0, 2, -1, 0]}})
    if train:
        n.boxes = L.Input(shape={"dim": [1, 4]})
        n.draw = L.Input(shape={"dim": [1]})
        n.rpn_labels, n.rpn_targets, n.rpn_weights = L.Python(
            n.rpn_cls_score, n.boxes, n.draw, name="rpn_targets", ntop=3, module="rpn2t.layers",
            layer="AnchorTargetLayer", param_str=json.dumps(anchors | vars(Sampling())),
        )  # fmt: skip
        n.loss_objects = L.SoftmaxWithLoss(
            n.rpn_cls_pair, n.rpn_labels, propagate_down=[True, False], loss_weight=0,
            loss_param={"ignore_label": -1},
        )  # fmt: skip
        n.loss_boxes = L.Python(
            n.rpn_bbox_pred, n.rpn_targets, n.rpn_weights,
            propagate_down=[True, False, False], loss_weight=0,
            module="rpn2t.layers", layer="SmoothL1LossLayer", param_str=json.dumps({"sigma": 3}),
        )  # fmt: skip
        n.loss = L.Eltwise(n.loss_objects, n.loss_boxes, loss_weight=1)
    else:
        n.rpn_cls_prob = L.Softmax(n.rpn_cls_pair)
        n.proposals = L.Python(
            n.rpn_cls_prob, n.rpn_bbox_pred, n.data, module="rpn2t.layers", layer="ProposalLayer",
            param_str=json.dumps(anchors | vars(Selection())),
        )  # fmt: skip
    return n


def head(batch: int, *, crop: int, train: bool, boxes: bool = False) -> Any:
    """What follows conv5: a 3x3 layer and two sibling 1x1 layers (section 3.4).

    With `boxes` a third one learns the box, by eq. 1's regression term.

    `crop` is how much of the map's rim the loss never reads. Without it the 3x3 layer pads and reads
    14 x 14 windows, as in the paper. With it, windows come one row and column short of `crop` and
    the layer does not pad: the same numbers wherever the loss looks, for half the work.
    """
    cfg = Config()
    window, pad = (MAP_SIZE - 2 * (crop - 1), 0) if crop else (MAP_SIZE, 1)
    proposal = learning(cfg.lr_mult_proposal, 2 * cfg.lr_mult_proposal)
    score = learning(cfg.lr_mult_score, 2 * cfg.lr_mult_score)
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [batch, 256, window, window]})
    if train:
        n.flag = L.Input(shape={"dim": [batch]})
        labels(n, n.flag, crop)
    n.conv_proposal1 = convolution(n.data, 256, 3, pad=pad, param=proposal, **gaussian(cfg.proposal_std))
    n.relu_proposal1 = L.ReLU(n.conv_proposal1, in_place=True)
    n.score_anchor = convolution(n.relu_proposal1, 2, 1, param=score, **gaussian(cfg.score_std))
    n.score_quality = convolution(n.relu_proposal1, 2, 1, param=score, **gaussian(cfg.score_std))
    if train:
        loss(n, n.score_anchor, n.score_quality)
    else:
        n.prob_anchor = L.Softmax(n.score_anchor)
        n.prob_quality = L.Softmax(n.score_quality)
    if boxes:
        n.box_step = convolution(n.relu_proposal1, 4, 1, param=score, **gaussian(cfg.score_std))
    if boxes and train:
        n.step = L.Input(shape={"dim": [batch, 4]})
        box_loss(n, crop)
    return n


def label_settings(crop: int) -> dict[str, float]:
    """What the layers of labels and of targets are told."""
    cfg = Config()
    return {
        "map_size": MAP_SIZE,
        "anchor_size": cfg.anchor_size,
        "stride": cfg.anchor_stride,
        "iou_threshold": cfg.matching_iou,
        "margin": cfg.quality_margin,
        "crop": crop,
    }


def labels(n: Any, flag: Any, crop: int) -> None:
    """Both terms' label maps of samples with these flags."""
    n.label_anchor, n.label_quality = L.Python(
        flag, name="label", ntop=2, module="rpn2t.layers", layer="AnchorLabelLayer",
        param_str=json.dumps(label_settings(crop)),
    )  # fmt: skip


def box_loss(n: Any, crop: int) -> None:
    """Eq. 1's regression term: smooth L1, as the region proposal network's own; lambda is 1."""
    n.target_step, n.weight_step = L.Python(
        n.flag, n.step, name="target", ntop=2, module="rpn2t.layers", layer="AnchorStepLayer",
        param_str=json.dumps(label_settings(crop)),
    )  # fmt: skip
    n.loss_boxes = L.Python(
        n.box_step, n.target_step, n.weight_step, propagate_down=[True, False, False], loss_weight=1,
        module="rpn2t.layers", layer="SmoothL1LossLayer", param_str=json.dumps({"sigma": 3}),
    )  # fmt: skip


def loss(n: Any, anchor: Any, quality: Any) -> None:
    """The two-term loss (eq. 2)."""
    cfg = Config()
    n.loss = L.Python(
        anchor, quality, n.label_anchor, n.label_quality,
        module="rpn2t.layers", layer="RPN2TLossLayer", loss_weight=1,
        param_str=json.dumps({"alpha": cfg.alpha, "beta": cfg.beta, "ignore_label": -1}),
    )  # fmt: skip


def map_head(*, crop: int, train: bool) -> Any:
    """The head on maps of whole regions (fast mode): windows are read out of its scores.

    Both terms' 1x1 layers are one here. It has an output for every position of a window: term 1's object, its
    background, and term 2's.
    """
    cfg, positions = Config.for_mode("fast"), MAP_SIZE - 2 * crop
    groups = min(cfg.position_groups, positions)
    proposal = learning(cfg.lr_mult_proposal, 2 * cfg.lr_mult_proposal)
    rate = cfg.lr_mult_score * groups**2  # each group sees its share of the positions
    score = learning(rate, 2 * rate)
    n = caffe.NetSpec()
    n.data = L.Input(shape={"dim": [cfg.batch_maps if train else 1, 256, 26, 26]})
    n.windows = L.Input(shape={"dim": [cfg.batch_positives + cfg.batch_negatives if train else 1, 6]})
    n.conv_proposal1 = convolution(n.data, 256, 3, pad=0, param=proposal, **gaussian(cfg.proposal_std))
    n.relu_proposal1 = L.ReLU(n.conv_proposal1, in_place=True)
    n.score = convolution(n.relu_proposal1, 4 * groups**2, 1, param=score, **gaussian(cfg.score_std))
    reads = {"size": positions, "first": crop, "groups": groups}
    windows = n.windows
    if train:
        n.read_quality = L.ReadWindows(
            n.score, windows, propagate_down=[False, False], read_windows_param=reads | {"first_class": 2}
        )
        n.mined, n.flag = L.Python(
            n.read_quality, windows, name="mine", ntop=2, module="rpn2t.layers", layer="HardNegativesLayer",
            param_str=json.dumps({"negatives": cfg.batch_negatives}),
        )  # fmt: skip
        windows = n.mined
    n.read = L.ReadWindows(n.score, windows, propagate_down=[True, False], read_windows_param=reads)
    n.windows_anchor, n.windows_quality = L.Slice(n.read, name="terms", ntop=2)
    if train:
        labels(n, n.flag, crop)
        loss(n, n.windows_anchor, n.windows_quality)
    return n


def refinement() -> Any:
    """How the target's box differs from a patch's (fast mode), by the student's conv2 of both.

    Features of its own come first, then the target's arm, so that it can be left out from frame to frame.
    """
    n = caffe.NetSpec()
    size = MAP_SIZE - 2
    n.conv2 = L.Input(shape={"dim": [1, 256, size, size]})
    _upper_zf(n, n.conv2)
    n.relu5 = L.ReLU(n.conv5, in_place=True)
    for part in ("first", "now"):
        for blob, outputs in (("conv5", 96), ("conv3", 64)):
            n[f"{part}{blob[-1]}"] = convolution(n[f"relu{blob[-1]}"], outputs, 1)
        n[f"{part}_both"] = L.Concat(n[f"{part}5"], n[f"{part}3"])
        n[f"{part}_relu"] = L.ReLU(n[f"{part}_both"], in_place=True)
        n[part] = convolution(n[f"{part}_relu"], 128, 3, pad=0)
        n[f"{part}_relu2"] = L.ReLU(n[part], in_place=True)
    n.product = L.Eltwise(n.now_relu2, n.first_relu2, operation=P.Eltwise.PROD)
    n.joined = L.Concat(n.now_relu2, n.first_relu2, n.product)
    n.both = convolution(n.joined, 128, 1)
    n.both_relu = L.ReLU(n.both, in_place=True)
    n.both2 = convolution(n.both_relu, 128, 3)
    n.both2_relu = L.ReLU(n.both2, in_place=True)
    n.pooled = L.Pooling(n.both2_relu, pool=P.Pooling.MAX, kernel_size=2, stride=2)
    n.hidden = L.InnerProduct(n.pooled, num_output=256)
    n.hidden_relu = L.ReLU(n.hidden, in_place=True)
    n.box = L.InnerProduct(n.hidden_relu, num_output=4)
    return n


def networks() -> dict[str, str]:
    """Every generated file's text by its path below prototxt/."""
    cfg = Config()
    crop = match_anchors(
        MAP_SIZE, cfg.anchor_size, cfg.anchor_stride, cfg.matching_iou, cfg.quality_margin
    ).rim
    batch = cfg.batch_positives + cfg.batch_negatives
    nets = {
        "teacher/deploy.prototxt": ("ZF_teacher", deploy(zf(203, conv1_stride=2, pooling=True))),
        "teacher_half/deploy.prototxt": ("ZF_teacher_half", deploy(zf(101, conv1_stride=2, pooling=True))),
        "student/deploy.prototxt": ("ZF_student", deploy(zf(107, conv1_stride=4, pooling=False))),
        "rpn/train.prototxt": ("ZF_RPN", rpn(train=True)),
        "rpn/deploy.prototxt": ("ZF_RPN_deploy", rpn(train=False)),
        "distill/train.prototxt": ("ZF_student_distillation", distillation()),
        # Of the sides that give a 14 x 14 map, those at which no layer rounds: the map's middle is the
        # patch's, as anchors want it. Context stays the paper's 16 px, one step of the map.
        "alexnet/deploy.prototxt": ("AlexNet", alexnet(243)),
        "caffenet/deploy.prototxt": ("CaffeNet", alexnet(243, pool_first=True)),
        "vgg16/deploy.prototxt": ("VGG_16", vgg(224, 3)),
        "vgg19/deploy.prototxt": ("VGG_19", vgg(224, 4)),
        "head/train.prototxt": ("RPN2T_head", head(batch, crop=crop, train=True)),
        "head/train_padded.prototxt": ("RPN2T_head_padded", head(batch, crop=0, train=True)),
        "head/deploy.prototxt": ("RPN2T_head_deploy", head(batch, crop=crop, train=False)),
        "head_box/train.prototxt": ("RPN2T_head_box", head(batch, crop=crop, train=True, boxes=True)),
        "head_box/deploy.prototxt": (
            "RPN2T_head_box_deploy",
            head(batch, crop=crop, train=False, boxes=True),
        ),
        "head_map/train.prototxt": ("RPN2T_head_map", map_head(crop=crop, train=True)),
        "head_map/deploy.prototxt": ("RPN2T_head_map_deploy", map_head(crop=crop, train=False)),
        "refine/deploy.prototxt": ("RPN2T_refinement", refinement()),
    }
    texts = {}
    for path, (name, spec) in nets.items():
        text = f'name: "{name}"\n{spec.to_proto()}'
        texts[path] = f"# Written by rpn2t.prototxt.generate: change it there.\n{text}"
    return texts


def main() -> int:
    """Write the files, or with --check only compare."""
    differing = [
        path for path, text in networks().items()
        if not (prototxt_dir() / path).is_file() or (prototxt_dir() / path).read_text() != text
    ]  # fmt: skip
    if "--check" in sys.argv[1:]:
        for path in differing:
            print(f"prototxt/{path} differs from what the generator writes")
        return 1 if differing else 0
    for path in differing:
        Path(prototxt_dir() / path).write_text(networks()[path])
        print(f"wrote prototxt/{path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
