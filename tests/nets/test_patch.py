"""Input patches against a slow reference, in the frame and at its borders."""

import math

import cv2
import numpy as np
import pytest

from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.patch import cut_patches, widened_corners

caffe = load_caffe()


def slow_patch(image: np.ndarray, box: tuple[float, ...], side: int, context: int) -> np.ndarray:
    """One pixel at a time, after the description of the method."""

    def rounded(value: float) -> int:
        return math.floor(value + 0.5)

    x, y, w, h = box
    widen = side / (side - 2 * context)
    x1, x2 = (rounded(x + w / 2 + sign * w * widen / 2) for sign in (-1, 1))
    y1, y2 = (rounded(y + h / 2 + sign * h * widen / 2) for sign in (-1, 1))
    rows, columns = image.shape[:2]
    ix1, ix2, iy1, iy2 = max(x1, 0), min(x2, columns - 1), max(y1, 0), min(y2, rows - 1)
    patch = np.zeros((3, side, side))
    sx, sy = side / (x2 - x1 + 1), side / (y2 - y1 + 1)
    px, py = rounded((ix1 - x1) * sx), rounded((iy1 - y1) * sy)
    pw = min(rounded((ix2 - ix1 + 1) * sx), side - px)
    ph = min(rounded((iy2 - iy1 + 1) * sy), side - py)
    for v in range(ph):
        for u in range(pw):
            # bilinear between pixel centres of the part inside the frame, its edge repeated
            sx_, sy_ = (u + 0.5) * (ix2 - ix1 + 1) / pw - 0.5, (v + 0.5) * (iy2 - iy1 + 1) / ph - 0.5
            u0, v0 = math.floor(sx_), math.floor(sy_)
            fu, fv = sx_ - u0, sy_ - v0
            value = np.zeros(3)
            for du, dv, weight in (
                (0, 0, (1 - fu) * (1 - fv)), (1, 0, fu * (1 - fv)), (0, 1, (1 - fu) * fv), (1, 1, fu * fv)
            ):  # fmt: skip
                column = ix1 + min(max(u0 + du, 0), ix2 - ix1)
                row = iy1 + min(max(v0 + dv, 0), iy2 - iy1)
                value += weight * image[row, column]
            patch[:, py + v, px + u] = value - 128
    return patch


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "box",
    [
        (30, 20, 20, 25),  # inside
        (0, 0, 15, 15),  # the widened box leaves the frame at the top left
        (70, 50, 12, 14),  # ... at the bottom right, the box with it
        (-5, 10, 14, 90),  # larger than the frame in one direction
        (30.4, 20.6, 7.5, 9.25),  # magnified, between pixels
        (-200, -200, 500, 500),  # the frame is a small part of it
    ],
)
def test_patch_equals_the_slow_reference(image: np.ndarray, box: tuple[float, ...]) -> None:
    fast = cut_patches(image, box, 107, 16)[0]
    slow = slow_patch(image, box, 107, 16)
    assert fast.shape == (3, 107, 107)
    # OpenCV resizes 8-bit images in fixed point, to whole numbers.
    assert np.abs(fast - slow).max() <= 1.5
    np.testing.assert_array_equal(fast == 0, (fast == 0) & (np.abs(slow) <= 1.5))


def test_teacher_patch(image: np.ndarray) -> None:
    fast = cut_patches(image, (5, 5, 40, 30), 203, 16)[0]
    assert np.abs(fast - slow_patch(image, (5, 5, 40, 30), 203, 16)).max() <= 1.5


def test_outside_the_frame_is_zero_after_the_subtraction() -> None:
    white = np.full((40, 40, 3), 255, dtype=np.uint8)
    patch = cut_patches(white, (-20, 0, 40, 40), 107, 16)[0]
    assert set(np.unique(patch)) == {0, 127}
    far = cut_patches(white, (500, 500, 10, 10), 107, 16)
    assert not far.any()


def test_bilinear_as_opencvs_to_the_bit() -> None:
    """Enlarged and reduced, the exact half among them, into a part of the patch."""
    rng = np.random.default_rng(3)
    for number in range(200):
        target = rng.integers(1, 60, 2)
        source = 2 * target if number % 10 == 0 else rng.integers(1, 150, 2)
        image = rng.integers(0, 256, (160, 170, 3), dtype=np.uint8)
        x, y = rng.integers(0, 10, 2)
        u, v = rng.integers(0, 5, 2)
        blob = caffe.Blob((2, 3, 64, 66))
        blob.data[...] = 7
        caffe.resize_crops(image, [(x, y, *source)], [(u, v, *target)], 100, blob)
        found = blob.data[0, :, v : v + target[1], u : u + target[0]]
        cut = image[y : y + source[1], x : x + source[0]]
        wanted = cv2.resize(cut, target.tolist(), interpolation=cv2.INTER_LINEAR).reshape(*target[::-1], 3)
        np.testing.assert_array_equal(found, wanted.transpose(2, 0, 1).astype(np.float32) - 100)
        assert np.count_nonzero(blob.data[0]) == np.count_nonzero(found)
        assert (blob.data[1] == 7).all()


def test_a_crop_that_cannot_be_cut_is_an_error_and_no_abort() -> None:
    image, blob = np.zeros((20, 30, 3), np.uint8), caffe.Blob((1, 3, 8, 9))
    good, odd = [(0, 0, 5, 5)], [(0, 0, 5)]
    for source, target in (
        ([(0, 0, 31, 5)], good), ([(-1, 0, 5, 5)], good), ([(0, 0, 0, 5)], good), (odd, good), (good, odd),
        (good, [(0, 0, 9, 9)]), (good, [(5, 0, 5, 5)]), (good, []), (good * 2, good * 2),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="resize_crops"):
            caffe.resize_crops(image, source, target, 0, blob)
    with pytest.raises(RuntimeError, match="resize_crops"):
        caffe.resize_crops(image[:, :, :2], good, good, 0, blob)


def test_widened_corners_by_hand() -> None:
    # 75 px wide -> 107 px wide about the same centre; both ends inclusive
    assert widened_corners((100, 200, 75, 75), 107, 16).tolist() == [[84, 184, 191, 291]]
