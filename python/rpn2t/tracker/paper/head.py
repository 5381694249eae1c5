"""Paper mode's head: it scores windows of conv5, each from a patch of its own (section 3.4).

prototxt/head/ holds its nets.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats
from rpn2t.config import Config
from rpn2t.nets.caffe import forward
from rpn2t.nets.device import Device
from rpn2t.nets.lanes import Lanes
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.head import (
    HeadGeometry,
    Probabilities,
    ProposalWeights,
    label_settings,
    lay_over_learning,
    make_nets,
    use_compiled_loss,
)
from rpn2t.tracker.matching import label_map
from rpn2t.tracker.paper.windows import Windows


class PaperHead:
    """Scores windows of conv5 and learns to score them better. One a target: it holds a solver.

    Attributes:
        geometry: what it reads of the map.
        proposal_start: how its 3x3 layer started, in words.
    """

    scoring_batches: ClassVar = {"cpu": 64, "amx": 16, "gpu": 1024}
    """Windows in one forward pass of a scoring net, at most: a GPU takes a whole pool of negatives."""
    folder: ClassVar = "head"
    """Of prototxt/, with its nets."""

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
        """Build the nets; they share their weights.

        Args:
            config: the method's numbers.
            geometry: see there.
            channels: of conv5.
            proposal: weight and bias of the RPN's own 3x3 layer, or None for a gaussian start.
            seed: of the layers that start from a gaussian.
            device: that it runs on.
            beside: nets whose threads it uses, too; None: it has threads of its own.

        Raises:
            InputError: `proposal` does not fit the layer.
        """
        device.activate()
        self.geometry = geometry
        self._device = device
        self.learning_batch = (config.batch_positives, config.batch_negatives)
        compiled = self._has_compiled_loss()

        def lay_over(net: Any) -> None:
            self._lay_over(net, config, geometry, channels)
            if compiled and "loss" in [layer.name for layer in net.layer]:
                use_compiled_loss(net, config, geometry)

        nets = make_nets(self.folder, lay_over, config, proposal, seed)
        self.solver, make_scoring_net, self.proposal_start = nets
        self._lanes = Lanes(device, make_scoring_net, beside)
        self.scoring_net = self._lanes.own
        self.net: Any = self.solver.net
        flags = np.arange(sum(self.learning_batch)) < config.batch_positives
        if compiled:
            matching = geometry.matching
            for term, positions in (("anchor", matching.anchor), ("quality", matching.quality)):
                self.net.blobs[f"label_{term}"].data[...] = label_map(positions, flags)
        else:
            self.net.blobs["flag"].data[...] = flags

    def probabilities(self, windows: Windows) -> Probabilities:
        """The object's probability at every position that the loss may look at.

        Args:
            windows: n of shape (channels, window_size, window_size).

        Returns:
            Term 1's and term 2's, each of shape (n, rows, columns).
        """
        rows, columns = self.geometry.matching.iou.shape
        both = np.empty((2, len(windows), rows, columns))

        def score(net: Any, part: slice) -> None:
            both[:, part] = self._score_batch(net, windows.take(part))

        self._lanes.share(len(windows), self.scoring_batches[self._device.unit], score)
        return both[0], both[1]

    def scores(self, windows: Windows) -> Floats:
        """How much each window looks like the target: shape (n,), see :meth:`HeadGeometry.score`."""
        return self.geometry.score(*self.probabilities(windows))

    def learn(self, positives: Windows, negatives: Windows) -> float:
        """One SGD iteration on a batch of batch_positives and batch_negatives windows.

        Returns:
            The loss (eq. 2) before the step.
        """
        split = len(positives)
        if (split, len(negatives)) != self.learning_batch:
            raise ValueError(f"a batch is {self.learning_batch} windows, not {(split, len(negatives))}")
        with stage(Stage.LEARN):
            positives.copy_to(self.net.blobs["data"])
            negatives.copy_to(self.net.blobs["data"], split)
            self.solver.step(1)
            return float(self.net.blobs["loss"].values.ravel()[0])

    def note_target(self, windows: Windows, boxes: Floats, target: Box) -> None:
        """Be told of positives where the target is: only a head that learns boxes asks.

        Args:
            windows: of n positives.
            boxes: theirs, shape (n, 4), in the frame's px.
            target: in that frame.
        """

    def _has_compiled_loss(self) -> bool:
        """See :func:`rpn2t.tracker.head.use_compiled_loss`; the head with eq. 1's term keeps its layers."""
        return self._device.kind == "gpu" and self.folder == PaperHead.folder

    def _score_batch(self, net: Any, windows: Windows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        blobs, count = net.blobs, len(windows)
        self._device.set_batch(blobs["data"], count)
        windows.copy_to(blobs["data"])
        forward(net)
        # channel 0: the object
        return blobs["prob_anchor"].values[:count, 0], blobs["prob_quality"].values[:count, 0]

    @staticmethod
    def _lay_over(net: Any, config: Config, geometry: HeadGeometry, channels: int) -> None:
        """Write this configuration's numbers into a committed net."""
        layer = {each.name: each for each in net.layer}
        train = "loss" in layer
        batch = config.batch_positives + config.batch_negatives if train else PaperHead.scoring_batches["cpu"]
        size = geometry.window_size
        layer["data"].input_param.shape[0].dim[:] = [batch, channels, size, size]
        layer["conv_proposal1"].convolution_param.pad[:] = [geometry.pad]
        lay_over_learning(layer, config)
        if train:
            layer["flag"].input_param.shape[0].dim[:] = [batch]
            label_settings(layer, config, geometry)
