"""What the tracker saw in a frame: for whoever wants to know why it went where it went."""

from dataclasses import dataclass

from rpn2t.boxes import Box, Floats
from rpn2t.candidates import Best
from rpn2t.matching import Matching


@dataclass(frozen=True)
class Observation:
    """One `update`, before the head learned from it. Boxes and places are in the frame's px.

    Attributes:
        candidates: the boxes that were scored, (n, 4).
        scores: theirs, (n,).
        anchor, quality: the object's probability at the positions of each candidate's map, by term 1's
            layer and by term 2's, (n, rows, columns).
        matching: which of the positions each term looks at.
        x, y: where the columns' and the rows' positions lie, (n, columns) and (n, rows).
        best: the best candidates.
        threshold: the score below which a frame has failed.
        state: the box around which the next frame's candidates will be drawn.
        reported: the box that `update` returns.
    """

    candidates: Floats
    scores: Floats
    anchor: Floats
    quality: Floats
    matching: Matching
    x: Floats
    y: Floats
    best: Best
    threshold: float
    state: Box
    reported: Box

    @property
    def failed(self) -> bool:
        """Whether the score is below the threshold."""
        return self.best.score < self.threshold
