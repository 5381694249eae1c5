from collections.abc import Callable
from pathlib import Path

import anchors
import annotated
import numpy as np
import pairs
import pytest
import torch
from PIL import Image
from torch import Tensor

BOX = [60.0, 40.0, 60.0, 45.0]


def scene(folder: Path, boxes: list[list[float]]) -> annotated.Annotated:
    """A grey photograph of 200 x 150 px in which BOX is red."""
    picture = np.full((150, 200, 3), 90, np.uint8)
    picture[40:85, 60:120] = (255, 0, 0)
    Image.fromarray(picture).save(folder / "a.png")
    return annotated.decode(folder, [{"file": "a.png", "source": "raccoon", "boxes": boxes}], 1)


@pytest.fixture
def data(tmp_path: Path) -> annotated.Annotated:
    return scene(tmp_path, [BOX])


def as_seen(patch: pairs.Patch, *_: object) -> pairs.Patch:
    return patch


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    """No change of colours and detail, and nothing hidden; more can be set."""
    for name in ("NO_FIRST", "COVERED"):
        monkeypatch.setattr(pairs, name, 0.0)
    for name in ("_colour", "_detail"):
        monkeypatch.setattr(pairs, name, as_seen)
    return lambda name, value: monkeypatch.setattr(pairs, name, value)


def draw(
    data: annotated.Annotated, targets: int = 8, windows: int = 4, step: int = 0, seed: int = 0
) -> pairs.Pairs:
    chosen = pairs.targets(data)
    return pairs.draw(data, chosen[torch.arange(targets) % len(chosen)], windows, seed, 1, step)


def red_box(patch: Tensor) -> Tensor:
    """Where a patch is more red than grey, (x, y, width, height)."""
    rows, columns = (patch[2] - patch[0] > 127).nonzero().T
    low = torch.stack([columns.min(), rows.min()])
    return torch.cat([low, torch.stack([columns.max(), rows.max()]) + 1 - low]).float()


def test_pairs_come_from_seed_and_step(data: annotated.Annotated) -> None:
    one, same = draw(data, step=3), draw(data, step=3)
    for part in ("first", "now", "steps"):
        assert torch.equal(getattr(one, part), getattr(same, part))
    for other in (draw(data, step=4), draw(data, step=3, seed=1)):
        assert not torch.equal(one.now, other.now)
        assert not torch.equal(one.steps, other.steps)


def test_shapes_and_range(data: annotated.Annotated) -> None:
    found = draw(data, targets=3, windows=2)
    assert found.first.shape == (3, 3, 107, 107)
    assert found.now.shape == (6, 3, 107, 107)
    assert found.steps.shape == (6, 4)
    assert found.now.dtype == found.steps.dtype == torch.float32
    for patches in (found.first, found.now):
        assert patches.min() >= -128
        assert patches.max() <= 127


def test_the_first_patch_is_the_target_on_grey(
    data: annotated.Annotated, plain: Callable[[str, object], None]
) -> None:
    for patch in draw(data).first:
        red = patch[2, 16:91, 16:91]
        assert red.mean() > 115  # but for the margin of a box that is too large
        around = patch.clone()
        around[:, 16:91, 16:91] = 0
        assert not around.any()


def test_of_some_targets_no_first_patch_is_shown(data: annotated.Annotated) -> None:
    kept = (draw(data, targets=100, windows=1).first == 0).flatten(1).all(1).float().mean()
    assert 0.1 < kept < 0.3


def test_steps_lead_from_the_box_to_the_target(
    data: annotated.Annotated, plain: Callable[[str, object], None]
) -> None:
    """Not turned but, perhaps, mirrored: the red is where the steps say, seen in the patch."""
    plain("_turn", lambda random: np.diag([random.choice([-1.0, 1.0]), 1.0]))
    found = draw(data)
    said = anchors.decode(torch.tensor([[16.0, 16.0, 75.0, 75.0]]), found.steps)
    assert (found.steps.abs() > 0.1).any(0).all()
    for patch, wanted in zip(found.now, said, strict=True):
        bounds = torch.cat([wanted[:2], wanted[:2] + wanted[2:]]).clamp(0, 107)
        seen = red_box(patch)
        assert torch.cat([seen[:2], seen[:2] + seen[2:]]) == pytest.approx(bounds, abs=1.01)


def test_a_turned_target_s_box_is_about_its_centre(
    data: annotated.Annotated, plain: Callable[[str, object], None]
) -> None:
    found = draw(data, targets=16)
    said = anchors.decode(torch.tensor([[16.0, 16.0, 75.0, 75.0]]), found.steps)
    inside = (said[:, :2] > 0).all(1) & (said[:, :2] + said[:, 2:] < 107).all(1)
    assert inside.sum() > 5
    for patch, wanted in zip(found.now[inside], said[inside], strict=True):
        seen = red_box(patch)
        assert seen[:2] + seen[2:] / 2 == pytest.approx(wanted[:2] + wanted[2:] / 2, abs=1.5)
        # The red rectangle turned is larger than the box, which takes half of it for round.
        assert (seen[2:] > 0.97 * wanted[2:]).all()
        assert (seen[2:] < 1.45 * wanted[2:]).all()


def test_a_covered_target_is_hidden_on_one_side(
    data: annotated.Annotated, plain: Callable[[str, object], None]
) -> None:
    plain("_turn", lambda random: np.eye(2))
    whole = draw(data).now
    plain("COVERED", 1.0)
    assert not torch.equal(draw(data).now, whole)


def test_targets_are_large_enough_and_no_line_and_not_the_whole(tmp_path: Path) -> None:
    boxes: list[list[float]] = [
        [0.0, 0, 19, 40],
        [0, 0, 20, 119],
        [0, 0, 20, 121],
        [2, 2, 190, 140],
        [5, 5, 150, 140],
    ]
    assert pairs.targets(scene(tmp_path, boxes)).tolist() == [[0, 1], [0, 4]]
