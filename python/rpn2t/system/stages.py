"""The stages of the work, marked where it is done.

    with stage(Stage.CUT):
        ...

A mark does nothing unless somebody listens in this thread, as :class:`rpn2t.run.profile.Profile` does.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol


class Stage(StrEnum):
    """What the time of a run is divided into, in the order of the profile's table."""

    LOAD = "load Caffe, nets and weights"
    READ = "read frames"
    DRAW = "draw boxes"
    CUT = "cut patches and regions"
    REGION = "backbone: conv5 of the region"
    PATCHES = "backbone: conv5 of patches"
    COPY = "copy windows of conv5"
    SCORE = "head: scores of candidates"
    REGRESS = "box regression"
    MINE_SCORES = "hard negative mining: scores"
    MINE = "hard negative mining: the rest"
    LEARN = "learning: solver steps"
    WAIT = "waiting for what is learned"
    REMEMBER = "remember"
    WRITE = "write boxes, report and video"


class Listener(Protocol):
    """Who is told of stages."""

    def during(self, stage: Stage) -> AbstractContextManager[None]:
        """A block that belongs to a stage."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_UNHEARD = nullcontext()


def stage(which: Stage) -> AbstractContextManager[None]:
    """Marks a block as a stage's. Of nested marks the innermost counts."""
    listener = _listener.get()
    return _UNHEARD if listener is None else listener.during(which)


@contextmanager
def told(listener: Listener) -> Iterator[None]:
    """A block whose stages a listener is told of. Threads that start in it are not listened to."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
