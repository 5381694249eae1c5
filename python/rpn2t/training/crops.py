"""The crops that distillation sees: boxes drawn around the objects of photographs (section 3.3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, as_box
from rpn2t.images import Image
from rpn2t.nets.patch import cut_patches
from rpn2t.tracker.sampling import Sampler
from rpn2t.training.photographs import Photograph

RANGES = ((0.1, 5), (1, 5))
"""Translation and scale range of the gaussian draws around an object. Each makes half of the crops."""
RANDOM_SIDES = (0.2, 0.8)
"""Sides of a box that is drawn because there are no annotations, as shares of the image's."""

_ORDER, _DRAW = 0, 1  # what a random number is for


@dataclass(frozen=True)
class CropStream:
    """An endless row of crops. Which crop stands at a place depends only on the seed and the place.

    A pass takes `photographs_per_pass` photographs and `crops` boxes of each. The next pass draws anew.

    Attributes:
        photographs: at least one.
        crops: how many boxes of a photograph, an even number.
        photographs_per_pass: at most all.
        shuffled: every pass takes them in a permutation of its own, otherwise in their order.
        seed: of every draw.
    """

    photographs: Sequence[Photograph]
    crops: int
    photographs_per_pass: int
    shuffled: bool
    seed: int

    def views(self, first: int, count: int) -> Iterator[tuple[Image, Floats]]:
        """The `count` crops from place `first` on: images, each with its boxes of shape (n, 4).

        Raises:
            InputError: an image cannot be read.
        """
        place, end = first, first + count
        while place < end:
            number, start = divmod(place, self.crops)
            stop = min(start + end - place, self.crops)
            image, boxes = self._photograph(number)
            yield image, boxes[start:stop]
            place += stop - start

    def _photograph(self, number: int) -> tuple[Image, Floats]:
        lap, index = divmod(number, self.photographs_per_pass)
        if self.shuffled:
            order = np.random.default_rng([self.seed, _ORDER, lap])
            index = int(order.permutation(len(self.photographs))[index])
        photograph = self.photographs[index]
        image = photograph.read()
        rng = np.random.default_rng([self.seed, _DRAW, number])
        return image, draw_boxes(image, photograph.boxes, self.crops, rng)


def draw_boxes(image: Image, objects: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Boxes around one object of an image, drawn at random from its own.

    Args:
        image: (height, width, 3).
        objects: shape (m, 4). If m is 0, a box drawn at random takes the object's place.
        n: how many, an even number.
        rng: of all draws.

    Returns:
        Shape (n, 4): n/2 of each of RANGES.
    """
    height, width = image.shape[:2]
    target = as_box(objects[rng.integers(len(objects))]) if len(objects) else random_box(width, height, rng)
    sampler = Sampler(width, height, rng)
    return np.concatenate([sampler.gaussian(target, n // len(RANGES), t, s) for t, s in RANGES])


def random_box(width: int, height: int, rng: np.random.Generator) -> Box:
    """A box anywhere within an image of this size in px. Its sides are RANDOM_SIDES of the image's."""
    frame = np.array([width, height], dtype=np.float64)
    side = frame * rng.uniform(*RANDOM_SIDES, 2)
    corner = (frame - side) * rng.uniform(0, 1, 2)
    return as_box([*corner, *side])


def cut_views(views: Sequence[tuple[Image, Floats]], side: int, context: int) -> NDArray[np.float32]:
    """Network inputs of all views, (n, 3, side, side); see :func:`rpn2t.nets.patch.cut_patches`."""
    return np.concatenate([cut_patches(image, boxes, side, context) for image, boxes in views])
