"""Pairs out of single photographs: a target's patch in a first frame, and patches of boxes near it now.

There is no second frame. The photograph is turned, stretched, coloured and blurred to stand for one. The
patches are the student's: a box is warped to the 75 px in the middle of 107, its surroundings to the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import anchors
import crops
import cv2
import numpy as np
import torch
from annotated import CONTEXT, Annotated
from numpy.typing import NDArray
from torch import Tensor

SIDE = 107  # px of the student's window
INSIDE = SIDE - 2 * CONTEXT  # px of the box in it
GREY = (128, 128, 128, 255)  # beyond the photograph's edge
SMALLEST_SIDE, LONGEST, LARGEST = 20, 6, 0.85  # px; of the shorter side; of the photograph's area
JITTER = ((0.35, 0.06, 0.06, 0.03), (0.45, 0.12, 0.16, 0.07), (0.20, 0.20, 0.30, 0.12))
"""How far a box is from its target. Each row has its share of the boxes, and three standard deviations: of
the shift over the box's sides, of the size's logarithm, and of half the logarithm of the sides' ratio."""
FARTHEST, MOST = 0.45, 0.7  # bounds of that shift and of the size's logarithm
NO_FIRST = 0.2  # share of the targets whose look in the first frame is kept from the net
MIRRORED = 0.2  # share of the windows that are mirrored, beside their target's first patch
COVERED = 0.12  # share of the windows a side of whose target is hidden

Floats = NDArray[np.float64]
Patch = NDArray[np.float32]  # (107, 107, 3), BGR


@dataclass
class Pairs:
    """Patches (n, 3, 107, 107), BGR minus 128, and where the targets are.

    Attributes:
        first: of each target, its box in the first frame; its surroundings are 0.
        now: of each target, one after the other, the same number of boxes near it.
        steps: of each of those boxes, (n, 4), R-CNN's dx, dy, dw, dh from it to its target's.
    """

    first: Tensor
    now: Tensor
    steps: Tensor


def targets(data: Annotated) -> Tensor:
    """The objects that make pairs, (n, 2): numbers of photograph and box.

    Left out are the small, the long and thin, and those that fill their photograph.
    """
    found = []
    wholes = (data.photographs.widths * data.photographs.heights).tolist()
    for number, (boxes, whole) in enumerate(zip(data.boxes, wholes, strict=True)):
        shorter, longer = boxes[:, 2:].amin(1), boxes[:, 2:].amax(1)
        fit = (shorter >= SMALLEST_SIDE) & (longer < LONGEST * shorter)
        fit &= boxes[:, 2:].prod(1) <= LARGEST * whole
        found += [(number, index) for index in fit.nonzero()[:, 0].tolist()]
    return torch.tensor(found, dtype=torch.int64).view(-1, 2)


def draw(data: Annotated, chosen: Tensor, windows: int, seed: int, stream: int, step: int) -> Pairs:
    """The pairs of these targets; all that is random in them comes from seed, stream and step.

    Args:
        data: the photographs.
        chosen: rows of `targets`.
        windows: boxes near each target.
        seed: see above.
        stream: another number, other pairs.
        step: see above.
    """
    random = np.random.default_rng(crops.generator(seed, stream, step).initial_seed())
    first, now, boxes, there = [], [], [], []
    for number, index in chosen.tolist():
        scene = _Scene(data, number, data.boxes[number][index].numpy(), mirrored=random.random() < 0.5)
        first.append(_first(scene, random))
        for _ in range(windows):
            patch, box, target = _now(scene, data, random)
            now.append(patch)
            boxes.append(box)
            there.append(target)
    steps = anchors.encode(*(torch.from_numpy(np.stack(each)) for each in (boxes, there)))
    return Pairs(_images(first), _images(now), steps.float())


class _Scene:
    """A photograph with a target. Boxes are relative to the target's centre."""

    def __init__(self, data: Annotated, number: int, box: NDArray[np.float32], *, mirrored: bool) -> None:
        self.picture = _picture(data, number)
        self.centre = box[:2].astype(np.float64) + box[2:] / 2
        self.sides = box[2:].astype(np.float64)
        self.mirror = np.diag([-1.0 if mirrored else 1.0, 1.0])

    def cut(self, box: Floats, turned: Floats | None = None) -> Patch:
        """The patch of a box; `turned` is what maps the photograph, (2, 2), before the box is cut out."""
        scale = np.diag(INSIDE / box[2:])
        matrix = scale @ (self.mirror if turned is None else turned @ self.mirror)
        # A pixel's middle is half a px from where it begins, in the photograph and in the patch.
        shift = CONTEXT - scale @ box[:2] - 0.5 - matrix @ (self.centre - 0.5)
        patch = cv2.warpAffine(
            self.picture,
            np.column_stack([matrix, shift]),
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=GREY,
        )
        return patch[..., :3].astype(np.float32)


def _picture(data: Annotated, number: int) -> NDArray[np.uint8]:
    """A photograph, (height, width, 4), a view."""
    photographs = data.photographs
    start, width, height = (
        int(each[number]) for each in (photographs.starts, photographs.widths, photographs.heights)
    )
    pixels: NDArray[np.uint8] = photographs.pixels[start : start + width * height].numpy().view(np.uint8)
    return pixels.reshape(height, width, 4)


def _images(patches: Sequence[Patch]) -> Tensor:
    return torch.from_numpy(np.stack(patches)).permute(0, 3, 1, 2)


def _around(centre: Floats, sides: Floats) -> Floats:
    return np.concatenate([centre - sides / 2, sides])


# The first frame


def _first(scene: _Scene, random: np.random.Generator) -> Patch:
    """The target in the first frame, minus 128: its box is nearly right, its look is kept from some."""
    centre = random.normal(0, 0.01, 2) * scene.sides
    patch = scene.cut(_around(centre, scene.sides * np.exp(random.normal(0, 0.02, 2))))
    patch = np.clip(_detail(_colour(patch, random, 0.5), random, 0.5), 0, 255) - 128
    shown = np.zeros_like(patch)
    if random.random() >= NO_FIRST:
        inside = slice(CONTEXT, SIDE - CONTEXT)
        shown[inside, inside] = patch[inside, inside]
    return shown


# Now


def _now(scene: _Scene, data: Annotated, random: np.random.Generator) -> tuple[Patch, Floats, Floats]:
    """A window near the target in what stands for another frame, minus 128; its box, and the target's."""
    turned = _turn(random)
    sides = _extent(turned, scene.sides)
    target = _around(np.zeros(2), sides)
    box = _jitter(sides, random)
    patch = scene.cut(box, turned)
    if random.random() < COVERED:
        _cover(patch, box, target, data, random)
    patch = _detail(_colour(patch, random, 1.0), random, 0.25)
    return np.clip(patch, 0, 255) - 128, box, target


def _turn(random: np.random.Generator) -> Floats:
    """A small rotation of most, a stretch, a shear, a mirroring of some: a map (2, 2)."""
    angle = np.deg2rad(random.normal(0, 8)) if random.random() < 0.6 else 0.0
    stretch, shear = np.exp(random.normal(0, 0.08)), random.normal(0, 0.06)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned: Floats = rotation @ np.array([[stretch, shear], [0, 1 / stretch]])
    return turned * [-1, 1] if random.random() < MIRRORED else turned


def _extent(turned: Floats, sides: Floats) -> Floats:
    """Sides of the turned target's upright box. The target is taken for half ellipse, half rectangle."""
    ellipse = np.sqrt(turned**2 @ sides**2)
    rectangle = np.abs(turned) @ sides
    return 0.6 * ellipse + 0.4 * rectangle


def _jitter(sides: Floats, random: np.random.Generator) -> Floats:
    """A box near the target, whose centre is 0: a little off, more, or much."""
    row = random.choice(len(JITTER), p=[each[0] for each in JITTER])
    _, shift, size, ratio = JITTER[row]
    moved = np.clip(random.normal(0, shift, 2), -FARTHEST, FARTHEST)
    larger = np.clip(random.normal(0, size), -MOST, MOST)
    wider = random.normal(0, ratio)
    its = sides * np.exp([larger + wider, larger - wider])
    return _around(moved * its, its)


def _cover(patch: Patch, box: Floats, target: Floats, data: Annotated, random: np.random.Generator) -> None:
    """Hide .15 to .45 of the target, from one of its sides on, by a piece of any photograph; in place."""
    scale = INSIDE / box[2:]
    low = (target[:2] - box[:2]) * scale + CONTEXT
    high = low + target[2:] * scale
    axis, far, share = random.integers(2), random.random() < 0.5, random.uniform(0.15, 0.45)
    if far:
        low[axis] = high[axis] - share * (high[axis] - low[axis])
        high[axis] += 10
    else:
        high[axis] = low[axis] + share * (high[axis] - low[axis])
        low[axis] -= 10
    (left, top), (right, bottom) = (np.clip(each, 0, SIDE).astype(int) for each in (low, high))
    other = _picture(data, int(random.integers(len(data))))
    rows, columns = other.shape[0] - (bottom - top), other.shape[1] - (right - left)
    if right > left and bottom > top and rows > 0 and columns > 0:
        y, x = random.integers(rows), random.integers(columns)
        patch[top:bottom, left:right] = other[y : y + bottom - top, x : x + right - left, :3]


# How a camera saw it


def _colour(patch: Patch, random: np.random.Generator, strength: float) -> Patch:
    """Contrast, brightness, gains of the channels, grey, noise: each of some patches only."""
    if random.random() < 0.7:
        contrast, brightness = np.exp(random.normal(0, 0.2 * strength)), random.normal(0, 18 * strength)
        patch = (patch - 128) * np.float32(contrast) + np.float32(128 + brightness)
    if random.random() < 0.4:
        patch = patch * np.exp(random.normal(0, 0.08 * strength, 3)).astype(np.float32)
    if random.random() < 0.1:
        patch = np.repeat(patch.mean(2, keepdims=True), 3, 2)
    if random.random() < 0.3:
        noise = random.standard_normal(patch.shape, np.float32)
        patch = patch + noise * np.float32(random.uniform(2, 10))
    return patch


def _detail(patch: Patch, random: np.random.Generator, least: float) -> Patch:
    """Half of the patches lose detail: small ones made larger, down to `least`; out of focus; moved."""
    kind = random.random()
    if kind < 0.3:
        side = max(8, round(SIDE * random.uniform(least, 0.9)))
        small = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (SIDE, SIDE)), np.float32)
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(patch, (0, 0), random.uniform(0.5, 2)), np.float32)
    if kind < 0.5:
        path = _path(int(random.integers(3, 9)), random.uniform(0, 180))
        return np.asarray(cv2.filter2D(patch, -1, path), np.float32)
    return patch


def _path(length: int, angle: float) -> Patch:
    """A kernel (length, length) that blurs along a line at this angle, in degrees."""
    line = np.zeros((length, length), np.float32)
    line[length // 2] = 1
    middle = length / 2 - 0.5
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D((middle, middle), angle, 1), (length, length))
    return np.asarray(turned / max(float(turned.sum()), 1e-3), np.float32)
