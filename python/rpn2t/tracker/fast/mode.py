"""Fast mode: one forward pass of the backbone a frame, out of which all boxes are read.

What is remembered of a frame is its map, 0.7 MB, in place of 125 windows of 147 KB. Learning runs the head's
3x3 layer over whole maps and reads the windows out of its scores. Only the target itself is looked at in a
patch of its own, from which its box is regressed as in the paper.
"""

import copy
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Self

import numpy as np

from rpn2t.boxes import Box, Floats, as_box, as_boxes
from rpn2t.config import Config
from rpn2t.images import Image
from rpn2t.nets.backbone import Backbone, Maps
from rpn2t.nets.caffemodel import Layers
from rpn2t.nets.side_thread import SideThread
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.fast.head import FastHead
from rpn2t.tracker.fast.refinement import (
    DETAIL,
    WINDOW_RIM,
    WINDOW_SIZE,
    RefinedRegressor,
    RefinementNet,
)
from rpn2t.tracker.fast.region import Grids, RegionFeatures, SearchRegion
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.head import HeadGeometry, Probabilities, ProposalWeights
from rpn2t.tracker.regression import BoxRegressor, Regressor
from rpn2t.tracker.sampling import epochs
from rpn2t.tracker.schedule import Update


@dataclass(frozen=True)
class Lesson:
    """A region's map, and the grids of windows on it: the object's and the background's."""

    conv5: Maps
    objects: Grids
    background: Grids


class FastMode:
    """A :class:`rpn2t.tracker.mode.Mode` that looks at maps of whole regions.

    Attributes:
        geometry, proposal_start, regressor, refinement: see the protocol.
        shape: rows and columns of the maps that are remembered.
        head: scores windows on maps.
        memory: lessons of the frames in which the tracker was sure, the oldest forgotten first.
    """

    proposal_start = ""
    shape: tuple[int, int]
    head: FastHead
    regressor: Regressor
    memory: deque[Lesson]

    def __init__(
        self,
        config: Config,
        backbone: Backbone,
        proposal: ProposalWeights | None,
        refiner: Layers | None = None,
    ) -> None:
        """Make what all targets share; see :func:`rpn2t.tracker.modes.make_mode`."""
        self.geometry = HeadGeometry(config, backbone.map_size)
        rim = self.geometry.window_rim
        lacking = _unrefined(config, self.geometry, refiner)
        self.refinement = f"none: {lacking}" if lacking else "the weights' net"
        self._refiner = None if lacking or not refiner else RefinementNet(refiner, backbone.channels)
        self._patches = PatchFeatures(backbone, rim, detail=DETAIL if self._refiner else None)
        self._one_patch = PatchFeatures(backbone, rim, batch=1, detail=DETAIL if self._refiner else None)
        self._regions = RegionFeatures(backbone)
        self._config, self._proposal, self._device = config, proposal, backbone.device
        self._beside = SideThread(backbone.device)

    def another(self) -> Self:
        """With the same nets of the backbone. The refinement net is shown each target, and is another one."""
        other = copy.copy(self)
        if self._refiner:
            other._refiner = self._refiner.another()
        return other

    def start(self, target: Box, seed: int, rng: np.random.Generator) -> None:
        """Make the head; the size of the target decides that of the maps."""
        self._rng = rng
        self.shape = self._regions.geometry.shape(target, self._config.translation)
        channels = self._patches.channels
        self.head = FastHead(
            self._config, self.geometry, channels, self._proposal, seed, self._device, self._beside
        )
        self.proposal_start = self.head.proposal_start
        ridge = BoxRegressor(self._config, self.geometry.map_size, self.geometry.window_rim)
        self.regressor = ridge
        if self._refiner:
            self.regressor = RefinedRegressor(ridge, self._refiner, channels, self._config.refine_share)
        self._due: Iterator[list[Lesson]] = iter(())
        self.memory = deque(maxlen=self._config.long_term_frames)

    def see(self, image: Image, state: Box, translation: float) -> None:
        """One forward pass."""
        shape = self.shape  # also if the aspect ratio has drifted: all maps are alike
        if translation > self._config.translation:
            wider = self._regions.geometry.shape(state, translation)
            shape = max(wider[0], shape[0]), max(wider[1], shape[1])
        self._image = image
        self._region = self._regions.see(image, state, shape)

    def meet(self, image: Image, target: Box) -> None:
        """Show the target to the refinement net, if there is one."""
        if self._refiner:
            self._refiner.show(self._one_patch.alone(image, target))

    def maps(self, image: Image, boxes: Floats) -> Maps:
        """conv5 of each box's patch, and what the refinement net reads beside it."""
        return self._patches.maps(image, boxes)

    def probabilities(self, boxes: Floats) -> Probabilities:
        """Read out of the region's map. A box whose middle was not seen gets 0."""
        grids = self._grids(boxes, self._region)
        with stage(Stage.SCORE):
            anchor, quality = self.head.probabilities(self._region.conv5, grids)
        seen = self._regions.geometry.middle_inside(grids, self._region.shape)[:, None, None]
        return anchor * seen, quality * seen

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """A patch of the target's own: a place that is read out of a map is not exact enough."""
        one = as_boxes([best.box])
        return self._one_patch.maps(self._image, one), one

    def learn_first(self, positives: Floats, negatives: Floats) -> None:
        """Each iteration learns from all of the target's own region, and from some of the other places."""
        target, *others = self.survey(positives, negatives)
        for some in self._in_turn(others, self._config.batch_survey_maps, self._config.iterations_first):
            self._iterate([target, *some])

    def remember_first(self, positives: Floats, negatives: Floats) -> None:
        """Keep the first frame's map."""
        self.memory.append(self.lesson(positives, negatives))

    def remember(self, target: Box, positives: Floats, negatives: Floats) -> None:
        """Keep a frame's map."""
        self.memory.append(self.lesson(positives, negatives))

    def learn(self, update: Update) -> None:
        """Each iteration takes other frames, of the last 100 or the last 20.

        After a failure they are all made at once: the next frame needs them. `iterations_a_frame` shares
        those of other updates out to the frames that follow. A new update takes the place of what is left of
        the last one.
        """
        frames = list(self.memory)
        if update is Update.SHORT_TERM:
            frames = frames[-self._config.short_term_frames :]
        if update is not Update.NONE and frames:
            self._due = self._in_turn(frames, self._config.batch_maps, self._config.iterations_later)
        most = 0 if update is Update.SHORT_TERM else self._config.iterations_a_frame
        for some in islice(self._due, most or None):
            self._iterate(some)

    def settle(self) -> None:
        """Wait for the head's iterations."""
        self.head.settle()

    def lesson(self, positives: Floats, negatives: Floats) -> Lesson:
        """The region's map; if the search was extended, it is cut to the size that is remembered."""
        grids = [self._grids(boxes, self._region) for boxes in (positives, negatives)]
        conv5, shape = self._region.conv5, np.array(self.shape)
        spare = np.array(self._region.shape) - shape
        middle = (np.array(self._region.shape) - 1) / 2
        if len(positives):
            middle = self._regions.geometry.middles(grids[0]).mean(axis=0)
        first = np.clip(np.rint(middle - (shape - 1) / 2), 0, spare).astype(np.int64)
        if spare.any():
            row, column = first
            conv5 = conv5[:, row : row + shape[0], column : column + shape[1]].copy()
        objects, background = (each - np.array([*first, 0, 0]) for each in grids)
        return Lesson(conv5, objects, background)

    def survey(self, positives: Floats, negatives: Floats) -> list[Lesson]:
        """A lesson of the region, and lessons of `survey_maps` other places at which negatives lie."""
        left = negatives
        lessons: list[Lesson] = []
        while len(lessons) <= self._config.survey_maps and (len(left) or not lessons):
            region, boxes = self._region, positives
            if lessons:
                region = self._regions.see(self._image, as_box(left[0]), self.shape)
                boxes = positives[:0]
            grids = self._grids(left, region)
            inside = self._regions.geometry.inside(grids, region.shape)
            lessons.append(Lesson(region.conv5, self._grids(boxes, region), grids[inside]))
            left = left[~inside]
        return lessons

    def _grids(self, boxes: Floats, region: SearchRegion) -> Grids:
        return self._regions.geometry.grids(boxes, region.corners, region.shape)

    def _in_turn(self, lessons: Sequence[Lesson], most: int, iterations: int) -> Iterator[list[Lesson]]:
        """For each iteration some lessons, `most` at most, drawn from permutations of all."""
        each = min(most, len(lessons))
        with stage(Stage.DRAW):
            order = epochs(len(lessons), each * iterations, self._rng)
        for numbers in order.reshape(iterations, each):
            yield [lessons[number] for number in numbers]

    def _iterate(self, lessons: Sequence[Lesson]) -> None:
        """One iteration on some of the lessons' windows."""
        objects = self._some([each.objects for each in lessons], self._config.batch_positives)
        background = self._some([each.background for each in lessons], self._config.mining_pool)
        if not sum(map(len, objects)) or not sum(map(len, background)):
            return
        self.head.learn([each.conv5 for each in lessons], objects, background)

    def _some(self, parts: list[Grids], most: int) -> list[Grids]:
        """Some grids of all parts, `most` at most, part by part."""
        ends = np.cumsum([len(part) for part in parts])
        drawn = np.sort(self._rng.permutation(ends[-1])[:most])
        which = np.searchsorted(ends, drawn, side="right")
        return [part[drawn[which == i] - (ends[i] - len(part))] for i, part in enumerate(parts)]


def _unrefined(config: Config, geometry: HeadGeometry, refiner: Layers | None) -> str | None:
    """Why the box is not refined; None if it is."""
    if not config.refine_share:
        return "refine_share is 0"
    if refiner is None:
        return "the weights bring no net for this backbone"
    if (geometry.window_rim, geometry.window_size) != (WINDOW_RIM, WINDOW_SIZE):
        return (
            f"it reads {WINDOW_SIZE} x {WINDOW_SIZE} positions, and with these settings windows have others"
        )
    return None
