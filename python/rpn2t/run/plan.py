"""What is tracked: each object's given boxes, and the frames that are tracked from each of them.

:func:`make_plan` checks together what a user says (:mod:`rpn2t.run.given`) and makes passes of it. A pass
begins at a given box, where the object is learned anew. It tracks in one direction up to where another box
takes over.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, get_args

from rpn2t.boxes import Box, iou
from rpn2t.errors import InputError
from rpn2t.run.given import ONLY, End, Given

if TYPE_CHECKING:
    from rpn2t.video.frames import Frame, Source

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True)
class Mark:
    """A given box whose object and frame are settled; see :class:`Given`."""

    typed: str
    object: str
    frame: int
    box: Box
    status: Literal["given", "fixed"]


@dataclass(frozen=True)
class Pass:
    """An object, tracked in one direction from a given box.

    Attributes:
        mark: the box.
        first, last: the frames whose boxes it gives, both included; None: to the end of the range. The frame
            of the mark may lie just beside them. Then that box is another pass's to give.
        backward: whether it runs towards the first frame.
    """

    mark: Mark
    first: int
    last: int | None
    backward: bool = False

    def gives(self, index: int) -> bool:
        """Whether the box of this frame is the pass's to give."""
        return self.first <= index and (self.last is None or index <= self.last)

    def needs(self, index: int) -> bool:
        """Whether the tracker has to see this frame."""
        return index == self.mark.frame or (self.gives(index) and self.is_past(index))

    def is_past(self, index: int) -> bool:
        """Whether this frame comes after the mark's, in the direction of the pass."""
        return index < self.mark.frame if self.backward else index > self.mark.frame

    def ends_at(self, index: int) -> bool:
        """Whether nothing is left to do after this frame."""
        return index <= self.first if self.backward else self.last is not None and index >= self.last


@dataclass(frozen=True)
class Sweep:
    """The passes of one direction: one reading of the source.

    Attributes:
        passes: of all objects.
        backward: their direction.
        start, stop: the frames to read, half-open.
    """

    passes: tuple[Pass, ...]
    backward: bool
    start: int
    stop: int | None

    def end(self, length: int | None) -> int | None:
        """The frame after the last one that is tracked, for a source of this length; None if nobody knows."""
        lasts = [each.last for each in self.passes]
        last = None if None in lasts else max(last for last in lasts if last is not None)
        ends = [self.stop, length, None if self.backward or last is None else last + 1]
        return min((end for end in ends if end is not None), default=None)

    def frames(self, source: "Source") -> "Iterator[Frame]":
        """The frames of the source, in the sweep's direction."""
        read = source.frames_backward if self.backward else source.frames
        return read(self.start, self.stop)


@dataclass(frozen=True)
class Plan:
    """What is tracked.

    Attributes:
        objects: their names, in the order in which they were given.
        marks: all given boxes, by object and frame.
        sweeps: one or two, in the order in which they are done.
    """

    objects: tuple[str, ...]
    marks: tuple[Mark, ...]
    sweeps: tuple[Sweep, ...]

    @property
    def start(self) -> int:
        """The first frame that is tracked."""
        return min(sweep.start for sweep in self.sweeps)

    def stop(self, length: int | None) -> int | None:
        """The frame after the last one, for a source of this length; None if nobody knows."""
        ends = [sweep.end(length) for sweep in self.sweeps]
        return None if None in ends else max(end for end in ends if end is not None)

    def total(self, length: int | None) -> int | None:
        """How many frames are tracked, each counted once a sweep; None if nobody knows."""
        ends = [(sweep.start, sweep.end(length)) for sweep in self.sweeps]
        if any(end is None for _, end in ends):
            return None
        return sum(end - start for start, end in ends if end is not None)

    @property
    def is_plain(self) -> bool:
        """Whether one object is tracked from one box to the end, as benchmarks do."""
        return len(self.marks) == 1 and not self.goes_backward

    @property
    def goes_backward(self) -> bool:
        """Whether boxes do not become known in the order of their frames."""
        return any(sweep.backward for sweep in self.sweeps)

    def require_inside(self, shape: tuple[int, ...]) -> None:
        """Check the boxes against the frames' shape: height and width first.

        Raises:
            InputError: one has no size or lies outside.
        """
        height, width = shape[:2]
        for mark in self.marks:
            if not (all(map(math.isfinite, mark.box)) and min(mark.box[2:]) > 0):
                raise InputError(f"{mark.typed}: give four finite numbers x,y,w,h, and a size above 0")
            if not iou(mark.box, (0, 0, width, height))[0] > 0:
                raise InputError(
                    f"{mark.typed}: lies outside the frame of {width} x {height} px; give a box in it"
                )


def make_plan(
    inits: Sequence[Given],
    fixes: Iterable[Given] = (),
    ends: Iterable[End] = (),
    *,
    direction: Direction = "forward",
    start: int = 0,
    stop: int | None = None,
    begin: int | None = None,
    length: int | None = None,
) -> Plan:
    """Check what a user wants, and settle what is tracked from which box.

    Forward, a pass runs from each box to the next one; backward, to the one before it. With both, a frame
    between two boxes belongs to the nearer one, or to the earlier one if both are equally near.

    Args:
        inits: one for each object.
        fixes: further boxes; each has its frame.
        ends: of objects, at most one of each. Backward, it is the first frame.
        direction: in which to track.
        start, stop: the range of frames, half-open; None: to the source's end.
        begin: the frame of inits that name none; by default `start`.
        length: how many frames the source has, if it is known.

    Raises:
        InputError: they contradict one another, or a frame lies outside the range.
    """
    if direction not in get_args(Direction):
        raise InputError(f"direction {direction}: choose one of {', '.join(get_args(Direction))}")
    begin = start if begin is None else begin
    given = [_settled(each, name, begin, "given") for each, name in zip(inits, _names(inits), strict=True)]
    objects = tuple(mark.object for mark in given)
    corrections = []
    for fix in fixes:
        assert fix.frame is not None, "read_fix sees to that"
        corrections.append(_settled(fix, _meant(fix, objects), fix.frame, "fixed"))
    bounds = [bound for bound in (stop, length) if bound is not None]
    last = min(bounds) - 1 if bounds else None
    if last is not None and start > last:
        raise InputError(f"frame {start}: is beyond the last one, {last}; begin before it")
    for mark in (*given, *corrections):
        _require_in_range(mark.typed, mark.frame, start, last)
    until: dict[str, End] = {}
    for end in ends:
        name = _meant(end, objects)
        _require_in_range(end.typed, end.frame, start, last)
        if name in until:
            raise InputError(f"{end.typed}: the end of {name} is given twice; give it once")
        until[name] = end

    passes: list[Pass] = []
    marks: list[Mark] = []
    for init in given:
        own = [init, *(mark for mark in corrections if mark.object == init.object)]
        own = _in_order(own, until.get(init.object), direction)
        limit = until[init.object].frame if init.object in until else None
        if limit is None and direction == "both" and own[-1].frame == last:
            limit = last  # nothing is left to track forward
        marks += own
        passes += _passes(own, limit, direction, start)
    return Plan(objects, tuple(marks), sweeps_of(passes, stop))


def _names(inits: Sequence[Given]) -> list[str]:
    """The objects' names. Those without one are object, object-2 ... as far as these are free."""
    named = [init.name for init in inits if init.name is not None]
    free = (name for number in range(1, len(inits) + len(named) + 1)
            if (name := ONLY if number == 1 else f"{ONLY}-{number}") not in named)  # fmt: skip
    names: list[str] = []
    for init in inits:
        name = next(free) if init.name is None else init.name
        if name in names:
            raise InputError(
                f"{init.typed}: {name} is given twice; choose another name, or correct it with "
                f"--fix FRAME:{name}=X,Y,W,H"
            )
        names.append(name)
    return names


def _meant(wish: Given | End, objects: tuple[str, ...]) -> str:
    """The object that a fix or an end is for."""
    if wish.name in objects:
        return str(wish.name)
    if wish.name is None and len(objects) == 1:
        return objects[0]
    there = f"the objects are {', '.join(objects)}" if len(objects) > 1 else f"the object is {objects[0]}"
    if wish.name is None:
        raise InputError(f"{wish.typed}: which object? Write FRAME:NAME; {there}")
    raise InputError(f"{wish.typed}: there is no object {wish.name}; {there}")


def _settled(given: Given, name: str, begin: int, status: Literal["given", "fixed"]) -> Mark:
    return Mark(given.typed, name, begin if given.frame is None else given.frame, given.box, status)


def _require_in_range(typed: str, frame: int, start: int, last: int | None) -> None:
    if frame < start or (last is not None and frame > last):
        ends = f"from {start} on" if last is None else f"{start} to {last}"
        raise InputError(f"{typed}: frame {frame} is not among the frames to track, {ends}")


def _in_order(marks: list[Mark], end: End | None, direction: Direction) -> list[Mark]:
    """An object's marks by frame, the first one of `marks` being that of ``--init``, if they fit together."""
    init, *fixes = marks
    name = init.object
    ordered = sorted(marks, key=lambda mark: mark.frame)
    for mark, after in pairwise(ordered):
        if mark.frame == after.frame:
            second = after if after.status == "fixed" else mark
            raise InputError(f"{second.typed}: {name} has two boxes in frame {mark.frame}; give one")
    for fix in fixes:
        if direction == "forward" and fix.frame < init.frame:
            raise InputError(
                f"{fix.typed}: {name} begins only in frame {init.frame}; correct it in a later one, or track "
                "with --both"
            )
        if direction == "backward" and fix.frame > init.frame:
            raise InputError(
                f"{fix.typed}: {name} is tracked backward from frame {init.frame}; correct it in an earlier "
                "one, or track with --both"
            )
    if end is not None:
        for mark in ordered:
            if mark.frame < end.frame if direction == "backward" else mark.frame > end.frame:
                what = "begins" if mark is init else "is corrected"
                raise InputError(
                    f"{end.typed}: {name} ends there, but {what} in frame {mark.frame} ({mark.typed}); "
                    "change one"
                )
    return ordered


def _passes(marks: list[Mark], limit: int | None, direction: Direction, start: int) -> list[Pass]:
    """The passes of an object with these marks, which are in order of frames."""
    if direction == "backward":
        before = [start if limit is None else limit, *(mark.frame + 1 for mark in marks)]
        return [Pass(mark, first, mark.frame, True) for mark, first in zip(marks, before, strict=False)]
    if direction == "forward":
        after = [*(mark.frame - 1 for mark in marks[1:]), limit]
        return [Pass(mark, mark.frame, last) for mark, last in zip(marks, after, strict=True)]
    middles = [(mark.frame + after.frame) // 2 for mark, after in pairwise(marks)]
    passes = []
    for mark, first, last in zip(
        marks, [start, *(middle + 1 for middle in middles)], [*middles, limit], strict=True
    ):
        forward, backward = Pass(mark, mark.frame, last), Pass(mark, first, mark.frame - 1, True)
        if last == mark.frame and first < mark.frame:  # one pass will do
            passes.append(replace(backward, last=mark.frame))
            continue
        passes += [forward, backward] if first < mark.frame else [forward]
    return passes


def sweeps_of(passes: Sequence[Pass], stop: int | None) -> tuple[Sweep, ...]:
    """The readings of the source that these passes need, up to frame `stop`: forward first, then backward."""
    forward = tuple(each for each in passes if not each.backward)
    backward = tuple(each for each in passes if each.backward)
    sweeps = []
    if forward:
        sweeps.append(Sweep(forward, False, min(each.mark.frame for each in forward), stop))
    if backward:
        first, last = min(each.first for each in backward), max(each.mark.frame for each in backward)
        sweeps.append(Sweep(backward, True, first, last + 1))
    return tuple(sweeps)
