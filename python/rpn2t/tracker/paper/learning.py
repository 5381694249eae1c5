"""Training the head: on the first frame, and in the long-term and short-term updates (MDNet's scheme).

Long term: every tenth frame, on the positives of the last 100 successful frames: slow change.
Short term: as soon as a frame fails, on those of the last 20: sudden change. Both use the negatives
of the last 20. When both are due, the short-term update is done.
"""

import math
from enum import Enum

import numpy as np

from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.tracker.paper.head import Head
from rpn2t.tracker.paper.memory import Memory
from rpn2t.tracker.paper.mining import hardest
from rpn2t.tracker.paper.windows import Windows
from rpn2t.tracker.sampling import epochs


class Update(Enum):
    """Which update is due after a frame."""

    NONE = "none"
    LONG_TERM = "long term"
    SHORT_TERM = "short term"


def due_update(frame: int, failed: bool, config: Config) -> Update:
    """The update due after a frame; frames count from 1."""
    if failed:
        return Update.SHORT_TERM
    return Update.LONG_TERM if frame % config.update_interval == 0 else Update.NONE


def update_head(update: Update, head: Head, memory: Memory, config: Config, rng: np.random.Generator) -> None:
    """Do an update with what the memory holds."""
    if update is Update.NONE:
        return
    positives = memory.short_term_positives() if update is Update.SHORT_TERM else memory.long_term_positives()
    train_head(head, positives, memory.negatives(), config.iterations_later, config, rng)


def train_head(
    head: Head,
    positives: Windows,
    negatives: Windows,
    iterations: int,
    config: Config,
    rng: np.random.Generator,
) -> list[float]:
    """SGD iterations, each on some positives and the hardest of a pool of negatives.

    Positives and pools come from epochs of random permutations; where fewer windows are stored than
    a batch wants, the permutations repeat. Nothing is learnt while one of the two is missing.

    Returns:
        The loss of every iteration.

    Raises:
        InputError: the loss is no longer a number.
    """
    if not len(positives) or not len(negatives):
        return []
    batches = epochs(len(positives), iterations * config.batch_positives, rng)
    pools = epochs(len(negatives), iterations * config.mining_pool, rng)
    positive_batches = batches.reshape(iterations, config.batch_positives)
    negative_pools = pools.reshape(iterations, config.mining_pool)
    losses = []
    for batch, pool in zip(positive_batches, negative_pools, strict=True):
        hard = hardest(head, negatives, pool, config.batch_negatives)
        losses.append(require_finite(head.learn(positives.take(batch), negatives.take(hard))))
    return losses


def require_finite(loss: float) -> float:
    """The loss of an iteration.

    Raises:
        InputError: it is no longer a number.
    """
    if not math.isfinite(loss):
        raise InputError(f"the head's loss is {loss}: it diverged; lower learning_rate")
    return loss
