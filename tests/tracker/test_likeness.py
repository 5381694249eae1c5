"""How alike conv5 of a box and of the first frame's target are."""

import numpy as np
import pytest

from rpn2t.tracker.likeness import Likeness

TARGET = np.random.default_rng(0).uniform(0, 1, (8, 5, 5)).astype(np.float32)


def at(angle):
    """Maps at this angle, in radians, from the target."""
    other = np.random.default_rng(1).normal(size=TARGET.shape)
    other -= (other * TARGET).sum() / (TARGET**2).sum() * TARGET
    unit = TARGET / np.linalg.norm(TARGET)
    return np.cos(angle) * unit + np.sin(angle) * other / np.linalg.norm(other)


def test_it_is_the_cosine_whatever_the_contrast():
    likeness = Likeness(TARGET)
    assert likeness.of(TARGET) == pytest.approx(1)
    assert likeness.of(3 * TARGET) == pytest.approx(1)
    assert [likeness.of(at(angle)) for angle in (0.3, 1.2)] == pytest.approx(np.cos([0.3, 1.2]))
    assert likeness.of(-TARGET) == pytest.approx(-1)


def test_maps_of_zeros_are_like_nothing():
    assert Likeness(TARGET).of(0 * TARGET) == 0
    assert Likeness(0 * TARGET).of(TARGET) == 0


def test_what_is_usual_follows_the_frames():
    likeness = Likeness(TARGET)
    assert likeness.usual == 0
    likeness.note(at(0.5))
    assert likeness.usual == pytest.approx(np.cos(0.5))
    likeness.note(at(1.0))
    assert likeness.usual == pytest.approx(0.8 * np.cos(0.5) + 0.2 * np.cos(1.0))
    for _ in range(60):
        likeness.note(at(1.0))
    assert likeness.usual == pytest.approx(np.cos(1.0), abs=1e-5)
