"""What a user of the page wants tracked, and the plan made of it beside the boxes that are there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, get_args

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.run.given import check_name
from rpn2t.run.plan import Direction, Mark, Pass, Plan, sweeps_of
from rpn2t.sequences.number_lines import FARTHEST


@dataclass(frozen=True)
class Wishes:
    """Boxes, each of an object in a frame, and the range and direction in which to track from them.

    Attributes:
        boxes: name, frame and box.
        direction: in which to track.
        start, stop: the range of frames, half-open; stop None: to the end.
    """

    boxes: tuple[tuple[str, int, Box], ...]
    direction: Direction
    start: int
    stop: int | None

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> "Wishes":
        """The wishes in a request's JSON.

        Raises:
            InputError: they are not of the right form.
        """
        directions: tuple[Direction, ...] = get_args(Direction)
        direction = said.get("direction", "forward")
        if direction not in directions:
            raise InputError(f"direction {direction}: choose one of {', '.join(directions)}")
        start, stop = said.get("start"), said.get("stop")
        first = 0 if start is None else whole(start, "start")
        end = None if stop is None else whole(stop, "stop")
        if end is not None and end <= first:
            raise InputError(f"frames {first} to {end - 1}: the last is before the first; give a later one")
        boxes = said.get("boxes")
        if not isinstance(boxes, list) or not boxes:
            raise InputError("boxes: draw a box around the object first")
        return cls(tuple(_given(each) for each in boxes), direction, first, end)

    def plan(self, marks: Mapping[str, Collection[int]], length: int | None) -> Plan:
        """What is tracked.

        Forward, a pass runs from each box to the frame before the object's next one, new or there already;
        backward likewise. With both directions, a frame between two new boxes belongs to the nearer one.

        Args:
            marks: of each object that has rows the frames of its given and fixed boxes.
            length: how many frames the source has, if it is known.

        Raises:
            InputError: a frame lies outside the range, or has two boxes of an object.
        """
        ends = [end for end in (self.stop, length) if end is not None]
        stop = min(ends) if ends else None
        if length is not None and self.start >= length:
            raise InputError(f"frames from {self.start} on: the last one is {length - 1}; begin earlier")
        objects = tuple(dict.fromkeys(name for name, _, _ in self.boxes))
        settled, passes = list[Mark](), list[Pass]()
        for name in objects:
            own = self._marks(name, name in marks, stop)
            settled += own
            walls = sorted(set(marks.get(name, ())) - {mark.frame for mark in own})
            passes += self._passes(own, walls, None if stop is None else stop - 1)
        return Plan(objects, tuple(settled), sweeps_of(passes, stop))

    def _marks(self, name: str, known: bool, stop: int | None) -> list[Mark]:
        """The new boxes of an object, by frame."""
        own = sorted((frame, box) for each, frame, box in self.boxes if each == name)
        for (frame, _), (after, _) in pairwise(own):
            if frame == after:
                raise InputError(f"{name}: has two boxes in frame {frame}; give one")
        for frame, _ in own:
            if frame < self.start or (stop is not None and frame >= stop):
                ends = f"from {self.start} on" if stop is None else f"{self.start} to {stop - 1}"
                raise InputError(f"{name}: frame {frame} is not among the frames to track, {ends}")
        return [
            Mark(f"{name} in frame {frame}", name, frame, box, "fixed" if known or place else "given")
            for place, (frame, box) in enumerate(own)
        ]

    def _passes(self, own: Sequence[Mark], walls: Sequence[int], last: int | None) -> list[Pass]:
        """The passes of an object.

        Args:
            own: its new boxes, by frame.
            walls: the frames of its other given and fixed boxes, in order. They keep their boxes.
            last: the last frame that may be tracked; None: the source's.
        """
        passes = []
        for mark in own:
            first, end = self._reach(mark.frame, [each.frame for each in own], walls, last)
            if self.direction == "backward" or (
                self.direction == "both" and end == mark.frame and first < mark.frame  # one pass will do
            ):
                passes.append(Pass(mark, first, mark.frame, True))
                continue
            passes.append(Pass(mark, mark.frame, end))
            if self.direction == "both" and first < mark.frame:
                passes.append(Pass(mark, first, mark.frame - 1, True))
        return passes

    def _reach(
        self, frame: int, own: Sequence[int], walls: Sequence[int], last: int | None
    ) -> tuple[int, int | None]:
        """The first and the last frame that a box in `frame` may decide."""
        both = self.direction == "both"
        first, end = self.start, last
        before = max((each for each in (*own, *walls) if each < frame), default=None)
        after = min((each for each in (*own, *walls) if each > frame), default=None)
        if before is not None:
            first = max(first, (before + frame) // 2 + 1 if both and before in own else before + 1)
        if after is not None:
            bound = (frame + after) // 2 if both and after in own else after - 1
            end = bound if end is None else min(end, bound)
        return first, end


def whole(value: Any, what: str) -> int:
    """A frame's number.

    Raises:
        InputError: it is none.
    """
    if type(value) is not int or not 0 <= value <= FARTHEST:
        raise InputError(f"{what} {value}: give a whole number from 0")
    return value


def _given(said: Any) -> tuple[str, int, Box]:
    if not isinstance(said, Mapping) or not isinstance(said.get("object"), str):
        raise InputError('boxes: each is {"object": NAME, "frame": N, "box": [x, y, w, h]}')
    name = check_name(said["object"], f"object {said['object']}")
    frame = whole(said.get("frame"), f"{name}: frame")
    box: Any = said.get("box")
    numbers = isinstance(box, list) and len(box) == 4 and all(type(each) in (int, float) for each in box)
    if not numbers or not all(abs(each) <= FARTHEST for each in box) or min(box[2:]) <= 0:
        raise InputError(f"{name} in frame {frame}: give four numbers x,y,w,h, and a size above 0")
    x, y, w, h = map(float, box)
    return name, frame, (x, y, w, h)
