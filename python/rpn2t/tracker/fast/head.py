"""Fast mode's head: the paper's layers and loss on maps of whole regions instead of windows.

The 3x3 layer runs over a region's map once, whatever number of windows is read out of it. Both terms' 1x1
layers are one, which has an output for every position of a window (`position_groups` says how finely): in
the shared map a place looks the same to every window, and only its position in the window tells the target
from a shifted box. prototxt/head_map/ holds the nets; labels, loss and solver are the paper's. Caffe's
ReadWindowsLayer reads the windows, bilinearly, as their positions lie between the map's. This is what makes
fast mode fast.
"""

import dataclasses
import json
from collections.abc import Sequence
from concurrent.futures import Future, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t.config import Config
from rpn2t.nets.backbone import Maps
from rpn2t.nets.caffe import Blob, forward
from rpn2t.nets.device import Device
from rpn2t.nets.side_thread import SideThread
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.fast.region import Grids
from rpn2t.tracker.head import (
    HeadGeometry,
    Probabilities,
    ProposalWeights,
    label_settings,
    lay_over_learning,
    make_nets,
    require_finite,
)
from rpn2t.tracker.matching import object_probability

TERMS = ("anchor", "quality")
"""What the nets call the loss's terms."""


class FastHead:
    """Scores windows of a region's map and learns to score them better. One a target: it holds a solver.

    Attributes:
        geometry: which positions of a window count.
        proposal_start: how its 3x3 layer started, in words.
    """

    def __init__(
        self,
        config: Config,
        geometry: HeadGeometry,
        channels: int,
        proposal: ProposalWeights | None,
        seed: int,
        device: Device,
        beside: SideThread | None = None,
    ) -> None:
        """Build both nets, which share their weights; see :class:`rpn2t.tracker.paper.head.PaperHead`.

        Args:
            config, geometry, channels, proposal, seed, device: as PaperHead's.
            beside: where it learns; None: it makes one.
        """
        device.activate()
        self._beside = beside or SideThread(device)
        self._learning: list[Future[float]] = []
        self.geometry = geometry
        self._shift = 1 - geometry.pad  # without padding, the 3x3 layer's position 0 is conv5's position 1
        nets = make_nets(
            "head_map",
            lambda net: _lay_over(net, config, geometry, channels),
            config,
            proposal,
            seed,
        )
        self.solver, make_scoring_net, self.proposal_start = nets
        self.scoring_net = make_scoring_net()
        self.net: Any = self.solver.net

    def probabilities(self, region: Maps, grids: Grids) -> Probabilities:
        """The object's probability at every position that the loss may look at, once all is learned.

        Args:
            region: conv5 of a region, (channels, rows, columns).
            grids: of n windows on it, (n, 4).

        Returns:
            Term 1's and term 2's, each of shape (n, size, size).

        Raises:
            InputError: see :meth:`settle`.
        """
        self.settle()
        blobs = self.scoring_net.blobs
        _put(blobs["data"], [region])
        _put_windows(blobs["windows"], _rows(0, self._shifted(grids), 0))
        forward(self.scoring_net)
        anchor, quality = (object_probability(blobs[f"windows_{term}"].values) for term in TERMS)
        return anchor, quality

    def learn(
        self, regions: Sequence[Maps], objects: Sequence[Grids], background: Sequence[Grids]
    ) -> Future[float]:
        """One SGD iteration on windows of some regions; of the background's the hardest are taken.

        It is made while the caller goes on, after those that were begun before it.

        Args:
            regions: conv5 of m regions, each (channels, rows, columns).
            objects, background: grids of windows on each of them.

        Returns:
            What will have the loss (eq. 2) before the step.
        """
        learning = self._beside.do(self._step, regions, objects, background)
        self._learning.append(learning)
        return learning

    def settle(self) -> None:
        """Wait for all iterations that were begun.

        Raises:
            InputError: a loss is no longer a number.
        """
        with stage(Stage.WAIT):
            try:
                wait(self._learning)
            except BaseException:  # an interruption: what is made now is still to be awaited
                self._learning = [each for each in self._learning if not each.cancel()]
                raise
            made, self._learning = self._learning, []
            for iteration in made:
                iteration.result()

    def _step(self, regions: Sequence[Maps], objects: Sequence[Grids], background: Sequence[Grids]) -> float:
        with stage(Stage.LEARN):
            rows = [
                _rows(number, self._shifted(grids), flag)
                for flag, of_regions in ((1, objects), (0, background))
                for number, grids in enumerate(of_regions)
            ]
            windows = np.concatenate(rows)
            if not len(windows):  # none of the regions has any: there is nothing to learn from
                return 0.0
            blobs = self.net.blobs
            _put(blobs["data"], regions)
            _put_windows(blobs["windows"], windows)
            self.solver.step(1)
            return require_finite(float(blobs["loss"].values.ravel()[0]))

    def _shifted(self, grids: Grids) -> Grids:
        shifted: Grids = grids - np.array([self._shift, self._shift, 0, 0])
        return shifted


def _put(blob: Blob, regions: Sequence[Maps]) -> None:
    shape = (len(regions), *regions[0].shape)
    if tuple(blob.shape) != shape:
        blob.reshape(*shape)
    for row, region in enumerate(regions):
        blob.data[row] = region


def _put_windows(blob: Blob, rows: NDArray[np.float64]) -> None:
    blob.reshape(*rows.shape)
    blob.data[...] = rows


def _rows(number: int, grids: Grids, flag: int) -> NDArray[np.float64]:
    count = len(grids)
    return np.column_stack([np.full(count, number), grids, np.full(count, flag)])


def _lay_over(net: Any, config: Config, geometry: HeadGeometry, channels: int) -> None:
    """Write this configuration's numbers into a committed net."""
    size = len(geometry.matching.iou)
    groups = min(config.position_groups, size)
    layer = {each.name: each for each in net.layer}
    layer["data"].input_param.shape[0].dim[1] = channels
    layer["conv_proposal1"].convolution_param.pad[:] = [geometry.pad]
    layer["score"].convolution_param.num_output = len(TERMS) * 2 * groups**2  # object and background
    for each in net.layer:
        if each.type == "ReadWindows":
            reads = each.read_windows_param
            reads.size, reads.first, reads.groups = size, geometry.label_crop, groups
    # each group sees a groups^2-th of a window's positions, and so its share of the mean gradient
    lay_over_learning(layer, dataclasses.replace(config, lr_mult_score=config.lr_mult_score * groups**2))
    if "loss" in layer:
        layer["mine"].python_param.param_str = json.dumps({"negatives": config.batch_negatives})
        label_settings(layer, config, geometry)
