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
from rpn2t.nets.caffemodel import Layers, load_into
from rpn2t.paths import prototxt_dir
from rpn2t.tracker.regression import BoxRegressor, Regressed

DETAIL = "conv2"
"""The student's blob that the net reads. conv3 to conv5 it has itself: the student's know what the target is,
and its own were trained on to tell where it ends."""
WINDOW_RIM, WINDOW_SIZE = 1, 12
"""Rim of the student's 14 x 14 maps that the net never saw, and what is left of them."""

_SHOWN = "first"  # the blob that says how the target looked
_SAMPLES = 40  # of the first frame, on which the net's own error is measured
_BATCH = 8  # windows in one forward pass at most
_OFFSET_SHARE = 0.5  # of that error that is taken off: it was measured on one frame only


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
        load_into(self.net, layers, source="the refinement net")
        self._channels = channels
        self._shown: Maps | None = None
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
        other._shown = None
        return other

    def show(self, target: Maps) -> None:
        """Take in how the target looks.

        Args:
            target: conv5 and DETAIL of a patch whose surroundings are blank, (channels, size, size).
        """
        self._give(target[None])
        forward(self.net)
        self._shown = self.net.blobs[_SHOWN].values[0].copy()

    def steps(self, windows: Maps) -> Floats:
        """R-CNN's steps from each window's box to the target's, shape (n, 4)."""
        found = np.empty((len(windows), 4))
        for start in range(0, len(windows), _BATCH):
            part = slice(start, min(start + _BATCH, len(windows)))
            self._give(windows[part])
            forward(self.net, 0, self._target - 1)
            forward(self.net, self._now)
            found[part] = self.net.blobs["box"].values
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

    Windows have the channels of conv5, and then those of DETAIL.
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
        self._offset: Floats | None = None

    def fit(self, windows: Maps, boxes: Floats, goals: ArrayLike) -> None:
        """Train the regressor on `boxes`, shape (n, 4), and see on some of them where the net errs.

        The net may see another extent of the target than the given box has, a head with its hat or without.
        No box: both stay the identity.
        """
        self._ridge.fit(windows[:, : self._channels], boxes, goals)
        self._offset = None
        if len(boxes):
            some = slice(None, None, -(-len(boxes) // _SAMPLES))
            self._offset = _settling(encode(boxes, goals)[some], self._net.steps(windows[some]))

    def predict(self, windows: Maps, boxes: Floats) -> Regressed:
        """Correct boxes of shape (n, 4). What the state follows has the mean's size alone."""
        corrected = self._ridge.predict(windows[:, : self._channels], boxes)
        if self._offset is None:
            return corrected
        steps = encode(boxes, corrected.reported)
        own = self._net.steps(windows) - _OFFSET_SHARE * self._offset
        mean = steps + self._share * (own - steps)
        followed = np.concatenate([steps[:, :2], mean[:, 2:]], axis=1)
        return Regressed(decode(boxes, followed), decode(boxes, mean))


def _settling(wanted: Floats, found: Floats) -> Floats:
    """What is found, of each of the four steps, where none is wanted: by the straight line through all, (4,).

    A net that goes only part of the way is not wrong on the target itself, so the mean difference would not
    do: samples are larger than the target more often than smaller.
    """
    about = wanted - wanted.mean(axis=0)
    spread = (about**2).sum(axis=0)
    slope = np.divide((about * found).sum(axis=0), spread, out=np.ones(4), where=spread > 1e-9)
    offset: Floats = found.mean(axis=0) - slope * wanted.mean(axis=0)
    return offset
