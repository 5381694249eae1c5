"""Lines of numbers in text files: their encoding, header, separators and decimal commas."""

import codecs
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from rpn2t.errors import InputError

_SEPARATOR = re.compile(r"[,;\s]+")
_GAP = re.compile(r"^\s*[,;]|[,;]\s*[,;]")
_OUTER = re.compile(r"[;\s]+")
_DECIMAL = re.compile(r"-?\d+(,\d+)?")
_LABEL = re.compile(r'\s"[^"]*"\s*$')
"""What the annotation program VATIC writes at a line's end: the object's name."""

FARTHEST = 1e9
"""No coordinate is larger, in pixels."""


class UnclearText(ValueError):
    """What is wrong with a text, and what to do; whoever catches it adds the file and the line."""


def read_lines(path: str | PathLike[str], of: str = "one box a line") -> list[str]:
    """The lines of a text file, without the empty ones at its end.

    Args:
        path: the file.
        of: what it should hold, for messages.

    Raises:
        InputError: no such file, no text, or nothing in it.
    """
    try:
        lines = _decoded(Path(path).read_bytes()).rstrip().splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file with {of}") from error
    except ValueError as error:
        raise InputError(f"{path}: not a text file; name a file with {of}") from error
    if not lines:
        raise InputError(f"{path}: the file is empty; name a file with {of}")
    return lines


def shown(text: str) -> str:
    """A text in quotes for a message: one line, and not a long one."""
    return f"'{' '.join(text.strip().splitlines())[:60]}'"


def header_words(line: str) -> list[str]:
    """The words of a line that names columns; none if there is a number among them."""
    words = [word for word in _SEPARATOR.split(line.strip().removeprefix("#")) if word]
    return [] if any(map(_is_number, words)) else words


def numbers_of(line: str, *, decimal_commas: bool = False) -> list[float]:
    """The numbers of a line; a missing one may be NaN.

    Args:
        line: numbers between commas, semicolons, blanks or tabs; a name in quotes at the end is passed over.
        decimal_commas: commas stand within the numbers.

    Raises:
        UnclearText: something else, an empty column, or a number that no image can hold.
    """
    line = _LABEL.sub("", line)
    if _GAP.search(line):
        raise UnclearText(f"{shown(line)} has an empty column")
    parts = _OUTER.split(line.replace(",", ".")) if decimal_commas else _SEPARATOR.split(line)
    words = [word for word in parts if word]
    if not all(map(_is_number, words)):
        raise UnclearText(f"{shown(line)} is not a list of numbers")
    if len(words) > 4 and any(re.fullmatch(r"-?0\d+", word) for word in words):
        raise UnclearText(f"{shown(line)} has decimal commas; write the decimals with points")
    numbers = [float(word) for word in words]
    if any(abs(number) == float("inf") for number in numbers):
        raise UnclearText("a number is infinite")
    if any(abs(number) > FARTHEST for number in numbers):
        raise UnclearText(f"a number is above {FARTHEST:g}, which is no pixel")
    return numbers


def has_decimal_commas(lines: Sequence[str]) -> bool:
    """Whether commas stand within the numbers of a file: 12,5;30;40,25;50.

    Raises:
        UnclearText: that is not certain: 12,5;30,2;40,0;50,1 can be four numbers or four corners.
    """
    doubtful = ""
    for line in lines:
        fields = _decimal_fields(line)
        if any("," not in field for field in fields):
            return True
        doubtful = doubtful or (line.strip() if fields else "")
    if doubtful:
        raise UnclearText(
            f"{shown(doubtful)} can be numbers with decimal commas, or corners x,y; write the decimals with "
            "points"
        )
    return False


def _decimal_fields(line: str) -> list[str]:
    """The fields of a line, four or more, if each is one number with a comma or none; else nothing."""
    if "," not in line or "." in line:
        return []
    fields = [field for field in _OUTER.split(line.strip()) if field]
    return fields if len(fields) >= 4 and all(map(_DECIMAL.fullmatch, fields)) else []


def _is_number(word: str) -> bool:
    if "_" in word:  # Python's own way to write 1_000
        return False
    try:
        float(word)
    except ValueError:
        return False
    return True


def _decoded(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 if it begins with that one's mark, as programs on Windows write it.

    Raises:
        ValueError: it is neither.
    """
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if utf16 else "utf-8-sig")
    if "\0" in text:
        raise ValueError("zeros in a text")
    return text
