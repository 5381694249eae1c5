"""Smooth L1, the loss of the RPN's box regression (Fast R-CNN, eq. 3)."""

from dataclasses import dataclass

import caffe
import numpy as np

from rpn2t.layers.parameters import read_parameters


@dataclass(frozen=True)
class SmoothL1Parameters:
    """``param_str`` of :class:`SmoothL1LossLayer`."""

    sigma: float

    def __post_init__(self) -> None:
        """Check the range."""
        if not 0 < self.sigma < float("inf"):
            raise ValueError(f"sigma = {self.sigma}: must be positive")


class SmoothL1LossLayer(caffe.Layer):
    """Weighted sum of smooth L1 distances.

    bottom: predictions, targets, weights: one shape.
    top:    the loss, one number.

    Algorithm, with d = prediction - target:
        f(d) = (sigma d)^2 / 2   where |d| < 1 / sigma^2
               |d| - 1 / (2 sigma^2)   elsewhere
        loss = sum of weight * f(d)
        gradient = weight * (sigma^2 d, or the sign of d)
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameter."""
        if len(bottom) != 3 or len(top) != 1:
            raise ValueError("SmoothL1LossLayer: needs predictions, targets and weights, and one top")
        self.squared = read_parameters(SmoothL1Parameters, self.param_str).sigma ** 2

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Check that the three belong together."""
        shapes = [bottom[index].data.shape for index in range(3)]
        if len(set(shapes)) != 1:
            raise ValueError(f"SmoothL1LossLayer: the bottoms' shapes differ: {shapes}")
        top[0].reshape()

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Loss; the gradient is a by-product and kept for the backward pass."""
        distance = bottom[0].data - bottom[1].data
        weights, size = bottom[2].data, np.abs(distance)
        near = size < 1 / self.squared
        values = np.where(near, self.squared / 2 * distance**2, size - 0.5 / self.squared)
        self.gradient = weights * np.where(near, self.squared * distance, np.sign(distance))
        top[0].data[...] = (weights * values).sum(dtype=np.float64)

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Gradient of the predictions, and its opposite of the targets; weights have none."""
        weight = float(top[0].diff)
        for index, sign in ((0, 1), (1, -1)):
            if propagate_down[index]:
                bottom[index].diff[...] = sign * weight * self.gradient
        bottom[2].diff[...] = 0
