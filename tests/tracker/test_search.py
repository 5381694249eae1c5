"""Back after a loss: where the tracker looks, and what it takes for the target."""

import numpy as np
import pytest

from rpn2t.boxes import as_box, centre_size
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.tracker.loop import Tracker
from rpn2t.tracker.search import STEP, Search

SETTINGS = {"search_reach": 2.5, "search_patience": 2, "search_collapse": 0.2}
STATE = as_box((100, 50, 20, 40))
DOUBTFUL, COLLAPSED = 0.25, 0.1  # scores of frames that have failed


def search(width=320, height=240, failed=0, **settings):
    made = Search(Config(**{**SETTINGS, **settings}), width, height)
    for _ in range(failed):
        made.note(True)
    return made


def test_the_grid_reaches_as_many_sides_as_it_should_on_both_axes():
    middles = centre_size(search().grid(STATE))
    assert (middles[:, 2:] == [20, 40]).all()
    assert middles[:, :2].min(axis=0) == pytest.approx([110 - 50, 0], abs=STEP * 40)
    assert middles[:, :2].max(axis=0) == pytest.approx([110 + 48, 70 + 96])  # whole steps
    assert np.unique(np.diff(np.unique(middles[:, 0].round(6)))) == pytest.approx([STEP * 20])


def test_the_grid_stays_in_the_frame():
    middles = centre_size(search(120, 80).grid(STATE))[:, :2]
    assert (middles >= 0).all()
    assert (middles < [120, 80]).all()
    assert not len(search(120, 80).grid(as_box((900, 900, 20, 40))))


def test_it_is_not_looked_for_at_once():
    assert [search(failed=failed).places(STATE, DOUBTFUL) for failed in range(2)] == [[], []]
    assert search(failed=2).places(STATE, DOUBTFUL)


def test_but_it_is_where_the_score_has_collapsed():
    made = search()
    looked = []
    for _ in range(2):
        state, part = made.places(STATE, COLLAPSED)
        assert state == STATE
        looked.append(part)
        made.note(True)
    assert looked == made._parts(STATE)[:2]


def test_around_the_state_and_in_all_parts_of_the_frame_in_turn_the_nearest_first():
    made = search(failed=2)
    parts = made._parts(STATE)
    assert len(parts) == 4 * 2  # of 100 x 200 px at most
    distances = [np.hypot(*(centre_size(part)[0, :2] - [110, 70])) for part in parts]
    assert distances == sorted(distances)
    seen = []
    for _ in range(len(parts) + 1):
        state, part = made.places(STATE, DOUBTFUL)
        assert state == STATE
        seen.append(part)
        made.note(True)
    assert seen == [*parts, parts[0]]


def test_every_place_of_the_frame_is_in_a_part():
    made = search()
    grids = np.concatenate([centre_size(made.grid(part))[:, :2] for part in made._parts(STATE)])
    rng = np.random.default_rng(0)
    for point in rng.uniform([0, 0], [320, 240], (200, 2)):
        assert (np.abs(grids - point) / [20, 40]).max(axis=1).min() <= STEP


def test_a_small_target_s_many_parts_are_shared_out_and_bounded():
    made = search(1280, 720, failed=2)
    small = as_box((600, 300, 11, 38))
    assert len(made._parts(small)) == 96
    assert len(made.places(small, DOUBTFUL)) == 1 + 4
    first = made.places(small, DOUBTFUL)[1:]
    made.note(True)
    assert first == made._parts(small)[:4]
    assert made.places(small, DOUBTFUL)[1:] == made._parts(small)[4:8]
    assert len(search(9000, 9000, failed=2).places(small, DOUBTFUL)) == 1 + 4


def test_a_frame_in_which_it_is_found_ends_the_search():
    made = search(failed=9)
    made.note(False)
    assert made.failed == 0
    assert made.places(STATE, DOUBTFUL) == []


def test_a_frame_that_looks_otherwise_is_searched_in_turn_until_one_looks_as_usual():
    made = search()
    parts = made._parts(STATE)
    assert made.places_elsewhere(STATE, unlike=False) == []
    for part in parts[:3]:
        assert made.places_elsewhere(STATE, unlike=True) == [STATE, part]
    assert made.places_elsewhere(STATE, unlike=False) == []
    assert made.places_elsewhere(STATE, unlike=True) == [STATE, parts[0]]
    assert made.failed == 0


def scene(corner=None):
    """A spotted square on a smooth ground, or none."""
    noise = np.random.default_rng(1)
    row, column = np.mgrid[:240, :320]
    picture = np.stack([90 + row * 0.2, 120 - column * 0.1, 100 + row * 0.1], axis=2)
    spots = np.kron(noise.uniform(0, 255, (8, 8, 3)), np.ones((5, 5, 1)))
    if corner:
        x, y = corner
        picture[y : y + 40, x : x + 40] = spots
    return picture.astype(np.uint8)


AWAY = 5  # frames in which the target is gone
BEFORE = [scene((42, 41)), scene((44, 42)), *[scene()] * AWAY]


def track(frames, **settings):
    """(box, score, found) of each frame after the first."""
    chosen = {"iterations_first": 15, "refine_share": 0, **settings}
    config = Config.for_mode("fast").with_settings([f"{name}={value}" for name, value in chosen.items()])
    tracker = Tracker(config, mode="fast", device="cpu")
    tracker.init(scene((40, 40)), (40, 40, 40, 40))
    return [(*tracker.update(frame), tracker.found) for frame in frames]


@pytest.fixture(scope="module")
def tracked():
    """Boxes of a target that is gone for some frames and comes back elsewhere, with a search and without."""
    frames = [*BEFORE, *[scene((230, 150))] * 6]
    return {reach: track(frames, search_reach=reach) for reach in (2.5, 0)}


def off(box, corner):
    """How far a box is from the square at a corner, px."""
    return np.abs(np.array(box) - [*corner, 40, 40]).max()


def test_a_target_that_comes_back_elsewhere_is_found_at_once(tracked):
    boxes, scores, found = zip(*tracked[2.5], strict=True)
    assert found == (True, True, *[False] * AWAY, *[True] * 6)
    assert max(off(box, (230, 150)) for box in boxes[7:]) < 8
    assert min(scores[7:]) >= 0.7


def test_a_wrong_thing_that_has_not_failed_is_left_for_the_target():
    """Whatever the score, as with a ground that scores as a doubtful target does."""
    frames = [*BEFORE[:2], *[scene((125, 90))] * 3]
    loose = {"success_score_early": 0, "search_score": 0.4}
    away = {unlike: track(frames, search_unlike=unlike, **loose)[2:] for unlike in (0, 0.8)}
    assert all(found for rows in away.values() for _, _, found in rows)
    assert off(away[0][0][0], (125, 90)) > 40
    assert max(off(box, (125, 90)) for box, _, _ in away[0.8]) < 8


def test_what_looks_otherwise_but_is_nowhere_else_stays_as_it_is():
    loose = {"success_score_early": 0, "search_collapse": 0}
    assert track(BEFORE, search_unlike=0.8, **loose) == track(BEFORE, search_unlike=0, **loose)


def test_without_the_search_it_is_not(tracked):
    box, _, found = tracked[0][7]
    assert not found
    assert off(box, (230, 150)) > 40


def test_a_search_that_finds_nothing_changes_nothing(tracked):
    assert not any(found for _, _, found in tracked[2.5][2 : 2 + AWAY])
    assert tracked[0][: 2 + AWAY] == tracked[2.5][: 2 + AWAY]


def test_a_target_that_jumps_is_found_in_that_frame():
    frames = [scene((42, 41)), scene((44, 42)), scene((120, 70))]
    box, score, found = track(frames, search_score=0.5)[-1]
    assert found
    assert score >= 0.5
    assert off(box, (120, 70)) < 8


def test_what_looks_otherwise_is_not_taken_for_the_target():
    """Where next to no score is asked for, something is, unless it is to look like the target."""
    loose = {"search_score": 0.01, "success_score_early": 0.01, "search_collapse": 1}
    taken = {
        least: any(row[2] for row in track(BEFORE, search_likeness=least, **loose)[2:]) for least in (0, 0.9)
    }
    assert taken == {0: True, 0.9: False}


def test_only_fast_mode_searches():
    with pytest.raises(InputError, match=r"search_reach = 2\.5: only fast mode searches; add --mode fast"):
        Tracker(Config(search_reach=2.5), mode="paper", device="cpu")
    with pytest.raises(InputError, match="search_reach = 4"):
        Config(search_reach=4)
