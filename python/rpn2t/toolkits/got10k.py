"""Our tracker behind the interface of the got10k toolkit."""

from typing import Any

import numpy as np

from rpn2t.boxes import FIRST_PIXEL, as_box
from rpn2t.run.session import FrameTracker


def got10k_tracker(tracker: FrameTracker, name: str = "RPN2T", *, one_based: bool = True) -> Any:
    """A tracker as the got10k toolkit runs them:

        from got10k.experiments import ExperimentOTB
        from rpn2t.toolkits.got10k import got10k_tracker
        ExperimentOTB(root).run(got10k_tracker(Tracker()))

    The adapter says that it is deterministic, as a tracker with a seed is. So the toolkit's GOT-10k
    experiment runs once, not three times with the same boxes.

    got10k gives RGB images of Pillow, and boxes as the data set's files have them. OTB's count pixels from 1.

    Args:
        tracker: the tracker.
        name: of its results.
        one_based: whether boxes of the data set and of the results count from 1, as OTB's do.

    Returns:
        A ``got10k.trackers.Tracker``.

    Raises:
        ImportError: the package got10k is not installed.
    """
    from got10k.trackers import Tracker as Got10kTracker

    origin = FIRST_PIXEL * one_based

    class Adapter(Got10kTracker):  # type: ignore[misc, unused-ignore]
        """Converts images and boxes."""

        def init(self, image: Any, box: Any) -> None:
            """Learn the object in the box."""
            tracker.init(_bgr(image), as_box(np.asarray(box, dtype=np.float64) - origin))

        def update(self, image: Any) -> Any:
            """Its box in the next frame."""
            return np.asarray(tracker.update(_bgr(image))[0]) + origin

    return Adapter(name, is_deterministic=True)


def _bgr(image: Any) -> Any:
    return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8)[:, :, ::-1])
