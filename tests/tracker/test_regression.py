"""Bounding-box regression against numpy's least squares."""

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.boxes import encode, iou
from rpn2t.errors import InputError
from rpn2t.tracker.regression import BoxRegressor

TARGET = (50.0, 40.0, 30.0, 20.0)


def case(n: int = 60, channels: int = 5, seed: int = 0):
    rng = np.random.default_rng(seed)
    boxes = np.array(TARGET) + rng.uniform(-4, 4, (n, 4))
    # features that know where the target is, and noise
    known = encode(boxes, TARGET) @ rng.normal(0, 1, (4, channels * 12))
    maps = rng.normal(0, 0.01, (n, channels, 12, 12)).astype(np.float32)
    maps[:, :, BoxRegressor(Config(), 14, 1).positions] += known.reshape(n, channels, 12)
    return maps, boxes


def test_reads_conv5_at_the_twelve_matched_positions() -> None:
    regressor = BoxRegressor(Config(), 14, 1)
    assert regressor.positions.shape == (12, 12)
    assert regressor.positions.sum() == 12
    assert regressor.positions[5:7, 4:8].all()  # rows 6, 7 and columns 5..8 of the whole map
    maps = np.random.default_rng(0).random((2, 256, 12, 12)).astype(np.float32)
    features = regressor.features(maps)
    assert features.shape == (2, 3073)
    assert (features[:, -1] == 1).all()
    np.testing.assert_array_equal(features[0, 12:24].astype(np.float32), maps[0, 1][regressor.positions])


def test_coefficients_equal_least_squares_with_the_ridge_as_rows() -> None:
    config = Config(regressor_lambda=0.5)
    maps, boxes = case()
    regressor = BoxRegressor(config, 14, 1)
    regressor.fit(maps, boxes, TARGET)
    targets = encode(boxes, TARGET)
    mean = targets.mean(axis=0)
    _, s, vt = np.linalg.svd((targets - mean) / np.sqrt(len(targets)), full_matrices=False)
    whiten = vt.T @ np.diag(1 / np.sqrt(s**2 + 0.001)) @ vt
    features = regressor.features(maps)
    rows = np.concatenate([features, np.sqrt(0.5) * np.eye(features.shape[1])])
    goals = np.concatenate([(targets - mean) @ whiten, np.zeros((features.shape[1], 4))])
    expected = np.linalg.lstsq(rows, goals, rcond=None)[0]
    np.testing.assert_allclose(regressor.coefficients, expected, rtol=1e-6, atol=1e-8)
    predicted = features @ expected @ np.linalg.inv(whiten) + mean
    np.testing.assert_allclose(
        encode(boxes, TARGET) - predicted,
        targets - (features @ regressor.coefficients @ regressor._unwhiten + regressor._mean),
        atol=1e-6,
    )


def test_corrects_boxes_it_has_not_seen() -> None:
    config = Config(regressor_lambda=0.01)
    maps, boxes = case(n=200)
    regressor = BoxRegressor(config, 14, 1)
    regressor.fit(maps[:150], boxes[:150], TARGET)
    followed, corrected = regressor.predict(maps[150:], boxes[150:])
    assert followed is corrected
    assert iou(boxes[150:], TARGET).mean() < 0.8
    assert iou(corrected, TARGET).mean() > 0.95


def test_every_box_may_have_a_goal_of_its_own() -> None:
    """Half of the boxes and the target lie elsewhere: what is learned is the way, not the place."""
    maps, boxes = case(n=40)
    one, two = BoxRegressor(Config(), 14, 1), BoxRegressor(Config(), 14, 1)
    one.fit(maps, boxes, TARGET)
    shift = np.zeros((40, 4))
    shift[::2, 0] = 100
    two.fit(maps, boxes + shift, np.array(TARGET) + shift)
    np.testing.assert_allclose(one.coefficients, two.coefficients, atol=1e-9)


def test_without_samples_it_is_the_identity() -> None:
    maps, boxes = case(n=3)
    regressor = BoxRegressor(Config(), 14, 1)
    regressor.fit(maps[:0], boxes[:0], TARGET)
    np.testing.assert_array_equal(regressor.predict(maps, boxes).reported, boxes)


def test_positions_that_the_windows_lack_are_refused() -> None:
    with pytest.raises(InputError, match=r"regressor_matching_iou = 0\.1"):
        BoxRegressor(Config(regressor_matching_iou=0.1), 14, 1)


def test_targets_by_hand() -> None:
    got = encode(np.array([[0.0, 0.0, 10.0, 20.0]]), (5.0, 5.0, 20.0, 20.0))
    assert got[0].tolist() == pytest.approx([(15 - 5) / 10, (15 - 10) / 20, np.log(2), 0])
