"""Anchors and matching, against method numbers and hand-computed values."""

import numpy as np
import pytest

from rpn2t.tracker.matching import BACKGROUND, IGNORED, OBJECT, anchor_iou_map, label_map, match_anchors


def paper_matching(threshold: float = 0.7):
    return match_anchors(14, 171, 16, threshold, 2)


@pytest.mark.parametrize(("threshold", "positions"), [(0.5, 40), (0.6, 24), (0.7, 12), (0.8, 12), (0.9, 4)])
def test_matched_positions_by_threshold(threshold: float, positions: int) -> None:
    assert paper_matching(threshold).anchor.sum() == positions


def test_iou_map_by_hand() -> None:
    iou = anchor_iou_map(14, 171, 16)
    assert (iou[6:8, 6:8] == 1).all()
    inter = (171 - 16) * (171 - 32)  # one row, two columns away
    assert iou[5, 4] == pytest.approx(inter / (2 * 171**2 - inter))
    np.testing.assert_array_equal(iou, iou.T)
    np.testing.assert_array_equal(iou, iou[::-1, ::-1])


def test_iou_map_against_boxes_of_the_plane() -> None:
    from rpn2t.boxes import iou as box_iou

    shift = [max(0, abs(i - 6.5) - 0.5) * 16 for i in range(14)]
    anchors = [(x, y, 171, 171) for y in shift for x in shift]
    np.testing.assert_allclose(anchor_iou_map(14, 171, 16).ravel(), box_iou((0, 0, 171, 171), anchors))


def test_an_odd_map_has_one_middle() -> None:
    iou = anchor_iou_map(7, 171, 16)
    assert (iou == 1).sum() == 1
    assert iou[3, 3] == 1


def test_the_papers_two_terms() -> None:
    matching = paper_matching()
    wide = np.zeros((14, 14), dtype=bool)
    wide[6:8, 5:9] = True
    wide[5:9, 6:8] = True
    np.testing.assert_array_equal(matching.anchor, wide)
    assert matching.quality.sum() == 100
    assert matching.quality[2:12, 2:12].all()
    assert matching.rim == 2


def test_crop_keeps_the_positions_or_refuses() -> None:
    matching = paper_matching()
    cropped = matching.crop(2)
    assert cropped.quality.shape == (10, 10)
    assert cropped.quality.all()
    np.testing.assert_array_equal(cropped.anchor, matching.anchor[2:12, 2:12])
    with pytest.raises(ValueError, match="cuts off"):
        matching.crop(3)


def test_score_weights_are_two_means() -> None:
    matching = paper_matching()
    first, second = matching.score_weights(0.45, 0.55)
    assert first.sum() == pytest.approx(0.45)
    assert second.sum() == pytest.approx(0.55)
    assert np.count_nonzero(first) == 12
    assert first[6, 6] / first[5, 6] == pytest.approx(matching.iou[6, 6] / matching.iou[5, 6])
    assert np.unique(second).tolist() == pytest.approx([0, 0.0055])


def test_label_map_of_an_object_and_of_background() -> None:
    positions = np.array([[True, False], [False, True]])
    labels = label_map(positions, np.array([True, False]))
    assert labels[0, 0].tolist() == [[OBJECT, IGNORED], [IGNORED, OBJECT]]
    assert labels[1, 0].tolist() == [[BACKGROUND, IGNORED], [IGNORED, BACKGROUND]]
    assert (OBJECT, BACKGROUND, IGNORED) == (0, 1, -1)


def test_no_position_left_is_refused() -> None:
    with pytest.raises(ValueError, match="no position left"):
        match_anchors(14, 171, 16, 0.7, 7)
