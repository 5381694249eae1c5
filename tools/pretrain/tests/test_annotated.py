import json
from pathlib import Path

import annotated
import numpy as np
import pytest
import torch
from PIL import Image

RGB = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> annotated.Annotated:
    """A photograph of 80 x 60 px whose object is red, and one without a complete list."""
    picture = RGB // 2
    picture[20:40, 30:60] = (255, 0, 0)
    for name in ("a.png", "b.png"):
        Image.fromarray(picture).save(tmp_path / name)
    lines = [
        {"file": "a.png", "source": "voc2007_test", "boxes": [[30, 20, 30, 20]]},
        {"file": "b.png", "source": "raccoon", "boxes": [[30, 20, 30, 20], [0, 0, 9, 9]]},
    ]
    return annotated.decode(tmp_path, lines, 2)


def red(image: torch.Tensor) -> torch.Tensor:
    """Where an image, BGR minus 128, is pure red."""
    return (image[2] > 126.9) & (image[0] < -127.9) & (image[1] < -127.9)


def draws(**changed: float) -> torch.Tensor:
    found = torch.full((1, annotated.DRAWS), 0.5)
    for place, value in changed.items():
        found[0, int(place[1:])] = value
    return found


@pytest.mark.parametrize("mirror", [0.2, 0.8])
@pytest.mark.parametrize("kind", ["scenes", "closeups"])
def test_boxes_go_where_the_pixels_go(data: annotated.Annotated, kind: str, mirror: float) -> None:
    for seed in range(5):
        some = annotated.draw(seed, 0, 0, 1)
        some[0, 12] = mirror
        if kind == "scenes":
            found = annotated.scenes(data, torch.tensor([0]), some, plain=True)[0]
        else:
            found = annotated.closeups(data, torch.tensor([0]), some, 203, plain=True)
        assert found.complete == [True]
        rows, columns = found.images.shape[2:]
        x, y, width, height = found.boxes[0][0].tolist()
        inner = torch.zeros(rows, columns, dtype=torch.bool)
        left, top = (max(0, int(each) + 6) for each in (x, y))
        inner[top : max(int(y + height) - 6, 0), left : max(int(x + width) - 6, 0)] = True
        assert red(found.images[0])[inner].all()
        outer = torch.ones(rows, columns, dtype=torch.bool)
        left, top = (max(0, int(each) - 6) for each in (x, y))
        outer[top : int(y + height) + 7, left : int(x + width) + 7] = False
        assert not red(found.images[0])[outer].any()


def test_without_jitter_the_target_lies_in_the_middle(data: annotated.Annotated) -> None:
    same = np.log(1 / annotated.SCALE[0]) / np.log(annotated.SCALE[1] / annotated.SCALE[0])
    found = annotated.closeups(data, torch.tensor([0]), draws(_4=float(same)), 203, plain=True)
    assert found.boxes[0][0].tolist() == pytest.approx([16, 16, 171, 171], abs=0.1)


def test_beyond_the_edge_all_is_grey(data: annotated.Annotated) -> None:
    one = annotated.Annotated(data.photographs, [torch.tensor([[0.0, 0, 80, 60]])] * 2, [True] * 2)
    same = np.log(1 / annotated.SCALE[0]) / np.log(annotated.SCALE[1] / annotated.SCALE[0])
    found = annotated.closeups(one, torch.tensor([0]), draws(_4=float(same), _3=1.0), 203)
    edge = torch.ones(203, 203, dtype=torch.bool)
    edge[16:-16, 16:-16] = False
    assert (found.images[0][:, edge] == 0).all()
    assert (found.images[0][:, ~edge] != 0).float().mean() > 0.9


def test_scenes_are_whole_photographs_at_the_network_s_size(data: annotated.Annotated) -> None:
    small, large = (annotated.scenes(data, torch.tensor([0]), draws(_0=place))[0] for place in (0.0, 1.0))
    assert small.images.shape == (1, 3, 384, 512)
    assert large.images.shape == (1, 3, 480, 640)
    assert small.boxes[0][0].tolist() == pytest.approx([30 * 6.4, 20 * 6.4, 30 * 6.4, 20 * 6.4])
    assert small.taught[0].tolist() == [True]


def test_targets_are_the_objects_that_are_large_enough(data: annotated.Annotated) -> None:
    assert data.objects.tolist() == [[0, 0], [1, 0]]
    assert data.complete == [True, False]


def test_what_is_cut_off_by_more_than_allowed_is_not_taught(data: annotated.Annotated) -> None:
    windows = annotated.Windows(
        torch.zeros(1, 3, 100, 100),
        [torch.tensor([[-50.0, 0, 100, 50], [-70, 0, 100, 50], [-100, 0, 50, 50]])],
        [],
        [True],
    )
    annotated._teach(windows, 100)
    assert windows.taught[0].tolist() == [True, False]
    assert len(windows.boxes[0]) == 2


def test_every_tenth_of_voc_2007_never_trains(tmp_path: Path) -> None:
    lines = []
    for number in range(40):
        source = "voc2007_subset" if number % 2 else "coco256"
        name = f"{number:02d}.png"
        (tmp_path / name).touch()
        lines.append({"file": name, "source": source, "boxes": [[0, 0, 9, 9]] if number != 19 else []})
    (tmp_path / "boxes.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    training, held_out = annotated.find(tmp_path, tmp_path / "boxes.jsonl")
    assert [line["file"] for line in held_out] == [
        "39.png"
    ]  # of 20: the 10th, which has no box, and the 20th
    assert len(training) == 38
    assert not {line["file"] for line in held_out} & {line["file"] for line in training}
