"""Views of the first frame, in which the regressor learns the target's box (ours; the paper has one).

In one frame the target has one size and one background. A regressor that saw nothing else takes what lies
beside the target for its rim, and the blur of a target that is far away for size: its box is too large.
A mirror image exchanges the sides, and an image that was made smaller and large again shows the blur.
"""

from dataclasses import dataclass

from numpy.typing import ArrayLike

from rpn2t.boxes import Box, Floats, as_boxes, mirrored_boxes
from rpn2t.images import Image, mirrored
from rpn2t.nets.patch import from_further

VIEWS = ((1.0, False), (1.0, True), (0.6, False), (0.35, True))
"""Of each view: the detail that is left of the frame's, as a share of its px; and whether it is mirrored."""

_LEAST = 8
"""px of detail that a view leaves of the target's shorter side."""


@dataclass(frozen=True)
class View:
    """An image as large as the frame.

    Attributes:
        image: what is seen.
        mirrored: whether left and right are exchanged.
    """

    image: Image
    mirrored: bool

    def boxes(self, boxes: ArrayLike) -> Floats:
        """Where boxes of the frame lie in the view, (n, 4)."""
        return mirrored_boxes(boxes, self.image.shape[1]) if self.mirrored else as_boxes(boxes)


def view_frame(image: Image, target: Box, number: int) -> View:
    """A view of the first frame.

    Args:
        image: the frame.
        target: in it.
        number: of the view in :data:`VIEWS`.
    """
    detail, turned = VIEWS[number]
    seen = from_further(image, max(detail, _LEAST / min(target[2:])))
    return View(mirrored(seen) if turned else seen, turned)
