"""What a GPU computes, against the CPU: one check a process, see test_gpu.py.

    python tests/gpu_checks.py NAME DEVICE [--tf32]

A failed check of Caffe's own ends its process, and a kernel that hangs never ends it. `layers` stands for all
of LAYERS.
"""

import argparse
import gc
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray

from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffe import load_caffe, make_from_message
from rpn2t.nets.device import Device, choose_device
from rpn2t.nets.patch import cut_patches
from rpn2t.nets.weight_sets import find_set
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.loop import Tracker
from rpn2t.tracker.paper.head import PaperHead
from support import SMALL, make_clip, windows_of

CPU = choose_device("cpu")
Arrays = dict[str, NDArray[np.float32]]


def _layer(kind: str, settings: str = "") -> str:
    return f'layer {{ name: "it" type: "{kind}" bottom: "data" top: "out" {settings} }}'


def _convolution(outputs: int, kernel: int, stride: int, pad: int) -> str:
    return _layer(
        "Convolution",
        f"convolution_param {{ num_output: {outputs} kernel_size: {kernel} stride: {stride} pad: {pad} "
        'weight_filler { type: "gaussian" std: 0.1 } bias_filler { type: "gaussian" std: 0.1 } }',
    )


def _lrn(size: int, region: str) -> str:
    return _layer("LRN", f"lrn_param {{ local_size: {size} alpha: 0.5 beta: 0.75 norm_region: {region} }}")


_SMALL = (3, 7, 13, 11)
LAYERS = {
    # the student's and the head's, then a batch of one and an odd map
    "conv1": (_convolution(outputs=96, kernel=7, stride=2, pad=3), (8, 3, 107, 107)),
    "conv2": (_convolution(outputs=256, kernel=5, stride=2, pad=2), (8, 96, 27, 27)),
    "conv3": (_convolution(outputs=384, kernel=3, stride=1, pad=1), (8, 256, 14, 14)),
    "score": (_convolution(outputs=2, kernel=1, stride=1, pad=0), (128, 256, 10, 10)),
    "odd": (_convolution(outputs=13, kernel=3, stride=1, pad=1), (1, 5, 19, 23)),
    "lrn_within": (_lrn(3, "WITHIN_CHANNEL"), _SMALL),
    "lrn_across": (_lrn(5, "ACROSS_CHANNELS"), _SMALL),
    "max_pool": (_layer("Pooling", "pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }"), _SMALL),
    "relu": (_layer("ReLU"), _SMALL),
    "softmax": (_layer("Softmax"), (3, 2, 13, 11)),
    "inner_product": (
        _layer(
            "InnerProduct",
            'inner_product_param { num_output: 9 weight_filler { type: "gaussian" std: 0.1 } }',
        ),
        (4, 7, 5, 6),
    ),
    "eltwise": (_layer("Eltwise", 'bottom: "data" eltwise_param { coeff: 1 coeff: 10 }'), _SMALL),
}
"""Layers by a name for each, and the shapes of what goes in."""


def layer(name: str, device: Device) -> None:
    """Forward and backward, with gradients of the input and of the weights."""
    text, shape = LAYERS[name]
    rng = np.random.default_rng(3)
    data = rng.normal(0, 1, shape).astype(np.float32)
    compare(*(_passes(text, data, each) for each in (CPU, device)), tolerance(device, 1e-4, 1e-2))


def _passes(text: str, data: NDArray[np.float32], device: Device) -> Arrays:
    device.activate()
    caffe = load_caffe()
    from caffe.proto import caffe_pb2

    definition = text_format.Parse(text, caffe_pb2.NetParameter(force_backward=True))
    own = definition.layer.add(name="data", type="Input", top=["data"])
    own.input_param.shape.add(dim=data.shape)
    definition.layer.reverse()
    caffe.set_random_seed(1)
    net = make_from_message(lambda path: caffe.Net(path, caffe.TRAIN), definition)
    rng = np.random.default_rng(5)
    params = [blob for blobs in net.params.values() for blob in blobs]
    for blob in params:
        blob.data[...] = rng.normal(0, 0.1, blob.data.shape)
    net.blobs["data"].data[...] = data
    net.forward()
    net.blobs["out"].diff[...] = rng.normal(0, 1, net.blobs["out"].shape)
    net.backward()
    found = {"out": net.blobs["out"].values.copy(), "input's gradient": net.blobs["data"].diff.copy()}
    return found | {f"gradient {i}": blob.diff.copy() for i, blob in enumerate(params)}


def rows(device: Device) -> None:
    """Rows of a blob to another's, more of them than the last time, then fewer."""
    device.activate()
    caffe = load_caffe()
    rng = np.random.default_rng(0)
    source, target = caffe.Blob((50, 6, 5)), caffe.Blob((40, 6, 5))
    values = rng.normal(size=(50, 6, 5)).astype(np.float32)
    source.data[...] = values
    expected = np.zeros((40, 6, 5), np.float32)
    for count in (3, 40, 7):
        chosen, places = rng.integers(0, 50, count), rng.permutation(40)[:count]
        caffe.copy_rows(source, chosen, target, places)
        expected[places] = values[chosen]
        np.testing.assert_array_equal(target.values, expected)


def many_rows(device: Device) -> None:
    """More than 2^30 numbers in one call, so that the number after the last is more than an int holds."""
    device.activate()
    caffe = load_caffe()
    length = 2**20 if device.kind == "gpu" else 2**8  # 4.3 GB
    source, target = caffe.Blob((1030, length)), caffe.Blob((1030, length))
    source.data[:, 7] = np.arange(1030)
    order = np.arange(1030)[::-1]
    caffe.copy_rows(source, np.arange(1030), target, order)
    np.testing.assert_array_equal(target.values[order, 7], np.arange(1030))


def crops(device: Device) -> None:
    """Patches of boxes anywhere, bit for bit those of the CPU; frames of changing sizes."""
    rng = np.random.default_rng(2)
    for height, width in ((720, 1280), (90, 120), (241, 319)):
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        middles = rng.uniform(-20, (width + 20, height + 20), (60, 2))
        sides = rng.uniform(3, 200, (60, 2))
        boxes = np.concatenate([middles - sides / 2, sides], axis=1)
        for some in (boxes, boxes[:1], boxes[:7] + 5000):  # the last see nothing of the frame
            CPU.activate()
            expected = cut_patches(image, some, 107, 16)
            device.activate()
            np.testing.assert_array_equal(cut_patches(image, some, 107, 16), expected)


def backbone(name: str, device: Device) -> None:
    """conv5 of the shipped weights, in batches of several sizes."""
    rng = np.random.default_rng(4)
    both = [Backbone(BackboneSpec.find(name), find_set("shipped"), each) for each in (CPU, device)]
    side = both[0].spec.input_side
    for count in (1, 5, 2):
        patches = rng.normal(0, 60, (count, 3, side, side)).astype(np.float32)
        maps = []
        for each in both:
            each.device.activate()
            maps.append({name: each.conv5(patches).copy()})
        compare(*maps, tolerance(device, 1e-3, 3e-2))


def paper_head(device: Device) -> None:
    """Scores, and what some iterations learn."""
    config = Config(batch_positives=8, batch_negatives=24, mining_pool=32)
    rng = np.random.default_rng(6)
    maps = rng.normal(0, 1, (32, 256, 12, 12)).clip(0).astype(np.float32)
    found = []
    for each in (CPU, device):
        head = PaperHead(config, HeadGeometry(config, 14), 256, None, 0, each)
        windows = windows_of(maps)
        before = {name: blobs[0].values.copy() for name, blobs in head.net.params.items()}
        losses = [head.learn(windows.take(slice(8)), windows.take(slice(8, None))) for _ in range(5)]
        learned = {name: head.net.params[name][0].values - start for name, start in before.items()}
        scores = np.concatenate([head.scores(windows), head.scores(windows.take(slice(5)))])
        found.append(learned | {"scores": scores, "losses": np.array(losses)})
    compare(*found, tolerance(device, 2e-3, 5e-2))


def cpu_beside_gpu(device: Device) -> None:
    """A solver that was made for the CPU is freed while a GPU computes, and the other way round."""
    config = Config(**SMALL)  # type: ignore[arg-type]
    heads = [PaperHead(config, HeadGeometry(config, 14), 256, None, 0, each) for each in (CPU, device)]
    device.activate()
    del heads[0]
    gc.collect()
    CPU.activate()
    del heads[0]
    gc.collect()


def full_memory(device: Device) -> None:
    """A GPU whose memory is full says so, and computes on once some of it is free."""
    if device.kind == "gpu":
        device.activate()
        caffe = load_caffe()
        held: list[Any] = []

        def fill() -> None:
            while len(held) < 10_000:
                held.append(caffe.Blob((2**29,)))  # 2 GB
                caffe.copy_rows(held[-1], [0], held[-1], [1])

        with pytest.raises(RuntimeError, match="memory is full"):
            fill()
        held.clear()
        gc.collect()
    rows(device)


def tracks(mode: str, device: Device) -> None:
    """Thirty frames of a clip: near the CPU's boxes, and the same for the same seed, to the last bit."""
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "Square", 30)
    boxes = []
    for each in (CPU, device, device):
        config = Config.for_mode(mode)
        if mode == "paper":
            config = config.with_settings([f"{name}={value}" for name, value in SMALL.items()])
        tracker = Tracker(config, mode=mode, device=str(each), tf32=each.tf32, bf16=False)
        tracker.init(clip.images[0], clip.truth[0])
        boxes.append(np.array([tracker.update(image)[0] for image in clip.images[1:]]))
    np.testing.assert_array_equal(boxes[1], boxes[2])
    off = np.abs(boxes[1] - boxes[0]).max(axis=1)
    print(
        f"{mode} mode: px between the CPU's and the GPU's boxes: mean {off.mean():.3f}, most {off.max():.3f}"
    )
    assert off.mean() < tolerance(device, 2, 3)
    assert np.abs(boxes[1] - clip.truth[1:]).max(axis=1).mean() < 12


def tolerance(device: Device, exact: float, rounded: float) -> float:
    """What may differ, with factors in float or rounded to TF32."""
    return rounded if device.tf32 else exact


def compare(expected: Arrays, found: Arrays, most: float) -> None:
    """That arrays differ by no more than this part of their largest value."""
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        largest = np.abs(values).max()
        assert largest > 0, name
        off = np.abs(found[name] - values).max() / largest
        print(f"{name}: {off:.2g} of {largest:.3g}")
        assert off <= most, f"{name}: differs by {off:.2g} of its largest value, {most:g} are allowed"


CHECKS: dict[str, Callable[[Device], None]] = {
    **{name: (lambda device, name=name: layer(name, device)) for name in LAYERS},
    "rows": rows,
    "many_rows": many_rows,
    "crops": crops,
    "student": lambda device: backbone("student", device),
    "teacher": lambda device: backbone("teacher", device),
    "paper_head": paper_head,
    "cpu_beside_gpu": cpu_beside_gpu,
    "full_memory": full_memory,
    "paper_mode": lambda device: tracks("paper", device),
    "fast_mode": lambda device: tracks("fast", device),
}
"""What can be asked for."""


def main() -> None:
    """Runs a check, or all of the layers' up to the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=["layers", *CHECKS])
    parser.add_argument("device")
    parser.add_argument("--tf32", action="store_true")
    options = parser.parse_args()
    try:
        device = choose_device(options.device, options.tf32)
    except InputError as error:
        raise SystemExit(str(error)) from None
    for name in LAYERS if options.name == "layers" else [options.name]:
        print(f"== {name}")
        CHECKS[name](device)


if __name__ == "__main__":
    main()
