"""A picture of why the tracker chose a box, for ``rpn2t track --explain``.

It has four panels: the frame; both terms' probability maps, laid over the part around the target; and the
candidates, coloured by score. So a person can see whether the head took something else for the target (its
probability is high in the wrong place), did not see the target (the probability is low everywhere), or never
looked where the target is (it lies outside the panel).

:mod:`rpn2t.run.explained_frames` chooses the frames and writes the files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, Floats, centre_size, iou
from rpn2t.images import Image
from rpn2t.tracker.observation import Observation, Term
from rpn2t.tracker.schedule import Update
from rpn2t.video.annotate import BOX, TRUTH, Colour

_WIDTH, _HEIGHT = 640, 420  # px of a panel
_GAP, _LINE = 8, 30  # between panels; of a line of text
SIZE = (2 * (_HEIGHT + _LINE) + 2 * _LINE + 5 * _GAP, 2 * _WIDTH + 3 * _GAP)
"""Height and width of every picture, whatever the frame's."""

_DRAWN = 48  # candidates at most; more hide one another

# BGR
_GROUND: Colour = (38, 34, 32)
_TEXT: Colour = (235, 235, 235)
_QUIET: Colour = (165, 165, 165)
_FAILED: Colour = (90, 110, 255)
_RIM: Colour = (0, 0, 0)
_LAST: Colour = (255, 255, 255)
_BEST: Colour = (200, 120, 255)
_COLOURS = cv2.COLORMAP_TURBO
_FONT = cv2.FONT_HERSHEY_SIMPLEX

_UPDATES = {
    Update.NONE: "no update",
    Update.LONG_TERM: "long-term update",
    Update.SHORT_TERM: "short-term update",
}


def mean_map(
    boxes: Floats, places: Floats, term: Term, shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All candidates' maps of a term as one over the frame: at each pixel the mean of what they say there.

    Each position of each map counts at the place in the frame on which it is centred, with the weight that it
    has in the score. Around that place it counts less and less, up to a little beyond the next position.

    Args:
        boxes: n candidates, (n, 4), px.
        places: see :class:`Observation`.
        term: the n maps.
        shape: height and width of the frame, px.

    Returns:
        The mean, and the weight behind it as a share of the largest weight of a pixel, both of that shape.
        Without any weight the mean is 0.
    """
    used = np.nonzero(term.weights)
    y, x = (
        (boxes[:, corner, None] + boxes[:, corner + 2, None] * places[position]).ravel()
        for corner, position in ((1, used[0]), (0, used[1]))
    )
    weights = np.tile(term.weights[used], len(boxes))
    said = weights * term.probabilities[:, used[0], used[1]].ravel()

    height, width = shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixels = y[inside].astype(np.int64) * width + x[inside].astype(np.int64)
    apart = float(np.diff(places).mean()) if len(places) > 1 else 1.0
    across, down = (max(0.5, apart * side / 2) for side in boxes[:, 2:].mean(axis=0))
    total, weight = (
        np.asarray(
            cv2.GaussianBlur(
                np.bincount(pixels, values[inside], height * width).reshape(shape).astype(np.float32),
                (0, 0), sigmaX=across, sigmaY=down, borderType=cv2.BORDER_CONSTANT,
            ),
            np.float32,
        )
        for values in (said, weights)
    )  # fmt: skip
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    most = weight.max()
    return mean, weight / most if most > 0 else weight


def explain(image: Image, observation: Observation, index: int, truth: Box | None = None) -> Image:
    """The picture of one frame.

    Args:
        image: the frame, uint8 (height, width, 3), BGR; stays as it is.
        observation: what the tracker saw in it.
        index: its 0-based number in its source.
        truth: the true box, if it is known.

    Returns:
        uint8 (*SIZE, 3), BGR.
    """
    seen = observation
    whole = _Panel.of_frame(image)
    detail = _Panel.around(np.vstack([seen.boxes, [seen.state, seen.best.box, seen.reported]]), image)
    chosen = [(seen.state, _LAST), (truth, TRUTH), (seen.best.box, _BEST), (seen.reported, BOX)]
    known = [(box, colour) for box, colour in chosen if box is not None]

    frame = whole.show(image)
    whole.outline(frame, _inside(detail.view, image), _QUIET, 1)
    _boxes(whole, frame, [each for each in known if each[1] in (TRUTH, BOX)])
    maps = [_overlay(detail, image, seen, term) for term in seen.terms]
    candidates = np.asarray(detail.show(image) * 0.6, np.uint8)
    drawn = _candidates(detail, candidates, seen)
    for picture in (*maps, candidates):
        _boxes(detail, picture, known)

    lowest, highest = float(seen.scores.min()), float(seen.scores.max())
    titles = (
        "The frame, and the part that the other panels show",
        "Term 1 (anchors that match): probability of the object",
        "Term 2 (all of the box): probability of the object",
        f"{drawn} of {len(seen.boxes)} candidates by score, {lowest:.2f} to {highest:.2f}",
    )
    canvas = np.full((*SIZE, 3), _GROUND, np.uint8)
    _write(canvas, (_GAP, _GAP), caption(seen, index, truth))
    for number, (picture, title) in enumerate(zip((frame, *maps, candidates), titles, strict=True)):
        left = _GAP + number % 2 * (_WIDTH + _GAP)
        top = _LINE + 2 * _GAP + number // 2 * (_LINE + _HEIGHT + _GAP)
        _write(canvas, (left, top), [(title, _QUIET)], scale=0.5)
        canvas[top + _LINE : top + _LINE + _HEIGHT, left : left + _WIDTH] = picture
    _legend(canvas, SIZE[0] - _GAP - _LINE, seen, truth is not None)
    return canvas


@dataclass(frozen=True)
class _Panel:
    """A part of the frame, enlarged or reduced to a panel.

    Attributes:
        view: the part, x, y, w, h in px of the frame, whole numbers; may reach out of it.
    """

    view: tuple[int, int, int, int]

    @classmethod
    def of_frame(cls, image: Image) -> "_Panel":
        height, width = image.shape[:2]
        return cls._holding(np.array([0.0, 0.0]), np.array([width, height], float))

    @classmethod
    def around(cls, boxes: Floats, image: Image) -> "_Panel":
        """The part with all of these boxes and a little more, but nothing that is far from the frame."""
        size = np.array([image.shape[1], image.shape[0]])
        first, last = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        rim = 0.04 * (last - first)
        first, last = np.maximum(first - rim, -size / 2), np.minimum(last + rim, 1.5 * size)
        return cls._holding(first, np.maximum(last, first + 8))

    @classmethod
    def _holding(cls, first: Floats, last: Floats) -> "_Panel":
        """The smallest part of the panel's shape that holds a rectangle."""
        side = max((last[0] - first[0]) / _WIDTH, (last[1] - first[1]) / _HEIGHT)
        size = np.ceil(np.array([_WIDTH, _HEIGHT]) * side).astype(int)
        x, y = np.floor((first + last - size) / 2 + 0.5).astype(int)
        return cls((int(x), int(y), int(size[0]), int(size[1])))

    def show(self, image: Image) -> Image:
        """This part of the frame. Outside the frame it has the ground's colour."""
        x, y, w, h = self.view
        height, width = image.shape[:2]
        part = np.full((h, w, 3), _GROUND, np.uint8)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)
        if right > left and bottom > top:
            part[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
        how = cv2.INTER_AREA if w > _WIDTH else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(part, (_WIDTH, _HEIGHT), interpolation=how), np.uint8)

    def outline(self, picture: Image, box: Sequence[float], colour: Colour, thickness: int) -> None:
        """Draw a box of the frame onto what `show` gave."""
        x, y, w, h = self.view
        scale = np.array([_WIDTH / w, _HEIGHT / h])
        first = (np.array([box[0], box[1]]) - (x, y)) * scale
        last = first + np.array([box[2], box[3]]) * scale - 1
        # far outside is as good as just outside, and OpenCV's coordinates are short
        corners = np.clip(np.rint([first, last]), -_WIDTH, 2 * _WIDTH).astype(int).tolist()
        cv2.rectangle(picture, tuple(corners[0]), tuple(corners[1]), colour, thickness)


def _inside(view: tuple[int, int, int, int], image: Image) -> tuple[int, int, int, int]:
    """The part of a view that lies in the frame. Beside the frame there is nothing to see."""
    x, y, w, h = view
    height, width = image.shape[:2]
    left, top = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    return left, top, max(min(x + w, width) - left, 1), max(min(y + h, height) - top, 1)


def _boxes(panel: _Panel, picture: Image, boxes: list[tuple[Box, Colour]]) -> None:
    for box, _ in boxes:
        panel.outline(picture, box, _RIM, 4)
    for box, colour in boxes:
        panel.outline(picture, box, colour, 2)


def _overlay(panel: _Panel, image: Image, seen: Observation, term: Term) -> Image:
    """The frame in grey, with the map in colour over what the candidates looked at."""
    x, y, w, h = panel.view
    mean, weight = mean_map(seen.boxes - np.array([x, y, 0, 0]), seen.places, term, (h, w))
    probability, support = (
        np.asarray(cv2.resize(each, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR), np.float32)
        for each in (mean, weight)
    )
    grey = cv2.cvtColor(cv2.cvtColor(panel.show(image), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    # with less than 2 % of the largest weight behind it, it fades
    opacity = 0.65 * np.clip(support / 0.02, 0, 1)[:, :, None]
    return np.asarray(grey * (1 - opacity) + _colours(probability) * opacity, np.uint8)


def _candidates(panel: _Panel, picture: Image, seen: Observation) -> int:
    """Draw the best candidates and some of the others, the best on top; returns how many."""
    best = seen.best.indices
    ranked = np.argsort(seen.scores, kind="stable")
    others = ranked[~np.isin(ranked, best)]
    some = np.linspace(0, len(others) - 1, min(len(others), max(_DRAWN - len(best), 0)))
    order = np.concatenate([others[np.rint(some).astype(int)], best[::-1]])
    colours = _colours(seen.scores[order][None])[0].tolist()
    for index, colour in zip(order, colours, strict=True):
        panel.outline(picture, seen.boxes[index], tuple(colour), 1)
    return len(order)


def _colours(values: NDArray[np.floating]) -> Image:
    """BGR of values in [0, 1], shape (rows, columns)."""
    levels = np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, _COLOURS), np.uint8)


Words = list[tuple[str, Colour]]


def caption(seen: Observation, index: int, truth: Box | None) -> Words:
    """What stands above the panels: text and colour of each part.

    A score above the threshold does not mean that the object was found: with the truth, the overlap says it.
    """
    below = "below the" if seen.failed else "not below the"
    moved = np.rint(centre_size(seen.reported)[0, :2] - centre_size(seen.state)[0, :2]) + 0.0  # no "-0"
    words = [
        (f"#{index}", BOX),
        (
            f"score {seen.best.score:.2f}, {below} threshold {seen.threshold:.2f}",
            _FAILED if seen.failed else _TEXT,
        ),
        (f"moved by {moved[0]:.0f}, {moved[1]:.0f} px", _TEXT),
        (f"then: {_UPDATES[seen.update]}", _TEXT),
    ]
    if truth is not None:
        words.append((f"overlap with the truth {iou(seen.reported, truth)[0]:.2f}", TRUTH))
    return words


def _legend(canvas: Image, top: int, seen: Observation, with_truth: bool) -> None:
    """Write what the colours mean."""
    left = _write(canvas, (_GAP, top), [("probability, score  0", _QUIET)], scale=0.5) - _GAP
    bar = canvas[top + 8 : top + 22, left : left + 200]
    bar[:] = _colours(np.linspace(0, 1, 200)[None])
    left = _write(canvas, (left + 200 + _GAP, top), [("1", _QUIET)], scale=0.5) + 3 * _GAP
    boxes = [("chosen", BOX), (f"mean of the {len(seen.best.indices)} best", _BEST), ("last frame's", _LAST)]
    if with_truth:
        boxes.append(("truth", TRUTH))
    for word, colour in boxes:
        cv2.rectangle(canvas, (left, top + 8), (left + 20, top + 21), colour, 2)
        left = _write(canvas, (left + 30, top), [(word, _QUIET)], scale=0.5) + 2 * _GAP


def _write(canvas: Image, corner: tuple[int, int], words: Words, scale: float = 0.6) -> int:
    """Write a line of words from its upper left corner; returns the x at which more words would begin."""
    left, top = corner
    for word, colour in words:
        cv2.putText(canvas, word, (left, top + 21), _FONT, scale, colour, 1, cv2.LINE_AA)
        left += cv2.getTextSize(word, _FONT, scale, 1)[0][0] + 3 * _GAP
    return left - 2 * _GAP
