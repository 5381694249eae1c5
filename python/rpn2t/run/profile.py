"""Where the time of a run goes: ``rpn2t track --profile``.

The tracker has no timing inside. While a :class:`Profile` runs, the functions that STAGES names are
replaced by ones that note the time as they are entered and left. At every moment exactly one stage runs,
that of the innermost such function, so the stages' times are exclusive and add up to the whole. (cProfile
knows of each function only who called it, not from where that was called: `Head.scores` on candidates and
in mining would have to be guessed apart.) Such a call takes some 6 us longer, and a frame makes a few dozen.

On a GPU Caffe returns before its work is done: the time shows in the stage that waits for the result.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import get_ident
from time import perf_counter
from types import TracebackType
from typing import Any, Self, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Stage:
    """A part of the work.

    Attributes:
        name: as the table shows it.
        functions: what does it, as ``module:function`` or ``module:Class.method``.
        within: the stage inside which they count for this one; None: anywhere else. Where none fits, their
            time is that of the stage they are called in.
    """

    name: str
    functions: tuple[str, ...]
    within: str | None = None


_MINING = "hard negative mining: the rest"
_STEPS = "learning: solver steps"

STAGES = (
    Stage(
        "load Caffe, nets and weights",
        (
            "rpn2t.tracker.loop:Tracker.__init__",
            "rpn2t.tracker.paper.head:Head.__init__",
            "rpn2t.tracker.fast.head:MapHead.__init__",
        ),
    ),
    Stage("read frames", ("rpn2t.video.sources:Source.frames", "rpn2t.video.live:Realtime.frames")),
    Stage(
        "draw boxes",
        (
            "rpn2t.tracker.sampling:Sampler.gaussian",
            "rpn2t.tracker.sampling:Sampler.uniform",
            "rpn2t.tracker.sampling:Sampler.uniform_aspect",
            "rpn2t.tracker.sampling:Sampler.whole",
            "rpn2t.tracker.sampling:choose",
            "rpn2t.tracker.sampling:overlapping",
            "rpn2t.tracker.sampling:apart",
            "rpn2t.tracker.sampling:epochs",
        ),
    ),
    Stage("cut patches and regions", ("rpn2t.nets.patch:cut_corners_into",)),
    Stage("backbone: conv5 of the region", ("rpn2t.tracker.features:RegionFeatures.conv5",)),
    Stage("backbone: conv5 of patches", ("rpn2t.tracker.features:PatchFeatures._run",)),
    Stage(
        "copy windows of conv5",
        (
            "rpn2t.tracker.features:PatchFeatures.windows",
            "rpn2t.tracker.paper.windows:Windows.copy_to",
            "rpn2t.tracker.paper.windows:Windows.array",
        ),
    ),
    Stage(
        "head: scores of candidates",
        ("rpn2t.tracker.paper.head:Head.probabilities", "rpn2t.tracker.fast.head:MapHead.probabilities"),
    ),
    Stage(
        "box regression",
        ("rpn2t.tracker.regression:BoxRegressor.fit", "rpn2t.tracker.regression:BoxRegressor.predict"),
    ),
    Stage(
        "hard negative mining: copy windows", ("rpn2t.tracker.paper.windows:Windows.copy_to",), within=_MINING
    ),
    Stage("hard negative mining: scores", ("rpn2t.tracker.paper.head:Head.probabilities",), within=_MINING),
    Stage(_MINING, ("rpn2t.tracker.paper.mining:hardest",)),
    Stage("learning: copy windows", ("rpn2t.tracker.paper.windows:Windows.copy_to",), within=_STEPS),
    Stage(
        "learning: read windows",
        (
            "rpn2t.tracker.fast.reader:MapReader.taps",
            "rpn2t.tracker.fast.reader:MapReader.read",
            "rpn2t.tracker.fast.reader:MapReader.spread",
        ),
        within=_STEPS,
    ),
    Stage(_STEPS, ("rpn2t.tracker.paper.head:Head.learn", "rpn2t.tracker.fast.head:MapHead.learn")),
    Stage(
        "remember",
        (
            "rpn2t.tracker.paper.mode:PatchAppearance.remember",
            "rpn2t.tracker.fast.mode:MapAppearance.remember",
        ),
    ),
    Stage(
        "write boxes, report and video",
        (
            "rpn2t.run.folder:RunFolder.write",
            "rpn2t.run.folder:RunFolder._write_report",
            "rpn2t.video.annotate:annotate",
            "rpn2t.run.explainer:Explainer.show",
            "rpn2t.video.writer:VideoWriter.write",
            "rpn2t.video.writer:VideoWriter.close",
        ),
    ),
)
"""In the order of the table. A function may stand in two stages if one of them says within which."""

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
    """Measures what runs in the thread that enters it, from then to `stop`; one at a time.

    Another thread's work, as that of ``--realtime``'s reader, shows as the time this one waits for it.

    Use it as a context manager.
    """

    def __init__(self) -> None:
        self._first, self._later = Phase("first frame"), Phase("later frames ({})")
        self._phase = self._first
        self._active = [REST]
        self._since = 0.0
        self._thread = get_ident()
        self._replaced: list[tuple[Any, str, Any]] = []

    @property
    def phases(self) -> list[Phase]:
        """Those that have begun; the first one holds the set-up of the run, too."""
        return [phase for phase in (self._first, self._later) if phase.seconds]

    def __enter__(self) -> Self:
        for name in dict.fromkeys(name for stage in STAGES for name in stage.functions):
            self._replace(name)
        self._since = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the measurement and puts every function back; a second call does nothing."""
        if self._replaced:
            self._account()
        while self._replaced:
            setattr(*self._replaced.pop())

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

    def _replace(self, name: str) -> None:
        """Puts a measuring function in place of one, wherever a module of ours has imported it."""
        owner, attribute = find(name)
        function = getattr(owner, attribute)
        measured = self._measured(function, [stage for stage in STAGES if name in stage.functions])
        places = [owner]
        if inspect.ismodule(owner):
            ours = [module for key, module in sys.modules.items() if key.startswith("rpn2t.")]
            places = [module for module in ours if vars(module).get(attribute) is function]
        for place in places:
            self._replaced.append((place, attribute, function))
            setattr(place, attribute, measured)

    def _measured(self, function: Callable[..., Any], stages: list[Stage]) -> Callable[..., Any]:
        stages = sorted(stages, key=lambda stage: stage.within is None)  # "anywhere else" comes last

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._in(self._choose(stages)):
                return function(*args, **kwargs)

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            items, end = function(*args, **kwargs), object()
            try:
                while True:
                    with self._in(self._choose(stages)):
                        item = next(items, end)
                    if item is end:
                        return
                    yield item
            finally:
                items.close()

        return generate if inspect.isgeneratorfunction(function) else call

    def _choose(self, stages: list[Stage]) -> str:
        fitting = (each.name for each in stages if each.within is None or each.within in self._active)
        return next(fitting, self._active[-1])

    @contextmanager
    def _in(self, stage: str) -> Iterator[None]:
        if get_ident() != self._thread:
            yield
            return
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


def find(name: str) -> tuple[Any, str]:
    """The module or class that has a function, and the function's name in it.

    Args:
        name: ``module:function`` or ``module:Class.method``.

    Raises:
        AttributeError: there is none.
        ImportError: there is no such module.
    """
    module, _, path = name.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    if not inspect.isfunction(vars(owner).get(attribute)):
        raise AttributeError(f"{name}: no such function")
    return owner, attribute


def _table(phase: Phase) -> str:
    whole = sum(phase.seconds.values())
    frames = max(phase.frames, 1)  # 0 where the first was not finished
    title = phase.title.format(phase.frames)
    lines = [f"{title:<38}{'seconds':>10}{'calls':>8}{'share':>8}{'ms a frame':>12}"]
    rows = [(name, phase.seconds[name]) for name in _order() if name in phase.seconds]
    for name, seconds in [*rows, ("all", whole)]:
        calls = phase.calls.get(name, "")
        share = f"{seconds / max(whole, 1e-12):.1%}"
        lines.append(f"  {name:<36}{seconds:>10.3f}{calls:>8}{share:>8}{seconds / frames * 1e3:>12.1f}")
    return "\n".join(lines) + "\n"


def _order() -> list[str]:
    return [*(stage.name for stage in STAGES), REST]
