"""Draw the paper's figure 2 from the label layer's own output: docs/figure2.png.

python tools/figure2.py
"""

from pathlib import Path

import numpy as np

from rpn2t.nets.caffe import load_caffe
from rpn2t.paths import prototxt_dir
from rpn2t.system.plotting import Figure, plain

GREY, RED = np.array([[242, 242, 242], [214, 96, 77]], np.uint8)
TITLES = ("Term 1: anchors with IoU > 0.7", "Term 2: box quality")


def label_maps() -> list[np.ndarray]:
    """Both maps of one positive sample, 14 x 14, from the committed head's label layer."""
    caffe = load_caffe()
    net = caffe.Net(str(prototxt_dir() / "head/train_padded.prototxt"), caffe.TRAIN)
    net.blobs["flag"].data[...] = 1
    net.forward(end="label")
    return [net.blobs[name].data[0, 0].copy() for name in ("label_anchor", "label_quality")]


@plain()
def main() -> None:
    """Draw and save."""
    figure = Figure(figsize=(8, 4.3), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, labels, title in zip(axes, label_maps(), TITLES, strict=True):
        axis.imshow(np.where(labels[:, :, None] == 0, RED, GREY))
        axis.set_xticks(np.arange(-0.5, 14), labels=[])
        axis.set_yticks(np.arange(-0.5, 14), labels=[])
        axis.tick_params(length=0)
        axis.grid(color="white", linewidth=1.5)
        axis.set_title(f"{title} ({int((labels == 0).sum())} positions)", fontsize=11, pad=20)
        for i in range(14):
            axis.text(i, -0.9, str(i), ha="center", va="center", fontsize=7, color="#777777")
            axis.text(-0.9, i, str(i), ha="center", va="center", fontsize=7, color="#777777")
    path = Path(__file__).parents[1] / "docs/figure2.png"
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
