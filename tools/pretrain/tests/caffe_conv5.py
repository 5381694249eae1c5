"""With Caffe's Python: conv5 of a weight file for the inputs in an .npz, with LRN and without.

caffe_conv5.py DEPLOY.prototxt ZF.caffemodel IMAGES.npz RESULT.npz
"""

import re
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import check_zf, load_into, read_caffemodel


def conv5(prototxt: str, weights: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Images through the net, conv5 before its ReLU."""
    caffe = load_caffe()
    with tempfile.NamedTemporaryFile("w", suffix=".prototxt") as file:
        file.write(prototxt)
        file.flush()
        net = caffe.Net(file.name, caffe.TEST)
    layers = read_caffemodel(weights)
    check_zf(layers, source=weights)
    load_into(net, layers, source=weights)
    net.blobs["data"].reshape(*images.shape)
    net.blobs["data"].data[...] = images
    net.forward(end="conv5")
    found: NDArray[np.float32] = net.blobs["conv5"].data.copy()
    return found


def main(deploy: str, weights: str, images: str, result: str) -> None:
    """Both ways: LRN divides by one when its alpha is zero."""
    prototxt = Path(deploy).read_text()
    without, replaced = re.subn(r"alpha: \S+", "alpha: 0", prototxt)
    assert replaced == 2
    with np.load(images) as file:
        data = file["images"]
    np.savez(result, lrn=conv5(prototxt, weights, data), without=conv5(without, weights, data))


if __name__ == "__main__":
    main(*sys.argv[1:])
