"""Where the time of a run goes: ``rpn2t track --profile``.

The work marks its stages itself (:mod:`rpn2t.system.stages`). At every moment exactly one stage runs, that of
the innermost mark, so the stages' times are exclusive and add up to the whole.

On a GPU Caffe returns before its work is done: the time shows in the stage that waits for the result.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from types import TracebackType
from typing import Self, TypeVar

from rpn2t.system.stages import Stage, told

Item = TypeVar("Item")

REST = "everything else"


@dataclass
class Phase:
    """The first frame, or all later ones.

    Attributes:
        title: as the table shows it, {} for the number of frames.
        frames: how many.
        seconds: of each stage that ran, REST among them; they add up to the phase's wall time.
        calls: how often each stage was entered from another.
    """

    title: str
    frames: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)


class Profile:
    """Measures what runs in the thread that enters it, from then to `stop`.

    Another thread's work, as that of ``--realtime``'s reader or of fast mode's learning, shows as the time
    this one waits for it. Work that is shared by several nets (rpn2t.nets.lanes) shows as the stage that
    shares it.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._first, self._later = Phase("first frame"), Phase("later frames ({})")
        self._phase = self._first
        self._active = [REST]
        self._since = 0.0
        self._listening = ExitStack()

    @property
    def phases(self) -> list[Phase]:
        """The phases that have begun; the first one holds the set-up of the run, too."""
        return [phase for phase in (self._first, self._later) if phase.seconds]

    def __enter__(self) -> Self:
        self._since = perf_counter()
        self._listening.enter_context(told(self))
        self._listening.callback(self._account)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the measurement; a second call does nothing."""
        self._listening.close()

    def by_frame(self, steps: Iterable[Item]) -> Iterator[Item]:
        """The steps of a run, one a frame: each ends when the next is asked for."""
        for step in steps:
            self._phase.frames += 1
            yield step
            self._account()
            self._phase = self._later

    def table(self) -> str:
        """The stages of both phases, as text that ends with a line break."""
        return "\n".join(_table(phase) for phase in self.phases)

    @contextmanager
    def during(self, stage: Stage) -> Iterator[None]:
        """A block that belongs to a stage: see :class:`rpn2t.system.stages.Listener`."""
        depth = len(self._active)
        try:
            self._account()
            if stage != self._active[-1]:
                self._phase.calls[stage] = self._phase.calls.get(stage, 0) + 1
            self._active.append(stage)
            yield
        finally:
            self._account()
            del self._active[depth:]  # a signal may have come before the append

    def _account(self) -> None:
        """What has passed since the last change belongs to the stage that is active."""
        now, seconds, stage = perf_counter(), self._phase.seconds, self._active[-1]
        seconds[stage] = seconds.get(stage, 0.0) + now - self._since
        self._since = now


def _table(phase: Phase) -> str:
    whole = sum(phase.seconds.values())
    frames = max(phase.frames, 1)  # 0 if the first was not finished
    title = phase.title.format(phase.frames)
    lines = [f"{title:<38}{'seconds':>10}{'calls':>8}{'share':>8}{'ms a frame':>12}"]
    rows = [(name, phase.seconds[name]) for name in (*Stage, REST) if name in phase.seconds]
    for name, seconds in [*rows, ("all", whole)]:
        calls = phase.calls.get(name, "")
        share = f"{seconds / max(whole, 1e-12):.1%}"
        lines.append(f"  {name:<36}{seconds:>10.3f}{calls:>8}{share:>8}{seconds / frames * 1e3:>12.1f}")
    return "\n".join(lines) + "\n"
