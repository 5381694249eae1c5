"""A video tracked from Python as ``rpn2t track`` does it, without files."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

from numpy.typing import ArrayLike

from rpn2t.boxes import as_box
from rpn2t.errors import InputError
from rpn2t.run.given import ONLY, End, Given, check_name
from rpn2t.run.plan import Direction, Plan, make_plan
from rpn2t.run.rows import Row
from rpn2t.run.session import Finder, follow
from rpn2t.tracker.loop import Tracker
from rpn2t.video.frames import Source
from rpn2t.video.sources import open_source


def track_video(
    source: str | os.PathLike[str] | Source,
    boxes: ArrayLike | Mapping[str, ArrayLike],
    *,
    fixes: Iterable[tuple[int, str, ArrayLike]] = (),
    begins: Mapping[str, int] | None = None,
    ends: Mapping[str, int] | None = None,
    direction: Direction = "forward",
    start: int = 0,
    stop: int | None = None,
    **settings: Any,
) -> Iterator[Row]:
    """Track objects through a video: one row for each object in each frame, as soon as it is known.

        for row in track_video("clip.mp4", {"crane": (63, 37, 50, 64), "chick": (10, 10, 40, 40)}):
            print(row.object, row.frame, row.box, row.status)

    Args:
        source: whatever ``rpn2t track`` takes, or a source that is open already; that one stays open.
        boxes: each object's first box by its name, or the only object's, which is then called "object";
            (x, y, w, h) in pixels, 0-based.
        fixes: corrections (frame, name, box). The object is learned anew there.
        begins: the frame of an object's first box. Otherwise it is the first frame of the range, or backward
            the last one.
        ends: the last frame in which an object is tracked; backward the first one.
        direction: ``forward``, ``backward`` or ``both``: from each given box in both directions. Between two
            of them each frame's box comes from the nearer one.
        start, stop: the range of frames, half-open; None: to the end.
        settings: as :class:`rpn2t.Tracker` takes them, such as ``mode`` or ``seed``.

    Returns:
        The rows in the order of tracking. With a pass backward this is not the order of the frames;
        ``sorted(rows, key=lambda row: row.frame)`` has that.

    Raises:
        InputError: something cannot be used. What belongs to single frames shows when they are reached.
    """
    opened = source if isinstance(source, Source) else open_source(os.fspath(source))
    try:
        named = boxes if isinstance(boxes, Mapping) else {ONLY: boxes}
        if not named:
            raise InputError("boxes: give at least one object's")
        plan = _plan(opened, named, fixes, begins or {}, ends or {}, direction, start, stop)
        trackers: dict[str, Finder] = {name: Tracker(**settings) for name in plan.objects}
    except BaseException:
        if opened is not source:
            opened.close()
        raise
    return _rows(opened, trackers, plan, close=opened is not source)


def _plan(
    source: Source,
    boxes: Mapping[str, ArrayLike],
    fixes: Iterable[tuple[int, str, ArrayLike]],
    begins: Mapping[str, int],
    ends: Mapping[str, int],
    direction: Direction,
    start: int,
    stop: int | None,
) -> Plan:
    for name in begins:
        if name not in boxes:
            raise InputError(f"begins {name}: there is no such object; the boxes are of {', '.join(boxes)}")
    at_the_end = direction == "backward" and not set(boxes) <= set(begins)
    return make_plan(
        [
            Given(f"boxes {name}", as_box(box), begins.get(name), check_name(name, f"boxes {name}"))
            for name, box in boxes.items()
        ],
        [Given(f"fixes {frame}, {name}", as_box(box), frame, name) for frame, name, box in fixes],
        [End(f"ends {name}", frame, name) for name, frame in ends.items()],
        direction=direction,
        start=start,
        stop=stop,
        begin=next(source.frames_backward(start, stop)).index if at_the_end else start,
        length=source.length,
    )


def _rows(source: Source, trackers: Mapping[str, Finder], plan: Plan, *, close: bool) -> Iterator[Row]:
    with source if close else nullcontext():
        for moment in follow(trackers, plan, lambda sweep: sweep.frames(source)):
            yield from (step.row for step in moment.steps)
