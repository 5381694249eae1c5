"""The strips of an OTB evaluation: which boxes are drawn on which frames."""

from collections.abc import Callable

from rpn2t.boxes import Floats
from rpn2t.eval.otb.scores import OtbEvaluation
from rpn2t.eval.report.strips import Corners, Strip, box_corners, strip
from rpn2t.sequences.target import Target


def can_draw(evaluation: OtbEvaluation) -> bool:
    """Whether there are single passes with images to draw them on."""
    return evaluation.experiment == "ope" and any(sequence.images for sequence in evaluation.sequences)


def strip_of(evaluation: OtbEvaluation, target: Target) -> Strip:
    """Frames of a sequence that has images, with the truth and the boxes of every tracker's first seed."""
    boxes = [tracker.boxes[target.name] for tracker in evaluation.trackers]
    images = target.images[: len(target.truth)]
    return strip(target.name, images, _rows(target.truth), [_rows(each) for each in boxes])


def _rows(boxes: Floats) -> Callable[[int], Corners]:
    return lambda row: box_corners(boxes[row].tolist())
