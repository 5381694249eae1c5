"""Live tracking: always the newest frame. Frames that come while the tracker is busy are dropped.

A thread reads the source, so that its frames pass at their own pace whatever the tracker does.
"""

from collections.abc import Callable, Iterator
from threading import Condition, Thread
from time import perf_counter
from typing import NamedTuple

import numpy as np

from rpn2t.system.closing import Closing
from rpn2t.video.container import STREAM_TIMEOUT
from rpn2t.video.frames import Frame

_SIGNAL_SECONDS = 0.2
"""How often a wait for a frame looks up: a signal that comes just as it begins does not end it."""


class Report(NamedTuple):
    """What a live run came to. The first frame is left out of every time, since its box was given.

    Attributes:
        tracked: number of frames with a box, the first among them.
        dropped: number of frames that a newer one replaced before the tracker was free.
        frames_per_second: frames tracked a second, from the end of learning to the last box; None before a
            second box.
        latency_mean_ms, latency_p95_ms, latency_max_ms: time from when a frame came to when its box was
            known, in ms; None before a second box.
    """

    tracked: int
    dropped: int
    frames_per_second: float | None
    latency_mean_ms: float | None
    latency_p95_ms: float | None
    latency_max_ms: float | None

    def line(self) -> str:
        """The report as a person reads it."""
        frames = f"{self.tracked} frame{'s' * (self.tracked != 1)} tracked, {self.dropped} dropped"
        if self.frames_per_second is None:
            return frames
        return (
            f"{frames}, {self.frames_per_second:.3g} frames/s; latency mean {self.latency_mean_ms:.0f} ms, "
            f"95th percentile {self.latency_p95_ms:.0f} ms, max {self.latency_max_ms:.0f} ms"
        )


class _Arrived(NamedTuple):
    frame: Frame
    at: float


class Realtime(Closing):
    """Hands out the newest frame whenever one is asked for, and measures how old its box is.

    Use it as a context manager: leaving it ends the thread. From `start` on, only the thread touches the
    frames that were given.

        frames = source.frames()
        first = next(frames)
        with Realtime(first, frames, paced=not source.live) as live:
            for frame in live.frames():
                ...  # the first frame, and then always the newest
                live.box_known()
        print(live.report().line())
    """

    def __init__(
        self,
        first: Frame,
        later: Iterator[Frame],
        *,
        paced: bool,
        clock: Callable[[], float] = perf_counter,
        condition: Condition | None = None,
    ) -> None:
        """Know what is to be read. Nothing is read yet.

        Args:
            first: the frame in which the object is learned; it is never dropped.
            later: the frames after it.
            paced: whether frames that have times are due by them, from the moment `frames` is asked for the
                first one. Otherwise they come when they are read, as a camera's do.
            clock: tells the time, in seconds.
            condition: whoever waits for a frame to come, or to be due, waits on it. Tests pass a clock and a
                condition whose time they control.
        """
        self.dropped = 0
        self._first, self._later, self._paced = first, later, paced
        self._clock = clock
        self._changed = condition or Condition()
        self._thread = Thread(target=self._read, name="reader", daemon=True)
        self._began = 0.0
        self._newest: _Arrived | None = None
        self._over = self._closed = False
        self._error: Exception | None = None
        self._came: float | None = None
        self._known: list[float] = []
        self._latencies: list[float] = []

    def start(self) -> None:
        """Let the frames pass from now on. `frames` does it if nobody has done it before."""
        if self._thread.ident is None:
            self._began = self._clock()
            self._thread.start()

    def close(self) -> None:
        """End the thread. A second call does nothing.

        The thread may be inside a read, which cannot be cut short. A stream and a camera give up by
        themselves within STREAM_TIMEOUT; a read that hangs longer is left behind.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(STREAM_TIMEOUT)

    def frames(self) -> Iterator[Frame]:
        """Yield the first frame, then whenever asked the newest one that was not yielded yet.

        If there is none, it waits. The last frame of a source is always yielded.

        Raises:
            InputError: a frame cannot be read; the newest before it has been yielded.
        """
        self.start()
        yield self._first
        while (arrived := self._take()) is not None:
            self._came = arrived.at
            yield arrived.frame

    def box_known(self) -> float | None:
        """Note that the box of the frame yielded last is known now.

        Returns:
            Seconds since that frame came; None for the first frame.
        """
        now = self._clock()
        self._known.append(now)
        if self._came is None:
            return None
        self._latencies.append(now - self._came)
        return self._latencies[-1]

    def report(self) -> Report:
        """What the run has come to so far."""
        tracked = len(self._known)
        if not self._latencies:
            return Report(tracked, self.dropped, None, None, None, None)
        pace = len(self._latencies) / max(self._known[-1] - self._known[0], 1e-9)
        ms = np.array(self._latencies) * 1000
        return Report(
            tracked, self.dropped, pace, float(ms.mean()), float(np.percentile(ms, 95)), float(ms.max())
        )

    def _take(self) -> _Arrived | None:
        """The newest frame, once there is one; None at the end."""
        with self._changed:
            while self._newest is None and not self._over:
                self._changed.wait(_SIGNAL_SECONDS)
            taken, self._newest = self._newest, None
        if taken is None and self._error is not None:
            raise self._error
        return taken

    def _read(self) -> None:
        """What the thread does."""
        error: Exception | None = None
        try:
            for frame in self._later:
                if not self._put(frame):
                    break
        except Exception as failure:  # it is raised when the next frame is asked for
            error = failure
        with self._changed:
            self._over, self._error = True, error
            self._changed.notify_all()

    def _put(self, frame: Frame) -> bool:
        """Make the frame the newest one when it is due; False once nobody wants frames any more."""
        with self._changed:
            due = self._clock()
            if self._paced and frame.time is not None and self._first.time is not None:
                due = self._began + frame.time - self._first.time
            while not self._closed and (left := due - self._clock()) > 0:
                self._changed.wait(left)
            if self._closed:
                return False
            self.dropped += self._newest is not None
            self._newest = _Arrived(frame, due)
            self._changed.notify_all()
        return True
