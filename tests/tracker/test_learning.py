"""Memory, hard negative mining, and the schedule of the updates."""

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.errors import InputError
from rpn2t.nets.device import choose_device
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.learning import hardest, train_head, update_head
from rpn2t.tracker.paper.memory import Memory, memory_capacity
from rpn2t.tracker.paper.windows import Windows, WindowStore
from rpn2t.tracker.schedule import Update, due_update
from support import windows_of

SMALL = Config(batch_positives=4, batch_negatives=6, mining_pool=12, iterations_later=3)


def small_head() -> PaperHead:
    return PaperHead(SMALL, HeadGeometry(SMALL, 14), 256, None, 0, choose_device("cpu"))


def remember(memory: Memory, positives: tuple[int, float], negatives: tuple[int, float]) -> None:
    """A frame with so many windows of a value each."""
    memory.make_room()
    memory.add(*(memory.store.put(np.full((n, 1, 2, 2), value)) for n, value in (positives, negatives)))


def maps(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 256, 12, 12)).clip(0).astype(np.float32)


def windows(n: int, seed: int = 0) -> Windows:
    return windows_of(maps(n, seed))


def test_memory_forgets_positives_after_long_and_negatives_after_short_term() -> None:
    memory = Memory(WindowStore(5 * 3 + 2 * 4, (1, 2, 2)), long_term=5, short_term=2)
    for number in range(8):
        remember(memory, (3, number), (4, 100 + number))

    def values(windows: Windows) -> list[float]:
        return sorted({float(v) for v in windows.array().ravel()})

    assert values(memory.long_term_positives()) == [3, 4, 5, 6, 7]
    assert values(memory.short_term_positives()) == [6, 7]
    assert values(memory.negatives()) == [106, 107]
    assert len(memory.long_term_positives()) == 15


def test_memory_holds_at_most_the_papers_numbers() -> None:
    """And its store has room for them."""
    config = Config()
    store = WindowStore(memory_capacity(config), (1, 2, 2))
    memory = Memory(store, config.long_term_frames, config.short_term_frames)
    remember(memory, (500, 0), (100, 0))
    for _ in range(99):
        remember(memory, (25, 0), (100, 0))
    assert len(memory.long_term_positives()) == 2975
    for _ in range(200):
        remember(memory, (25, 0), (100, 0))
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
    hard = hardest(head, data, indices, 6)
    assert hard.tolist() == sorted(indices, key=lambda index: -scores[index])[:6]


def test_training_learns_from_few_windows_too() -> None:
    head = small_head()
    objects, ground = maps(2, 1), maps(5, 2)
    objects[:, :128] *= 5  # what makes an object an object here
    ground[:, 128:] *= 5
    positives, negatives = windows_of(objects), windows_of(ground)  # fewer than a batch and a pool want
    losses = train_head(head, positives, negatives, 15, SMALL, np.random.default_rng(0))
    assert len(losses) == 15
    assert losses[-1] < losses[0] / 2


def test_no_iterations_learn_nothing_and_a_diverging_head_is_told() -> None:
    head, rng = small_head(), np.random.default_rng(0)
    assert train_head(head, windows(5), windows(5), 0, SMALL, rng) == []
    head.net.params["score_anchor"][0].data[...] = np.nan
    with pytest.raises(InputError, match="lower learning_rate"):
        train_head(head, windows(5), windows(5), 1, SMALL, rng)


def test_nothing_is_learnt_while_a_class_is_missing() -> None:
    head = small_head()
    rng = np.random.default_rng(0)
    assert train_head(head, windows(0), windows(5), 3, SMALL, rng) == []
    assert train_head(head, windows(5), windows(0), 3, SMALL, rng) == []
    assert head.solver.iter == 0


@pytest.mark.parametrize(
    ("update", "iterations"), [(Update.NONE, 0), (Update.LONG_TERM, 3), (Update.SHORT_TERM, 3)]
)
def test_an_update_takes_its_iterations(update: Update, iterations: int) -> None:
    head, memory = small_head(), Memory(WindowStore(10, (256, 12, 12)), 5, 2)
    memory.add(memory.store.put(maps(3, 1)), memory.store.put(maps(7, 2)))
    update_head(update, head, memory, SMALL, np.random.default_rng(0))
    assert head.solver.iter == iterations
