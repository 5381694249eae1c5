"""VOT's regions and how much two of them overlap, as the VOT toolkit computes it (needs only NumPy).

A region is a tuple of numbers: (x, y, w, h), or the corners x1, y1, x2, y2 ... of a polygon, in pixels,
0-based. A single number is a state and no region: INITIALIZED, FAILED or UNKNOWN.

The toolkit (vot-toolkit, since 0.5) measures overlap on pixels: numbers are held as 32-bit floats and
rounded, halves to even; a rectangle covers x to x + w - 1; a polygon's outline belongs to it; only pixels
inside the image count. So overlaps are ratios of whole numbers, and differ a little from those of
:func:`rpn2t.boxes.iou`.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box

Region = tuple[float, ...]

UNKNOWN = 0
INITIALIZED = 1
FAILED = 2

Bounds = tuple[int, int, int, int]
"""First and last column and row, as left, top, right, bottom."""

_LARGEST = 1 << 30
"""No side or place of a mask is larger, in pixels."""

_Mask = NDArray[np.bool_]


def as_region(numbers: Sequence[float] | NDArray[np.float64]) -> Region:
    """Numbers as a region or a state; any NaN among them makes it UNKNOWN, as in the toolkit.

    Raises:
        ValueError: there are 2, 3 or another odd number of them, or one is infinite.
    """
    region = tuple(float(number) for number in numbers)
    if any(math.isnan(number) for number in region):
        return (float(UNKNOWN),)
    if any(math.isinf(number) for number in region):
        raise ValueError("a number is infinite")
    if len(region) != 1 and (len(region) < 4 or len(region) % 2):
        raise ValueError(
            f"{len(region)} numbers; a state is 1 number, a rectangle 4, a polygon 6, 8 or more of them"
        )
    return region


def is_state(region: Region) -> bool:
    """Whether this is a state and no region."""
    return len(region) == 1


def upright_box(region: Region) -> Box:
    """The smallest upright rectangle around a region: min and max of a polygon's corners.

    Raises:
        ValueError: a state has none.
    """
    if is_state(region):
        raise ValueError("a state is no region")
    if len(region) == 4:
        x, y, w, h = region
        return x, y, w, h
    left, top = min(region[0::2]), min(region[1::2])
    return left, top, max(region[0::2]) - left, max(region[1::2]) - top


def mask_box(numbers: Sequence[int]) -> Box | None:
    """The smallest upright rectangle around a mask's pixels; None if it has no pixel.

    Args:
        numbers: as the toolkit writes them after an ``m``: x, y, width and height of a part of the image, and
            then how many of its pixels, row by row, are outside, inside, outside ... the mask.

    Raises:
        ValueError: there are not so many numbers, or the part has less pixels than they say.
    """
    if len(numbers) < 4:
        raise ValueError(
            f"a mask of {len(numbers)} numbers; it has x, y, width, height and then runs of pixels"
        )
    x, y, width, height, *runs = numbers
    if min(width, height, *runs, 0) < 0 or max(map(abs, numbers)) > _LARGEST or sum(runs) > width * height:
        raise ValueError(f"a mask whose runs of pixels do not fit into its {width} x {height} pixels")
    ends = np.cumsum(np.array(runs, dtype=np.int64))
    first, last = ends[:-1:2], ends[1::2] - 1  # of the runs inside; none of them need be drawn
    first, last = first[: len(last)][last >= first[: len(last)]], last[last >= first[: len(last)]]
    if not len(first):
        return None
    broken = first // width != last // width  # a run that goes on in the next row touches both sides
    left = 0 if broken.any() else int((first % width).min())
    right = width - 1 if broken.any() else int((last % width).max())
    top, bottom = int(first.min() // width), int(last.max() // width)
    return float(x + left), float(y + top), float(right - left + 1), float(bottom - top + 1)


def overlap(first: Region, second: Region, size: tuple[int, int] | None = None) -> float:
    """Overlap of two regions on the pixels of the image, by all of the toolkit's rules.

    Two regions that are together one pixel wide or high count as the same (1). If the image's border leaves
    only one column or row of them, they have nothing in common (0). A state overlaps nothing.

    Args:
        first: a region.
        second: another.
        size: width and height of the image; without it every pixel counts.
    """
    a, b = _whole(first), _whole(second)
    frame = tuple(
        pick(pair)
        for pick, pair in zip((min, min, max, max), zip(_bounds(a), _bounds(b), strict=True), strict=True)
    )
    if frame[0] >= frame[2] or frame[1] >= frame[3]:
        return 1.0
    left, top, right, bottom = frame
    if size is not None:
        left, top = max(0, left), max(0, top)
        right, bottom = min(size[0] - 1, right), min(size[1] - 1, bottom)
    if left >= right or top >= bottom:
        return 0.0
    cut = (left, top, right, bottom)
    mask, other = _raster(a, cut), _raster(b, cut)
    union = np.count_nonzero(mask | other)
    return float(np.count_nonzero(mask & other) / union) if union else 0.0


def _whole(region: Region) -> Region:
    """The region with its numbers rounded as 32-bit floats; a state is a region without pixels.

    Numbers beyond a thousand millions, which no image has, are cut to that: larger ones overflow.
    """
    if is_state(region):
        return ()
    return tuple(np.round(np.clip(region, -1e9, 1e9).astype(np.float32)).tolist())


def _bounds(region: Region) -> Bounds:
    if not region:
        return 0, 0, 0, 0
    if len(region) == 4:
        x, y, w, h = map(int, region)
        return x, y, x + w - 1, y + h - 1
    xs, ys = region[0::2], region[1::2]
    return int(min(xs)), int(min(ys)), int(max(xs)), int(max(ys))


@lru_cache(maxsize=4096)
def _raster(region: Region, cut: Bounds) -> _Mask:
    """The region's pixels within these columns and rows."""
    left, top, right, bottom = cut
    mask = np.zeros((bottom - top + 1, right - left + 1), dtype=np.bool_)
    if not region:
        return mask
    if len(region) == 4:
        x, y, w, h = map(int, region)
        mask[max(0, y - top) : max(0, y + h - top), max(0, x - left) : max(0, x + w - left)] = True
        return mask
    return _polygon(np.array(region).reshape(-1, 2) - (left, top), mask.shape)


def _polygon(corners: NDArray[np.float64], shape: tuple[int, int]) -> _Mask:
    """A polygon's pixels in an image of this shape."""
    columns, meets = _crossings(corners, shape[0])
    # Nearly every row crosses two edges; the pixels between them belong to the polygon.
    simple = meets.sum(axis=1) == 2
    least, most = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    first = np.where(simple, np.where(meets, columns, most).min(axis=1), most)
    last = np.where(simple, np.where(meets, columns, least).max(axis=1), least)
    along = np.arange(shape[1])
    mask: _Mask = (along >= first[:, None]) & (along <= last[:, None])
    for row in np.flatnonzero(meets.any(axis=1) & ~simple):
        for start, stop in _spans(sorted(columns[row, meets[row]].tolist())):
            if stop >= 0:
                mask[row, max(start, 0) : stop + 1] = True
    return mask


def _spans(crossings: list[int]) -> list[tuple[int, int]]:
    """First and last column of every run of a polygon's pixels in a row."""
    spans = []
    at = 0
    while at < len(crossings) - 1:
        # A corner is crossed by both of its edges: the first of the two counts only as the last of a pair.
        if crossings[at] == crossings[at + 1] and at < len(crossings) - 2:
            at += 1
            continue
        spans.append((crossings[at], crossings[at + 1]))
        at += 2
    return spans


def _crossings(corners: NDArray[np.float64], rows: int) -> tuple[NDArray[np.int64], _Mask]:
    """Row by edge: the column in which they meet, cut down to a whole number, and whether they do."""
    ends = np.roll(corners, 1, axis=0)
    y = np.arange(rows)[:, None]
    low, high = np.minimum(corners[:, 1], ends[:, 1]), np.maximum(corners[:, 1], ends[:, 1])
    meets = (low <= y) & (y <= high)
    rise, run = ends[:, 1] - corners[:, 1], ends[:, 0] - corners[:, 0]
    # The order of operations matters: in another one an edge through a pixel's border is rounded otherwise.
    part = np.divide(y - corners[:, 1], rise, out=np.zeros(meets.shape), where=rise != 0)
    return np.trunc(corners[:, 0] + part * run).astype(np.int64), meets
