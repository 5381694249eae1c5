"""Paper mode: every box is a patch of its own, and one forward pass of the backbone (section 3.3)."""

import numpy as np

from rpn2t.boxes import Box, Floats
from rpn2t.config import Config
from rpn2t.images import Image
from rpn2t.nets.backbone import Maps
from rpn2t.nets.device import Device
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.paper.head import Head, HeadGeometry, ProposalWeights
from rpn2t.tracker.paper.learning import Update, train_head, update_head
from rpn2t.tracker.paper.memory import Memory, memory_capacity
from rpn2t.tracker.paper.windows import Windows, WindowStore


class PatchAppearance:
    """A target's look, learned from windows of conv5: an :class:`rpn2t.tracker.mode.Appearance`.

    Attributes:
        head: scores windows.
        memory: windows of the frames in which the tracker was sure.
        proposal_start: see the protocol.
    """

    def __init__(
        self,
        config: Config,
        features: PatchFeatures,
        geometry: HeadGeometry,
        proposal: ProposalWeights | None,
        seed: int,
        rng: np.random.Generator,
        device: Device,
    ) -> None:
        """Make the head, and room for what will be remembered; see :meth:`rpn2t.tracker.modes.TargetMaker.make`."""
        self.config = config
        self.features = features
        self._rng = rng
        self.head = Head(config, geometry, features.shape[0], proposal, seed, device)
        self.proposal_start = self.head.proposal_start
        store = WindowStore(memory_capacity(config), features.shape)
        self.memory = Memory(store, config.long_term_frames, config.short_term_frames)
        self._learned: tuple[Floats, Windows] | None = None
        self.candidates = WindowStore(config.candidates, features.shape)

    def view(self, image: Image, state: Box, translation: float) -> "PatchView":
        """A frame; patches are cut when boxes are known."""
        return PatchView(self, image)

    def learn_first(self, view: "PatchView", positives: Floats, negatives: Floats) -> None:
        """As the paper: SGD iterations with hard negative mining."""
        kept = view.windows(positives, self.memory.store)
        # 0.7 GB of the paper's 5,000, for this frame only
        passing = view.windows(negatives, WindowStore(len(negatives), self.features.shape))
        train_head(self.head, kept, passing, self.config.iterations_first, self.config, self._rng)
        self._learned = positives, kept

    def remember(self, view: "PatchView", positives: Floats, negatives: Floats) -> None:
        """Keep a frame's windows; the first frame's positives are there already."""
        learned, self._learned = self._learned, None
        if learned and learned[0] is positives:
            self.memory.add(learned[1], view.windows(negatives, self.memory.store))
            return
        self.memory.make_room()
        both = view.windows(np.concatenate([positives, negatives]), self.memory.store)
        self.memory.add(both.take(slice(len(positives))), both.take(slice(len(positives), None)))

    def update(self, update: Update) -> None:
        """Long-term or short-term."""
        update_head(update, self.head, self.memory, self.config, self._rng)


class PatchView:
    """A frame that is seen in patches."""

    def __init__(self, appearance: PatchAppearance, image: Image) -> None:
        self._appearance = appearance
        self._image = image
        self._scored: Windows | None = None

    def probabilities(self, boxes: Floats) -> tuple[Floats, Floats]:
        """Of each box's own patch."""
        store = self._appearance.candidates
        store.clear()
        self._scored = self.windows(boxes, store)
        return self._appearance.head.probabilities(self._scored)

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """The best candidates' windows; the target's box is the mean of what they say."""
        if self._scored is None:
            raise RuntimeError("close_up() before probabilities()")
        return self._scored.take(best.indices).array(), boxes[best.indices]

    def windows(self, boxes: Floats, store: WindowStore) -> Windows:
        """Windows of boxes, in room reserved in a store."""
        return self._appearance.features.windows(self._image, boxes, store)
