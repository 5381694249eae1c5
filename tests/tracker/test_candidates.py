"""The best candidates, thresholds and the search extension."""

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.tracker.candidates import approach, best_candidates, next_translation
from rpn2t.tracker.schedule import success_score


def test_target_is_the_rounded_mean_of_the_best_five() -> None:
    boxes = np.array([[10.0 * i, 20.0, 30.0 + i, 40.0] for i in range(8)])
    scores = np.array([0.1, 0.9, 0.2, 0.8, 0.7, 0.3, 0.95, 0.6])
    best = best_candidates(boxes, scores, Config())
    assert best.indices.tolist() == [6, 1, 3, 4, 7]
    assert best.score == pytest.approx((0.95 + 0.9 + 0.8 + 0.7 + 0.6) / 5)
    assert best.box == (42, 20, 34, 40)  # means 42, 20, 34.2, 40


def test_the_mean_is_not_rounded_where_nothing_is() -> None:
    boxes = np.array([[10.0, 20.0, 30.2, 40.0], [11.0, 20.0, 30.2, 40.0]])
    best = best_candidates(boxes, np.array([0.5, 0.6]), Config(rounding=0, best_candidates=2))
    assert best.box == pytest.approx((10.5, 20, 30.2, 40))


@pytest.mark.parametrize(("frame", "score"), [(2, 0.2), (50, 0.2), (51, 0.3), (1000, 0.3)])
def test_threshold_up_to_frame_fifty_and_after(frame: int, score: float) -> None:
    assert success_score(frame, Config()) == score


def test_search_widens_after_each_failure_and_returns_at_once() -> None:
    config, translation, seen = Config(), 0.6, []
    for _ in range(12):
        translation = next_translation(translation, True, config)
        seen.append(translation)
    assert seen[:2] == pytest.approx([0.66, 0.726])
    assert seen[-1] == 1.5
    assert next_translation(translation, False, config) == 0.6


def test_a_share_of_the_way_to_another_box() -> None:
    start, goal = (0.0, 0.0, 10.0, 40.0), (20.0, 10.0, 40.0, 10.0)
    assert approach(start, goal, 0, 0) == start
    assert approach(start, goal, 1, 1) == goal
    assert approach(start, goal, 0.5, 0.5) == pytest.approx((12.5, 7.5, 20.0, 20.0))  # centre 22.5, 17.5
    assert approach(start, goal, 1, 0) == pytest.approx((35.0, -5.0, 10.0, 40.0))  # the goal's centre: 40, 15
    assert approach(start, goal, 0, 1) == pytest.approx((-15.0, 15.0, 40.0, 10.0))  # its own: 5, 20
