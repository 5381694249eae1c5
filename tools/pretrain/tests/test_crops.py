from pathlib import Path

import crops
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

RGB = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)


def fixed(**changed: float) -> torch.Tensor:
    """Draws of one crop of the whole of a 3:2 photograph, neither mirrored nor mixed nor recoloured."""
    draws = torch.full((1, crops.DRAWS), 0.5)
    draws[0, 0] = 1
    for place, value in changed.items():
        draws[0, int(place[1:])] = value
    return draws


@pytest.fixture
def picture(tmp_path: Path) -> crops.Photographs:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    return crops.decode([tmp_path / "a.png"], 100)


def cut(
    photographs: crops.Photographs, draws: torch.Tensor, *, plain: bool = False, mixed: float = 0.5
) -> NDArray[np.float32]:
    which = torch.zeros(len(draws), dtype=torch.long)
    found = crops.cut(photographs, which, draws, 40, plain=plain, mixed=mixed)
    assert found.is_contiguous(memory_format=torch.channels_last)
    array: NDArray[np.float32] = found.permute(0, 2, 3, 1).numpy() + 128
    return array


def test_held_out_by_name_alone(photographs: Path) -> None:
    training, held_out = crops.find(photographs)
    assert len(training) + len(held_out) == 70
    assert held_out
    names = [path.relative_to(photographs).as_posix() for path in (*training, *held_out)]
    assert [crops.is_held_out(name) for name in names] == [False] * len(training) + [True] * len(held_out)
    assert sum(crops.is_held_out(f"{number}.jpg") for number in range(3200)) == pytest.approx(100, rel=0.3)


def test_skipped_photographs_are_in_neither(photographs: Path) -> None:
    everything = crops.find(photographs)
    skip = {paths[0].relative_to(photographs).as_posix() for paths in everything}
    assert crops.find(photographs, skip) == tuple(paths[1:] for paths in everything)


def test_decode_keeps_bgr_and_bounds_the_shorter_side(picture: crops.Photographs, tmp_path: Path) -> None:
    stored = picture.pixels.view(torch.uint8).view(40, 60, 4).numpy()
    assert np.array_equal(stored[..., :3], RGB[..., ::-1])
    small = crops.decode([tmp_path / "a.png"] * 3, 20)
    assert small.widths.tolist() == [30] * 3
    assert small.heights.tolist() == [20] * 3
    assert small.starts.tolist() == [0, 600, 1200]
    assert torch.equal(small.pixels[:600], small.pixels[1200:])


def test_a_crop_of_the_whole_height_is_the_photograph_itself(picture: crops.Photographs) -> None:
    middle = cut(picture, fixed(), plain=True)  # 49 px wide at an aspect of 1, and 40 high
    wide = np.sqrt(2400)
    at = (60 - wide) / 2 + (np.arange(40) + 0.5) / 40 * wide - 0.5
    left = np.floor(at).astype(int)
    share = (at - left)[:, None]
    expected = RGB[:, left, ::-1] * (1 - share) + RGB[:, left + 1, ::-1] * share
    assert middle[0] == pytest.approx(expected, abs=1e-2)
    assert cut(picture, fixed(_4=0.4), plain=True)[0] == pytest.approx(middle[0][:, ::-1], abs=1e-2)


def test_neutral_colours_change_nothing(picture: crops.Photographs) -> None:
    assert cut(picture, fixed()) == pytest.approx(cut(picture, fixed(), plain=True), abs=1e-2)


def test_grey_contrast_and_brightness(picture: crops.Photographs) -> None:
    plain = cut(picture, fixed(), plain=True)
    grey = cut(picture, fixed(_5=0))
    assert grey == pytest.approx((plain @ [0.114, 0.587, 0.299])[..., None].repeat(3, -1), abs=1e-2)
    flat = cut(picture, fixed(_7=0))
    assert flat == pytest.approx((plain - 128) * np.exp(-0.4) + 128, abs=1e-2)
    assert cut(picture, fixed(_11=1)) == pytest.approx(np.clip(plain + 24, 0, 255), abs=1e-2)


def test_mixup_blends_with_the_neighbour(picture: crops.Photographs) -> None:
    draws = torch.cat([fixed(_12=0.75), fixed(_4=0)])
    alone = cut(picture, torch.cat([fixed(), fixed(_4=0)]))
    mixed = cut(picture, draws)
    assert mixed[0] == pytest.approx(0.75 * alone[0] + 0.25 * alone[1], abs=1e-2)
    assert mixed[1] == pytest.approx(alone[1], abs=1e-2)


def test_fewer_crops_or_none_are_blended(picture: crops.Photographs) -> None:
    draws = torch.cat([fixed(_12=0.75), fixed(_4=0)])
    alone = cut(picture, torch.cat([fixed(), fixed(_4=0)]))
    assert cut(picture, draws, mixed=0.25) == pytest.approx(alone, abs=1e-2)
    assert cut(picture, draws, mixed=0) == pytest.approx(alone, abs=1e-2)
    assert cut(picture, draws, mixed=1)[0] == pytest.approx(0.625 * alone[0] + 0.375 * alone[1], abs=1e-2)


def test_any_draws_stay_within_the_photograph(photographs: Path) -> None:
    pictures = crops.decode(crops.find(photographs)[0], 50)
    found = crops.cut(pictures, torch.arange(500) % len(pictures), crops.draw(3, 0, 500), 32)
    assert found.shape == (500, 3, 32, 32)
    assert found.min() >= -128
    assert found.max() <= 127


def test_order_visits_every_photograph_before_the_next_round() -> None:
    row = crops.order(5, 0, 30, 10)
    assert [sorted(part.tolist()) for part in row.split(10)] == [list(range(10))] * 3
    assert not torch.equal(row[:10], row[10:20])
    assert torch.equal(crops.order(5, 7, 16, 10), row[7:23])
    assert not torch.equal(crops.order(6, 0, 30, 10), row)


def test_draws_depend_on_seed_and_number() -> None:
    assert torch.equal(crops.draw(1, 64, 8), crops.draw(1, 64, 8))
    assert not torch.equal(crops.draw(1, 64, 8), crops.draw(1, 72, 8))
    assert not torch.equal(crops.draw(1, 64, 8), crops.draw(2, 64, 8))
