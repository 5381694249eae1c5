"""The seam between the tracking loop and how the target's look is learned: two modes behind one interface.

The loop draws boxes, chooses among them and decides when to learn (:mod:`rpn2t.tracker.loop`). What it asks of a
mode is here: to see a frame, to score boxes in it, to keep samples of it, and to learn from samples.

    paper  every box is a patch of its own, and a forward pass of the backbone (:mod:`rpn2t.tracker.paper.mode`)
    fast   one forward pass a frame, out of which all boxes are read (:mod:`rpn2t.tracker.fast.mode`)
"""

from typing import Any, Protocol

from rpn2t.boxes import Box, Floats
from rpn2t.images import Image
from rpn2t.nets.backbone import Maps
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.paper.learning import Update


class View(Protocol):
    """One frame, as a mode sees it. Boxes are (n, 4), in the frame's px."""

    def probabilities(self, boxes: Floats) -> tuple[Floats, Floats]:
        """The object's probability at each position of each box's map, by the head as it is now.

        Returns:
            Term 1's and term 2's, each of shape (n, rows, columns).
        """
        ...

    def close_up(self, boxes: Floats, best: Best) -> tuple[Maps, Floats]:
        """Windows of conv5 from which the target's box is regressed, and the boxes that they show.

        Args:
            boxes: those that were scored last.
            best: the best of them.
        """
        ...


class Appearance(Protocol):
    """What a mode knows of one target's look. Views are those that it made.

    Attributes:
        proposal_start: how the head's 3x3 layer started, in words.
    """

    proposal_start: str

    def view(self, image: Image, state: Box, translation: float) -> Any:
        """See a frame, of which boxes around `state` matter, shifted by up to `translation` of its side.

        Returns:
            A :class:`View`.
        """
        ...

    def learn_first(self, view: Any, positives: Floats, negatives: Floats) -> None:
        """Learn the target from boxes of the first frame."""
        ...

    def remember(self, view: Any, positives: Floats, negatives: Floats) -> None:
        """Keep a successful frame's boxes, as they look."""
        ...

    def update(self, update: Update) -> None:
        """Learn from what is remembered."""
        ...
