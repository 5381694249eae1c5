"""What the options of ``rpn2t track`` say of objects and frames."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rpn2t.errors import InputError
from rpn2t.run.given import End, Given, read_end, read_fix, read_fixes, read_given
from rpn2t.run.plan import Direction, Plan, make_plan
from rpn2t.video.frames import Frame, Source


@dataclass(frozen=True)
class Wishes:
    """What the options say of objects; the boxes of --init-file, --select or the folder are still to come."""

    inits: list[Given]
    fixes: list[Given]
    ends: list[End]
    direction: Direction
    start: int
    stop: int | None

    @classmethod
    def read(
        cls,
        *,
        init: Sequence[str],
        fix: Sequence[str],
        fixes: str | None,
        until: Sequence[str],
        direction: Direction,
        frames: str | None,
        realtime: bool,
    ) -> "Wishes":
        """What the options say, each as it was typed.

        Raises:
            InputError: one of them cannot be understood.
        """
        start, stop = parse_frames(frames)
        inits = [read_given(text, "--init") for text in init]
        late = [init for init in inits if init.frame is not None]
        if realtime and late:
            raise InputError(
                f"{late[0].typed}: with --realtime that frame may be dropped; leave {late[0].frame}: out"
            )
        corrections = [read_fix(text) for text in fix]
        if fixes is not None:
            corrections += read_fixes(fixes)
        return cls(inits, corrections, [read_end(text) for text in until], direction, start, stop)

    @property
    def is_settled(self) -> bool:
        """Whether it is known in which frames the objects' first boxes are."""
        at_the_end = self.direction == "backward" and any(init.frame is None for init in self.inits)
        return bool(self.inits) and not at_the_end

    def frames(self, source: Source) -> Iterator[Frame]:
        """The frames from the one on in which objects are given if none is named."""
        read = source.frames_backward if self.direction == "backward" else source.frames
        return read(self.start, self.stop)

    def plan(self, source: Source, begin: int) -> Plan:
        """What is tracked, if objects are given in frame `begin` if none is named."""
        return make_plan(
            self.inits, self.fixes, self.ends, direction=self.direction, start=self.start, stop=self.stop,
            begin=begin, length=source.length,
        )  # fmt: skip


def parse_frames(text: str | None) -> tuple[int, int | None]:
    """``A:B`` as (A, B); without B there is no end.

    Raises:
        InputError: not of this form, or no frame lies in it.
    """
    match = re.fullmatch("([0-9]*):([0-9]*)", ":" if text is None else text)
    if match is None:
        raise InputError(f"--frames {text}: write A:B with whole numbers counted from 0, as in 0:40")
    start, stop = int(match[1] or 0), int(match[2]) if match[2] else None
    if stop is not None and stop <= start:
        raise InputError(f"--frames {text}: no frame lies in it; A must be smaller than B")
    return start, stop
