"""The ZF net of prototxt/teacher with batch normalisation in the place of LRN, and its linear read-outs."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Arrays = dict[str, NDArray[np.float32]]

# Layer: inputs, outputs, kernel, stride, pad.
GEOMETRY = {
    "conv1": (3, 96, 7, 2, 3),
    "conv2": (96, 256, 5, 2, 2),
    "conv3": (256, 384, 3, 1, 1),
    "conv4": (384, 384, 3, 1, 1),
    "conv5": (384, 256, 3, 1, 1),
}
POOLED = ("conv1", "conv2")


class ZF(nn.Module):
    """conv1 to conv5 for BGR input minus 128; the result is conv5 before its ReLU.

    The pooling comes before the ReLU: the result is the same, and there is less to do. ``normalised``
    says whether every convolution has batch normalisation, or a bias as in the prototxt.
    """

    def __init__(self, normalised: bool = True, pooled: bool = True) -> None:
        super().__init__()
        self.pooled = pooled
        for name, (inputs, outputs, kernel, stride, pad) in GEOMETRY.items():
            setattr(self, name, nn.Conv2d(inputs, outputs, kernel, stride, pad, bias=not normalised))
            setattr(self, _norm(name), nn.BatchNorm2d(outputs) if normalised else nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        """Images (n, 3, height, width) to conv5 (n, 256, h, w); 203 px give 14, 128 px give 9."""
        for name in GEOMETRY:
            x = _next(name, self.get_submodule(_norm(name))(self.get_submodule(name)(x)), self.pooled)
        return x


class Readout(nn.Module):
    """Linear predictions of the big network's answers from the ZF net's conv5 after its ReLU.

    Position i of conv5 is centred on pixel 16 i. What position i of the big network depends on is centred
    on about 16 i + 9 at stride 16 and 32 i + 20 at stride 32 (by its gradients): so these are read from
    2 x 2 and 3 x 3 positions that lie around that.
    """

    def __init__(self, middle: int, final: int, classes: int) -> None:
        super().__init__()
        self.middle = nn.Conv2d(256, middle, 2)
        self.final = nn.Conv2d(256, final, 3, 2)
        self.classes = nn.Linear(256, classes)

    def forward(self, conv5: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Stride-16 features (a position more than the big network's, for some sizes), final ones, logits."""
        x = functional.relu(conv5)
        return self.middle(x), self.final(x), self.classes(x.mean((2, 3)))


class Pupil(nn.Module):
    """The ZF net with its read-outs: what is trained."""

    def __init__(self, middle: int, final: int, classes: int) -> None:
        super().__init__()
        self.zf = ZF()
        self.readout = Readout(middle, final, classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images to the three predictions."""
        found: tuple[Tensor, Tensor, Tensor] = self.readout(self.zf(x))
        return found


def folded(state: Mapping[str, Tensor], prefix: str = "", epsilon: float = 1e-5) -> Arrays:
    """Batch normalisation folded into the convolutions: arrays ``<layer>_w`` and ``<layer>_b``.

    Args:
        state: a state of `ZF` with batch normalisation.
        prefix: what its names start with.
        epsilon: of the normalisation.
    """
    arrays = {}
    for name in GEOMETRY:
        norm = {key: state[f"{prefix}{_norm(name)}.{key}"].double() for key in _NORM}
        factor = norm["weight"] / torch.sqrt(norm["running_var"] + epsilon)
        weight = state[f"{prefix}{name}.weight"].double() * factor[:, None, None, None]
        arrays[f"{name}_w"] = _numpy(weight)
        arrays[f"{name}_b"] = _numpy(norm["bias"] - norm["running_mean"] * factor)
    return arrays


def unfold(net: ZF, arrays: Mapping[str, NDArray[np.float32]], images: Tensor) -> None:
    """Give the net with batch normalisation the weights of one without: the reverse of `folded`.

    Its statistics become those of these images, its kernels as large as fresh ones (their size makes no
    difference to what the net computes, but a rate moves them by a share of it), and the normalisation's
    scale and shift what make up for both.

    Args:
        net: changed in place; in evaluation mode it computes what the folded net does.
        arrays: of `folded`.
        images: (n, 3, height, width).
    """
    x = images
    with torch.no_grad():
        for name in GEOMETRY:
            conv, norm = net.get_submodule(name), net.get_submodule(_norm(name))
            weight, bias = (torch.from_numpy(arrays[f"{name}_{part}"]).to(x.device) for part in "wb")
            size = weight.square().mean((1, 2, 3)).sqrt().clamp(min=1e-12) * math.sqrt(3 * weight[0].numel())
            conv.weight.copy_(weight / size[:, None, None, None])
            y = conv(x)
            norm.running_mean.copy_(y.mean((0, 2, 3)))
            norm.running_var.copy_(y.var((0, 2, 3), correction=0))
            norm.weight.copy_(size * torch.sqrt(norm.running_var + norm.eps))
            norm.bias.copy_(bias + size * norm.running_mean)
            x = _next(name, size[:, None, None] * y + bias[:, None, None])


def plain(arrays: Mapping[str, NDArray[np.float32]]) -> ZF:
    """The net without normalisation from `folded`'s arrays."""
    net = ZF(normalised=False)
    for name in GEOMETRY:
        net.get_submodule(name).load_state_dict(
            {"weight": torch.from_numpy(arrays[f"{name}_w"]), "bias": torch.from_numpy(arrays[f"{name}_b"])}
        )
    net.eval()
    return net


_NORM = ("weight", "bias", "running_mean", "running_var")


def _next(name: str, x: Tensor, pooled: bool = True) -> Tensor:
    """What follows a layer's convolution and normalisation."""
    if pooled and name in POOLED:
        x = functional.max_pool2d(x, 3, 2, 1, ceil_mode=True)
    return x if name == "conv5" else functional.relu(x, inplace=True)


def _norm(name: str) -> str:
    return name.replace("conv", "bn")


def _numpy(values: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = values.float().cpu().contiguous().numpy()
    return array
