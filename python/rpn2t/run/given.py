"""What a user says of objects: their boxes, corrections of these, and where an object ends.

It is said in lines of the form ``FRAME:NAME=X,Y,W,H``. :func:`rpn2t.run.plan.make_plan` takes them together.
"""

import re
from dataclasses import dataclass

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.sequences.box_files import parse_box
from rpn2t.sequences.number_lines import read_lines

ONLY = "object"
"""What the only object is called if it has no name."""

_NAME = re.compile(r"\w[\w .-]{0,99}")
_GIVEN = re.compile(r"\s*(?:([0-9]{1,9})\s*:)?(?:([^=]*)=)?(.*)", re.DOTALL)
_END = re.compile(r"\s*([0-9]{1,9})(?::(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Given:
    """A box that the user gave.

    Attributes:
        typed: how it was given, for messages.
        box: (x, y, w, h) in pixels, 0-based.
        frame: 0-based number of its frame; None: where the tracking begins.
        name: the object's; None if it was left out.
    """

    typed: str
    box: Box
    frame: int | None = None
    name: str | None = None


def note_beyond(typed: str, box: Box, size: tuple[int, int]) -> str | None:
    """A note on a box that reaches far beyond the frame, as two corners do that are given for x,y,w,h.

    Args:
        typed: what the user typed.
        box: what that means, (x, y, w, h) in pixels, 0-based.
        size: width and height of the frame.
    """
    x, y, w, h = box
    width, height = size
    corners = 0 <= x < w <= width and 0 <= y < h <= height
    across, down = max(x + w - width, -x), max(y + h - height, -y)
    share = 0.05 if corners else 0.25
    if across <= share * w and down <= share * h:
        return None
    hint = " If its last two numbers are a corner, give the width and the height instead." if corners else ""
    return (
        f"{typed}: reaches {max(across, down):.0f} px beyond the frame of {width} x {height} px; a box is "
        f"x,y,w,h.{hint}"
    )


@dataclass(frozen=True)
class End:
    """The last frame in which an object is tracked; the attributes are as those of :class:`Given`."""

    typed: str
    frame: int
    name: str | None = None


def read_given(text: str, option: str) -> Given:
    """A line ``FRAME:NAME=X,Y,W,H``. ``FRAME:`` and ``NAME=`` may be left out.

    Args:
        text: the line.
        option: where it was given, for messages.

    Raises:
        InputError: not of this form, or the name cannot be a file's.
    """
    match = _GIVEN.fullmatch(text)
    assert match is not None, "the last part takes anything"
    typed = _typed(option, text)
    name = None if match[2] is None else check_name(match[2], typed)
    try:
        box = parse_box(match[3])
    except InputError as error:
        raise InputError(f"{typed}: {error}") from None
    return Given(typed, box, None if match[1] is None else int(match[1]), name)


def read_fix(text: str, option: str = "--fix") -> Given:
    """A correction: as :func:`read_given`, but its frame must be named.

    Raises:
        InputError: not of this form.
    """
    fix = read_given(text, option)
    if fix.frame is None:
        raise InputError(f"{fix.typed}: in which frame? Write FRAME:NAME=X,Y,W,H, as in 60:{text.strip()}")
    return fix


def read_fixes(file: str) -> list[Given]:
    """The corrections of a file, one a line. Empty lines and those that begin with # are passed over.

    Raises:
        InputError: the file cannot be read, or a line is no correction; it is named.
    """
    return [
        read_fix(line, f"{file} line {number}:")
        for number, line in enumerate(read_lines(file, "one FRAME:NAME=X,Y,W,H a line"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]


def read_end(text: str, option: str = "--until") -> End:
    """A line ``FRAME:NAME``, or ``FRAME`` for the only object.

    Raises:
        InputError: not of this form.
    """
    match, typed = _END.fullmatch(text), _typed(option, text)
    if match is None:
        raise InputError(f"{typed}: write FRAME:NAME, as in 300:crane")
    return End(typed, int(match[1]), None if match[2] is None else check_name(match[2], typed))


def _typed(option: str, text: str) -> str:
    """What the user typed, on one line."""
    return f"{option} {' '.join(text.split())}"


def is_name(text: str) -> bool:
    """Whether an object may be called so."""
    return _NAME.fullmatch(text) is not None and text == text.strip()


def check_name(name: str, typed: str) -> str:
    """The name of an object, without blanks around it. It becomes a part of a file's name.

    Raises:
        InputError: it cannot.
    """
    name = name.strip()
    if not is_name(name):
        raise InputError(
            f"{typed}: an object's name becomes a file's; take up to 100 letters, digits, blanks, _, - and ."
        )
    return name
