"""The scripts' folder is on the path; photographs that all tests share."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 70 small pictures: smooth noise, each of its own."""
    folder = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(0)
    (folder / "more").mkdir()
    for index in range(70):
        coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), np.uint8))
        name = f"{'more/' if index % 2 else ''}{index:02d}.png"
        coarse.resize((80 + index % 3, 60), Image.Resampling.BICUBIC).save(folder / name)
    return folder
