"""Our patch of Caffe by which layers on the CPU leave their numbers with the channels last for one another.

Whoever asks for a blob's numbers gets them in Caffe's order, and while somebody holds an array of them they
are written in this order at once. So the same net is compared with itself while all its blobs are held.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.nets.caffe import load_caffe

caffe = load_caffe()
pytestmark = pytest.mark.skipif(not caffe.has_bf16(), reason="this CPU or this Caffe has no bfloat16")

NET = """
force_backward: true
layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 3 dim: 3 dim: 31 dim: 29 } } }
layer { name: "a" type: "Convolution" bottom: "x" top: "a" convolution_param {
  num_output: 40 kernel_size: 5 stride: 2 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "rectified" type: "ReLU" bottom: "a" top: "a" relu_param { negative_slope: SLOPE } }
layer { name: "normalised" type: "LRN" bottom: "a" top: "normalised"
  lrn_param { local_size: 3 alpha: 0.5 beta: BETA norm_region: WITHIN_CHANNEL } }
layer { name: "b" type: "Convolution" bottom: "normalised" top: "b" convolution_param {
  num_output: 33 kernel_size: 3 pad: 1 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "apart" type: "ReLU" bottom: "b" top: "apart" }
layer { name: "c" type: "Convolution" bottom: "apart" top: "c" convolution_param {
  num_output: 48 kernel_size: 1 weight_filler { type: "gaussian" std: 0.1 } } }
layer { name: "joined" type: "Concat" bottom: "apart" bottom: "c" top: "joined" }
layer { name: "pooled" type: "Pooling" bottom: "joined" top: "pooled" pooling_param {
  pool: AVE kernel_size: 2 stride: 2 } }
"""


@pytest.fixture(autouse=True)
def bf16() -> Iterator[None]:
    caffe.set_bf16(True)
    yield
    caffe.set_bf16(False)


def make_net(folder: Path, phase: int = caffe.TEST, slope: float = 0, beta: float = 0.75) -> Any:
    path = folder / "net.prototxt"
    path.write_text(NET.replace("SLOPE", str(slope)).replace("BETA", str(beta)))
    caffe.set_random_seed(4)
    return caffe.Net(str(path), phase)


def some(seed: int, rows: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, (rows, 3, 31, 29)).astype(np.float32)


def run(net: Any, x: NDArray[np.float32]) -> None:
    """Forward, without pycaffe's own reading of the results."""
    net.blobs["x"].data[...] = x
    net._forward(0, len(net.layers) - 1)


def numbers(net: Any) -> dict[str, NDArray[np.float32]]:
    return {name: blob.values.copy() for name, blob in net.blobs.items()}


def gradients(net: Any) -> dict[str, NDArray[np.float32]]:
    found = {name: blob.diff.copy() for name, blob in net.blobs.items()}
    for name, blobs in net.params.items():
        found |= {f"{name} {index}": blob.diff.copy() for index, blob in enumerate(blobs)}
    return found


def assert_same(found: dict[str, NDArray[Any]], wanted: dict[str, NDArray[Any]]) -> None:
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values, name)
        assert np.abs(values).max() > 0, name


@pytest.mark.parametrize("held", ["data", "values"])
@pytest.mark.parametrize(("slope", "beta"), [(0, 0.75), (0.1, 0.6)])
def test_all_numbers_are_those_of_a_net_whose_blobs_are_held(
    tmp_path: Path, held: str, slope: float, beta: float
) -> None:
    nets = [make_net(tmp_path, slope=slope, beta=beta) for _ in range(2)]
    run(nets[1], some(0))  # only then those share memory that are one
    arrays = {name: getattr(blob, held) for name, blob in nets[1].blobs.items()}
    for seed in (1, 2):
        for net in nets:
            run(net, some(seed))
        assert_same(numbers(nets[0]), arrays)


@pytest.mark.parametrize("held", ["data", "values"])
def test_an_array_that_is_held_has_the_numbers_of_the_last_pass(tmp_path: Path, held: str) -> None:
    net, other = make_net(tmp_path), make_net(tmp_path)
    run(net, some(0))
    kept = {name: getattr(net.blobs[name], held) for name in ("a", "b", "c")}
    run(net, some(1))
    run(other, some(1))
    assert_same(kept, {name: other.blobs[name].values for name in kept})
    del kept
    run(net, some(2))
    run(other, some(2))
    assert_same(numbers(net), numbers(other))


def test_one_array_alone_is_held(tmp_path: Path) -> None:
    for name in ("a", "normalised", "b", "apart", "c"):
        net, other = make_net(tmp_path), make_net(tmp_path)
        kept = net.blobs[name].values
        for seed in (0, 1):
            run(net, some(seed))
            run(other, some(seed))
            assert_same({name: kept}, {name: other.blobs[name].values})
            assert_same(numbers(net), numbers(other))


@pytest.mark.parametrize("name", ["a", "normalised", "b", "apart"])
def test_what_is_written_into_a_blob_is_what_the_next_layer_reads(tmp_path: Path, name: str) -> None:
    net, other = make_net(tmp_path), make_net(tmp_path)
    layers = list(net._layer_names)
    later = {"a": "normalised", "normalised": "b", "b": "apart", "apart": "c"}[name]
    run(net, some(0))
    net.blobs[name].data[0] += 1
    net._forward(layers.index(later), len(layers) - 1)
    run(other, some(0))
    written = other.blobs[name].data  # held: all in Caffe's order
    written[0] += 1
    other._forward(layers.index(later), len(layers) - 1)
    assert_same(numbers(net), numbers(other))


def test_another_shape_and_back(tmp_path: Path) -> None:
    net = make_net(tmp_path)
    run(net, some(0))
    wanted = numbers(net)
    for rows in (2, 3):
        net.blobs["x"].reshape(rows, 3, 31, 29)
        run(net, some(0)[:rows])
        assert_same(numbers(net), {name: values[:rows] for name, values in wanted.items()})


def test_rows_are_copied_in_order(tmp_path: Path) -> None:
    net = make_net(tmp_path)
    run(net, some(0))
    blob = caffe.Blob(tuple(net.blobs["b"].shape))
    caffe.copy_rows(net.blobs["b"], [2, 0], blob, [0, 1])
    np.testing.assert_array_equal(blob.values[:2], net.blobs["b"].values[[2, 0]])


def test_gradients(tmp_path: Path) -> None:
    nets = [make_net(tmp_path, caffe.TRAIN) for _ in range(2)]
    held = [blob.data for blob in nets[1].blobs.values()]
    for net in nets:
        run(net, some(0))
        net.blobs["pooled"].diff[...] = 1
        net._backward(len(net.layers) - 1, 0)
    assert len(held) == len(nets[0].blobs)
    assert_same(gradients(nets[0]), gradients(nets[1]))
