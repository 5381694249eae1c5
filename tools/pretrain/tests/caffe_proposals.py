"""With Caffe's Python: conv5 and the proposals of a teacher's weight file for the image in picture.npz.

caffe_proposals.py ZF_TEACHER.caffemodel FOLDER
"""

import sys
from pathlib import Path

import numpy as np

from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import load_into, read_caffemodel
from rpn2t.paths import prototxt_dir


def main(weights: str, folder: str) -> None:
    """Run the net that `rpn2t train-rpn` measures with."""
    caffe = load_caffe()
    net = caffe.Net(str(prototxt_dir() / "rpn/deploy.prototxt"), caffe.TEST)
    load_into(net, read_caffemodel(weights), source=weights)
    with np.load(Path(folder) / "picture.npz") as file:
        images = file["images"]
    net.blobs["data"].reshape(*images.shape)
    net.blobs["data"].data[...] = images
    net.forward()
    found = {name: net.blobs[name].data.copy() for name in ("conv5", "proposals")}
    np.savez(Path(folder) / "proposals.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
