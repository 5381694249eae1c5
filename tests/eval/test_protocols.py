"""The three toolkits' rules, one made-up sequence that tells them apart, and what each does with it."""

import math

import numpy as np
import pytest

from rpn2t.eval.otb import metrics
from rpn2t.sequences.protocols import PROTOCOLS, Protocol
from rpn2t.sequences.registry import find_dataset

NAN_BOX = [math.nan] * 4

# 0-based; -1 is OTB's 0: left of the first pixel.
TRUTH = np.array([[9, 9, 10, 10], [9, 9, 10, 10], [-1, -1, 0, 0], [-1, 9, 10, 10], NAN_BOX, [9, 9, 10, 10]])
TRACKED = np.array([[0, 0, 5, 5], [9, 9, 10, 10], [9, 9, 10, 10], [-1, 9, 10, 10], [9, 9, 10, 10], NAN_BOX])

EXPECTED: dict[Protocol, tuple[list[float], list[float]]] = {
    # The first is given; a truth that is no box is -1; a box that is none repeats the one before.
    "otb": ([1, 1, -1, -1, -1, 1], [0, 0, -1, -1, -1, 0]),
    # The first as it is; no area is -1 for the overlap, a centre out of the image for the error; NaN stays.
    "pysot": ([0, 1, -1, 1, -1, math.nan], [math.hypot(11.5, 11.5), 0, -1, 0, -1, math.nan]),
    # The first is given; nothing else is special: zeros have a centre, half a pixel before their corner.
    "got10k": ([1, 1, 0, 1, math.nan, math.nan], [0, 0, math.hypot(15, 15), 0, math.nan, math.nan]),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_frames_that_tell_the_toolkits_apart(protocol: Protocol) -> None:
    boxes = metrics.as_tracked(TRACKED, TRUTH, protocol)
    found, errors = EXPECTED[protocol]
    np.testing.assert_allclose(metrics.overlaps(boxes, TRUTH, protocol), found)
    np.testing.assert_allclose(metrics.centre_errors(boxes, TRUTH, protocol), errors)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_overlap_of_nan_or_minus_one_is_no_success(protocol: Protocol) -> None:
    curve = metrics.success_curve(np.array([math.nan, -1, 0, 1]), protocol)
    assert curve.tolist() == [0.25] * 20 + [0]
    precision = metrics.precision_curve(np.array([math.nan, -1, 0, 51]))
    assert precision.tolist() == [0.5] * 51


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_perfect_result_scores_20_of_21_in_each(protocol: Protocol) -> None:
    truth = [[1, 2, 30, 40], [5, 6, 31, 39]]
    assert metrics.one_pass_score(truth, truth, protocol).success_auc == pytest.approx(20 / 21)


def test_normalised_precision_by_hand() -> None:
    truth = [[0, 0, 10, 20], [0, 0, 10, 20], [0, 0, 0, 20]]
    predicted = [
        [1, 0, 10, 20],
        [3, 8, 10, 20],
        [0, 0, 0, 20],
    ]  # off by 0.1, by 0.5, and nothing to divide by
    curve = metrics.normalised_precision(predicted, truth)
    assert curve[[0, 9, 10, 20, 49, 50]] == pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3, 2 / 3])


def test_where_tiger1_begins() -> None:
    entry = find_dataset("otb100").entry("Tiger1")
    assert entry is not None
    assert {protocol: entry.omitted(protocol) for protocol in PROTOCOLS} == {
        "otb": 5,
        "got10k": 0,
        "pysot": 5,
    }
