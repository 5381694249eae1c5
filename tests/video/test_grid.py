"""The grid over a frame and the rulers around it."""

import numpy as np
import pytest

from rpn2t.images import Image
from rpn2t.video.grid import with_grid


def grey(value: int, height: int, width: int) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def inside(picture: Image, height: int, width: int, enlarged: int) -> Image:
    """The part of a picture with rulers that is the frame."""
    top = (picture.shape[0] - height * enlarged) // 2
    left = (picture.shape[1] - width * enlarged) // 2
    return picture[top : top + height * enlarged, left : left + width * enlarged]


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize(
    ("height", "width", "enlarged", "step"),
    [(120, 160, 5, 10), (1080, 1920, 1, 100), (3, 7, 115, 1), (900, 60, 1, 50)],
)
def test_lines_stand_where_pixels_begin_and_show_on_any_frame(
    value: int, height: int, width: int, enlarged: int, step: int
) -> None:
    frame = grey(value, height, width)
    seen = inside(with_grid(frame), height, width, enlarged)[:, :, 0].astype(int)
    between = step * enlarged // 2  # a row and a column that no line crosses
    for row, side in ((seen[between], width), (seen[:, between], height)):
        lines = [place * enlarged for place in range(step, side, step)]
        contrast = np.abs(np.diff(row)) > 60
        assert [place + 1 for place in np.flatnonzero(contrast) if (place + 1) in lines] == lines
        assert np.ptp(row) >= 100
        assert row[0] == row[between] == value
    assert (frame == value).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (120, 160), (1080, 1920), (2160, 3840), (4000, 20)])
def test_every_line_has_a_number_that_lies_within_the_picture(height: int, width: int) -> None:
    picture = with_grid(grey(0, height, width))
    enlarged = -(-800 // max(height, width))
    top = (picture.shape[0] - height * enlarged) // 2
    left = (picture.shape[1] - width * enlarged) // 2
    ruler = picture[:, :, 0] > 60
    assert ruler[:top].any()
    assert ruler[-top:].any()
    assert ruler[:, :left].any()
    assert ruler[:, -left:].any()
    assert not ruler[[0, -1]].any(), "a number is cut off"
    assert not ruler[:, [0, -1]].any(), "a number is cut off"
