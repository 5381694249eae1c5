"""Muon for convolution kernels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Kernels(torch.optim.Muon):  # type: ignore[misc]
    """Muon for convolution kernels: a kernel is a matrix with a row an output."""

    def __init__(self, kernels: Sequence[nn.Parameter], decay: float) -> None:
        self.kernels = kernels
        self.matrices = [nn.Parameter(_matrix(each.data)) for each in kernels]  # these share their memory
        super().__init__(self.matrices, weight_decay=decay, adjust_lr_fn="match_rms_adamw")

    def step(self, closure: None = None) -> None:
        """Move the kernels by their gradients."""
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        super().step(closure)


def _matrix(kernel: Tensor) -> Tensor:
    return kernel.permute(0, 2, 3, 1).flatten(1)  # a view, as kernels lie with their channels last
