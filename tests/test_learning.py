"""Memory, hard negative mining, and the schedule of the updates."""

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.errors import InputError
from rpn2t.head import Head, HeadGeometry
from rpn2t.learning import Update, due_update, train_head, update_head
from rpn2t.memory import Memory, Pool
from rpn2t.mining import hardest
from rpn2t.runtime import choose_device

SMALL = Config(batch_positives=4, batch_negatives=6, mining_pool=12, iterations_later=3)


def small_head() -> Head:
    return Head(SMALL, HeadGeometry(SMALL, 14), 256, None, 0, choose_device("cpu"))


def frame(n: int, value: float) -> np.ndarray:
    return np.full((n, 1, 2, 2), value, dtype=np.float32)


def windows(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 256, 12, 12)).clip(0).astype(np.float32)


def test_pool_indexes_frames_as_one_array() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.random((n, 3, 2, 2)).astype(np.float32) for n in (3, 0, 5, 1)]
    pool, joined = Pool(frames), np.concatenate(frames)
    assert len(pool) == 9
    order = rng.permutation(9)
    np.testing.assert_array_equal(pool.take(order), joined[order])
    np.testing.assert_array_equal(pool.take(np.array([2, 2, 3, 8])), joined[[2, 2, 3, 8]])
    assert len(Pool([])) == 0


def test_memory_forgets_positives_after_long_and_negatives_after_short_term() -> None:
    memory = Memory(long_term=5, short_term=2)
    for number in range(8):
        memory.add(frame(3, number), frame(4, 100 + number))

    def values(pool: Pool) -> list[float]:
        return sorted({float(v) for v in pool.take(np.arange(len(pool))).ravel()})

    assert values(memory.long_term_positives()) == [3, 4, 5, 6, 7]
    assert values(memory.short_term_positives()) == [6, 7]
    assert values(memory.negatives()) == [106, 107]
    assert len(memory.long_term_positives()) == 15


def test_memory_holds_at_most_the_papers_numbers() -> None:
    memory = Memory(Config().long_term_frames, Config().short_term_frames)
    for _ in range(300):
        memory.add(frame(25, 0), frame(100, 0))
    assert len(memory.long_term_positives()) == 2500
    assert len(memory.short_term_positives()) == 500
    assert len(memory.negatives()) == 2000


@pytest.mark.parametrize(
    ("number", "failed", "due"),
    [
        (2, False, Update.NONE),
        (10, False, Update.LONG_TERM),
        (11, True, Update.SHORT_TERM),
        (20, True, Update.SHORT_TERM),
        (30, False, Update.LONG_TERM),
    ],
)
def test_due_update(number: int, failed: bool, due: Update) -> None:
    assert due_update(number, failed, Config()) is due


def test_hardest_are_the_highest_scoring_of_the_pool() -> None:
    head = small_head()
    head.net.params["score_quality"][0].data[...] *= 50
    data = windows(40)
    scores = head.scores(data)
    indices = np.random.default_rng(1).permutation(40)[:25]
    hard = hardest(head, Pool([data[:11], data[11:]]), indices, 6)
    assert hard.tolist() == sorted(indices, key=lambda index: -scores[index])[:6]


def test_training_learns_from_few_windows_too() -> None:
    head = small_head()
    objects, ground = windows(2, 1), windows(5, 2)
    objects[:, :128] *= 5  # what makes an object an object here
    ground[:, 128:] *= 5
    positives, negatives = Pool([objects]), Pool([ground])  # fewer than a batch and a pool want
    losses = train_head(head, positives, negatives, 15, SMALL, np.random.default_rng(0))
    assert len(losses) == 15
    assert losses[-1] < losses[0] / 2


def test_no_iterations_learn_nothing_and_a_diverging_head_is_told() -> None:
    head, rng = small_head(), np.random.default_rng(0)
    assert train_head(head, Pool([windows(5)]), Pool([windows(5)]), 0, SMALL, rng) == []
    head.net.params["score_anchor"][0].data[...] = np.nan
    with pytest.raises(InputError, match="lower learning_rate"):
        train_head(head, Pool([windows(5)]), Pool([windows(5)]), 1, SMALL, rng)


def test_nothing_is_learnt_while_a_class_is_missing() -> None:
    head = small_head()
    rng = np.random.default_rng(0)
    assert train_head(head, Pool([]), Pool([windows(5)]), 3, SMALL, rng) == []
    assert train_head(head, Pool([windows(5)]), Pool([]), 3, SMALL, rng) == []
    assert head.solver.iter == 0


@pytest.mark.parametrize(
    ("update", "iterations"), [(Update.NONE, 0), (Update.LONG_TERM, 3), (Update.SHORT_TERM, 3)]
)
def test_an_update_takes_its_iterations(update: Update, iterations: int) -> None:
    head, memory = small_head(), Memory(5, 2)
    memory.add(windows(3, 1), windows(7, 2))
    update_head(update, head, memory, SMALL, np.random.default_rng(0))
    assert head.solver.iter == iterations
