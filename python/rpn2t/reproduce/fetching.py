"""Fetching what a data set lacks, by :mod:`rpn2t.fetch`."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rpn2t.errors import InputError
from rpn2t.reproduce.places import Place


@dataclass(frozen=True)
class Plan:
    """What can be fetched of a data set.

    Attributes:
        dataset: its name.
        count: how many sequences.
        bytes: how much that is.
        found: the plan of :mod:`rpn2t.fetch`.
    """

    dataset: str
    count: int
    bytes: int
    found: Any

    def fetch(self, say: Callable[[str], None]) -> None:
        """Fetch it; what fails is named, and left out of everything later."""
        fetched = importlib.import_module("rpn2t.fetch.run").fetch(self.found, say=say)
        for name, why in dict(fetched.failed).items():
            say(f"{self.dataset}: {name} could not be fetched: {why}")


def plan(name: str, place: Place) -> Plan | None:
    """What can be fetched of a data set that is not whole; None if nothing can be."""
    try:
        found = importlib.import_module("rpn2t.fetch.plan").plan_fetch(name, place.root, list(place.absent))
    except (ModuleNotFoundError, InputError):
        return None
    return Plan(name, len(found.items), found.bytes, found)
