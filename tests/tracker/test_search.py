"""The search for a lost target: when, where, and that it finds one."""

import dataclasses

import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.boxes import centre_size
from rpn2t.errors import InputError
from rpn2t.tracker.search import Search, boxes_of_part, part_of_frame

TARGET = (20.0, 30.0, 16.0, 24.0)


def test_is_due_after_some_failures_and_every_few_more() -> None:
    search = Search(Config(search_after=2, search_every=3), TARGET)
    due = []
    for _ in range(9):
        search.take(TARGET, 0.1, failed=True)
        due.append(search.due)
    assert due == [False, True, False, False, True, False, False, True, False]
    search.take(TARGET, 0.9, failed=False)
    assert not search.due


def test_is_never_due_unless_it_is_asked_for() -> None:
    search = Search(Config(), TARGET)
    for _ in range(50):
        search.take(TARGET, 0.0, failed=True)
        assert not search.due


def test_asks_for_a_share_of_the_usual_score_of_good_frames() -> None:
    search = Search(Config(search_after=1, search_share=0.5), TARGET)
    assert search.least == 0.5
    for _ in range(100):
        search.take(TARGET, 0.8, failed=False)
    search.take(TARGET, 0.0, failed=True)
    assert search.least == pytest.approx(0.4, abs=1e-3)


def test_begins_where_the_target_was_last_and_then_takes_the_frame_row_by_row() -> None:
    search = Search(Config(search_after=1, search_every=1), (0.0, 0.0, 16.0, 24.0))
    search.take(TARGET, 0.9, failed=False)
    middles = []
    for _ in range(8):
        search.take((99.0, 99.0, 16.0, 24.0), 0.1, failed=True)
        middles.append(search.part(300, 200)[0])
    # a part is 2.5 (16 + 24) = 100 px across: three columns and two rows
    around = [(x - 8, y - 12, 16, 24) for y in (50, 150) for x in (50, 150, 250)]
    np.testing.assert_allclose(middles, [TARGET, *around, TARGET])


@pytest.mark.parametrize("frame", [(300, 200), (64, 48), (1000, 90)])
def test_the_parts_cover_the_frame_and_no_box_is_centred_outside(frame) -> None:
    width, height = frame
    steps = 2.5 * 40 / 40 / 2  # px from a place to the nearest box, on each axis
    count = -(-width // 100) * -(-height // 100)
    centres = []
    for number in range(1, count + 1):
        boxes = boxes_of_part(part_of_frame(TARGET, width, height, number), width, height)
        np.testing.assert_allclose(boxes[:, 2:], np.tile(TARGET[2:], (len(boxes), 1)))
        centres.append(centre_size(boxes)[:, :2])
    found = np.concatenate(centres)
    assert ((found >= 0) & (found <= frame)).all()
    places = np.random.default_rng(0).uniform((2, 2), (width - 2, height - 2), (200, 2))
    nearest = np.abs(places[:, None] - found[None]).max(axis=2).min(axis=1)
    assert nearest.max() <= steps + 1e-6


def test_paper_mode_refuses_it(small) -> None:
    config = dataclasses.replace(Config(), **small, search_after=5)
    with pytest.raises(InputError, match="search_after = 5: only fast mode searches"):
        Tracker(config, mode="paper", device="cpu")
