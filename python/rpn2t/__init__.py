"""RPN2T: robust tracking using region proposal networks (arXiv 1705.10447), on Caffe.

    from rpn2t import Tracker, track_video

    tracker = Tracker()
    tracker.init(image, (x, y, w, h))
    box, score = tracker.update(next_image)
    tracker.found       # whether the score reached the threshold

    for row in track_video("clip.mp4", {"crane": (63, 37, 50, 64), "chick": (10, 10, 40, 40)}):
        print(row.object, row.frame, row.box, row.status)

Images are uint8 arrays of shape (height, width, 3) in BGR order; boxes are (x, y, w, h) in pixels,
0-based.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpn2t.config import Config
    from rpn2t.run.rows import Row
    from rpn2t.run.track import track_video
    from rpn2t.tracker.loop import Tracker

__version__ = "0.1.0"
__all__ = ["Config", "Row", "Tracker", "__version__", "track_video"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `import rpn2t.eval.otb.metrics` and `rpn2t --help` need no Caffe.
    if name == "Tracker":
        from rpn2t.tracker.loop import Tracker

        return Tracker
    if name == "Config":
        from rpn2t.config import Config

        return Config
    if name == "Row":
        from rpn2t.run.rows import Row

        return Row
    if name == "track_video":
        from rpn2t.run.track import track_video

        return track_video
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
