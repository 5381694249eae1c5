"""Caffe's binary files of weights, and the nets that they fill."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.nets.caffe import Blob, load_caffe
from rpn2t.system.files import write_whole

Layers = dict[str, list[NDArray[np.float32]]]

# Weights and biases of the ZF net, in file and net: (out, in, height, width) and (out,).
ZF_SHAPES: dict[str, list[tuple[int, ...]]] = {
    "conv1": [(96, 3, 7, 7), (96,)],
    "conv2": [(256, 96, 5, 5), (256,)],
    "conv3": [(384, 256, 3, 3), (384,)],
    "conv4": [(384, 384, 3, 3), (384,)],
    "conv5": [(256, 384, 3, 3), (256,)],
}
REFINER_SHAPES: dict[str, list[tuple[int, ...]]] = {
    **{name: ZF_SHAPES[name] for name in ("conv3", "conv4", "conv5")},
    "first5": [(96, 256, 1, 1), (96,)],
    "first3": [(64, 384, 1, 1), (64,)],
    "first": [(128, 160, 3, 3), (128,)],
    "now5": [(96, 256, 1, 1), (96,)],
    "now3": [(64, 384, 1, 1), (64,)],
    "now": [(128, 160, 3, 3), (128,)],
    "both": [(128, 384, 1, 1), (128,)],
    "both2": [(128, 128, 3, 3), (128,)],
    "hidden": [(256, 3200), (256,)],
    "box": [(4, 256), (4,)],
}
"""Fast mode's refinement net."""
# The region proposal network's 3x3 layer: its name in the authors' files, then in py-faster-rcnn's.
RPN_CONV3X3 = ("conv_proposal1", "rpn_conv/3x3", "rpn_conv1")
# Its two 1x1 layers: their names here and in py-faster-rcnn's files, then in MATLAB Faster R-CNN's.
RPN_CONV1X1 = (("rpn_cls_score", "proposal_cls_score"), ("rpn_bbox_pred", "proposal_bbox_pred"))
RPN_NAMES = {names[0]: names for names in (RPN_CONV3X3, *RPN_CONV1X1)}
"""Every name of each of the region proposal network's three layers, by our name."""
TEACHER_LAYERS = frozenset([*ZF_SHAPES, *(name for names in RPN_NAMES.values() for name in names)])
"""The layers that are read of a teacher's file, under all of their names."""


# Caffe's file format


def read_caffemodel(path: str | Path, *, only: Collection[str] | None = None) -> Layers:
    """Weights of a binary NetParameter file: layer name to its arrays, float32.

    Both of Caffe's formats are read, ``layer`` and the older ``layers``. Shapes are the file's own:
    files from before 2015 hold four sizes for every array, a bias being (1, 1, 1, n).

    Args:
        path: the file.
        only: the layers whose arrays are unpacked; the others' lists stay empty. The fully connected layers
            of a VGG would take gigabytes.

    Raises:
        InputError: there is no such file, or it holds no Caffe weights.
    """
    pb2 = load_caffe().proto.caffe_pb2
    from google.protobuf.message import DecodeError

    try:
        net = pb2.NetParameter.FromString(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except DecodeError as error:
        raise InputError(f"{path}: not a Caffe model, or a damaged one") from error
    layers = {
        name: [_array(blob, f"{path}: layer {name}") for blob in layer.blobs]
        if only is None or name in only
        else []
        for layer in (*net.layers, *net.layer)
        if layer.blobs
        for name in [_name(layer)]
    }
    if not layers:
        raise InputError(f"{path}: not a Caffe model with weights (no layer in it holds any)")
    return layers


def write_caffemodel(path: str | Path, layers: Mapping[str, Sequence[NDArray[Any]]]) -> None:
    """Write arrays as a binary NetParameter file (float32, type Convolution), in the order given.

    At any moment the file is there as a whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    net = load_caffe().proto.caffe_pb2.NetParameter()
    for name, arrays in layers.items():
        layer = net.layer.add(name=name, type="Convolution")
        for array in arrays:
            blob = layer.blobs.add()
            blob.shape.dim.extend(array.shape)
            blob.data.extend(np.asarray(array, np.float32).ravel().tolist())
    write_whole(path, net.SerializeToString(deterministic=True))


def _name(layer: Any) -> str:
    """A layer's name. Protobuf gives one that is no UTF-8, as of a damaged file, as bytes."""
    name = layer.name
    return name if isinstance(name, str) else name.decode(errors="replace")


def _array(blob: Any, where: str) -> NDArray[np.float32]:
    shape = tuple(blob.shape.dim) if blob.HasField("shape") else _legacy_shape(blob)
    with np.errstate(over="ignore"):  # a number too large for a float becomes infinite
        data = _numbers(blob).astype(np.float32)
    if min(shape, default=1) < 0 or math.prod(shape) != data.size:
        raise InputError(f"{where}: {data.size} numbers do not make an array of shape {_sizes(shape)}")
    if not np.isfinite(data).all():
        raise InputError(f"{where}: holds numbers that are infinite or NaN; the file is damaged")
    try:
        return data.reshape(shape)
    except ValueError as error:  # more axes than NumPy knows
        raise InputError(f"{where}: {error}") from None


def _numbers(blob: Any) -> NDArray[np.floating[Any]]:
    """A blob's numbers, as they lie in the file. The blob loses all else.

    Protobuf hands them out one Python float at a time, which takes twenty times as long.
    """
    name, kind, size = ("data", "<f4", 4) if blob.data else ("double_data", "<f8", 8)
    count = len(getattr(blob, name))
    for field, _ in blob.ListFields():
        if field.name != name:
            blob.ClearField(field.name)
    blob.DiscardUnknownFields()
    packed = blob.SerializeToString()  # the field's tag and length, and then its numbers
    return np.frombuffer(packed[len(packed) - count * size :], kind)


def _legacy_shape(blob: Any) -> tuple[int, ...]:
    return (blob.num, blob.channels, blob.height, blob.width)


# Filling a net


class Net(Protocol):
    """The part of ``caffe.Net`` used here."""

    params: Mapping[str, Sequence[Blob]]


def load_into(
    net: Net,
    layers: Mapping[str, Sequence[NDArray[np.float32]]],
    *,
    source: str | Path,
    aliases: Mapping[str, Sequence[str]] | None = None,
    required: bool | Collection[str] = True,
) -> dict[str, str]:
    """Copy weights into a net by layer name. Every shape is checked before the first is copied.

    Args:
        net: a ``caffe.Net`` (or a solver's ``net``).
        layers: weights by layer name; those the net does not have are passed over.
        source: named in messages.
        aliases: for a layer of the net, other names under which to look for it.
        required: whether each layer of the net must be found, or the names of those that must.

    Returns:
        The layers that were filled, each with the name it was found under.

    Raises:
        InputError: a required layer is missing or an array does not fit; the net is unchanged.
    """
    found: dict[str, str] = {}
    fitted: Layers = {}
    for name, blobs in net.params.items():
        names = (name, *(aliases or {}).get(name, ()))
        match = next((other for other in names if other in layers), None)
        if match is not None:
            found[name] = match
            shapes = [blob.data.shape for blob in blobs]
            fitted[name] = fit(layers[match], shapes, where=f"{source}: layer {match}")
        elif required is True or (required and name in required):
            raise InputError(f"{source}: has no layer {' or '.join(names)} (it has {', '.join(layers)})")
    for name, arrays in fitted.items():
        for blob, array in zip(net.params[name], arrays, strict=True):
            blob.data[...] = array
    return found


def fit(
    arrays: Sequence[NDArray[np.float32]], shapes: Sequence[tuple[int, ...]], *, where: str
) -> list[NDArray[np.float32]]:
    """A layer's arrays in the wanted shapes; only leading ones of the old format may differ.

    Raises:
        InputError: an array does not fit; the message starts with ``where`` and gives both shapes.
    """
    have = [array.shape for array in arrays]
    if len(have) != len(shapes) or not all(map(_same, have, shapes)):
        raise InputError(
            f"{where} does not fit: it is {' and '.join(map(_sizes, have))}, "
            f"and {' and '.join(map(_sizes, shapes))} is needed"
        )
    return [array.reshape(shape) for array, shape in zip(arrays, shapes, strict=True)]


def check_zf(layers: Mapping[str, Sequence[NDArray[np.float32]]], *, source: str | Path) -> Layers:
    """The ZF net's own layers (conv1 to conv5) of a file, in the shapes of ``ZF_SHAPES``.

    Raises:
        InputError: a layer is missing or has another shape; the first such layer is named.
    """
    return _check(layers, ZF_SHAPES, source)


def check_refiner(layers: Mapping[str, Sequence[NDArray[np.float32]]], *, source: str | Path) -> Layers:
    """As :func:`check_zf`, of a file of fast mode's refinement net."""
    return _check(layers, REFINER_SHAPES, source)


def _check(
    layers: Mapping[str, Sequence[NDArray[np.float32]]],
    wanted: Mapping[str, list[tuple[int, ...]]],
    source: str | Path,
) -> Layers:
    found: Layers = {}
    for name, shapes in wanted.items():
        if name not in layers:
            raise InputError(f"{source}: has no layer {name} (it has {', '.join(layers)})")
        found[name] = fit(layers[name], shapes, where=f"{source}: layer {name}")
    return found


_REFINERS = ("first5", "now5")  # the refinement net's layers that read conv5


def scale_conv5(
    layers: Mapping[str, Sequence[NDArray[np.float32]]], factor: float, *, source: str | Path
) -> Layers:
    """The layers of a ZF net with conv5's output multiplied by a factor, and the proposals as they were.

    The head's learning rates are tuned to the magnitudes of the conv5 they were found with; this brings
    another net's there. conv5's weights and bias are multiplied by the factor, and the weights of the
    region proposal network's 3x3 layer, under any of the names in ``RPN_CONV3X3``, and of the refinement
    net's layers on conv5 are divided by it: before them is a ReLU, which a positive factor passes through.
    Other layers stay as they are; a fully connected layer on conv5, of which the tracker has none, would now
    read scaled features.

    Args:
        layers: weights by layer name, conv5 among them; unchanged.
        factor: from 1e-6 to 1e6; a power of two is exact.
        source: named in messages.

    Raises:
        InputError: the factor is another, the numbers get too large for it, or a layer is no convolution's.
    """
    if not 1e-6 <= factor <= 1e6:
        raise InputError(f"factor {factor}: give a number from 1e-6 to 1e6")
    # Of a layer's weights and of its bias; multiplied in double precision, so that all is rounded once.
    factors = {"conv5": (factor, factor)} | dict.fromkeys((*RPN_CONV3X3, *_REFINERS), (1 / factor, 1.0))
    where = f"{source}: layer"
    return {
        name: scaled_layer(arrays, factors[name], f"{where} {name}") if name in factors else list(arrays)
        for name, arrays in layers.items()
    }


def scaled_layer(
    arrays: Sequence[NDArray[np.float32]], factors: tuple[float, float], where: str
) -> list[NDArray[np.float32]]:
    """A layer's weights and bias, each times its factor, multiplied in double precision.

    Args:
        arrays: the weights and the bias.
        factors: of each.
        where: named in messages.

    Raises:
        InputError: it has other arrays, or its numbers get too large.
    """
    if len(arrays) != 2:
        raise InputError(f"{where}: has {len(arrays)} arrays, not weights and a bias")
    with np.errstate(over="ignore"):
        found = [np.asarray(a * np.float64(f), np.float32) for a, f in zip(arrays, factors, strict=True)]
    if not all(np.isfinite(array).all() for array in found):
        raise InputError(f"{where}: its numbers get too large; give a smaller factor")
    return found


def find_conv3x3(
    layers: Layers, channels: int, *, source: str | Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """The region proposal network's 3x3 layer on `channels` feature maps among a file's layers, or None.

    Raises:
        InputError: a layer of that name has another shape.
    """
    for name in RPN_CONV3X3:
        if name in layers:
            shapes: list[tuple[int, ...]] = [(256, channels, 3, 3), (256,)]
            kernel, bias = fit(layers[name], shapes, where=f"{source}: layer {name}")
            return kernel, bias
    return None


def _same(have: tuple[int, ...], want: tuple[int, ...]) -> bool:
    return have == want or have == (1,) * (4 - len(want)) + want


def _sizes(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
