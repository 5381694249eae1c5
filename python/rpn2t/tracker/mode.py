"""The seam between the tracking loop and the two modes.

The loop draws boxes, chooses among them and decides when to learn (:mod:`rpn2t.tracker.loop`). What it asks
of a mode is here: to see a frame, to score boxes in it, to keep samples of it, and to learn from samples.

    paper  every box is a patch of its own, and a forward pass of its own (:mod:`rpn2t.tracker.paper.mode`)
    fast   one forward pass a frame, out of which all boxes are read (:mod:`rpn2t.tracker.fast.mode`)
"""

from typing import Protocol, Self

import numpy as np

from rpn2t.boxes import Box, Floats
from rpn2t.images import Image
from rpn2t.nets.backbone import Maps
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.head import HeadGeometry, Probabilities
from rpn2t.tracker.regression import Regressor
from rpn2t.tracker.schedule import Update


class Mode(Protocol):
    """What a mode knows of one target, and of the frame that it saw last.

    Boxes are (n, 4), in the frame's px.

    Attributes:
        geometry: which positions of a box's map count, and how its score is made of them.
        proposal_start: how the head's 3x3 layer started, in words.
        regressor: what corrects the target's box, made by :meth:`start`.
        refinement: what has a part in the box beside the regressor, in words.
    """

    geometry: HeadGeometry
    proposal_start: str
    regressor: Regressor
    refinement: str

    def another(self) -> Self:
        """One for another target, of which this one's nets know nothing; what all targets share is shared."""

    def start(self, target: Box, seed: int, rng: np.random.Generator) -> None:
        """Forget the last target, if there was one, and make room for a new one.

        Args:
            target: in the first frame.
            seed: of what is drawn while nets are made.
            rng: of what is drawn while it learns; shared with the loop.
        """

    def see(self, image: Image, state: Box, translation: float) -> None:
        """Take the next frame.

        Args:
            image: the frame.
            state: boxes around this one matter.
            translation: how far their centres are from its own, over the mean of its sides, at most.
        """

    def meet(self, image: Image, target: Box) -> None:
        """Take in how the target looks in the first frame, before the regressor learns."""

    def maps(self, image: Image, boxes: Floats) -> Maps:
        """conv5 of boxes of an image, each from a patch of its own, and what else the regressor reads.

        Returns:
            Shape (n, channels, size, size), without the rim of the map that the head never reads.
        """

    def probabilities(self, boxes: Floats) -> Probabilities:
        """The object's probability at each position of each box's map, by the head as it is now."""

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """The maps from which the target's box is regressed, and the boxes that they show.

        Args:
            boxes: those that were scored last.
            best: the best of them.
        """

    def learn_first(self, positives: Floats, negatives: Floats) -> None:
        """Learn the target from boxes of the first frame."""

    def remember_first(self, positives: Floats, negatives: Floats) -> None:
        """Keep boxes of the first frame.

        Args:
            positives: those of :meth:`learn_first`.
            negatives: others than those.
        """

    def remember(self, target: Box, positives: Floats, negatives: Floats) -> None:
        """Keep boxes of a later frame.

        Args:
            target: where the tracker believes it to be.
            positives, negatives: boxes around it.
        """

    def learn(self, update: Update) -> None:
        """Learn from what is remembered, as the update that is due says.

        A mode may do it beside what is asked of it next, until :meth:`probabilities`, which need the result.
        """

    def settle(self) -> None:
        """Wait until all is learned.

        Raises:
            InputError: the head's loss is no longer a number.
        """
