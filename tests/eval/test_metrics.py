"""OTB's measures against hand-computed values and a slow, separate reading of the protocol."""

import math
import subprocess
import sys

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.eval.otb import metrics

NAN_BOX = [math.nan] * 4


def test_overlap_of_boxes_computed_by_hand() -> None:
    truth = [[0, 0, 10, 10]] * 5
    predicted = [[0, 0, 10, 10], [5, 0, 10, 10], [5, 5, 10, 10], [10, 0, 10, 10], [2, 2, 5, 5]]
    np.testing.assert_allclose(metrics.overlaps(predicted, truth), [1, 50 / 150, 25 / 175, 0, 25 / 100])


def test_centre_error_computed_by_hand() -> None:
    predicted = [[3, 4, 10, 10], [0, 0, 20, 10], [-5, 12, 10, 10]]
    np.testing.assert_allclose(metrics.centre_errors(predicted, [[0, 0, 10, 10]] * 3), [5, 5, 13])


def test_success_is_strictly_above_the_threshold_and_precision_is_not() -> None:
    curve = metrics.success_curve(np.array([0.5, 1.0, 0.0]))
    assert len(curve) == 21
    assert curve[0] == pytest.approx(2 / 3)  # the overlap 0 is not above 0
    assert curve[9] == pytest.approx(2 / 3)
    assert curve[10] == pytest.approx(1 / 3)  # nor is 0.5 above 0.5
    assert curve[20] == 0
    precision = metrics.precision_curve(np.array([20.0, 20.01, 0.0, 50.0]))
    assert len(precision) == 51
    assert precision[[0, 19, 20, 21, 49, 50]].tolist() == [0.25, 0.25, 0.5, 0.75, 0.75, 1]
    assert metrics.precision_at(np.array([20.0, 20.01]), 20) == 0.5


def test_a_perfect_result_scores_what_the_benchmark_gives_it() -> None:
    truth = np.array([[1, 2, 30, 40], [5, 6, 31, 39]])
    result = metrics.one_pass_score(truth, truth)
    assert result.success_auc == pytest.approx(20 / 21)
    assert (result.mean_overlap, result.precision_20, result.frames) == (1, 1, 2)


def test_the_first_box_is_given_and_unusable_boxes_repeat_the_one_before() -> None:
    truth = [[10, 10, 5, 5]] * 6
    predicted = [[0, 0, 1, 1], NAN_BOX, [1, 1, 2, 2], [9, 9, 0, 3], [1, math.inf, 2, 2], [3, 3, 2, 2]]
    expected = [[10, 10, 5, 5], [10, 10, 5, 5], [1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 2, 2]]
    before = np.array(predicted)
    np.testing.assert_array_equal(metrics.as_tracked(before, truth), expected)
    np.testing.assert_array_equal(before, predicted)  # the caller's array is left alone


def test_frames_without_truth_fail_success_and_count_as_precise() -> None:
    # 0-based -1 is OTB's 0: left of the first pixel. 0 is its 1: the first pixel.
    truth = np.array([[0, 0, 4, 4], [-1, 3, 4, 4], [3, 3, 0, 4], NAN_BOX])
    predicted = [[0, 0, 4, 4]] * 4
    assert metrics.overlaps(predicted, truth).tolist() == [1, -1, -1, -1]
    assert metrics.centre_errors(predicted, truth).tolist() == [0, -1, -1, -1]
    result = metrics.one_pass_score(predicted, truth)
    assert result.success_auc == pytest.approx(20 / 21 / 4)
    assert result.precision_20 == 1
    assert result.mean_overlap == 1  # of the one frame that has a truth
    assert result.frames == 4


def test_no_truth_at_all_has_no_mean_overlap() -> None:
    assert math.isnan(metrics.one_pass_score([[1, 2, 3, 4]], [NAN_BOX]).mean_overlap)


def slow_protocol(predicted: list[list[float]], truth: list[list[float]]) -> tuple[float, float, float]:
    """Success AUC, precision at 20 px and mean overlap, in 1-based pixels as the MATLAB toolkit counts.

    Its intersection runs over pixels, from x to x + w - 1 with both ends inside.
    """
    shift = (1, 1, 0, 0)
    previous = [value + step for value, step in zip(truth[0], shift, strict=True)]
    found, errors = [], []
    for number, (box, target) in enumerate(zip(predicted, truth, strict=True)):
        a = [value + step for value, step in zip(box, shift, strict=True)]
        b = [value + step for value, step in zip(target, shift, strict=True)]
        if number == 0 or any(math.isnan(value) for value in a) or a[2] <= 0 or a[3] <= 0:
            a = previous
        previous = a
        if not all(value > 0 for value in b):
            found.append(-1.0)
            errors.append(-1.0)
            continue
        width = max(0.0, min(a[0] + a[2] - 1, b[0] + b[2] - 1) - max(a[0], b[0]) + 1)
        height = max(0.0, min(a[1] + a[3] - 1, b[1] + b[3] - 1) - max(a[1], b[1]) + 1)
        found.append(width * height / (a[2] * a[3] + b[2] * b[3] - width * height))
        errors.append(
            math.dist(
                (a[0] + (a[2] - 1) / 2, a[1] + (a[3] - 1) / 2), (b[0] + (b[2] - 1) / 2, b[1] + (b[3] - 1) / 2)
            )
        )
    rates = [sum(value > step * 0.05 for value in found) / len(found) for step in range(21)]
    known = [value for value in found if value >= 0]
    precision = sum(value <= 20 for value in errors) / len(errors)
    return sum(rates) / 21, precision, sum(known) / len(known)


@pytest.mark.parametrize("seed", range(5))
def test_the_score_equals_the_slow_protocol(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.uniform(20, 60, (200, 2)), rng.uniform(20, 50, (200, 2))], axis=1)
    predicted = truth + rng.normal(0, 9, truth.shape)
    predicted[rng.choice(200, 12)] = math.nan
    predicted[rng.choice(200, 12), 2] = 0
    truth[rng.choice(np.arange(1, 200), 6)] = [-1, -1, 0, 0]
    result = metrics.one_pass_score(predicted, truth)
    auc, precision, overlap = slow_protocol(predicted.tolist(), truth.tolist())
    assert 0.2 < auc < 0.9
    assert result.success_auc == pytest.approx(auc, abs=1e-12)
    assert result.precision_20 == pytest.approx(precision, abs=1e-12)
    assert result.mean_overlap == pytest.approx(overlap, abs=1e-12)


@pytest.mark.parametrize(("tracked", "true"), [(3, 2), (2, 3), (0, 0)])
def test_other_numbers_of_boxes_are_refused(tracked: int, true: int) -> None:
    with pytest.raises(InputError, match=f"{tracked} tracked boxes .* {true} rows"):
        metrics.one_pass_score(np.ones((tracked, 4)), np.ones((true, 4)))


def test_metrics_need_numpy_only() -> None:
    program = (
        "import sys, rpn2t.eval.otb.metrics\n"
        "print([name for name in ('caffe', 'cv2', 'av', 'click', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
