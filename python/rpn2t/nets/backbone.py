"""The frozen network up to conv5: the student, the teacher, or any other folder with a `backbone.toml`.

prototxt = "deploy.prototxt"          # the net, beside the file
weights = "zf_student.caffemodel"     # of the weight set, or beside the file
feature = "relu5"                     # the blob that the tracker reads: (n, channels, size, size)
input_side = 107                      # px
context = 16                          # px of it around the target on each side
stride = 8                            # px between neighbouring positions of the feature map
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rpn2t.config import read_toml
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe, make_from_message, read_message
from rpn2t.nets.caffemodel import RPN_CONV3X3, Layers, find_conv3x3, load_into, read_caffemodel
from rpn2t.nets.device import Device
from rpn2t.nets.lanes import lane_count
from rpn2t.nets.weight_sets import WeightSet, checked_layers, rpn_conv3x3, user_backbones_dir
from rpn2t.paths import prototxt_dir

Maps = NDArray[np.float32]

CLASSIFIERS = ("alexnet", "caffenet", "vgg16", "vgg19", "zf")
"""The package's backbones that were trained to classify (section 3.1); users bring the weights."""


@dataclass(frozen=True)
class BackboneSpec:
    """What a `backbone.toml` says, and the folder it lies in."""

    folder: Path
    prototxt: str
    weights: str
    feature: str
    input_side: int
    context: int
    stride: int

    @classmethod
    def find(cls, name: str) -> "BackboneSpec":
        """One of the package's own (:func:`backbone_names`), or a folder.

        Raises:
            InputError: no such folder, or its `backbone.toml` is incomplete.
        """
        folder = prototxt_dir() / name if name in backbone_names() else Path(str(name))
        try:
            values = read_toml(folder / "backbone.toml", f"{name}/backbone.toml")
        except OSError:
            raise InputError(
                f"{name}: no backbone; give {', '.join(backbone_names())}, or a folder with backbone.toml"
            ) from None
        kinds = {field.name: field.type for field in fields(cls) if field.name != "folder"}
        if set(values) != set(kinds):
            odd = ", ".join(sorted(set(values) ^ set(kinds)))
            raise InputError(f"{name}/backbone.toml: needs {', '.join(kinds)}; missing or unknown: {odd}")
        for key, kind in kinds.items():
            if type(values[key]) is not kind:
                raise InputError(f"{name}/backbone.toml: {key} = {values[key]!r} is not of type {kind}")
        return cls(folder, **values)

    @property
    def target_side(self) -> int:
        """Side of a target in the network's input, px."""
        return self.input_side - 2 * self.context

    def places(self, map_size: int, rim: int) -> NDArray[np.float64]:
        """Where the rows, and columns, of a box's map lie in the box, as parts of its side.

        Args:
            map_size: rows, and columns, of the map.
            rim: how many of them are left out at either end.
        """
        pixels = np.arange(rim, map_size - rim) * float(self.stride)
        # pixel j of the box's patch is centred half a px further, and the box begins after the context
        places: NDArray[np.float64] = (pixels + 0.5 - self.context) / self.target_side
        return places

    def weights_file(self, weights: WeightSet) -> Path:
        """The file of its weights: the weight set's, or that beside the `backbone.toml`, or the user's.

        They are looked for in this order.

        Raises:
            InputError: it is in none of these.
        """
        imported = user_backbones_dir() / self.weights
        places = (weights.folder / self.weights, self.folder / self.weights, imported)
        for path in places:
            if os.path.isfile(path):  # also for a name that is too long, unlike Path.is_file
                return path
        cure = f"; `rpn2t weights import-backbone {self.folder.name} FILE` installs it"
        raise InputError(
            f"weights {weights.name}: no {self.weights} in {' or '.join(str(p.parent) for p in places)}"
            f"{cure if self.classifies else ''}"
        )

    @property
    def classifies(self) -> bool:
        """Whether it is one of CLASSIFIERS."""
        return self.folder.parent == prototxt_dir() and self.folder.name in CLASSIFIERS


def backbone_names() -> tuple[str, ...]:
    """The backbones that come with the package."""
    return tuple(sorted(path.parent.name for path in prototxt_dir().glob("*/backbone.toml")))


class Backbone:
    """A frozen net that turns patches into conv5.

    Attributes:
        spec: what its folder says.
        device: that it runs on.
        weights_file: that its weights were read from.
        channels, map_size: shape of its feature map.
    """

    batches: ClassVar = {"cpu": 16, "amx": 4, "gpu": 128}
    """Patches in one forward pass: more would not fit into a core's caches, or only take more memory."""
    most_numbers: ClassVar = {"cpu": 2**27, "gpu": 2**29}
    """Numbers in all maps of the passes side by side, at most: 0.5 and 2 GB. Nets with large maps take fewer
    patches."""

    def __init__(self, spec: BackboneSpec, weights: WeightSet, device: Device) -> None:
        """Load the net and its weights.

        Raises:
            InputError: a file is missing, or a layer's shape does not fit (the first is named).
        """
        caffe = load_caffe()
        device.activate()
        self.spec = spec
        self.device = device
        prototxt = spec.folder / spec.prototxt
        if not os.path.isfile(prototxt):
            raise InputError(f"{prototxt}: no such file, but {spec.folder}/backbone.toml names it")
        self.weights_file = spec.weights_file(weights)
        self._definition = read_message(prototxt, "NetParameter")
        names = {layer.name for layer in (*self._definition.layer, *self._definition.layers)}
        self._layers = read_caffemodel(self.weights_file, only={*names, *RPN_CONV3X3})
        self.net: Any = caffe.Net(str(prototxt), caffe.TEST)
        load_into(self.net, self._layers, source=self.weights_file)
        self.channels, self.map_size = self._checked_shapes()

    def proposal(self, weights: WeightSet) -> tuple[Maps, Maps] | None:
        """Weight and bias of the RPN's 3x3 layer on this backbone's features, or None.

        They are the weight set's if the backbone's own weights are of that set. Another backbone's come from
        its own file. So do a classification network's, wherever that file lies: the set's layer was never
        trained on its features.
        """
        if self.weights_file.parent == weights.folder and not self.spec.classifies:
            return rpn_conv3x3(weights)
        return find_conv3x3(self._layers, self.channels, source=self.weights_file)

    def refiner(self, weights: WeightSet) -> Layers | None:
        """The weights of fast mode's refinement net on this backbone's features, or None.

        The net learned on the features of the set's own student, and can read no others.

        Raises:
            InputError: the file cannot be read, or is of another version's net.
        """
        own = (
            self.weights_file == weights.files.get("student")
            and self.spec.folder == prototxt_dir() / "student"
        )
        if not own or "refiner" not in weights.files:
            return None
        try:
            return checked_layers(weights.files["refiner"])
        except InputError as error:
            raise InputError(f"{error}; --set refine_share=0 leaves it out") from None

    def _checked_shapes(self) -> tuple[int, int]:
        spec, toml = self.spec, f"{self.spec.folder}/backbone.toml"
        for name in ("data", spec.feature):
            if name not in self.net.blobs:
                raise InputError(f"{toml}: {spec.prototxt} has no blob {name!r}")
        data, feature = (self.net.blobs[name].data.shape for name in ("data", spec.feature))
        if data[1:] != (3, spec.input_side, spec.input_side):
            raise InputError(f"{toml}: input_side = {spec.input_side}, but {spec.prototxt} takes {data[1:]}")
        if len(feature) != 4 or feature[2] != feature[3]:
            raise InputError(f"{toml}: {spec.feature} has shape {feature}, not that of a square map")
        if not 0 <= 2 * spec.context < spec.input_side:
            raise InputError(f"{toml}: context = {spec.context} leaves no room for the target")
        return feature[1], feature[2]

    def conv5(self, patches: Maps) -> Maps:
        """The feature map of each patch.

        Args:
            patches: shape (n, 3, input_side, input_side), BGR minus 128.

        Returns:
            Shape (n, channels, map_size, map_size); a view that the next call overwrites.
        """
        blob = self.net.blobs["data"]
        if tuple(blob.shape) != patches.shape:
            blob.reshape(*patches.shape)
        blob.data[...] = patches
        self.net.forward()
        return self.net.blobs[self.spec.feature].data  # type: ignore[no-any-return]

    def net_without_rim(self, rim: int, batch: int | None = None) -> tuple[Any, str]:
        """A net that shares the weights, takes a batch, and leaves out the map's rim.

        If a padded convolution makes the feature, it makes the rim from its padding. With less padding the
        rim is not computed in the first place, and the rest is the same.

        Args:
            rim: rows and columns to leave out on every side.
            batch: patches in one forward pass; None: as many as suit the device.

        Returns:
            The net, and the name of its feature blob of shape (batch, channels, size, size).
        """
        definition = type(self._definition)()
        definition.CopyFrom(self._definition)
        feature = self.spec.feature
        last = max((i for i, layer in enumerate(definition.layer) if feature in layer.top), default=None)
        if last is None:
            raise InputError(
                f"{self.spec.folder / self.spec.prototxt}: no `layer` makes {feature!r}; if it is in Caffe's "
                "old format, bring it up to date with upgrade_net_proto_text"
            )
        del definition.layer[last + 1 :]
        rest = rim - _reduce_padding(definition, feature, rim)
        if rest:
            feature = _crop(definition, feature, rest, self.map_size - 2 * rim)
        caffe = load_caffe()
        net = make_from_message(lambda path: caffe.Net(path, caffe.TEST), definition)
        net.share_with(self.net)
        data = net.blobs["data"]
        data.reshape(batch or self._batch(net), *data.shape[1:])
        net.reshape()
        return net, feature

    def _batch(self, net: Any) -> int:
        """Patches in one forward pass of a net that now takes one."""
        numbers = lane_count(self.device) * sum(int(blob.count) for blob in net.blobs.values())
        most = self.most_numbers[self.device.kind] // numbers
        return max(1, min(self.batches[self.device.unit], most))


def _reduce_padding(definition: Any, feature: str, rim: int) -> int:
    """Take up to `rim` from the padding of the convolution that makes the feature; how much was taken."""
    makers = [layer for layer in definition.layer if feature in layer.top]
    if len(makers) == 1 and makers[0].type == "ReLU":
        makers = [layer for layer in definition.layer if makers[0].bottom[0] in layer.top] + makers
    first, *others = makers
    convolution = first.convolution_param
    if first.type != "Convolution" or any(layer.type != "ReLU" for layer in others):
        return 0
    strided = convolution.stride_h > 1 or convolution.stride_w > 1
    if strided or list(convolution.stride) not in ([], [1]) or len(convolution.pad) != 1:
        return 0
    taken = min(rim, int(convolution.pad[0]))
    convolution.pad[0] -= taken
    return taken


def _crop(definition: Any, feature: str, rim: int, size: int) -> str:
    """Append layers that crop the map to its middle; the cropped blob's name."""
    inside = definition.layer.add(name="inside", type="Input", top=["inside"])
    inside.input_param.shape.add(dim=[1, 1, size, size])
    crop = definition.layer.add(
        name="crop", type="Crop", bottom=[feature, "inside"], top=[f"{feature}_inside"]
    )
    crop.crop_param.axis = 2
    crop.crop_param.offset.append(rim)
    return f"{feature}_inside"
