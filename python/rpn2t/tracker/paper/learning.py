"""Paper mode's learning: SGD iterations with hard negative mining (MDNet's scheme, section 3.4)."""

import numpy as np

from rpn2t.config import Config
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.head import require_finite
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.memory import Memory
from rpn2t.tracker.paper.windows import Windows
from rpn2t.tracker.sampling import epochs
from rpn2t.tracker.schedule import Update


def update_head(
    update: Update, head: PaperHead, memory: Memory, config: Config, rng: np.random.Generator
) -> None:
    """Do an update with what the memory holds."""
    if update is Update.NONE:
        return
    positives = memory.short_term_positives() if update is Update.SHORT_TERM else memory.long_term_positives()
    train_head(head, positives, memory.negatives(), config.iterations_later, config, rng)


def train_head(
    head: PaperHead,
    positives: Windows,
    negatives: Windows,
    iterations: int,
    config: Config,
    rng: np.random.Generator,
) -> list[float]:
    """SGD iterations, each on some positives and the hardest of a pool of negatives.

    Positives and pools come from epochs of random permutations. If fewer windows are stored than a batch
    wants, the permutations repeat. Nothing is learnt while one of the two is missing.

    Returns:
        The loss of every iteration.

    Raises:
        InputError: the loss is no longer a number.
    """
    if not len(positives) or not len(negatives):
        return []
    with stage(Stage.DRAW):
        batches = epochs(len(positives), iterations * config.batch_positives, rng)
        pools = epochs(len(negatives), iterations * config.mining_pool, rng)
    positive_batches = batches.reshape(iterations, config.batch_positives)
    negative_pools = pools.reshape(iterations, config.mining_pool)
    losses = []
    for batch, pool in zip(positive_batches, negative_pools, strict=True):
        hard = hardest(head, negatives, pool, config.batch_negatives)
        losses.append(require_finite(head.learn(positives.take(batch), negatives.take(hard))))
    return losses


def hardest(head: PaperHead, negatives: Windows, indices: np.ndarray, keep: int) -> np.ndarray:
    """Those `keep` of the `indices` whose windows the head scores highest, highest first.

    Windows are scored anew on every call, with the head as it is now.
    """
    with stage(Stage.MINE):
        with stage(Stage.MINE_SCORES):
            scores = head.scores(negatives.take(indices))
        return indices[np.argsort(-scores, kind="stable")[:keep]]
