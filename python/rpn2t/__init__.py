"""RPN2T: robust tracking using region proposal networks (arXiv 1705.10447), on Caffe.

    from rpn2t import Tracker, open_source, track_video

    with open_source("clip.mp4") as source:
        frames = source.frames()
        tracker = Tracker()
        tracker.init(next(frames).image, (x, y, w, h))
        for frame in frames:
            box, score = tracker.update(frame.image)
            tracker.found       # whether the score reached the threshold

    for row in track_video("clip.mp4", {"crane": (63, 37, 50, 64), "chick": (10, 10, 40, 40)}):
        print(row.object, row.frame, row.box, row.status)

Images are uint8 arrays of shape (height, width, 3) in BGR order; boxes are (x, y, w, h) in pixels,
0-based. What cannot be used raises InputError, a line that says what to do. Of a camera Realtime hands out
the newest frame.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rpn2t.config import Config
    from rpn2t.errors import InputError
    from rpn2t.run.rows import Row
    from rpn2t.run.track import track_video
    from rpn2t.tracker.loop import Tracker
    from rpn2t.video.live import Realtime
    from rpn2t.video.sources import open_source

__version__ = "0.1.0"
__all__ = [
    "Config", "InputError", "Realtime", "Row", "Tracker", "__version__", "open_source", "track_video",
]  # fmt: skip

_HOMES = {
    "Config": "rpn2t.config",
    "InputError": "rpn2t.errors",
    "Realtime": "rpn2t.video.live",
    "Row": "rpn2t.run.rows",
    "Tracker": "rpn2t.tracker.loop",
    "open_source": "rpn2t.video.sources",
    "track_video": "rpn2t.run.track",
}
"""The modules of the public names. They are imported when a name is asked for, so that `import
rpn2t.eval.otb.metrics` and `rpn2t --help` are fast and need no Caffe."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
