"""Paper mode: every box is a patch of its own, and one forward pass of the backbone (section 3.3)."""

import copy
from typing import Self

import numpy as np

from rpn2t.boxes import Box, Floats
from rpn2t.config import Config
from rpn2t.images import Image
from rpn2t.nets.backbone import Backbone, Maps
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.head import HeadGeometry, Probabilities, ProposalWeights
from rpn2t.tracker.paper.box_head import BoxHead
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.learning import train_head, update_head
from rpn2t.tracker.paper.memory import Memory, memory_capacity
from rpn2t.tracker.paper.windows import Windows, WindowStore, cut_windows
from rpn2t.tracker.regression import BoxRegressor, Regressor
from rpn2t.tracker.schedule import Update


class PaperMode:
    """A :class:`rpn2t.tracker.mode.Mode` that looks at windows of conv5.

    Attributes:
        geometry, proposal_start, regressor, refinement: see the protocol.
        features: conv5 of boxes.
        head: scores windows.
        memory: windows of the frames in which the tracker was sure.
    """

    proposal_start = ""
    refinement = "none: the paper has none"
    head: PaperHead
    regressor: Regressor
    memory: Memory

    def __init__(self, config: Config, backbone: Backbone, proposal: ProposalWeights | None) -> None:
        """Make what all targets share; see :func:`rpn2t.tracker.modes.make_mode`."""
        self.geometry = HeadGeometry(config, backbone.map_size)
        self.features = PatchFeatures(backbone, self.geometry.window_rim)
        self._config, self._proposal, self._device = config, proposal, backbone.device

    def another(self) -> Self:
        """With the same net of the backbone."""
        return copy.copy(self)

    def start(self, target: Box, seed: int, rng: np.random.Generator) -> None:
        """Make the head, and room for what will be scored and remembered."""
        config, shape = self._config, self.features.shape
        self._rng, self._target = rng, target
        kind = BoxHead if config.regression_weight else PaperHead
        self.head = kind(
            config, self.geometry, shape[0], self._proposal, seed, self._device, self.features.lanes
        )
        self.regressor = (
            self.head
            if isinstance(self.head, BoxHead)
            else BoxRegressor(config, self.geometry.map_size, self.geometry.window_rim)
        )
        self.proposal_start = self.head.proposal_start
        store = WindowStore(memory_capacity(config), shape)
        self.memory = Memory(store, config.long_term_frames, config.short_term_frames)
        self._candidates = WindowStore(config.candidates, shape)
        self._scored = self._learned = self._candidates.empty()

    def see(self, image: Image, state: Box, translation: float) -> None:
        """Keep the frame: patches are cut when boxes are known."""
        self._image = image

    def meet(self, image: Image, target: Box) -> None:
        """Nothing: the regressor sees the target in its samples."""

    def maps(self, image: Image, boxes: Floats) -> Maps:
        """conv5 of each box's patch."""
        return self.features.maps(image, boxes)

    def probabilities(self, boxes: Floats) -> Probabilities:
        """The head's answer to each box's patch."""
        self._candidates.clear()
        self._scored = self._windows(boxes, self._candidates)
        with stage(Stage.SCORE):
            return self.head.probabilities(self._scored)

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """The best candidates' windows: the target's box is the mean of what they say."""
        return self._scored.take(best.indices).array(), boxes[best.indices]

    def learn_first(self, positives: Floats, negatives: Floats) -> None:
        """SGD iterations with hard negative mining, as the paper."""
        self._learned = self._windows(positives, self.memory.store)
        self.head.note_target(self._learned, positives, self._target)
        # 0.7 GB of the paper's 5,000, for this frame only
        passing = self._windows(negatives, WindowStore(len(negatives), self.features.shape))
        train_head(self.head, self._learned, passing, self._config.iterations_first, self._config, self._rng)

    def remember_first(self, positives: Floats, negatives: Floats) -> None:
        """Keep the positives' windows, which are in the memory's store since they were learned."""
        self.memory.add(self._learned, self._windows(negatives, self.memory.store))

    def remember(self, target: Box, positives: Floats, negatives: Floats) -> None:
        """Keep the windows of all these boxes."""
        self.memory.make_room()
        both = self._windows(np.concatenate([positives, negatives]), self.memory.store)
        near, away = both.take(slice(len(positives))), both.take(slice(len(positives), None))
        self.head.note_target(near, positives, target)
        self.memory.add(near, away)

    def learn(self, update: Update) -> None:
        """Long term or short term."""
        update_head(update, self.head, self.memory, self._config, self._rng)

    def settle(self) -> None:
        """Nothing is left to do: it learns at once."""

    def _windows(self, boxes: Floats, store: WindowStore) -> Windows:
        return cut_windows(self.features, self._image, boxes, store)
