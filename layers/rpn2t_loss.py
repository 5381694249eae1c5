"""The two-term loss (eq. 2): alpha * sum L_cls(a, a*) + beta * sum L_cls(q, q*)."""

from dataclasses import dataclass

import caffe
import numpy as np
from numpy.typing import NDArray

from rpn2t.layers.parameters import listed, read_parameters

Array = NDArray[np.float32]


@dataclass(frozen=True)
class LossParameters:
    """``param_str`` of :class:`RPN2TLossLayer`."""

    alpha: float
    beta: float
    ignore_label: int = -1

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("alpha", "beta"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} = {getattr(self, name)}: must not be negative or infinite")


class RPN2TLossLayer(caffe.Layer):
    """Two softmax cross entropies over label maps, weighted and added.

    bottom: score_anchor, score_quality: shape (n, 2, rows, columns), channel 0 = object;
            label_anchor, label_quality: shape (n, 1, rows, columns), class indices or ignore_label.
    top:    the loss, one number.

    Algorithm, for each term:
        probability = softmax of the scores over the channels
        loss = mean over all labelled positions of the batch of -log(probability of the label)
        gradient = (probability - one-hot label) / number of labelled positions; 0 at ignored ones
    then alpha * first + beta * second. A term with no labelled position adds nothing.
    """

    def setup(self, bottom, top):  # type: ignore[no-untyped-def]
        """Read the parameters."""
        if len(bottom) != 4 or len(top) != 1:
            raise ValueError("RPN2TLossLayer: needs four bottoms (two scores, two label maps) and one top")
        par = read_parameters(LossParameters, self.param_str)
        self.weights = (par.alpha, par.beta)
        self.ignore_label = par.ignore_label

    def reshape(self, bottom, top):  # type: ignore[no-untyped-def]
        """Check that scores and labels belong together."""
        for score, label in zip(listed(bottom)[:2], listed(bottom)[2:], strict=True):
            n, channels, rows, columns = score.data.shape
            if channels != 2 or label.data.shape != (n, 1, rows, columns):
                raise ValueError(
                    f"RPN2TLossLayer: scores {score.data.shape} do not fit labels {label.data.shape}"
                )
        top[0].reshape(1)

    def forward(self, bottom, top):  # type: ignore[no-untyped-def]
        """Loss; the gradients are by-products and kept for the backward pass."""
        total = 0.0
        self.gradients = []
        for weight, score, label in zip(self.weights, listed(bottom)[:2], listed(bottom)[2:], strict=True):
            loss, gradient = cross_entropy(score.data, label.data, self.ignore_label)
            total += weight * loss
            self.gradients.append(weight * gradient)
        top[0].data[...] = total

    def backward(self, top, propagate_down, bottom):  # type: ignore[no-untyped-def]
        """Gradients of both scores; label maps have none."""
        loss_weight = top[0].diff.ravel()[0]
        for index in range(2):
            if propagate_down[index]:
                bottom[index].diff[...] = loss_weight * self.gradients[index]
        for index in (2, 3):
            bottom[index].diff[...] = 0


def cross_entropy(scores: Array, labels: Array, ignore_label: int) -> tuple[float, Array]:
    """Softmax cross entropy, averaged over the labelled positions, and its gradient.

    Args:
        scores: shape (n, channels, rows, columns).
        labels: shape (n, 1, rows, columns), class indices or `ignore_label`.
        ignore_label: marks positions that count for nothing.

    Returns:
        The loss (0 if every position is ignored) and d loss / d scores.
    """
    used = labels != ignore_label
    count = max(int(used.sum()), 1)
    shifted = scores - scores.max(axis=1, keepdims=True)
    exponent = np.exp(shifted)
    log_sum = np.log(exponent.sum(axis=1, keepdims=True))
    channel = np.where(used, labels, 0).astype(np.intp)
    log_probability = np.take_along_axis(shifted, channel, axis=1) - log_sum
    loss = -float(np.where(used, log_probability, 0).sum(dtype=np.float64)) / count

    gradient = np.exp(shifted - log_sum)
    at_label = np.take_along_axis(gradient, channel, axis=1) - 1
    np.put_along_axis(gradient, channel, at_label, axis=1)
    return loss, np.where(used, gradient, 0).astype(np.float32) / np.float32(count)
