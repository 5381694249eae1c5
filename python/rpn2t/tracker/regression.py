"""Bounding-box regression from conv5 (R-CNN's, as MDNet uses it): trained once, on the first frame.

Only a head with eq. 1's regression term corrects boxes in another way (:mod:`rpn2t.tracker.paper.box_head`).
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Floats, decode, encode
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Maps
from rpn2t.tracker.matching import anchor_iou_map

_RIDGE = 0.001  # added to the targets' variances before whitening


class Regressed(NamedTuple):
    """Boxes that were corrected, each of shape (n, 4).

    Attributes:
        followed: what the tracker's state goes towards, from which the next frame begins.
        reported: the same in paper mode; in fast mode they may differ.
    """

    followed: Floats
    reported: Floats


class Regressor(Protocol):
    """What corrects the boxes of the best candidates.

    Attributes:
        fits_first_frame: whether it learns by :meth:`fit`, on boxes around the target in the first frame.
    """

    fits_first_frame: bool

    def fit(self, windows: Maps, boxes: Floats, goals: ArrayLike) -> None:
        """Learn to correct `boxes`, shape (n, 4), to `goals`, of that shape or one for all."""

    def predict(self, windows: Maps, boxes: Floats) -> Regressed:
        """Correct boxes of shape (n, 4)."""


class BoxRegressor:
    """Ridge regression from conv5 at the anchors that match the target to the target's box.

    With boxes (centre c, size s) and the target (centre c*, size s*), the four targets are
    (c* - c) / s and log(s* / s) on both axes. They are whitened: minus their mean, times
    V diag(1 / sqrt(D + 0.001)) V' from the eigen-decomposition of their covariance. The bias is a
    column of ones and regularised like the others.
    """

    fits_first_frame = True

    def __init__(self, config: Config, map_size: int, window_rim: int) -> None:
        """Regress from windows that lack `window_rim` of a `map_size` x `map_size` map's rim.

        Raises:
            InputError: the windows lack a position that the regressor reads.
        """
        self.weight = config.regressor_lambda
        match = anchor_iou_map(map_size, config.anchor_size, config.anchor_stride)
        inside = slice(window_rim, map_size - window_rim)
        matched = match > config.regressor_matching_iou
        self.positions = matched[inside, inside]
        if self.positions.sum() < matched.sum():
            raise InputError(
                f"regressor_matching_iou = {config.regressor_matching_iou}: it would read the map's "
                "rim, which the head leaves out; raise it"
            )
        self.coefficients: Floats | None = None
        self._unwhiten = np.eye(4)
        self._mean = np.zeros(4)

    def features(self, windows: Maps) -> Floats:
        """Shape (n, channels * positions + 1): conv5 at the positions, and the bias column."""
        flat = windows[:, :, self.positions].reshape(len(windows), -1)
        return np.concatenate([flat, np.ones((len(flat), 1))], axis=1, dtype=np.float64)

    def fit(self, windows: Maps, boxes: Floats, goals: ArrayLike) -> None:
        """Learn to correct `boxes`, shape (n, 4), to `goals`, of that shape or one for all.

        No box: stay the identity.
        """
        if not len(boxes):
            return
        targets = encode(boxes, goals)
        self._mean = targets.mean(axis=0)
        targets = targets - self._mean
        variances, axes = np.linalg.eigh(targets.T @ targets / len(targets))
        spread = np.sqrt(np.maximum(variances, 0) + _RIDGE)
        self._unwhiten = axes * spread @ axes.T
        features = self.features(windows)
        # The dual of ridge regression: a system as large as the samples, not as the features.
        gram = features @ features.T
        gram[np.diag_indices_from(gram)] += self.weight
        self.coefficients = features.T @ np.linalg.solve(gram, targets @ (axes / spread @ axes.T))

    def predict(self, windows: Maps, boxes: Floats) -> Regressed:
        """Correct boxes of shape (n, 4)."""
        if self.coefficients is None:
            return Regressed(boxes, boxes)
        change = self.features(windows) @ self.coefficients @ self._unwhiten + self._mean
        corrected = decode(boxes, change)
        return Regressed(corrected, corrected)
