"""The frozen network up to conv5: the student, the teacher, or any folder with a `backbone.toml`.

prototxt = "deploy.prototxt"          # the net, beside the file
weights = "zf_student.caffemodel"     # of the weight set, or beside the file
feature = "relu5"                     # the blob that the tracker reads: (n, channels, size, size)
input_side = 107                      # px
context = 16                          # px of it around the target on each side
stride = 8                            # px between neighbouring positions of the feature map
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.paths import prototxt_dir
from rpn2t.runtime import Device, load_caffe
from rpn2t.weights import WeightSet, load_into, read_caffemodel

Windows = NDArray[np.float32]


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
        """``student``, ``teacher``, or a folder.

        Raises:
            InputError: no such folder, or its `backbone.toml` is incomplete.
        """
        own = prototxt_dir() / name
        folder = own if name in ("student", "teacher") else Path(name)
        try:
            values = tomllib.loads((folder / "backbone.toml").read_text(encoding="utf-8"))
        except OSError:
            raise InputError(
                f"{name}: no backbone; give student, teacher or a folder with backbone.toml"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{name}/backbone.toml: {error}") from None
        kinds = {field.name: field.type for field in fields(cls) if field.name != "folder"}
        if set(values) != set(kinds):
            odd = ", ".join(sorted(set(values) ^ set(kinds)))
            raise InputError(f"{name}/backbone.toml: needs {', '.join(kinds)}; missing or unknown: {odd}")
        for key, kind in kinds.items():
            if type(values[key]) is not kind:
                raise InputError(f"{name}/backbone.toml: {key} = {values[key]!r} is not of type {kind}")
        return cls(folder, **values)

    def weights_file(self, weights: WeightSet) -> Path:
        """Its file: of the weight set where that has one, else beside the `backbone.toml`.

        Raises:
            InputError: neither has it.
        """
        places = (weights.folder / self.weights, self.folder / self.weights)
        for path in places:
            if path.is_file():
                return path
        raise InputError(
            f"weights {weights.name}: no {self.weights} in {' or '.join(str(p.parent) for p in places)}"
        )


class Backbone:
    """A frozen net that turns patches into conv5.

    Attributes:
        spec: what its folder says.
        weights_file: where its weights came from.
        channels, map_size: shape of its feature map.
    """

    batch = 32
    """Patches in one forward pass; more would only take more memory on a CPU."""

    def __init__(self, spec: BackboneSpec, weights: WeightSet, device: Device) -> None:
        """Load the net and its weights.

        Raises:
            InputError: a file is missing, or a layer's shape does not fit (the first is named).
        """
        caffe = load_caffe()
        device.activate()
        self.spec = spec
        prototxt = spec.folder / spec.prototxt
        if not prototxt.is_file():
            raise InputError(f"{prototxt}: no such file, but {spec.folder}/backbone.toml names it")
        self.weights_file = spec.weights_file(weights)
        layers = read_caffemodel(self.weights_file)
        self.net: Any = caffe.Net(str(prototxt), caffe.TEST)
        load_into(self.net, layers, source=self.weights_file)
        if spec.feature not in self.net.blobs:
            raise InputError(f"{spec.folder}/backbone.toml: {prototxt.name} has no blob {spec.feature!r}")
        _, self.channels, self.map_size, _ = self.net.blobs[spec.feature].data.shape

    def conv5(self, patches: Windows) -> Windows:
        """The feature map of each patch.

        Args:
            patches: shape (n, 3, input_side, input_side), BGR minus 128; n at most a batch.

        Returns:
            Shape (n, channels, map_size, map_size); a view that the next call overwrites.
        """
        blob = self.net.blobs["data"]
        if blob.data.shape != patches.shape:
            blob.reshape(*patches.shape)
        blob.data[...] = patches
        return self.net.forward()[self.spec.feature]  # type: ignore[no-any-return]
