"""RPN2T: robust tracking using region proposal networks (arXiv 1705.10447), on Caffe.

    from rpn2t import Tracker

    tracker = Tracker()
    tracker.init(image, (x, y, w, h))
    box, score = tracker.update(next_image)

Images are uint8 arrays of shape (height, width, 3) in BGR order; boxes are (x, y, w, h) in pixels,
0-based.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpn2t.config import Config
    from rpn2t.tracker.loop import Tracker

__version__ = "0.1.0"
__all__ = ["Config", "Tracker", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `import rpn2t.eval.otb.metrics` and `rpn2t --help` need no Caffe.
    if name == "Tracker":
        from rpn2t.tracker.loop import Tracker

        return Tracker
    if name == "Config":
        from rpn2t.config import Config

        return Config
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
