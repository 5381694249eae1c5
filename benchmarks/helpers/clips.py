"""A clip made in memory: a textured target that moves over a textured ground, with its truth."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.video.frames import Frame

SPEED = np.array([0.04, 0.02])
"""How far the target moves across and down in a frame, in mean sides of its own: 2.4 and 1.2 px for 60 px."""
START = 0.3  # of the way that the target has in the frame
CELLS = 8  # of the texture, on a side of the target


@dataclass(frozen=True)
class Size:
    """Width and height, px."""

    width: int
    height: int

    def __str__(self) -> str:
        """The text that :meth:`parse` reads."""
        return f"{self.width}x{self.height}"

    @classmethod
    def parse(cls, text: str) -> "Size":
        """``320x240``.

        Raises:
            ValueError: another text.
        """
        found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
        if not found:
            raise ValueError(text)
        return cls(int(found[1]), int(found[2]))


@dataclass(frozen=True)
class Clip:
    """An endless clip. The same attributes give the same frames.

    Attributes:
        frame: size of the frames.
        target: size of the target.
        turn: the frame, 0-based, from which everything is shown backwards until the first is reached, and so
            on: a clip in a loop, without a jump.
        seed: of the textures.
    """

    frame: Size
    target: Size
    turn: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        """Check that the target has room to move.

        Raises:
            InputError: it has none, or the clip does not move.
        """
        if self.target.width >= self.frame.width or self.target.height >= self.frame.height:
            raise InputError(
                f"target of {self.target} px: does not fit a frame of {self.frame} px; take a smaller one"
            )
        if self.turn < 1:
            raise InputError(f"turn at frame {self.turn}: give 1 or more")

    def box(self, index: int) -> Box:
        """The target in a frame, 0-based: x, y, w, h in whole px."""
        way = np.array([self.frame.width - self.target.width, self.frame.height - self.target.height])
        steps = SPEED * self._side * _there_and_back(np.array(index), np.array(self.turn))
        x, y = np.rint(_there_and_back(START * way + steps, way)).astype(int).tolist()
        return float(x), float(y), float(self.target.width), float(self.target.height)

    def image(self, index: int) -> NDArray[np.uint8]:
        """A frame, 0-based: uint8 (height, width, 3)."""
        ground, target = self._textures
        x, y = map(int, self.box(index)[:2])
        image = ground.copy()
        image[y : y + self.target.height, x : x + self.target.width] = target
        return image

    def frames(self) -> Iterator[Frame]:
        """All of them; it does not end."""
        return (Frame(index, self.image(index), f"frame {index}") for index in count())

    @property
    def _side(self) -> float:
        return (self.target.width + self.target.height) / 2

    @cached_property
    def _textures(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Ground and target; cells that grow with the target, of less contrast on the ground."""
        rng, cell = np.random.default_rng(self.seed), max(2, round(self._side / CELLS))
        return _texture(rng, self.frame, cell, 60, 140), _texture(rng, self.target, cell, 0, 255)


def _there_and_back(values: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """0 to `end`, back to 0, and so on."""
    return end - np.abs(values % (2 * end) - end)


def _texture(rng: np.random.Generator, size: Size, cell: int, low: int, high: int) -> NDArray[np.uint8]:
    cells = rng.integers(low, high, (size.height // cell + 2, size.width // cell + 2, 3), dtype=np.uint8)
    scaled = cv2.resize(cells, (size.width, size.height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(scaled, dtype=np.uint8)
