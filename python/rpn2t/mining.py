"""Hard negative mining: learn from the negatives that look most like the target (MDNet's scheme)."""

import numpy as np

from rpn2t.head import Head
from rpn2t.memory import Pool


def hardest(head: Head, negatives: Pool, indices: np.ndarray, keep: int) -> np.ndarray:
    """Those `keep` of the `indices` whose windows the head scores highest, highest first.

    Windows are scored anew on every call, with the head as it is now, a batch at a time so that the
    whole pool is never copied.
    """
    batches = [indices[i : i + head.scoring_batch] for i in range(0, len(indices), head.scoring_batch)]
    scores = np.concatenate([head.scores(negatives.take(batch)) for batch in batches])
    return indices[np.argsort(-scores, kind="stable")[:keep]]
