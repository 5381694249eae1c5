"""VOT's regions: the toolkit's rules for overlap, on cases counted by hand and on figures it gave."""

import json

import numpy as np
import pytest

from rpn2t.boxes import iou
from rpn2t.sequences.vot_regions import as_region, is_state, overlap, upright_box
from support import DATA

SIZE = (100, 80)


def test_counts_pixels_of_rectangles() -> None:
    assert overlap((10, 10, 10, 10), (15, 10, 10, 10), SIZE) == 50 / 150
    assert overlap((10, 10, 10, 10), (10, 10, 10, 10), SIZE) == 1
    assert overlap((10, 10, 10, 10), (20, 10, 10, 10), SIZE) == 0  # they touch


def test_rounds_halves_to_even_before_counting() -> None:
    assert overlap((10.5, 10, 10, 10), (10, 10, 10, 10), SIZE) == 1
    assert overlap((11.5, 10, 10, 10), (10, 10, 10, 10), SIZE) == 80 / 120
    # 32-bit floats: 0.49999999 is a half there, and a half goes to 0
    assert overlap((12.499999999, 10, 10, 10), (12, 10, 10, 10), SIZE) == 1


def test_only_pixels_inside_the_image_count() -> None:
    inside = overlap((90, 10, 40, 10), (90, 10, 10, 10), SIZE)
    assert inside == 1
    assert overlap((90, 10, 40, 10), (90, 10, 10, 10)) == 0.25
    assert overlap((200, 10, 10, 10), (210, 10, 20, 10), SIZE) == 0


def test_a_polygons_outline_belongs_to_it() -> None:
    square = (10, 10, 19, 10, 19, 19, 10, 19)
    assert overlap(square, (10, 10, 10, 10), SIZE) == 1
    triangle = (10, 10, 14, 10, 10, 14)
    assert overlap(triangle, (10, 10, 5, 5), SIZE) == 15 / 25


def test_thin_things_are_the_toolkits() -> None:
    assert overlap((10, 10, 1, 5), (10, 10, 1, 5), SIZE) == 1
    assert overlap((10, 10, 1, 5), (10, 12, 1, 20), SIZE) == 1
    assert overlap((-10, 10, 11, 5), (-5, 10, 6, 5), SIZE) == 0


def test_a_state_and_an_empty_box_overlap_nothing() -> None:
    assert overlap((1.0,), (10, 10, 10, 10), SIZE) == 0
    assert overlap((10, 10, 0, 10), (10, 10, 10, 10), SIZE) == 0
    assert overlap((10, 10, -5, 10), (10, 10, 10, 10), SIZE) == 0


def test_numbers_that_no_image_has_overlap_as_large_ones() -> None:
    huge = 1e300
    assert overlap((0, 0, huge, huge), (0, 0, 100, 60), (100, 60)) == 1
    assert overlap((huge, 0, 10, 10), (0, 0, 100, 60), (100, 60)) == 0
    assert overlap((-huge, 0, 0, -huge, huge, 0, 0, huge), (0, 0, 100, 60), (100, 60)) == 1


def test_agrees_with_the_toolkit() -> None:
    """Overlaps that vot-toolkit 0.9.0 gave for random regions; tests/vot asks the toolkit itself."""
    cases = json.loads((DATA / "vot_overlaps.json").read_text())
    assert len(cases) == 300
    for first, second, size, wanted in cases:
        assert overlap(tuple(first), tuple(second), tuple(size)) == wanted, (first, second)


def test_is_near_the_overlap_of_areas() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        a, b = rng.uniform(20, 40, 4), rng.uniform(20, 40, 4)
        assert overlap(as_region(a), as_region(b), SIZE) == pytest.approx(iou(a, b)[0], abs=0.1)


def test_upright_box_is_min_and_max() -> None:
    assert upright_box((3, 1, 9, 4, 5, 8, 2, 6)) == (2, 1, 7, 7)
    assert upright_box((3, 1, 9, 4)) == (3, 1, 9, 4)
    with pytest.raises(ValueError, match="state"):
        upright_box((1.0,))


def test_as_region_refuses_what_is_none() -> None:
    assert is_state(as_region([float("nan")] * 8))
    for numbers in ([], [1, 2], [1, 2, 3, 4, 5], [1, 2, 3, float("inf")]):
        with pytest.raises(ValueError, match=r"number"):
            as_region(numbers)
