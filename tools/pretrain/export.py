"""Turn a training's snapshot into folded weights, and folded weights into Caffe's file.

python tools/pretrain/export.py SNAPSHOT.pt ZF.npz
python tools/pretrain/export.py ZF.npz zf_teacher.caffemodel
python tools/pretrain/export.py zf_teacher.caffemodel ZF.npz    (back: to train on)

The region proposal layers go along where a file has them. A file may have the refiner's layers instead
(refine.py). In Caffe's files conv5 is larger by --conv5-scale, unless given by that of the shipped weights,
and the kernels that read conv5 are smaller by it.
Snapshots need PyTorch, Caffe's files need Caffe and rpn2t: with both in one Python, one step does it.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
RPN = ("conv_proposal1", "rpn_cls_score", "rpn_bbox_pred")
REFINER = ("first5", "first3", "first", "now5", "now3", "now", "both", "both2", "hidden", "box")
NAMES = (*LAYERS, *RPN, *REFINER)
READ_CONV5 = ("conv_proposal1", "first5", "now5")
CONV5_SCALE = 3.0  # of the shipped weights


def read(path: Path, conv5_scale: float = 1) -> Arrays:
    """Folded weights, float32, of pretrain.py's snapshot, an .npz file, or Caffe's with conv5 scaled."""
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {name: file[name].astype(np.float32) for name in file.files}
    if path.suffix == ".caffemodel":
        from rpn2t.nets.caffemodel import read_caffemodel

        return _arrays(layers(_arrays(read_caffemodel(path, only=NAMES)), 1 / conv5_scale))
    import torch
    from zf import folded

    state = torch.load(path, map_location="cpu", weights_only=True)
    return folded(state["average"], "zf.")


def layers(arrays: Arrays, conv5_scale: float) -> dict[str, list[NDArray[Any]]]:
    """Caffe's layers: kernel and bias of each, those of conv5 times a factor.

    The layers above conv5, where there are any, give what they gave: those that read it make up for it.
    """
    names = [name for name in NAMES if f"{name}_w" in arrays]
    found = {name: [arrays[f"{name}_w"], arrays[f"{name}_b"]] for name in names}
    if "conv5" in found:
        found["conv5"] = [array * np.float32(conv5_scale) for array in found["conv5"]]
    for name in READ_CONV5:
        if name in found:
            found[name][0] = found[name][0] / np.float32(conv5_scale)
    return found


def _arrays(layers: Mapping[str, Sequence[NDArray[Any]]]) -> Arrays:
    names = [name for name in NAMES if layers.get(name)]
    return {f"{name}_{part}": layers[name][index] for name in names for index, part in enumerate("wb")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Convert by the files' suffixes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="snapshot.pt, folded weights (.npz), or .caffemodel")
    parser.add_argument("target", type=Path, help=".npz or .caffemodel")
    parser.add_argument(
        "--conv5-scale", type=float, default=CONV5_SCALE, help="factor on a .caffemodel's conv5 [3]"
    )
    parser.add_argument("--float16", action="store_true", help="store halves, .npz only")
    options = parser.parse_args(arguments)
    if not options.source.is_file():
        parser.error(f"{options.source}: no such file")
    arrays = read(options.source, options.conv5_scale)
    if options.target.suffix == ".npz":
        kind = np.float16 if options.float16 else np.float32
        stored: dict[str, Any] = {name: array.astype(kind) for name, array in arrays.items()}
        np.savez(options.target, **stored)
    else:
        from rpn2t.nets.caffemodel import write_caffemodel

        write_caffemodel(options.target, layers(arrays, options.conv5_scale))


if __name__ == "__main__":
    main()
