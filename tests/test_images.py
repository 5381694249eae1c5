"""Images as the tracker takes them."""

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.images import as_bgr


def test_grey_becomes_three_channels_and_other_types_are_refused() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (as_bgr(grey) == grey[:, :, None]).all()
    for bad in (np.zeros((3, 4, 3)), np.zeros((3, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(InputError, match="image: expected"):
            as_bgr(bad)
