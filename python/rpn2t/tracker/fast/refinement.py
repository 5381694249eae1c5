"""Where the target ends, told by a net that learned it from photographs (ours).

The ridge regressor (:mod:`rpn2t.tracker.regression`) knows one picture, the first frame. Where the target has
changed since, it errs in one direction, and the box stays too large or too small. This net has seen where
thousands of objects end. It compares a patch with how the target looked in the first frame, and says R-CNN's
four steps from the patch's box to the target's. Its errors and the regressor's are of other kinds: the mean
of both boxes is better than either, and is what the tracker reports. The centre from which the next frame
begins stays the regressor's, which is not drawn away by another object. prototxt/refine/ holds the net, and
tools/pretrain/refine.py trained it.
"""

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Floats, decode, encode
from rpn2t.nets.backbone import Maps
from rpn2t.nets.caffe import forward, load_caffe
from rpn2t.nets.caffemodel import REFINER_SHAPES, Layers, load_into
from rpn2t.paths import prototxt_dir
from rpn2t.tracker.regression import BoxRegressor, Regressed

DETAIL = "conv2"
"""The student's blob that the net reads. conv3 to conv5 it has itself: the student's know what the target is,
and its own were trained on to tell where it ends."""
WINDOW_RIM, WINDOW_SIZE = 1, 12
"""Rim of the student's 14 x 14 maps that the net never saw, and what is left of them."""

_SHOWN, _KEY = "first", "first_key"  # the blobs that say how the target looked, and how it looked where
_MATCH = "match"  # the layer whose kernels are _KEY: each of its outputs is a position of the first patch
_BATCH = 8  # windows in one forward pass at most


class RefinementNet:
    """Says how the target's box differs from a patch's box, given how the target looked."""

    def __init__(self, layers: Layers, channels: int) -> None:
        """Load the net.

        Args:
            layers: its weights by name.
            channels: of conv5; those of DETAIL come after them in all maps.

        Raises:
            InputError: a layer is missing, or does not fit.
        """
        self.net: Any = _net()
        load_into(self.net, layers, source="the refinement net", required=REFINER_SHAPES)
        self._channels = channels
        self._shown: Maps | None = None
        self._kernels: Maps | None = None
        # The layers from one to the other see the target in the first frame only. The latter is a ReLU of
        # what they say: again, it changes nothing, but hands that on where the number of windows is new.
        self._target, self._now = (
            list(self.net._layer_names).index(name) for name in ("first5", "first_relu2")
        )

    def another(self) -> Self:
        """One with the same weights that has been shown no target."""
        other = copy.copy(self)
        other.net = _net()
        other.net.share_with(self.net)
        other._shown = other._kernels = None
        return other

    def show(self, target: Maps) -> None:
        """Take in how the target looks.

        Args:
            target: conv5 and DETAIL of a patch whose surroundings are blank, (channels, size, size).
        """
        self._give(target[None])
        forward(self.net)
        self._shown = self.net.blobs[_SHOWN].data[0].copy()
        key = self.net.blobs[_KEY].data[0]
        self._kernels = key.reshape(len(key), -1).T[:, :, None, None].copy()

    def steps(self, windows: Maps) -> Floats:
        """R-CNN's steps from each window's box to the target's, shape (n, 4)."""
        found = np.empty((len(windows), 4))
        if self._kernels is not None:  # the weights are shared with nets that were shown another target
            self.net.params[_MATCH][0].data[...] = self._kernels
        for start in range(0, len(windows), _BATCH):
            part = slice(start, min(start + _BATCH, len(windows)))
            self._give(windows[part])
            forward(self.net, 0, self._target - 1)
            forward(self.net, self._now)
            found[part] = self.net.blobs["box"].data
        return found

    def _give(self, maps: Maps) -> None:
        """Put maps into the net, as many as there are; those of the target stay what they were."""
        data = self.net.blobs[DETAIL]
        if data.shape[0] != len(maps):
            data.reshape(len(maps), *tuple(data.shape)[1:])
            self.net.reshape()
            if self._shown is not None:
                self.net.blobs[_SHOWN].data[...] = self._shown
        data.data[...] = maps[:, self._channels :]


def _net() -> Any:
    caffe = load_caffe()
    return caffe.Net(str(prototxt_dir() / "refine/deploy.prototxt"), caffe.TEST)


class RefinedRegressor:
    """The mean of the ridge regressor and the net: a `Regressor` of rpn2t.tracker.regression.

    Windows have the channels of conv5, and then those of DETAIL; the regressor learns from conv5 alone.
    """

    fits_first_frame = True

    def __init__(self, ridge: BoxRegressor, net: RefinementNet, channels: int, share: float) -> None:
        """Join both.

        Args:
            ridge: the regressor, of conv5 alone.
            net: that has been shown the target before :meth:`fit`.
            channels: of conv5.
            share: of the net in the box.
        """
        self._ridge, self._net, self._channels, self._share = ridge, net, channels, share
        self._fitted = False

    def fit(self, windows: Maps, boxes: Floats, goals: ArrayLike) -> None:
        """Train the regressor on `boxes`, shape (n, 4). No box: both stay the identity."""
        self._ridge.fit(windows[:, : self._channels], boxes, goals)
        self._fitted = len(boxes) > 0

    def predict(self, windows: Maps, boxes: Floats) -> Regressed:
        """Correct boxes of shape (n, 4). What the state follows has the mean's size alone."""
        corrected = self._ridge.predict(windows[:, : self._channels], boxes)
        if not self._fitted:
            return corrected
        steps = encode(boxes, corrected.reported)
        mean = steps + self._share * (self._net.steps(windows) - steps)
        followed = np.concatenate([steps[:, :2], mean[:, 2:]], axis=1)
        return Regressed(decode(boxes, followed), decode(boxes, mean))
