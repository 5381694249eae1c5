"""Helpers of several tests: a small clip whose truth is known, settings that take seconds, the command."""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.tracker.paper.windows import Windows, WindowStore

DATA = Path(__file__).parent / "data"
"""Files that other programs made."""

ROOT = Path(__file__).parents[1]
"""The repository."""

SMALL = {
    "positives_first": 32,
    "positives_first_drawn": 64,
    "negatives_first": 128,
    "regressor_samples": 256,
    "regressor_positives": 32,
    "candidates": 32,
    "positives_later": 4,
    "positives_later_drawn": 16,
    "negatives_later": 16,
    "negatives_later_drawn": 32,
    "batch_positives": 8,
    "batch_negatives": 24,
    "mining_pool": 64,
    "iterations_first": 10,
    "iterations_later": 3,
}
"""The paper's loop with sample numbers that take seconds, for `Config` and `--set`."""

TINY = SMALL | {
    "positives_first": 16,
    "negatives_first": 48,
    "regressor_samples": 64,
    "regressor_positives": 16,
    "candidates": 16,
    "mining_pool": 32,
    "iterations_first": 2,
}
"""Smaller still: it tracks, but not well."""

FRAMES = 12  # one more than the first long-term update, at the tenth frame, needs


@dataclass(frozen=True)
class Clip:
    """A textured square that moves over a textured ground.

    Attributes:
        folder: a sequence folder in OTB layout.
        images: its frames, uint8 BGR. Width and height are odd.
        truth: (n, 4) boxes, 0-based.
    """

    folder: Path
    images: list[NDArray[np.uint8]]
    truth: NDArray[np.float64]


@dataclass(frozen=True)
class TrackedRun:
    """A finished run of `rpn2t track`.

    Attributes:
        clip: what was tracked.
        folder: where the results are.
        output: what the command printed on the standard output.
        errors: and on the standard error.
    """

    clip: Clip
    folder: Path
    output: str
    errors: str


def command() -> list[str]:
    """The command line program, of the Python that runs the tests."""
    return [sys.executable, "-m", "rpn2t"]


def set_options(settings: dict[str, int]) -> list[str]:
    """The settings as the command takes them."""
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def make_clip(folder: Path, frames: int = FRAMES) -> Clip:
    """Writes a clip in OTB layout."""
    rng = np.random.default_rng(7)
    ground = _texture(rng, 121, 161, 60, 140)
    square = _texture(rng, 34, 40, 0, 255)
    (folder / "img").mkdir(parents=True)
    images, truth = [], []
    for index in range(frames):
        step = min(index % 22, 22 - index % 22)  # there and back
        x, y = 50 + 3 * step, 40 + step
        image = ground.copy()
        image[y : y + 34, x : x + 40] = square
        cv2.imwrite(str(folder / "img" / f"{index + 1:04d}.png"), image)
        images.append(image)
        truth.append((x, y, 40, 34))
    rows = np.array(truth, dtype=np.float64)
    np.savetxt(folder / "groundtruth_rect.txt", rows + (1, 1, 0, 0), fmt="%d", delimiter=",")
    return Clip(folder, images, rows)


def _texture(rng: np.random.Generator, height: int, width: int, low: int, high: int) -> NDArray[np.uint8]:
    coarse = rng.integers(low, high, (height // 6 + 1, width // 6 + 1, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def windows_of(array: NDArray[np.float32]) -> Windows:
    """Windows in a store of their own, from an array of shape (n, channels, size, size)."""
    return WindowStore(len(array), array.shape[1:]).put(array)
