"""Our patches of Caffe for the CPU: LRN within channels, and convolution by oneDNN.

What they compute is compared with the formula, with differences, and with Caffe's own engine.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rpn2t.nets.caffe import load_caffe

caffe = load_caffe()
needs_bf16 = pytest.mark.skipif(not caffe.has_bf16(), reason="this CPU or this Caffe has no bfloat16")
needs_onednn = pytest.mark.skipif(not caffe.has_onednn(), reason="this Caffe was built without oneDNN")

Array = NDArray[np.float64]


def make_net(
    folder: Path,
    shape: tuple[int, ...],
    layer: str,
    name: str = "net",
    loss: str = "",
    phase: int = caffe.TRAIN,
) -> Any:
    """Input -> `layer`, whose top is "y"; with all gradients, or with those that a `loss` layer asks for."""
    dims = " ".join(f"dim: {d}" for d in shape)
    path = folder / f"{name}.prototxt"
    path.write_text(
        f"force_backward: {'false' if loss else 'true'} "
        f'layer {{ name: "x" type: "Input" top: "x" input_param {{ shape {{ {dims} }} }} }} '
        f'layer {{ name: "y" bottom: "x" top: "y" {layer} }} {loss}'
    )
    return caffe.Net(str(path), phase)


def largest_difference(found: NDArray[Any], wanted: NDArray[Any]) -> float:
    """The largest difference, relative to the largest value."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


# LRN within channels


def normalised(x: Array, size: int, alpha: float, beta: float) -> Array:
    """y = x / (1 + alpha / size^2 * sum of x^2 over size x size)^beta."""
    rim = size // 2
    squares = np.pad(x**2, ((0, 0), (0, 0), (rim, rim), (rim, rim)))
    sums = sliding_window_view(squares, (size, size), axis=(2, 3)).sum(axis=(4, 5))
    return x / (1 + alpha / size**2 * sums) ** beta


def lrn_net(folder: Path, shape: tuple[int, ...], size: int, alpha: float, beta: float) -> Any:
    layer = (
        f'type: "LRN" lrn_param {{ local_size: {size} alpha: {alpha} beta: {beta} '
        "norm_region: WITHIN_CHANNEL }"
    )
    return make_net(folder, shape, layer)


LRN_CASES = [
    pytest.param((2, 3, 27, 27), 3, 5e-5, 0.75, id="student"),
    pytest.param((2, 3, 9, 14), 5, 1.0, 0.75, id="wide"),
    pytest.param((1, 2, 3, 2), 7, 1.0, 0.75, id="window-larger-than-plane"),
    pytest.param((1, 1, 1, 1), 1, 2.0, 0.75, id="one-value"),
    pytest.param((2, 3, 8, 7), 3, 1.0, 0.6, id="another-power"),
]


@pytest.mark.parametrize(("shape", "size", "alpha", "beta"), LRN_CASES)
def test_lrn_is_the_formula(
    tmp_path: Path, shape: tuple[int, ...], size: int, alpha: float, beta: float
) -> None:
    x = np.random.default_rng(1).normal(0, 10, shape).astype(np.float32)
    net = lrn_net(tmp_path, shape, size, alpha, beta)
    net.blobs["x"].data[...] = x
    found = net.forward()["y"]
    np.testing.assert_allclose(found, normalised(x.astype(np.float64), size, alpha, beta), rtol=1e-6)


@pytest.mark.parametrize(("shape", "size", "alpha", "beta"), LRN_CASES)
def test_lrn_gradient_is_that_of_differences(
    tmp_path: Path, shape: tuple[int, ...], size: int, alpha: float, beta: float
) -> None:
    random = np.random.default_rng(2)
    shape = (1, 2, *shape[2:])  # differences need two passes a value
    x, weights = random.normal(0, 2, shape).astype(np.float32), random.normal(0, 1, shape).astype(np.float32)
    net = lrn_net(tmp_path, shape, size, alpha, beta)
    net.blobs["x"].data[...] = x
    net.forward()
    net.backward(y=weights)

    step = 1e-4
    wanted = np.zeros(shape)
    for index in np.ndindex(*shape):
        moved = np.repeat(x.astype(np.float64)[None], 2, axis=0)
        moved[(0, *index)] += step
        moved[(1, *index)] -= step
        upper, lower = (float((normalised(m, size, alpha, beta) * weights).sum()) for m in moved)
        wanted[index] = (upper - lower) / (2 * step)
    assert largest_difference(net.blobs["x"].diff, wanted) < 1e-6


# Convolution by oneDNN


def conv(engine: str, outputs: int, text: str) -> str:
    return (
        f'type: "Convolution" convolution_param {{ engine: {engine} num_output: {outputs} {text} '
        'weight_filler { type: "gaussian" std: 0.1 } bias_filler { type: "gaussian" std: 0.1 } }'
    )


def two_nets(
    folder: Path, shape: tuple[int, ...], outputs: int, text: str, phase: int = caffe.TRAIN
) -> tuple[Any, Any]:
    """By oneDNN and by Caffe's own engine, with the same weights."""
    nets = [make_net(folder, shape, conv(e, outputs, text), e, phase=phase) for e in ("DEFAULT", "CAFFE")]
    for found, wanted in zip(nets[0].params["y"], nets[1].params["y"], strict=True):
        found.data[...] = wanted.data
    return nets[0], nets[1]


CONV_CASES = [
    pytest.param((3, 3, 53, 53), 96, "kernel_size: 7 stride: 4 pad: 3", id="first-layer"),
    pytest.param((2, 96, 13, 14), 40, "kernel_size: 5 stride: 2 pad: 2", id="strided"),
    pytest.param((4, 64, 12, 12), 256, "kernel_size: 3", id="head"),
    pytest.param((4, 256, 10, 10), 2, "kernel_size: 1", id="scores"),
    pytest.param((1, 16, 9, 9), 16, "kernel_size: 3 pad: 1", id="one-image"),
    pytest.param((2, 12, 9, 8), 18, "kernel_size: 3 group: 3", id="groups"),
    pytest.param((2, 16, 15, 15), 24, "kernel_size: 3 dilation: 2 pad: 1", id="dilated"),
    pytest.param((2, 5, 11, 7), 7, "kernel_h: 3 kernel_w: 2 stride_h: 2 stride_w: 3 pad_w: 1", id="odd"),
    pytest.param((2, 16, 9, 9), 16, "kernel_size: 3 bias_term: false", id="no-bias"),
    pytest.param((2, 8, 9, 9), 8, "kernel_size: 3 force_nd_im2col: true", id="nd"),
    pytest.param((2, 8, 20), 8, "kernel_size: 3", id="1d"),
    pytest.param((2, 3, 8, 9, 9), 4, "kernel_size: 3 axis: 2", id="channels-in-axis-2"),
    # Winograd's way, and some that are too small for it
    pytest.param((5, 32, 14, 14), 48, "kernel_size: 3 pad: 1", id="tiles-cut-by-the-rim"),
    pytest.param((40, 32, 12, 12), 32, "kernel_size: 3", id="more-images-than-fit-the-cache"),
    pytest.param((2, 32, 70, 75), 32, "kernel_size: 3 pad: 1", id="larger-than-fits-the-cache"),
    pytest.param((1, 32, 54, 60), 32, "kernel_size: 3", id="rows-that-leave-the-last-part-unfilled"),
    pytest.param((4, 40, 13, 22), 32, "kernel_size: 3 pad_h: 2 pad_w: 0", id="not-square"),
    pytest.param((8, 32, 9, 8), 40, "kernel_size: 3 pad: 2 bias_term: false", id="widest-rim"),
    pytest.param((80, 32, 4, 4), 32, "kernel_size: 3", id="too-small-for-tiles"),
    pytest.param((2, 32, 14, 14), 32, "kernel_size: 3 pad: 1", id="too-few-tiles-for-training"),
    pytest.param((2, 32, 12, 12), 32, "kernel_size: 3", id="too-few-tiles"),
    # and with the even and the odd rows and columns apart
    pytest.param((6, 40, 27, 30), 36, "kernel_size: 5 stride: 2 pad: 2", id="quarters"),
    pytest.param((6, 32, 31, 26), 36, "kernel_size: 5 stride: 2", id="quarters-without-a-rim"),
    pytest.param((6, 32, 26, 27), 33, "kernel_size: 5 stride: 2 pad: 3", id="quarters-with-an-odd-rim"),
    pytest.param((2, 32, 60, 99), 32, "kernel_size: 6 stride: 2 pad_h: 2 pad_w: 0", id="of-6x6"),
    pytest.param((4, 32, 40, 40), 32, "kernel_size: 6 stride: 2 pad: 1", id="quarters-with-4x4"),
    pytest.param((9, 32, 31, 31), 32, "kernel_size: 4 stride: 2 pad: 1 bias_term: false", id="of-4x4"),
]


@needs_onednn
@pytest.mark.parametrize("phase", [caffe.TRAIN, caffe.TEST], ids=["training", "frozen"])
@pytest.mark.parametrize(("shape", "outputs", "text"), CONV_CASES)
def test_convolution_and_its_gradients(
    tmp_path: Path, shape: tuple[int, ...], outputs: int, text: str, phase: int
) -> None:
    random = np.random.default_rng(3)
    nets = two_nets(tmp_path, shape, outputs, text, phase)
    assert differences(nets, random.normal(0, 1, shape), random) < 1e-5


def differences(nets: tuple[Any, Any], x: Array, random: np.random.Generator, round_to: Any = None) -> float:
    """The largest between two nets' results and gradients; `round_to` is applied to what is multiplied."""
    y_diff = random.normal(0, 1, nets[0].blobs["y"].data.shape)
    if round_to:
        x, y_diff = round_to(x), round_to(y_diff)
        for net in nets:
            net.params["y"][0].data[...] = round_to(net.params["y"][0].data)
    found: dict[str, NDArray[Any]] = {}
    wanted: dict[str, NDArray[Any]] = {}
    for net, results in zip(nets, (found, wanted), strict=True):
        net.blobs["x"].data[...] = x
        results["y"] = net.forward()["y"].copy()
        for times in (1, 2):  # the gradients of the weights add up, that of the input does not
            net.backward(y=y_diff)
            results["x_diff"] = net.blobs["x"].diff.copy()
            for index, blob in enumerate(net.params["y"]):
                results[f"param{index}_diff{times}"] = blob.diff.copy()
    return max(largest_difference(found[name], value) for name, value in wanted.items())


# bfloat16


@pytest.fixture
def bf16() -> Iterator[None]:
    caffe.set_bf16(True)
    yield
    caffe.set_bf16(False)


def rounded(values: NDArray[Any]) -> NDArray[np.float32]:
    """To the nearest bfloat16: the upper half of a float's bits."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@needs_bf16
@pytest.mark.usefixtures("bf16")
@pytest.mark.parametrize(("shape", "outputs", "text"), CONV_CASES)
def test_bf16_rounds_what_is_multiplied_and_nothing_else(
    tmp_path: Path, shape: tuple[int, ...], outputs: int, text: str
) -> None:
    random = np.random.default_rng(3)
    x = random.normal(0, 1, shape)
    assert differences(two_nets(tmp_path, shape, outputs, text), x, random) < 0.01
    assert differences(two_nets(tmp_path, shape, outputs, text), x, random, rounded) < 1e-5


@needs_bf16
def test_bf16_is_a_switch_that_a_net_follows(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    nets = two_nets(tmp_path, (4, 96, 27, 27), 256, "kernel_size: 5 stride: 2 pad: 2")
    found = []
    for switched in (False, True, False, True):
        caffe.set_bf16(switched)
        assert caffe.bf16() == switched
        nets[0].blobs["x"].data[...] = nets[1].blobs["x"].data[...] = random.normal(0, 1, (4, 96, 27, 27))
        found.append(largest_difference(nets[0].forward()["y"], nets[1].forward()["y"]))
    caffe.set_bf16(False)
    assert max(found[0], found[2]) < 1e-5
    assert min(found[1], found[3]) > 1e-4


@needs_onednn
def test_without_a_gradient_of_the_weights(tmp_path: Path) -> None:
    frozen = "param { lr_mult: 0 } param { lr_mult: 1 }"
    loss = 'layer { name: "sum" type: "Reduction" bottom: "y" top: "sum" loss_weight: 1 }'
    net = make_net(tmp_path, (2, 8, 9, 9), f"{conv('ONEDNN', 8, 'kernel_size: 3')} {frozen}", loss=loss)
    net.blobs["x"].data[...] = 1
    net.forward()
    net.backward()
    weights, bias = net.params["y"]
    np.testing.assert_allclose(bias.diff, np.full(8, 2 * 7 * 7))
    assert not weights.diff.any()
    assert not net.blobs["x"].diff.any()


@needs_onednn
@pytest.mark.parametrize("channels", [16, 32])
def test_a_new_shape_of_the_input(tmp_path: Path, channels: int) -> None:
    random = np.random.default_rng(5)
    found, wanted = two_nets(tmp_path, (20, channels, 9, 9), 32, "kernel_size: 3")
    for shape in ((20, channels, 9, 9), (17, channels, 9, 9), (1, channels, 20, 4), (20, channels, 9, 9)):
        x = random.normal(0, 1, shape).astype(np.float32)
        for net in (found, wanted):
            net.blobs["x"].reshape(*shape)
            net.blobs["x"].data[...] = x
        assert largest_difference(found.forward()["y"], wanted.forward()["y"]) < 1e-5


@needs_onednn
def test_the_same_every_time(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    x = random.normal(0, 1, (8, 32, 12, 12)).astype(np.float32)
    y_diff = random.normal(0, 1, (8, 48, 10, 10)).astype(np.float32)
    results = []
    for _ in range(3):
        net = make_net(tmp_path, x.shape, conv("DEFAULT", 48, "kernel_size: 3"))
        random = np.random.default_rng(7)
        for blob in net.params["y"]:
            blob.data[...] = random.normal(0, 1, blob.data.shape)
        net.blobs["x"].data[...] = x
        net.forward()
        net.backward(y=y_diff)
        results.append([net.blobs["y"].data, net.blobs["x"].diff, *(b.diff for b in net.params["y"])])
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


class Layer:
    """A convolution by oneDNN that has run forward and backward, and so has prepared its weights."""

    def __init__(self, folder: Path, shape: tuple[int, ...]) -> None:
        self.net, self.own = two_nets(folder, shape, 32, "kernel_size: 3")
        x = np.random.default_rng(8).normal(0, 1, shape).astype(np.float32)
        self.net.blobs["x"].data[...] = self.own.blobs["x"].data[...] = x
        self.weights = self.own.params["y"][0].data.copy()
        self.check()

    @property
    def blob(self) -> Any:
        return self.net.params["y"][0]

    def check(self) -> None:
        """The net has seen that its weights are `self.weights`. Does not touch them."""
        self.own.params["y"][0].data[...] = self.weights
        results = []
        for net in (self.net, self.own):
            y = net.forward()["y"].copy()
            net.backward(y=np.ones_like(y))
            results.append((y, net.blobs["x"].diff.copy()))
        for found, wanted in zip(*results, strict=True):
            assert largest_difference(found, wanted) < 1e-5


@pytest.fixture(params=[(2, 16, 9, 9), (20, 32, 9, 9)], ids=["direct", "winograd"])
def layer(tmp_path: Path, request: pytest.FixtureRequest) -> Layer:
    if not caffe.has_onednn():
        pytest.skip("this Caffe was built without oneDNN")
    return Layer(tmp_path, request.param)


def test_weights_written_between_two_passes(layer: Layer) -> None:
    for factor in (2, -0.5, 3):
        layer.weights *= factor
        layer.blob.data[...] = layer.weights
        layer.check()


def test_weights_written_by_an_array_that_was_kept(layer: Layer) -> None:
    array = layer.blob.data
    for factor in (2, -0.5, 3):
        layer.check()
        layer.weights *= factor
        array[...] = layer.weights
        layer.check()
    layer.weights += 1
    array += 1
    del array
    layer.check()


@pytest.mark.parametrize("kind", ["row", "reshaped", "memoryview"])
def test_weights_written_by_a_view_of_the_array(layer: Layer, kind: str) -> None:
    view: Any = {
        "row": lambda: layer.blob.data[3],
        "reshaped": lambda: layer.blob.data.reshape(32, -1)[:, 5],
        "memoryview": lambda: memoryview(layer.blob.data),
    }[kind]()
    layer.check()
    np.asarray(view)[...] = 0.25
    {"row": layer.weights[3], "reshaped": layer.weights.reshape(32, -1)[:, 5], "memoryview": layer.weights}[
        kind
    ][...] = 0.25
    layer.check()
    del view
    layer.check()


def test_an_array_outlives_its_net(tmp_path: Path) -> None:
    net = make_net(tmp_path, (1, 3, 9, 9), conv("DEFAULT", 4, "kernel_size: 3"))
    array = net.params["y"][0].data
    wanted = array.copy()
    view = array[1:]
    del net, array
    np.testing.assert_array_equal(view, wanted[1:])


def test_weights_read_from_a_file(layer: Layer, tmp_path: Path) -> None:
    layer.weights *= 2
    layer.own.params["y"][0].data[...] = layer.weights
    layer.own.save(str(tmp_path / "w.caffemodel"))
    layer.net.copy_from(str(tmp_path / "w.caffemodel"))
    layer.check()


def test_weights_shared_with_another_net(layer: Layer, tmp_path: Path) -> None:
    channels = layer.weights.shape[1]
    other = make_net(tmp_path, (1, channels, 5, 5), conv("DEFAULT", 32, "kernel_size: 3"), "other")
    layer.weights[...] = other.params["y"][0].data
    other.params["y"][1].data[...] = layer.net.params["y"][1].data
    layer.net.share_with(other)
    layer.check()
    layer.weights *= 2
    other.params["y"][0].data[...] = layer.weights
    layer.check()


@needs_onednn
def test_nets_that_share_weights_share_them_transformed(tmp_path: Path) -> None:
    """36 numbers for each of 384 x 384 kernels, 21 MB: once, and not once a net. All follow a change."""
    make_net(tmp_path, (1, 384, 20, 20), conv("DEFAULT", 384, "kernel_size: 3"))
    nets = [caffe.Net(str(tmp_path / "net.prototxt"), caffe.TEST) for _ in range(5)]
    for net in nets[1:]:
        net.share_with(nets[0])
    own = make_net(tmp_path, (1, 384, 20, 20), conv("CAFFE", 384, "kernel_size: 3"), "own")
    x = np.random.default_rng(8).normal(0, 1, (1, 384, 20, 20)).astype(np.float32)
    grown = []
    for _ in range(2):
        nets[0].params["y"][0].data[...] *= 2
        for mine, shared in zip(own.params["y"], nets[0].params["y"], strict=True):
            mine.data[...] = shared.data
        own.blobs["x"].data[...] = x
        wanted = own.forward()["y"]
        for net in nets:
            net.blobs["x"].data[...] = x
            before = resident()
            assert largest_difference(net.forward()["y"], wanted) < 1e-5
            grown.append(resident() - before)
    assert sum(grown[1:5]) < 21e6


@needs_onednn
def test_nets_that_share_weights_may_pad_otherwise(tmp_path: Path) -> None:
    """With a stride of 2 the padding decides which rows are the even ones."""
    random = np.random.default_rng(8)
    x, made = random.normal(0, 1, (4, 32, 30, 30)).astype(np.float32), []
    for pad in (1, 2):
        text = f"kernel_size: 5 stride: 2 pad: {pad}"
        found, wanted = two_nets(tmp_path, x.shape, 32, text, caffe.TEST)
        made.append((found, wanted))
        for net in (found, wanted):
            net.share_with(made[0][0])
    for nets in made:
        for net in nets:
            net.blobs["x"].data[...] = x
            net.forward()
        assert largest_difference(*(net.blobs["y"].data for net in nets)) < 1e-5


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@needs_onednn
def test_a_solvers_steps(tmp_path: Path) -> None:
    random = np.random.default_rng(9)
    x = random.normal(0, 1, (4, 16, 9, 9)).astype(np.float32)
    target = random.normal(0, 1, (4, 8, 7, 7)).astype(np.float32)
    solvers = []
    for engine in ("DEFAULT", "CAFFE"):
        net, solver = tmp_path / f"{engine}.prototxt", tmp_path / f"{engine}_solver.prototxt"
        net.write_text(
            'layer { name: "x" type: "Input" top: "x" '
            "input_param { shape { dim: 4 dim: 16 dim: 9 dim: 9 } } } "
            'layer { name: "t" type: "Input" top: "t" '
            "input_param { shape { dim: 4 dim: 8 dim: 7 dim: 7 } } } "
            f'layer {{ name: "y" bottom: "x" top: "y" {conv(engine, 8, "kernel_size: 3")} }} '
            'layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" }'
        )
        solver.write_text(
            f"net: {json.dumps(str(net))} base_lr: 0.001 lr_policy: 'fixed' momentum: 0.9 "
            "weight_decay: 0.0005 display: 0 snapshot_after_train: false"
        )
        solvers.append(caffe.SGDSolver(str(solver)))
        solvers[-1].net.blobs["x"].data[...] = x
        solvers[-1].net.blobs["t"].data[...] = target
    for found, wanted in zip(solvers[0].net.params["y"], solvers[1].net.params["y"], strict=True):
        found.data[...] = wanted.data
    before = solvers[1].net.params["y"][0].data.copy()
    for solver in solvers:
        solver.step(5)
    for found, wanted in zip(solvers[0].net.params["y"], solvers[1].net.params["y"], strict=True):
        assert largest_difference(found.data, wanted.data) < 1e-5
    assert largest_difference(before, solvers[1].net.params["y"][0].data) > 1e-3


@needs_onednn
def test_winograds_error(tmp_path: Path) -> None:
    """For a layer of the student's conv4's size. The usual points, 0, 1 and 2, would fail here."""
    random = np.random.default_rng(8)
    net = make_net(tmp_path, (4, 384, 14, 14), conv("DEFAULT", 64, "kernel_size: 3 pad: 1"))
    kernel = net.params["y"][0]  # Caffe's own draw would be another one every time
    kernel.data[...] = random.normal(0, 0.1, kernel.data.shape)
    x = np.maximum(random.normal(0, 1, (4, 384, 14, 14)), 0).astype(np.float32)
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))
    weights, bias = (blob.data.astype(np.float64) for blob in net.params["y"])
    exact = np.tensordot(windows.astype(np.float64), weights, axes=((1, 4, 5), (1, 2, 3)))
    exact = exact.transpose(0, 3, 1, 2) + bias[:, None, None]
    net.blobs["x"].data[...] = x
    assert 0 < largest_difference(net.forward()["y"], exact) < 4e-6


@needs_onednn
def test_engine_by_the_environment(tmp_path: Path) -> None:
    """CAFFE_ONEDNN=0: where a layer leaves the engine open it is Caffe's own, to the last bit."""
    for engine in ("DEFAULT", "CAFFE"):
        make_net(tmp_path, (2, 16, 9, 9), conv(engine, 24, "kernel_size: 3"), engine)
    names = ("DEFAULT", "CAFFE")
    assert same_results(tmp_path, names, [{"CAFFE_ONEDNN": "0"}] * 2)
    assert not same_results(tmp_path, names, [{}, {}])


@needs_onednn
def test_winograd_by_the_environment(tmp_path: Path) -> None:
    """CAFFE_WINOGRAD=0: the sums are taken in another order, and only where Winograd's way suits."""
    strided = "kernel_size: 5 stride: 2 pad: 2"
    suits = {"suits": (8, 32, 9, 9, "kernel_size: 3"), "strided": (2, 32, 27, 27, strided)}
    others = {
        "few-channels": (8, 16, 9, 9, "kernel_size: 3"),
        "few-tiles": (2, 32, 9, 9, "kernel_size: 3"),
        "few-places": (2, 32, 40, 40, "kernel_size: 2 stride: 2"),
    }
    for name, (*shape, text) in (suits | others).items():
        make_net(tmp_path, tuple(shape), conv("DEFAULT", 32, text), name)
        same = same_results(tmp_path, (name, name), [{}, {"CAFFE_WINOGRAD": "0"}])
        assert same == (name in others), name


def same_results(folder: Path, names: tuple[str, str], environments: list[dict[str, str]]) -> bool:
    """Whether two nets give the same to the last bit, each in a process with an environment of its own."""
    code = """
import sys
import numpy as np
from rpn2t.nets.caffe import load_caffe
caffe = load_caffe()
net = caffe.Net(sys.argv[1], caffe.TEST)
random = np.random.default_rng(0)
for blob in (net.blobs["x"], *net.params["y"]):
    blob.data[...] = random.normal(0, 1, blob.data.shape)
print(net.forward()["y"].tobytes().hex())
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAFFE_")}
    first, second = (
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, str(folder / f"{name}.prototxt")],
            env=clean | environment, capture_output=True, text=True, check=True,
        ).stdout
        for name, environment in zip(names, environments, strict=True)
    )  # fmt: skip
    return first == second
