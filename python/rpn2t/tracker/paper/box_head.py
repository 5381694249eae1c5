"""Paper mode's head with eq. 1's regression term, which the paper tried and gave up (section 3.2, fig. 3).

A third 1x1 layer says for each anchor how the target's box differs from it, as a region proposal network's
does. It learns online, by smooth L1, from every positive that the head learns from. Only the first frame's
box was given. In a later frame the target is where the tracker believes it to be, so an error teaches further
errors: the paper blames the growing box on that. The reported box is read out of this layer, and no ridge
regression is trained on the first frame. prototxt/head_box/ holds the nets.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Box, Floats, decode, encode
from rpn2t.config import Config
from rpn2t.nets.backbone import Maps
from rpn2t.nets.caffe import forward
from rpn2t.nets.device import Device
from rpn2t.nets.lanes import Lanes
from rpn2t.tracker.head import HeadGeometry, ProposalWeights
from rpn2t.tracker.matching import anchor_shifts
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.memory import memory_capacity
from rpn2t.tracker.paper.windows import Windows
from rpn2t.tracker.regression import Regressed


class BoxHead(PaperHead):
    """Scores windows, and corrects boxes: a :class:`rpn2t.tracker.regression.Regressor` as well."""

    folder: ClassVar = "head_box"
    fits_first_frame = False

    def __init__(
        self,
        config: Config,
        geometry: HeadGeometry,
        channels: int,
        proposal: ProposalWeights | None,
        seed: int,
        device: Device,
        beside: Lanes[Any] | None = None,
    ) -> None:
        """Build the nets; see :class:`PaperHead`. The positives that it learns from lie in one store."""
        super().__init__(config, geometry, channels, proposal, seed, device, beside)
        inside = slice(geometry.label_crop, geometry.map_size - geometry.label_crop)
        shifts = anchor_shifts(geometry.map_size, config.anchor_size, config.anchor_stride)
        self._shifts = shifts[:, inside, inside]
        weights = np.where(geometry.matching.anchor, geometry.matching.iou, 0)
        self._weights = weights / weights.sum()
        self._weight = config.regression_weight
        self._steps = np.zeros((memory_capacity(config), 4))  # of each row of the store

    def note_target(self, windows: Windows, boxes: Floats, target: Box) -> None:
        """Keep how the target differs from each box, until the windows' rows are given to others."""
        self._steps[windows.rows] = encode(boxes, target)

    def learn(self, positives: Windows, negatives: Windows) -> float:
        """One SGD iteration; the loss is eq. 1 before the step."""
        self.net.blobs["step"].data[: len(positives)] = self._steps[positives.rows]
        classification = super().learn(positives, negatives)
        return classification + self._weight * float(self.net.blobs["loss_boxes"].values)

    def fit(self, windows: Maps, boxes: Floats, goals: ArrayLike) -> None:
        """Nothing: boxes are learned with the scores."""

    def predict(self, windows: Maps, boxes: Floats) -> Regressed:
        """Correct boxes of shape (n, 4): by what the matched anchors say, a mean weighted by their IoU."""
        blobs = self.scoring_net.blobs
        self._device.set_batch(blobs["data"], len(windows))
        blobs["data"].data[: len(windows)] = windows
        forward(self.scoring_net)
        steps = blobs["box_step"].values[: len(windows)].astype(np.float64)
        steps[:, :2] += self._shifts
        corrected = decode(boxes, np.einsum("nkij,ij->nk", steps, self._weights))
        return Regressed(corrected, corrected)

    @staticmethod
    def _lay_over(net: Any, config: Config, geometry: HeadGeometry, channels: int) -> None:
        """Write this configuration's numbers into a committed net."""
        PaperHead._lay_over(net, config, geometry, channels)
        layer = {each.name: each for each in net.layer}
        step = layer["box_step"]
        step.convolution_param.weight_filler.std = config.score_std
        step.param[0].lr_mult, step.param[1].lr_mult = config.lr_mult_score, 2 * config.lr_mult_score
        if "loss" in layer:
            layer["step"].input_param.shape[0].dim[0] = config.batch_positives + config.batch_negatives
            layer["target"].python_param.param_str = layer["label"].python_param.param_str
            layer["loss_boxes"].loss_weight[:] = [config.regression_weight]
