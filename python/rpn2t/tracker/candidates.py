"""Candidates: where the target may be in the next frame, and how far to look (MDNet's scheme)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, as_box, centre_size, from_centre_size, round_half_up
from rpn2t.config import Config
from rpn2t.tracker.head import Probabilities
from rpn2t.tracker.sampling import Sampler


def draw_candidates(sampler: Sampler, state: Box, translation: float, config: Config) -> Floats:
    """The boxes to score in a frame, gaussian around the last state; shape (candidates, 4)."""
    return sampler.gaussian(state, config.candidates, translation, config.candidates_scale)


@dataclass(frozen=True)
class Best:
    """The best candidates: their indices, best first, their mean score and the rounded mean box."""

    indices: NDArray[np.intp]
    score: float
    box: Box


@dataclass(frozen=True)
class Scored:
    """Boxes of a frame, (n, 4), what the head says of each, and the best of them."""

    boxes: Floats
    probabilities: Probabilities
    scores: Floats
    best: Best


def best_candidates(boxes: Floats, scores: NDArray[np.floating], config: Config) -> Best:
    """The target is the mean of the few candidates that score highest."""
    indices = np.argsort(-scores, kind="stable")[: config.best_candidates]
    return Best(indices, float(scores[indices].mean()), mean_box(boxes[indices], config.rounding))


def mean_box(boxes: Floats, rounding: int) -> Box:
    """The mean of some boxes, rounded to whole px unless `rounding` is 0."""
    mean = boxes.mean(axis=0)
    return as_box(round_half_up(mean) if rounding else mean)


def next_translation(translation: float, failed: bool, config: Config) -> float:
    """Search extension: look further after every failed frame, and normally again after a good one."""
    return (
        min(config.translation_max, config.translation_growth * translation) if failed else config.translation
    )


def approach(start: Box, goal: Box, centre: float, size: float) -> Box:
    """A part of the way from one box to another.

    Args:
        start, goal: the boxes.
        centre: share of the centre's way.
        size: share of the sides' way, in logarithms.
    """
    if centre == size and size in (0, 1):
        return goal if size else start
    here, there = centre_size([start, goal])
    middle = here[:2] + centre * (there[:2] - here[:2])
    sides = here[2:] * (there[2:] / here[2:]) ** size
    return as_box(from_centre_size(np.concatenate([middle, sides]))[0])


def size_change(before: Box, after: Box) -> float:
    """By how much one box's sides differ from another's, in logarithms: the side that differs more."""
    return float(np.abs(np.log(np.array(after[2:]) / np.array(before[2:]))).max())
