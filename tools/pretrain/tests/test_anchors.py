import anchors
import pytest
import torch
from torch import Tensor

GRID = anchors.grid(4, 5, (40.0, 113.0, 320.0))


def teach(boxes: list[list[float]], **changed: object) -> anchors.Targets:
    options = {"complete": True, "positive_iou": 0.7, **changed}
    taught = torch.ones(len(boxes), dtype=torch.bool)
    return anchors.targets(GRID, torch.tensor(boxes).view(-1, 4), taught, **options)  # type: ignore[arg-type]


def test_anchors_are_numbered_and_centred_as_caffe_s() -> None:
    assert GRID.shape == (4 * 5 * 9, 4)
    # Row 1, column 2, ratio 1 (the second), scale 113 (the second): middle of pixel (32, 16).
    number = ((1 * 5 + 2) * 3 + 1) * 3 + 1
    assert GRID[number].tolist() == pytest.approx([32.5 - 56.5, 16.5 - 56.5, 113, 113])
    # Ratio 2 is height over width.
    tall = GRID[((1 * 5 + 2) * 3 + 2) * 3]
    assert (tall[3] / tall[2]).item() == pytest.approx(2)
    assert tall[2:].prod().item() == pytest.approx(1600)


def test_iou_by_hand() -> None:
    first = torch.tensor([[0.0, 0, 10, 10]])
    second = torch.tensor([[0.0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 5, 5]])
    assert anchors.iou(first, second)[0].tolist() == pytest.approx([1, 50 / 150, 0])


def test_steps_lead_to_the_box_and_back() -> None:
    boxes = torch.tensor([[3.0, 4, 30, 70]]).expand(len(GRID), 4)
    assert anchors.decode(GRID, anchors.encode(GRID, boxes)).numpy() == pytest.approx(boxes.numpy(), abs=1e-3)
    steps = anchors.encode(torch.tensor([[10.0, 10, 20, 40]]), torch.tensor([[20.0, 10, 40, 40]]))
    assert steps[0].tolist() == pytest.approx([1, 0, torch.tensor(2.0).log().item(), 0])


def test_a_box_like_an_anchor_is_that_anchor_s() -> None:
    number = ((1 * 5 + 2) * 3 + 1) * 3
    found = teach([GRID[number].tolist()])
    assert found.positive.tolist() == [number]
    assert found.share.tolist() == [1]
    assert found.boxes[0].tolist() == pytest.approx(GRID[number].tolist())
    assert found.objects == 1
    best = anchors.iou(GRID, GRID[number][None])[:, 0]
    assert found.negative.tolist() == (best < 0.3).nonzero()[:, 0].tolist()


def test_every_object_has_its_best_anchor_and_the_same_weight() -> None:
    odd = [20.0, 20, 60, 60]  # between two scales: no anchor reaches 0.7
    found = teach([odd, GRID[100].tolist()], positive_iou=0.5)
    assert found.objects == 2
    assert found.share.sum().item() == pytest.approx(2)
    assert odd in found.boxes.tolist()


def test_an_object_that_is_not_taught_is_neither() -> None:
    box = GRID[100][None]
    nothing = torch.zeros(1, dtype=torch.bool)
    found = anchors.targets(GRID, box, nothing, complete=True, positive_iou=0.7)
    assert found.objects == len(found.positive) == 0
    assert 100 not in found.negative.tolist()


def test_where_boxes_are_missing_background_is_within_labelled_ones_only() -> None:
    box = [0.0, 0, 80, 64]
    complete, incomplete = teach([box]), teach([box], complete=False)
    assert torch.equal(complete.positive, incomplete.positive)
    inside = anchors.shared(GRID, torch.tensor([box]))[:, 0] / GRID[:, 2:].prod(1)
    assert 0 < len(incomplete.negative) < len(complete.negative)
    assert (inside[incomplete.negative] >= 0.5).all()
    assert set(incomplete.negative.tolist()) <= set(complete.negative.tolist())
    assert len(teach([], complete=False).negative) == 0
    assert len(teach([]).negative) == len(GRID)


def scored(number: int) -> tuple[Tensor, Tensor]:
    scores = torch.linspace(-1, -2, len(GRID))
    scores[number] = 5
    return scores, torch.zeros(len(GRID), 4)


def test_proposals_are_clipped_suppressed_and_in_order() -> None:
    number = ((1 * 5 + 2) * 3 + 1) * 3
    scores, steps = scored(number)
    boxes, kept = anchors.propose(GRID, scores, steps, (80, 64))
    assert boxes[0].tolist() == pytest.approx([12.5, 0, 40, 36.5])
    assert kept.tolist() == sorted(kept.tolist(), reverse=True)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 0] + boxes[:, 2] <= 80 + 1e-4).all()
    overlap = anchors.iou(boxes, boxes) - torch.eye(len(boxes))
    assert overlap.max() <= anchors.NMS_IOU + 1e-6
