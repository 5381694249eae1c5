"""Views of the first frame: where boxes lie in them, and what is left to see."""

import numpy as np
import pytest

from rpn2t import Config
from rpn2t.errors import InputError
from rpn2t.images import mirrored
from rpn2t.nets.patch import from_further
from rpn2t.tracker.views import VIEWS, view_frame

TARGET = (20.0, 10.0, 30.0, 24.0)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 81, 3), np.uint8)


def test_the_first_view_is_the_frame(image) -> None:
    view = view_frame(image, TARGET, 0)
    assert view.image is image
    np.testing.assert_array_equal(view.boxes(TARGET), [TARGET])


def test_a_box_shows_the_same_in_the_mirror(image) -> None:
    view = view_frame(image, TARGET, 1)
    x, y, w, h = view.boxes(TARGET)[0].astype(int)
    np.testing.assert_array_equal(view.image[y : y + h, x : x + w], image[10:34, 20:50][:, ::-1])
    assert view.image.flags.c_contiguous
    np.testing.assert_array_equal(mirrored(view.image), image)


def test_every_view_is_as_large_as_the_frame_and_leaves_it_alone(image) -> None:
    before = image.copy()
    for number, (_, turned) in enumerate(VIEWS):
        view = view_frame(image, TARGET, number)
        assert view.image.shape == image.shape
        assert view.image.dtype == np.uint8
        assert view.mirrored == turned
    np.testing.assert_array_equal(image, before)


def test_the_configuration_knows_how_many_there_are() -> None:
    assert Config(regressor_views=len(VIEWS)).regressor_views == len(VIEWS)
    with pytest.raises(InputError, match=f"must be at most {len(VIEWS)}"):
        Config(regressor_views=len(VIEWS) + 1)


def test_from_further_detail_is_lost_and_brightness_is_not() -> None:
    board = np.zeros((64, 64, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 200
    assert from_further(board, 1.0) is board
    assert (from_further(board, 0.5) == 100).all()
    step = np.zeros((64, 64, 3), np.uint8)
    step[:, 32:] = 200
    np.testing.assert_array_equal(from_further(step, 0.25)[:, :24], 0)
    np.testing.assert_array_equal(from_further(step, 0.25)[:, 40:], 200)


def test_a_small_target_keeps_eight_pixels_of_detail(image) -> None:
    small = (20.0, 10.0, 12.0, 10.0)
    np.testing.assert_array_equal(view_frame(image, small, 2).image, from_further(image, 0.8))
    tiny = (20.0, 10.0, 12.0, 8.0)
    assert view_frame(image, tiny, 2).image is image
