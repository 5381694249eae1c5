"""Hard negative mining: learn from the negatives that look most like the target (MDNet's scheme)."""

import numpy as np

from rpn2t.tracker.paper.head import Head
from rpn2t.tracker.paper.windows import Windows


def hardest(head: Head, negatives: Windows, indices: np.ndarray, keep: int) -> np.ndarray:
    """Those `keep` of the `indices` whose windows the head scores highest, highest first.

    Windows are scored anew on every call, with the head as it is now.
    """
    scores = head.scores(negatives.take(indices))
    return indices[np.argsort(-scores, kind="stable")[:keep]]
