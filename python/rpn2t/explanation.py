"""Pictures of what the tracker saw: ``rpn2t track --explain``.

Three panels of the target's surroundings: the object's probability by each of the head's two layers, averaged
over all candidates' maps and laid over the frame, and the candidates coloured by score.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats
from rpn2t.drawing import BOX
from rpn2t.errors import InputError
from rpn2t.observation import Observation
from rpn2t.patch import Image
from rpn2t.runfolder import require_writable

PANEL = 480
"""Px of a panel's longer side."""
EVERY = 10
"""Frames between two pictures where nobody says which."""
_MOST = 48
_STRIP = 26
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_COLOURS = cv2.COLORMAP_TURBO
_WHITE = (255, 255, 255)


@dataclass(frozen=True)
class Chosen:
    """Of which frames pictures are wanted: those of some spans; None: every tenth, and all that failed."""

    spans: tuple[range, ...] | None

    @classmethod
    def parse(cls, text: str | None) -> "Chosen":
        """Of ``10,25,40:60``, half-open and counted from 0 like ``--frames``.

        Raises:
            InputError: not of this form.
        """
        if text is None:
            return cls(None)
        spans = []
        for word in text.split(","):
            match = re.fullmatch(r"\s*(\d{1,9})(?::(\d{1,9}))?\s*", word, re.ASCII)
            if match is None:
                raise InputError(
                    f"--explain-frames {text}: write frames counted from 0 with commas, as in 10,25,40:60"
                )
            first = int(match[1])
            spans.append(range(first, int(match[2]) if match[2] else first + 1))
        return cls(tuple(spans))

    def holds(self, index: int, failed: bool) -> bool:
        """Whether a frame is wanted."""
        if self.spans is None:
            return failed or index % EVERY == 0
        return any(index in span for span in self.spans)


class Explainer:
    """Writes the pictures: its `observe` is a tracker's observer, its `frame` is told each frame afterwards.

    Attributes:
        folder: where they go, as frame_00012.png.
        written: how many there are.
    """

    def __init__(self, folder: str | Path, chosen: Chosen) -> None:
        """Check that the folder can be written; it is made with the first picture.

        Raises:
            InputError: it cannot.
        """
        self.folder = Path(folder)
        self.written = 0
        self._chosen = chosen
        self._seen: Observation | None = None
        require_writable(self.folder, "--explain")

    def observe(self, observation: Observation) -> None:
        """Keep what was seen of the frame that is being tracked."""
        self._seen = observation

    def frame(self, image: Image, index: int) -> None:
        """Draw the frame that was tracked last, if it is wanted. The first one has nothing to explain."""
        seen, self._seen = self._seen, None
        if seen is None or not self._chosen.holds(index, seen.failed):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _, encoded = cv2.imencode(".png", explain(image, index, seen))
        (self.folder / f"frame_{index:05d}.png").write_bytes(encoded.tobytes())
        self.written += 1


def explain(image: Image, index: int, seen: Observation) -> Image:
    """The picture of a frame.

    Args:
        image: the frame, uint8 (height, width, 3) BGR.
        index: its 0-based number.
        seen: what the tracker saw in it.
    """
    crop = _surroundings(image, seen)
    panels = []
    terms = (
        ("term 1: matched anchors", seen.anchor, seen.matching.anchor),
        ("term 2: box quality", seen.quality, seen.matching.quality),
    )
    for title, probability, used in terms:
        average, looked = average_map(image.shape[:2], seen, probability, used)
        panels.append(_panel(_overlaid(image, average, looked), crop, title, []))
    low, high = float(seen.scores.min()), float(seen.scores.max())
    order = np.argsort(seen.scores, kind="stable")
    order = np.unique(
        np.concatenate([order[:: max(1, len(order) // _MOST)], order[-len(seen.best.indices) :]])
    )
    order = order[np.argsort(seen.scores[order], kind="stable")]
    shades = _colours(np.clip(seen.scores[order], 0, 1))
    boxes = [(seen.candidates[i], shade, 1) for i, shade in zip(order, shades, strict=True)]
    boxes += [(np.array(seen.state), _WHITE, 2), (np.array(seen.reported), BOX, 2)]
    panels.append(_panel(image, crop, f"candidates: {low:.2f} to {high:.2f}", boxes))
    picture = np.concatenate(panels, axis=1)
    verdict = "failed" if seen.failed else "found"
    text = f"#{index}  score {seen.best.score:.2f}, {verdict} (threshold {seen.threshold:.2f})"
    return np.concatenate([picture, _footer(picture.shape[1], text)], axis=0)


def average_map(
    size: tuple[int, ...], seen: Observation, probability: Floats, used: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """All candidates' maps of a term in the frame: at every pixel the mean of the positions near it.

    Args:
        size: height and width of the frame.
        seen: where the positions lie.
        probability: at each, (n, rows, columns).
        used: those that count, (rows, columns).

    Returns:
        The mean, and where positions are near at all; both (height, width).
    """
    rows, columns = (np.rint(places).astype(np.int64) for places in (seen.y, seen.x))
    y, x = np.broadcast_arrays(rows[:, :, None], columns[:, None, :])
    inside = used & (y >= 0) & (y < size[0]) & (x >= 0) & (x < size[1])
    place = y[inside] * size[1] + x[inside]
    pixels = size[0] * size[1]
    total = np.bincount(place, probability[inside], pixels).reshape(size[:2])
    count = np.bincount(place, minlength=pixels).reshape(size[:2])
    steps = [float(np.median(np.diff(places, axis=1))) for places in (seen.x, seen.y)]
    blurred = [
        cv2.GaussianBlur(
            each.astype(np.float32), (0, 0), max(steps[0] / 2, 0.5), sigmaY=max(steps[1] / 2, 0.5)
        )
        for each in (total, count)
    ]
    looked = blurred[1] > 0.02 * blurred[1].max()
    return np.where(looked, blurred[0] / np.maximum(blurred[1], 1e-12), 0), looked


def _surroundings(image: Image, seen: Observation) -> tuple[int, int, int, int]:
    """First and last column and row to show: the candidates and half as much around them."""
    first = seen.candidates[:, :2].min(axis=0)
    last = (seen.candidates[:, :2] + seen.candidates[:, 2:]).max(axis=0)
    margin = 0.25 * (last - first)
    size = np.array(image.shape[1::-1])
    start = np.clip(np.floor(first - margin), 0, size - 1).astype(int)
    end = np.clip(np.ceil(last + margin), start + 1, size).astype(int)
    return int(start[0]), int(start[1]), int(end[0]), int(end[1])


def _overlaid(image: Image, average: NDArray[np.float32], looked: NDArray[np.bool_]) -> Image:
    colours = cv2.applyColorMap(np.round(255 * np.clip(average, 0, 1)).astype(np.uint8), _COLOURS)
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    mixed = cv2.addWeighted(grey, 0.5, colours, 0.5, 0)
    return np.where(looked[:, :, None], mixed, image).astype(np.uint8)


def _panel(
    image: Image,
    crop: tuple[int, int, int, int],
    title: str,
    boxes: list[tuple[Floats, tuple[int, ...], int]],
) -> Image:
    """A part of the frame, enlarged, with boxes and a title."""
    x1, y1, x2, y2 = crop
    scale = PANEL / max(x2 - x1, y2 - y1)
    size = max(round((x2 - x1) * scale), 1), max(round((y2 - y1) * scale), 1)
    picture = cv2.resize(image[y1:y2, x1:x2], size, interpolation=cv2.INTER_LINEAR)
    for box, colour, thickness in boxes:
        corners = (
            np.array([box[0] - x1, box[1] - y1, box[0] + box[2] - x1, box[1] + box[3] - y1]) * scale
        ).round()
        left, top, right, bottom = np.clip(corners, -4096, 4096).astype(int).tolist()
        cv2.rectangle(picture, (left, top), (right, bottom), colour, thickness, cv2.LINE_AA)
    framed = np.zeros((size[1] + _STRIP, max(size[0], 240) + 4, 3), np.uint8)
    framed[_STRIP:, 2 : 2 + size[0]] = picture
    cv2.putText(framed, title, (6, _STRIP - 8), _FONT, 0.5, _WHITE, 1, cv2.LINE_AA)
    return framed


def _footer(width: int, text: str) -> Image:
    """The verdict, the scale of colours, and which box is which."""
    strip = np.zeros((_STRIP, width, 3), np.uint8)
    words = [(text, _WHITE), ("state", _WHITE), ("reported", BOX)]
    x = 6
    for word, colour in words:
        cv2.putText(strip, word, (x, _STRIP - 8), _FONT, 0.5, colour, 1, cv2.LINE_AA)
        x += cv2.getTextSize(word, _FONT, 0.5, 1)[0][0] + 18
    bar = np.array(_colours(np.linspace(0, 1, 100)), np.uint8)
    if x + 140 < width:
        cv2.putText(strip, "0", (x, _STRIP - 8), _FONT, 0.5, _WHITE, 1, cv2.LINE_AA)
        strip[6:-6, x + 14 : x + 114] = bar
        cv2.putText(strip, "1", (x + 120, _STRIP - 8), _FONT, 0.5, _WHITE, 1, cv2.LINE_AA)
    return strip


def _colours(values: NDArray[np.floating]) -> list[tuple[int, ...]]:
    """BGR of values in 0 to 1."""
    shades = cv2.applyColorMap(np.round(255 * values).astype(np.uint8)[:, None], _COLOURS)[:, 0]
    return [tuple(int(value) for value in shade) for shade in shades]
