"""What is compared: the trackers whose results can be used, on the sequences that all of them have.

A mean is only fair if every tracker has the same sequences in it. So a sequence is left out if a tracker has
no result of it, or a result file that cannot be used. A tracker most of whose files cannot be used would take
the others' sequences with it: it is left out itself. Whatever is left out is named.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from rpn2t.errors import InputError
from rpn2t.sequences.target import Target

Result = TypeVar("Result")

_UNMEASURABLE = "its ground truth has only the first frame's box"


@dataclass(frozen=True)
class Comparison(Generic[Result]):
    """What can be compared.

    Attributes:
        targets: those that every tracker has.
        results: tracker -> target's name -> what was read of it.
        absent: name -> why a target is left out.
        notes: which trackers are left out and why, in lines.
    """

    targets: tuple[Target, ...]
    results: Mapping[str, Mapping[str, Result]]
    absent: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass
class _Tracker(Generic[Result]):
    """A tracker's results, by the targets' names: what was read, and why the others were not."""

    usable: dict[str, Result] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)


def compare(
    results: str | Path,
    trackers: Iterable[str],
    targets: Sequence[Target],
    read: Callable[[str, Target], Result],
) -> Comparison[Result]:
    """Read every tracker's result of every target, and see what can be compared.

    Args:
        results: the folder of the results as it was typed, for messages.
        trackers: their names, in order.
        targets: what was tracked.
        read: gives a tracker's result of a target. It raises LookupError if there is none, and InputError if
            its file cannot be used.

    Raises:
        InputError: nothing can be compared; up to three of the reasons are given.
    """
    unmeasurable = {target.name: _UNMEASURABLE for target in targets if not target.is_measurable}
    measurable = [target for target in targets if target.is_measurable]
    if not measurable:
        raise InputError(f"{results}: nothing can be measured; {targets[0].name}: {_UNMEASURABLE}")
    everyone = {name: _read_all(name, measurable, read) for name in trackers}
    kept = {
        name: each
        for name, each in everyone.items()
        if each.usable and len(each.unusable) <= len(each.usable)
    }
    notes = [_left_out(name, each) for name, each in everyone.items() if name not in kept]
    reasons = unmeasurable | {
        target.name: "; ".join(
            each.unusable.get(target.name) or each.lacking[target.name] for each in lacking
        )
        for target in measurable
        if (lacking := [each for each in kept.values() if target.name not in each.usable])
    }
    compared = tuple(target for target in targets if target.name not in reasons)
    if not kept or not compared:
        whys = _most_first(everyone) if not kept else [f"{name}: {why}" for name, why in reasons.items()]
        more = f"; and {len(whys) - 3} more" if len(whys) > 3 else ""
        cure = "; choose others by --trackers" if len(everyone) > 1 else ""
        raise InputError(
            f"{results}: no sequence has usable results of every tracker ({'; '.join(whys[:3])}{more}){cure}"
        )
    read_of = {
        name: {target.name: each.usable[target.name] for target in compared} for name, each in kept.items()
    }
    return Comparison(compared, read_of, reasons, tuple(notes))


def _read_all(
    tracker: str, targets: Iterable[Target], read: Callable[[str, Target], Result]
) -> _Tracker[Result]:
    found: _Tracker[Result] = _Tracker()
    for target in targets:
        try:
            found.usable[target.name] = read(tracker, target)
        except InputError as error:
            found.unusable[target.name] = f"{tracker}: {error}"
        except LookupError as error:
            found.lacking[target.name] = f"{tracker}: {error.args[0]}"
    return found


def _most_first(trackers: Mapping[str, _Tracker[Result]]) -> list[str]:
    """Why trackers are left out. First come those that have most files: what is wrong with many says more."""
    most = sorted(trackers.items(), key=lambda item: -len(item[1].unusable) - len(item[1].usable))
    return [_left_out(name, each) for name, each in most]


def _left_out(name: str, tracker: _Tracker[Result]) -> str:
    if not tracker.unusable:
        return f"{name} is left out: {next(iter(tracker.lacking.values())).removeprefix(f'{name}: ')}"
    count, why = len(tracker.unusable), next(iter(tracker.unusable.values())).removeprefix(f"{name}: ")
    whole = count + len(tracker.usable)
    return f"{name} is left out: {count} of its {whole} results cannot be used; {why}"
