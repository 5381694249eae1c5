"""OTB's two robustness experiments: where runs begin (TRE), and from which boxes (SRE).

TRE, temporal robustness: a target is tracked from up to twenty frames, each time to the sequence's end.
SRE, spatial robustness: it is tracked twelve times, from a box that is shifted by a tenth of its sides, or
scaled by 0.8 to 1.2.

These are the benchmark's own rules, which count pixels and rows from 1; what goes in or out here counts
from 0. (A copy of the MATLAB toolkit moves a box by ceil(side / 10). The Python toolkit moves it by
round(side / 10 + 1/2), as here: a pixel more if the side is a multiple of ten.)
"""

import numpy as np
from numpy.typing import ArrayLike

from rpn2t.boxes import Box, as_box, as_boxes, to_one_based
from rpn2t.errors import InputError
from rpn2t.sequences.target import valid_truth

SEGMENTS = 20
"""Runs over a target in TRE; a short sequence has fewer."""

SHORTEST = 20
"""The last run of TRE lasts for at least this many frames."""

_CORNERS: dict[str, tuple[float, float, float, float]] = {
    "topLeft": (-0.1, -0.1, 0, 0),
    "topRight": (0, -0.1, 0.1, 0),
    "bottomLeft": (-0.1, 0, 0, 0.1),
    "bottomRight": (0, 0, 0.1, 0.1),
}
"""How far the left, top, right and bottom edge move, in widths and heights."""

_SIDES: dict[str, tuple[int, int]] = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}

_SCALES: dict[str, float] = {"scale_8": 0.8, "scale_9": 0.9, "scale_11": 1.1, "scale_12": 1.2}

SHIFTS: tuple[str, ...] = (*_SIDES, *_CORNERS, *_SCALES)
"""The twelve boxes of SRE, by the toolkit's names."""


def tre_starts(truth: ArrayLike) -> list[int]:
    """The rows at which TRE's runs begin.

    Rows whose ground truth is no box are passed over. A sequence that is too short for one run of twenty
    frames is run once, from its first box.

    Args:
        truth: (n, 4) boxes, 0-based.

    Returns:
        Twenty row numbers in ascending order. A sequence of less than 38 rows has fewer, and some of them may
        be the same.
    """
    boxes = as_boxes(truth)
    valid = np.flatnonzero(valid_truth(boxes)).tolist()
    end = sum(len(boxes) - row >= SHORTEST for row in valid)
    if end == 0:
        return valid[:1]
    # MATLAB: floor(1 : end/19 : end), and end itself; in whole numbers, so that no rounding decides.
    steps = range(19 * (end - 1) // end + 1)
    positions = [step * end // (SEGMENTS - 1) for step in steps]
    return [valid[position] for position in (*positions, end - 1)]


def sre_box(box: ArrayLike, shift: str, width: int, height: int) -> Box:
    """The shifted or scaled box from which one run of SRE begins.

    A box that would begin left of the image or above it is moved to the edge. One that would end outside is
    cut there.

    Args:
        box: the ground truth (x, y, w, h), 0-based.
        shift: one of :data:`SHIFTS`.
        width: of the image.
        height: of the image.

    Raises:
        InputError: no such shift.
    """
    x, y, w, h = as_box(to_one_based(box)[0])
    if shift in _SIDES:
        x, y, w, h = _moved(*_SIDES[shift], x, y, w, h)
    elif shift in _CORNERS:
        x, y, w, h = _stretched(_CORNERS[shift], x, y, w, h)
    elif shift in _SCALES:
        x, y, w, h = _scaled(_SCALES[shift], x, y, w, h)
    else:
        raise InputError(f"{shift}: no shift of SRE; there are {', '.join(SHIFTS)}")
    x, y = max(x, 1), max(y, 1)
    w, h = min(w, width - x + 1), min(h, height - y + 1)
    return x - 1, y - 1, w, h


def _moved(right: int, down: int, x: float, y: float, w: float, h: float) -> Box:
    """The whole box, moved by a little more than a tenth of its side."""
    return x + right * _round(0.1 * w + 0.5), y + down * _round(0.1 * h + 0.5), w, h


def _stretched(edges: tuple[float, ...], x: float, y: float, w: float, h: float) -> Box:
    """One corner moved outwards, the opposite one stays."""
    left, top, right, bottom = edges
    new_x = _round(x + left * w) if left else x
    new_y = _round(y + top * h) if top else y
    end_x, end_y = x + w - 1, y + h - 1
    new_end_x = _round(end_x + right * w) if right else end_x
    new_end_y = _round(end_y + bottom * h) if bottom else end_y
    return new_x, new_y, new_end_x - new_x + 1, new_end_y - new_y + 1


def _scaled(ratio: float, x: float, y: float, w: float, h: float) -> Box:
    """The sides scaled about x + w / 2, y + h / 2."""
    new_w, new_h = ratio * w, ratio * h
    corner = x + w / 2 - new_w / 2, y + h / 2 - new_h / 2
    return _round(corner[0]), _round(corner[1]), _round(new_w), _round(new_h)


def _round(value: float) -> float:
    """As MATLAB: halves away from zero."""
    return float(np.copysign(np.floor(abs(value) + 0.5), value))
