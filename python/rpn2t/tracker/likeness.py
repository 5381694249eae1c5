"""Does what was found look like the target in the first frame? (ours)

The head learns what the tracker takes for the target. Once that was something else, its score is high there,
too. conv5 does not learn, and the first frame's box was given. So the likeness of both, conv5 then and now,
is free of what the tracker took for the target in between. How large it is depends on the target, and on how
far it has turned. So it is compared with what was usual in the frames before.
"""

import numpy as np

from rpn2t.nets.backbone import Maps

_RATE = 0.2  # by which what is usual follows, a frame


class Likeness:
    """How alike conv5 of a box and of the target in the first frame are.

    Attributes:
        usual: the mean likeness of the frames of which the tracker was sure, the latest above all. 0 before
            there was any.
    """

    def __init__(self, target: Maps) -> None:
        """Take in the target.

        Args:
            target: conv5 of its patch in the first frame, (channels, size, size).
        """
        self._target = target / _length(target)
        self.usual = 0.0

    def of(self, box: Maps) -> float:
        """The cosine between conv5 of a box's patch, (channels, size, size), and the target's: 1 if equal."""
        return float((self._target * box).sum() / _length(box))

    def note(self, box: Maps) -> None:
        """Take in how alike the target is in a frame of which the tracker is sure."""
        likeness = self.of(box)
        self.usual += (_RATE if self.usual else 1) * (likeness - self.usual)


def _length(maps: Maps) -> float:
    return max(float(np.linalg.norm(maps)), 1e-9)
