"""Which files of a folder are a sequence's frames, and their order."""

import re
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES

_JPEG = frozenset({".jfif", ".jpe", ".jpeg", ".jpg"})
_FEW = 10
"""So many times as many files make a kind of files the frames, beside another of the same numbers."""
_MANY = 20
"""More kinds than anybody keeps beside one another."""


def frames_in(called: str, folder: Path) -> tuple[list[Path], list[str]]:
    """The image files of a folder that are frames, in order, and what a user should know about the choice.

    Files are of one kind if their names differ only in numbers. If two kinds have the same numbers, one of
    them is masks, depths, copies or another camera. If one has ten times as many files, it is the frames. If
    the names differ only in their ends and one is JPEG, the JPEGs are the frames, since masks are no JPEGs.
    A few files without a number beside numbered ones are no frames either.

    Args:
        called: the folder as the user called it.
        folder: the folder.

    Raises:
        InputError: several kinds may be the frames.
    """
    images = natural(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and not file.is_dir()
    )
    kinds = _kinds(images)
    if len(kinds) > _MANY:  # names without a pattern
        return images, []
    left_out = _few_without_number(kinds)
    for one, other in combinations(kinds, 2):
        if one in left_out or other in left_out or not _are_rivals(one, other):
            continue
        rest = _less_likely(one, other)
        if rest is None:
            raise InputError(
                f"{called}: it has {one.told} and {other.told} of the same numbers; name the frames, as in "
                f"'{called.rstrip('/')}/{one.pattern}'"
            )
        left_out.append(rest)
    gone = {file for kind in left_out for file in kind.files}
    notes = [f"Not taken as frames: {kind.told} in {called}." for kind in left_out]
    return [file for file in images if file not in gone], notes


def natural(files: Iterable[Path]) -> list[Path]:
    """Sort by name as people count: 2 before 10, and 7.25 before 7.3 if the names are times in seconds."""
    listed = list(files)
    fractions = [match[1] if (match := re.search(r"\d\.(\d+)$", file.stem)) else "" for file in listed]
    digits = max(map(len, fractions), default=0) if _are_decimals(fractions) else 0

    def key(item: tuple[Path, str]) -> tuple[list[tuple[int, str]], str]:
        file, fraction = item
        text = str(file.parent / file.stem) + "0" * (digits - len(fraction) if fraction and digits else 0)
        parts = re.findall("[0-9]+|[^0-9]+", text)
        # Python refuses to read numbers of thousands of digits.
        numbers = [(int(part[-300:]), "") if "0" <= part[0] <= "9" else (-1, part) for part in parts]
        return numbers, str(file)

    return [file for file, _ in sorted(zip(listed, fractions, strict=True), key=key)]


def _are_decimals(fractions: Sequence[str]) -> bool:
    """Whether what stands behind the points are fractions of a second, and no numbers that count.

    Numbers that count have no zero in front, and some end in one (10). Fractions have zeros in front, and
    none at the end unless all are of one length.
    """
    long = [fraction for fraction in fractions if len(fraction) > 1]
    return any(each.startswith("0") for each in long) or not any(each.endswith("0") for each in long)


class _Kind(NamedTuple):
    """Files whose names differ only in numbers, or that have none.

    Attributes:
        pattern: the name with a star for each number.
        keys: the numbers in each name, or the name that has none.
    """

    pattern: str
    numbered: bool
    files: list[Path]
    keys: set[tuple[object, ...]]

    @property
    def told(self) -> str:
        """How many files of which name."""
        count = len(self.files)
        return f"{count} file{'s' * (count > 1)} {self.pattern}" if count > 1 else self.files[0].name


def _kinds(files: Iterable[Path]) -> list[_Kind]:
    kinds: dict[tuple[str, bool], _Kind] = {}
    for file in files:
        numbers = re.findall(r"\d+", file.stem)
        pattern = (re.sub(r"\d+", "*", file.stem) if numbers else "*") + file.suffix
        kind = kinds.setdefault((pattern, bool(numbers)), _Kind(pattern, bool(numbers), [], set()))
        kind.files.append(file)
        kind.keys.add(tuple(number.lstrip("0") for number in numbers) if numbers else (file.stem,))
    return list(kinds.values())


def _few_without_number(kinds: Sequence[_Kind]) -> list[_Kind]:
    """Such as a cover beside the frames. But "shot.png" is the first of "shot2.png", "shot3.png" ..."""
    named = [kind for kind in kinds if not kind.numbered]
    rows = [kind for kind in kinds if kind.numbered]
    stems = [file.stem for kind in named for file in kind.files]
    if any(row.pattern.startswith(stem) for row in rows for stem in stems):
        return []
    return named if sum(len(row.files) for row in rows) >= _FEW * len(stems) else []


def _are_rivals(one: _Kind, other: _Kind) -> bool:
    """Whether they have at least half of the smaller one's numbers in common, and this by no chance."""
    shared = len(one.keys & other.keys)
    fewer, more = sorted((len(one.files), len(other.files)))
    certain = shared > 1 or _stem(one) == _stem(other) or more >= _FEW * fewer
    return shared > 0 and 2 * shared >= fewer and certain


def _less_likely(one: _Kind, other: _Kind) -> _Kind | None:
    """The one of two that is not the frames; None if nobody can know."""
    fewer, more = sorted((one, other), key=lambda kind: len(kind.files))
    if len(more.files) >= _FEW * len(fewer.files):
        return fewer
    jpegs = [Path(kind.pattern).suffix.lower() in _JPEG for kind in (one, other)]
    if _stem(one) != _stem(other) or jpegs[0] == jpegs[1]:
        return None
    return other if jpegs[0] else one


def _stem(kind: _Kind) -> str:
    return Path(kind.pattern).stem
