"""Figure 2: the positions of the top layer's map that the loss's two terms use, as the label layer says."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t.nets.caffe import load_caffe
from rpn2t.paths import prototxt_dir
from rpn2t.system.plotting import Figure, plain

_GREY, _RED = np.array([[242, 242, 242], [214, 96, 77]], np.uint8)
_TITLES = ("Term 1: anchors with IoU > 0.7", "Term 2: box quality")
_SIDE = 14


def label_maps() -> list[NDArray[np.float32]]:
    """Both maps of one positive sample, 14 x 14, from the committed head's label layer. 0 is in use."""
    caffe = load_caffe()
    net: Any = caffe.Net(str(prototxt_dir() / "head/train_padded.prototxt"), caffe.TRAIN)
    net.blobs["flag"].data[...] = 1
    net.forward(end="label")
    return [net.blobs[name].data[0, 0].copy() for name in ("label_anchor", "label_quality")]


def positions(labels: NDArray[np.float32]) -> int:
    """How many positions of a map are in use."""
    return int((labels == 0).sum())


@plain()
def figure2(maps: list[NDArray[np.float32]]) -> Figure:
    """The two maps side by side; the positions in use are red."""
    figure = Figure(figsize=(8, 4.3), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, labels, title in zip(axes, maps, _TITLES, strict=True):
        axis.imshow(np.where(labels[:, :, None] == 0, _RED, _GREY))
        axis.set_xticks(np.arange(-0.5, _SIDE), labels=[])
        axis.set_yticks(np.arange(-0.5, _SIDE), labels=[])
        axis.tick_params(length=0)
        axis.grid(color="white", linewidth=1.5)
        axis.set_title(f"{title} ({positions(labels)} positions)", fontsize=11, pad=20)
        for i in range(_SIDE):
            axis.text(i, -0.9, str(i), ha="center", va="center", fontsize=7, color="#777777")
            axis.text(-0.9, i, str(i), ha="center", va="center", fontsize=7, color="#777777")
    return figure
