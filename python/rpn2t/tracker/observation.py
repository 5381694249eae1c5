"""What the tracker saw in a frame and how it chose: for whoever wants to look over its shoulder.

    tracker.observer = print     # called once a frame

A tracker without an observer makes none of this, and one with an observer finds the same boxes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rpn2t.boxes import Box, Floats
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.schedule import Update


@dataclass(frozen=True)
class Term:
    """What one of the loss's two terms says of the candidates.

    Attributes:
        probabilities: the object's, at each position of each candidate's map, shape (n, rows, columns).
        weights: of the positions in the candidate's score, shape (rows, columns). The term does not look at a
            position with weight 0, whose probability says nothing.
    """

    probabilities: Floats
    weights: Floats


@dataclass(frozen=True)
class Observation:
    """One tracked frame, before the head learns from it. Boxes are in the frame's px, 0-based.

    Attributes:
        frame: counted from 1, which is the first.
        state: around which this frame's candidates were drawn: the last frame's mean of the best. In fast
            mode it has gone a part of the way to the regressed box, if that frame had not failed.
        boxes: the candidates, shape (n, 4).
        scores: of the candidates, shape (n,).
        terms: term 1's and term 2's maps.
        places: where the maps' rows, and columns, lie in a candidate, shape (rows,). 0 is its upper or left
            edge, 1 the other one.
        best: the best candidates and their mean.
        threshold: the score below which the frame has failed.
        failed: whether it has.
        update: what the head learns next.
        reported: the regressed box, that the tracker returns.
    """

    frame: int
    state: Box
    boxes: Floats
    scores: Floats
    terms: tuple[Term, Term]
    places: Floats
    best: Best
    threshold: float
    failed: bool
    update: Update
    reported: Box


Observer = Callable[[Observation], object]
