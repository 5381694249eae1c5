"""Fast mode: one forward pass of the backbone a frame, out of which all boxes are read.

What is remembered of a frame is its map, 0.7 MB, in the place of 125 windows of 147 KB; learning runs the
head's 3x3 layer over whole maps and reads the windows out of its scores. Only the target itself is looked at
in a patch of its own, from which its box is regressed as in the paper.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, as_box, as_boxes
from rpn2t.config import Config
from rpn2t.images import Image
from rpn2t.nets.backbone import Maps
from rpn2t.nets.device import Device
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.fast.head import MapHead
from rpn2t.tracker.fast.region import Windows
from rpn2t.tracker.features import PatchFeatures, RegionFeatures
from rpn2t.tracker.paper.head import HeadGeometry, ProposalWeights
from rpn2t.tracker.paper.learning import Update, require_finite
from rpn2t.tracker.sampling import epochs


@dataclass(frozen=True)
class Region:
    """conv5 of a part of a frame.

    Attributes:
        conv5: shape (channels, rows, columns).
        corners: its first and last pixel in the frame, inclusive: x1, y1, x2, y2.
    """

    conv5: Maps
    corners: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.conv5.shape[1], self.conv5.shape[2]


@dataclass(frozen=True)
class Lesson:
    """A region's map, and windows on it: the object's and the background's."""

    conv5: Maps
    objects: Windows
    background: Windows


class MapAppearance:
    """A target's look, learned from maps of whole regions: an :class:`rpn2t.tracker.mode.Appearance`.

    Attributes:
        config: the method's numbers.
        close_up: features of one box, in a patch of its own.
        regions: features of whole regions.
        geometry: where boxes lie on them.
        shape: rows and columns of the maps that are remembered.
        head: scores windows on maps.
        proposal_start: see the protocol.
    """

    def __init__(
        self,
        config: Config,
        close_up: PatchFeatures,
        regions: RegionFeatures,
        geometry: HeadGeometry,
        box: Box,
        proposal: ProposalWeights | None,
        seed: int,
        rng: np.random.Generator,
        device: Device,
    ) -> None:
        """Make the head; see :meth:`rpn2t.tracker.modes.TargetMaker.make`."""
        self.config = config
        self.close_up, self.regions = close_up, regions
        self.geometry = regions.geometry
        self.shape = self.geometry.shape(box, config.translation)
        self._rng = rng
        self.head = MapHead(config, geometry, close_up.shape[0], proposal, seed, device)
        self.proposal_start = self.head.proposal_start
        self._memory: deque[Lesson] = deque(maxlen=config.long_term_frames)

    def view(self, image: Image, state: Box, translation: float) -> "MapView":
        """One forward pass."""
        shape = self.shape  # also where the aspect ratio has drifted: all maps are alike
        if translation > self.config.translation:
            wider = self.geometry.shape(state, translation)
            shape = max(wider[0], shape[0]), max(wider[1], shape[1])
        return MapView(self, image, self.region(image, state, shape))

    def region(self, image: Image, state: Box, shape: tuple[int, int]) -> Region:
        """A region around a box."""
        corners = self.geometry.corners(state, shape)
        return Region(self.regions.conv5(image, corners, shape), corners)

    def learn_first(self, view: "MapView", positives: Floats, negatives: Floats) -> None:
        """All of the target's own region in every iteration, and some of the other places in turn."""
        target, *others = view.survey(positives, negatives)
        for some in self._in_turn(others, self.config.batch_survey_maps, self.config.iterations_first):
            self._learn([target, *some])

    def remember(self, view: "MapView", positives: Floats, negatives: Floats) -> None:
        """Keep a frame's map."""
        self._memory.append(view.lesson(positives, negatives))

    def update(self, update: Update) -> None:
        """Each iteration takes other frames, of the last 100 or the last 20."""
        frames = list(self._memory)
        if update is Update.SHORT_TERM:
            frames = frames[-self.config.short_term_frames :]
        if update is Update.NONE or not frames:
            return
        for some in self._in_turn(frames, self.config.batch_maps, self.config.iterations_later):
            self._learn(some)

    def _in_turn(self, lessons: Sequence[Lesson], most: int, iterations: int) -> Iterator[list[Lesson]]:
        """For each iteration at most so many lessons, drawn from permutations of all."""
        each = min(most, len(lessons))
        order = epochs(len(lessons), each * iterations, self._rng)
        for numbers in order.reshape(iterations, each):
            yield [lessons[number] for number in numbers]

    def _learn(self, lessons: Sequence[Lesson]) -> None:
        """One iteration on some of the lessons' windows."""
        objects = self._some([each.objects for each in lessons], self.config.batch_positives)
        background = self._some([each.background for each in lessons], self.config.mining_pool)
        if not sum(map(len, objects)) or not sum(map(len, background)):
            return
        require_finite(self.head.learn([each.conv5 for each in lessons], objects, background))

    def _some(self, parts: list[Windows], most: int) -> list[Windows]:
        """At most so many of all parts' windows."""
        ends = np.cumsum([len(part) for part in parts])
        drawn = np.sort(self._rng.permutation(ends[-1])[:most])
        which = np.searchsorted(ends, drawn, side="right")
        return [part[drawn[which == i] - (ends[i] - len(part))] for i, part in enumerate(parts)]


class MapView:
    """A frame of which a region was seen: an :class:`rpn2t.tracker.mode.View`."""

    def __init__(self, appearance: MapAppearance, image: Image, region: Region) -> None:
        self._appearance = appearance
        self._image = image
        self._region = region

    def probabilities(self, boxes: Floats) -> tuple[Floats, Floats]:
        """Read out of the region's map; 0 for boxes of which even the middle was not seen."""
        windows = self._windows(boxes, self._region)
        both = self._appearance.head.probabilities(self._region.conv5, windows)
        seen = self._appearance.geometry.middle_inside(windows, self._region.shape)[:, None, None]
        return both[0] * seen, both[1] * seen

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """A patch of the target's own: the place of one that is read out of a map is not exact enough."""
        one = as_boxes([best.box])
        return self._appearance.close_up.maps(self._image, one), one

    def lesson(self, positives: Floats, negatives: Floats) -> Lesson:
        """The region's map, cut to what is remembered where the search was extended."""
        windows = [self._windows(boxes, self._region) for boxes in (positives, negatives)]
        conv5, shape = self._region.conv5, np.array(self._appearance.shape)
        spare = np.array(self._region.shape) - shape
        middle = (np.array(self._region.shape) - 1) / 2
        if len(positives):
            middle = self._appearance.geometry.middles(windows[0]).mean(axis=0)
        first = np.clip(np.rint(middle - (shape - 1) / 2), 0, spare).astype(np.int64)
        if spare.any():
            row, column = first
            conv5 = conv5[:, row : row + shape[0], column : column + shape[1]].copy()
        objects, background = (each - np.array([*first, 0, 0]) for each in windows)
        return Lesson(conv5, objects, background)

    def survey(self, positives: Floats, negatives: Floats) -> list[Lesson]:
        """A lesson of the region, and lessons of `survey_maps` other places where negatives lie."""
        appearance, left = self._appearance, negatives
        lessons: list[Lesson] = []
        while len(lessons) <= appearance.config.survey_maps and (len(left) or not lessons):
            region, boxes = self._region, positives
            if lessons:
                region = appearance.region(self._image, as_box(left[0]), appearance.shape)
                boxes = positives[:0]
            windows = self._windows(left, region)
            inside = appearance.geometry.inside(windows, region.shape)
            lessons.append(Lesson(region.conv5, self._windows(boxes, region), windows[inside]))
            left = left[~inside]
        return lessons

    def _windows(self, boxes: Floats, region: Region) -> Windows:
        return self._appearance.geometry.windows(boxes, region.corners, region.shape)
