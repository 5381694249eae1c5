"""Trackers of several objects, which share their backbone."""

import numpy as np
import pytest

from rpn2t.config import Config
from rpn2t.tracker.loop import Tracker

BOXES = [(30.0, 30.0, 30.0, 24.0), (90.0, 60.0, 36.0, 40.0)]


@pytest.fixture(scope="module")
def images():
    noise = np.random.default_rng(0)
    picture = np.kron(noise.uniform(0, 255, (16, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    return [np.roll(picture, step, axis=1) for step in range(4)]


@pytest.mark.parametrize("mode", ["paper", "fast"])
def test_each_finds_what_it_would_find_alone(mode, images, tiny):
    config = Config.for_mode(mode).with_settings(f"{name}={value}" for name, value in tiny.items())

    def make():
        return Tracker(config, mode=mode, device="cpu", seed=3)

    alone = []
    for box in BOXES:
        tracker = make()
        tracker.init(images[0], box)
        alone.append([tracker.update(image) for image in images[1:]])
    first = make()
    trackers = [first, first.another()]
    for tracker, box in zip(trackers, BOXES, strict=True):
        tracker.init(images[0], box)
    found = [[tracker.update(image) for tracker in trackers] for image in images[1:]]
    assert [list(each) for each in zip(*found, strict=True)] == alone


def test_it_begins_anew_and_is_observed_by_nobody(images):
    config = Config.for_mode("fast").with_settings(["iterations_first=1"])
    tracker = Tracker(config, mode="fast", device="cpu")
    tracker.observer = print
    tracker.init(images[0], BOXES[0])
    other = tracker.another()
    assert other.observer is None
    assert not other.found
    assert tracker.found
    assert other.backbone is tracker.backbone
    with pytest.raises(RuntimeError, match="before init"):
        other.update(images[1])
