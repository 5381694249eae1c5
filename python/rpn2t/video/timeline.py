"""When a video's frames are shown, by the time stamps of its container."""

from fractions import Fraction

_LEAP = 10.0
"""Seconds. In a container that joins recordings a longer step is where one ends."""
_SLACK = 1.5
"""Ticks that a step of whole periods may be off, since time stamps are rounded."""


class Timeline:
    """Makes of time stamps seconds that increase from 0 on.

    Attributes:
        now: seconds of the frame that came last.
        steady: whether all frames so far came at the declared rate.
    """

    def __init__(self, fps: Fraction, tick: Fraction, *, leaps: bool) -> None:
        """Begin.

        Args:
            fps: the declared rate, frames a second.
            tick: seconds of one unit of the time stamps.
            leaps: whether the container may join recordings, each with time stamps of its own.
        """
        self.now = 0.0
        self.steady = True
        self._fps, self._leaps = float(fps), leaps
        self._slack = _SLACK * float(tick * fps)
        self._offset: float | None = None

    def add(self, stamp: float | None) -> float:
        """The next frame. Without a time stamp it comes one period after the last, as after a step back.

        Returns:
            How many periods of the declared rate have passed since the last frame; 1 for the first.
        """
        if self._offset is None:
            self._offset = stamp or 0.0
            return 1.0
        before = self.now
        self.now = before + 1 / self._fps
        if stamp is not None:
            step = stamp - self._offset - before
            if step <= 0 or (self._leaps and step > _LEAP):
                self._offset = stamp - self.now
            else:
                self.now = before + step
        return (self.now - before) * self._fps

    def missing(self, periods: float) -> int | None:
        """How many frames are missing in a step; None if it is no whole number of periods."""
        count = round(periods)
        whole = self._slack < 0.25 and count > 0 and abs(periods - count) <= max(self._slack, 1e-3)
        return count - 1 if whole else None
