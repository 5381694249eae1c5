"""Drawing boxes: bounds, spreads and counts of each kind."""

import dataclasses

import numpy as np
import pytest

from rpn2t.boxes import iou, round_half_up
from rpn2t.tracker.sampling import Sampler, apart, choose, epochs, overlapping

TARGET = (100.0, 80.0, 40.0, 30.0)


def sampler(width: int = 320, height: int = 240, seed: int = 0) -> Sampler:
    return Sampler(width, height, np.random.default_rng(seed))


def draws(one: Sampler, target=TARGET, n: int = 2000):
    return {
        "gaussian": one.gaussian(target, n, 0.6, 5),
        "uniform": one.uniform(target, n, 1, 10),
        "uniform_aspect": one.uniform_aspect(target, n, 0.3, 10),
        "whole": one.whole(target, n),
    }


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "uniform_aspect", "whole"])
@pytest.mark.parametrize("target", [TARGET, (2.0, 3.0, 6.0, 5.0), (-10.0, -10.0, 400.0, 300.0)])
def test_boxes_are_whole_and_stay_in_bounds(kind: str, target: tuple[float, float, float, float]) -> None:
    boxes = draws(sampler(), target)[kind]
    assert boxes.shape == (2000, 4)
    np.testing.assert_array_equal(boxes, np.round(boxes))
    lowest = np.minimum(10, target[2:])
    assert (boxes[:, 2:] >= lowest).all()
    assert (boxes[:, 2] <= 310).all()
    assert (boxes[:, 3] <= 230).all()
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    assert (centre >= -1).all()  # rounding moves a centre by less than a pixel
    assert (centre <= np.array([320, 240])).all()


@pytest.mark.parametrize("kind", ["gaussian", "uniform", "uniform_aspect", "whole"])
def test_unrounded_boxes_round_to_the_same_draw(kind: str) -> None:
    loose = dataclasses.replace(sampler(), rounding=0)
    boxes = draws(loose)[kind]
    assert (boxes != np.round(boxes)).any()
    np.testing.assert_array_equal(round_half_up(boxes), draws(sampler())[kind])


def test_translation_is_in_units_of_the_mean_side() -> None:
    boxes = sampler().uniform(TARGET, 5000, 1, 0)
    shift = boxes[:, :2] - np.array(TARGET[:2])
    assert np.abs(shift).max() == 35  # m = round((40 + 30) / 2), both axes alike
    assert (boxes[:, 2:] == TARGET[2:]).all()


def test_gaussian_is_half_a_normal_clipped() -> None:
    shift = (sampler().gaussian(TARGET, 20000, 1, 0)[:, 0] - TARGET[0]) / 35
    assert shift.std() == pytest.approx(0.48, abs=0.02)  # of 0.5 randn clipped to [-1, 1]
    assert (np.abs(shift) == 1).mean() == pytest.approx(0.0455 + 0.005, abs=0.012)


def test_both_sides_share_one_scale_but_in_uniform_aspect() -> None:
    big = (100.0, 100.0, 400.0, 400.0)
    one = sampler(2000, 2000)
    assert (one.gaussian(big, 500, 0, 5)[:, 2] == one.gaussian(big, 500, 0, 5)[:, 2]).any()
    for boxes in (one.gaussian(big, 500, 0, 5), one.uniform(big, 500, 0, 10)):
        np.testing.assert_array_equal(boxes[:, 2], boxes[:, 3])
    varied = one.uniform_aspect(big, 5000, 0, 10)
    ratio = np.log(varied[:, 2] / varied[:, 3]) / np.log(1.05)
    assert 3.5 < np.abs(ratio).max() <= 4.1
    assert varied[:, 2].min() >= 400 * 1.05**-2 - 1  # the common scale only enlarges
    assert varied[:, 2].max() <= 400 * 1.05**12 + 1


def test_whole_is_a_grid_without_replacement_until_it_is_used_up() -> None:
    one = sampler()
    grid = 36 * 36 * 11  # x: 20..300 by 8, y: 15..225 by 6, eleven sizes
    boxes = one.whole(TARGET, grid)
    assert len(np.unique(boxes[:, :2] + boxes[:, 2:] / 2, axis=0)) > 36 * 36
    _, counts = np.unique(boxes, axis=0, return_counts=True)
    twice = np.unique(one.whole(TARGET, 2 * grid), axis=0, return_counts=True)[1]
    np.testing.assert_array_equal(twice, 2 * counts)


def test_whole_counts_its_centres_from_1_as_the_release() -> None:
    one = sampler(200, 100)
    boxes = one.whole((0.0, 0.0, 40.0, 20.0), 10_000, steps=0)
    # 1-based centres: x from 20 to 180 by 8, y from 10 to 90 by 4
    assert sorted(set(boxes[:, 0] + 20)) == list(range(19, 180, 8))
    assert sorted(set(boxes[:, 1] + 10)) == list(range(9, 90, 4))


def test_whole_of_a_tiny_target_in_a_large_frame_draws_different_places() -> None:
    boxes = sampler(1920, 1080).whole((500.0, 500.0, 5.0, 5.0), 3000)
    assert len(boxes) == 3000
    assert len(np.unique(boxes[:, :2], axis=0)) > 2900
    assert boxes[:, 0].max() > 1800
    assert boxes[:, 0].min() < 100


def test_a_tiny_target_that_grew_may_shrink_again() -> None:
    one = Sampler(320, 240, np.random.default_rng(0), smallest=(4.0, 4.0))
    assert one.uniform((50.0, 50.0, 8.0, 8.0), 500, 0, 10)[:, 2].min() < 8


def test_whole_of_a_target_as_large_as_the_frame() -> None:
    assert sampler(50, 40).whole((0.0, 0.0, 50.0, 40.0), 7).shape == (7, 4)


def test_epochs_repeat_permutations() -> None:
    indices = epochs(5, 12, np.random.default_rng(0))
    assert sorted(indices[:5]) == sorted(indices[5:10]) == [0, 1, 2, 3, 4]
    assert len(set(indices[10:])) == 2
    assert len(epochs(5, 0, np.random.default_rng(0))) == 0


def test_choose_takes_a_random_subset_or_all_there_are() -> None:
    rng = np.random.default_rng(0)
    boxes = sampler().uniform(TARGET, 300, 1, 5)
    near = overlapping(boxes, TARGET, 0.5)
    assert 10 < near.sum() < 290
    chosen = choose(boxes, near, 10, rng)
    assert len(chosen) == 10
    assert (iou(chosen, TARGET) > 0.5).all()
    assert len(choose(boxes, near, 1000, rng)) == near.sum()
    assert (iou(choose(boxes, apart(boxes, TARGET, 0.3), 50, rng), TARGET) < 0.3).all()


def test_a_tiny_target_has_samples_that_overlap_it() -> None:
    tiny = (50.0, 50.0, 5.0, 4.0)
    boxes = sampler().gaussian(tiny, 1000, 0.1, 5)
    assert overlapping(boxes, tiny, 0.6).sum() > 100


def test_same_seed_same_boxes() -> None:
    for kind, boxes in draws(sampler(seed=3)).items():
        np.testing.assert_array_equal(boxes, draws(sampler(seed=3))[kind])
