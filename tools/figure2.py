"""Draw the paper's figure 2 from the label layer's own output: docs/figure2.png.

python tools/figure2.py
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from rpn2t.nets.caffe import load_caffe
from rpn2t.paths import prototxt_dir

TITLES = ("Term 1: anchors with IoU > 0.7", "Term 2: box quality")


def label_maps() -> list[np.ndarray]:
    """Both maps of one positive sample, 14 x 14, from the committed head's label layer."""
    caffe = load_caffe()
    net = caffe.Net(str(prototxt_dir() / "head/train_padded.prototxt"), caffe.TRAIN)
    net.blobs["flag"].data[...] = 1
    net.forward(end="label")
    return [net.blobs[name].data[0, 0].copy() for name in ("label_anchor", "label_quality")]


def main() -> None:
    """Draw and save."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.3), layout="constrained")
    for axis, labels, title in zip(axes, label_maps(), TITLES, strict=True):
        axis.imshow(labels == 0, cmap=mpl.colors.ListedColormap(["#f2f2f2", "#d6604d"]), vmin=0, vmax=1)
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
