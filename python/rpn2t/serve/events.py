"""What happened in a project, numbered, so that a page that was away for a while gets what it missed."""

from collections import deque
from itertools import dropwhile
from secrets import token_hex
from threading import Lock
from typing import Any, NamedTuple

_KEPT = 20_000


class Event(NamedTuple):
    """Something that happened.

    Attributes:
        number: its number, from 1.
        name: ``rows`` or ``changed``.
        data: rows as the page gets them; nothing for ``changed``.
    """

    number: int
    name: str
    data: list[list[Any]]


class Events:
    """The last events of a project.

    Attributes:
        last: the number of the last one.
    """

    def __init__(self) -> None:
        self.last = 0
        self._era = token_hex(4)  # numbers of another server's life say nothing
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._lock = Lock()

    def add(self, name: str, data: list[list[Any]] | None = None) -> None:
        """Something happened."""
        with self._lock:
            self.last += 1
            self._kept.append(Event(self.last, name, data or []))

    def since(self, number: int) -> list[Event]:
        """The events after this number. If some are forgotten, all there is to say is ``changed``."""
        with self._lock:
            if number == self.last:
                return []
            if not self._kept or number + 1 < self._kept[0].number:
                return [Event(self.last, "changed", [])]
            return list(dropwhile(lambda event: event.number <= number, self._kept))

    def mark(self, number: int) -> str:
        """The number as an id of server-sent events."""
        return f"{self._era}-{number}"

    def number(self, mark: str) -> int | None:
        """The number of such an id; None if it is none of ours."""
        era, _, digits = mark.partition("-")
        known = era == self._era and digits.isascii() and digits.isdigit() and int(digits) <= self.last
        return int(digits) if known else None
