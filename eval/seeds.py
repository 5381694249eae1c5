"""Which folders of results are seeds of one tracker.

`rpn2t benchmark --seeds 3` leaves RPN2T-seed0, RPN2T-seed1 and RPN2T-seed2. Their manifests say that they are
seeds of RPN2T (`seed_of`) and which (`identity.seed`). They are compared as one tracker, RPN2T, whose figures
are means over them. Names of folders decide nothing. Folders whose manifests differ in more than the seed are
not averaged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rpn2t.benchmark.manifest import differences, read_manifest
from rpn2t.benchmark.result_files import MANIFEST
from rpn2t.errors import InputError


@dataclass(frozen=True)
class Seeds:
    """The trackers of a folder of results that have several seeds.

    Attributes:
        groups: tracker -> the names of its results, in the order of their seeds.
        apart: names of results that their manifest calls a seed, and that cannot be averaged with the others.
        ours: names of results that RPN2T itself made.
        notes: tracker -> what a reader should know of its seeds, in lines.
    """

    groups: Mapping[str, tuple[str, ...]]
    apart: frozenset[str]
    ours: frozenset[str]
    notes: Mapping[str, tuple[str, ...]]

    def expand(self, asked: Iterable[str]) -> list[str]:
        """Names that a user gave, with the results' names in place of a tracker that has seeds."""
        expanded: list[str] = []
        for name in asked:
            known = self._group(name)
            expanded += [name] if known is None else self.groups[known]
        return list(dict.fromkeys(expanded))

    def collect(self, chosen: Sequence[str], asked: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The chosen results by tracker: as they were asked for, or ours first.

        Args:
            chosen: names of results that are there.
            asked: what the user named, of which some may be trackers with seeds; empty for all.
        """
        if asked:
            by_lower = {name.lower(): name for name in chosen}
            names = [self._group(name) or by_lower.get(name.lower(), name) for name in asked]
        else:
            tracker_of = {each: tracker for tracker, members in self.groups.items() for each in members}
            names = [tracker_of.get(name, name) for name in chosen if name not in self.apart]
            names.sort(key=lambda name: not self.ours.intersection(self.groups.get(name, (name,))))
        there = set(chosen)
        collected = {
            name: tuple(each for each in self.groups.get(name, (name,)) if each in there) for name in names
        }
        return {name: members for name, members in collected.items() if members}

    def notes_on(self, trackers: Iterable[str]) -> list[str]:
        """What a reader should know of the seeds of these trackers, in lines."""
        return [note for tracker in trackers for note in self.notes.get(tracker, ())]

    def _group(self, name: str) -> str | None:
        by_lower = {tracker.lower(): tracker for tracker in self.groups}
        return name if name in self.groups else by_lower.get(name.lower())


def find_seeds(folders: Mapping[str, Path]) -> Seeds:
    """Group results by what their manifests say.

    Args:
        folders: name of the results -> the folder that holds their manifest, if they have one.
    """
    identities: dict[str, dict[str, Any]] = {}
    members: dict[str, list[tuple[int, str]]] = {}
    for name, folder in folders.items():
        content = _manifest(folder)
        if content is None:
            continue
        identities[name] = content["identity"]
        seed = content["identity"].get("seed")
        if content["seed_of"] is not None and isinstance(seed, int):
            tracker = "/".join((*name.split("/")[:-1], content["seed_of"]))
            members.setdefault(tracker, []).append((seed, name))
    groups: dict[str, tuple[str, ...]] = {}
    apart: dict[str, str] = {}
    notes: dict[str, tuple[str, ...]] = {}
    for tracker, found in members.items():
        groups[tracker], others = _alike([name for _, name in sorted(found)], identities)
        apart |= others
        notes[tracker] = tuple(f"{name} is left out: {why}" for name, why in others.items())
        if tracker in folders and tracker not in groups[tracker]:
            seeds = ", ".join(groups[tracker])
            notes[tracker] += (
                f"{tracker}: {folders[tracker]} is left out; {seeds} are this tracker's seeds",
            )
    ours = frozenset(name for name, identity in identities.items() if identity.get("tracker") == "rpn2t")
    return Seeds(groups, frozenset(apart), ours, notes)


def _alike(
    names: Sequence[str], identities: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Those that differ from the first in nothing but the seed, and why others are none of them."""
    alike, others = [names[0]], {}
    seeds = {identities[names[0]]["seed"]}
    first = {key: value for key, value in identities[names[0]].items() if key != "seed"}
    for name in names[1:]:
        own = {key: value for key, value in identities[name].items() if key != "seed"}
        if identities[name]["seed"] in seeds:
            others[name] = f"it has the seed {identities[name]['seed']}, as other results of this tracker"
        elif differing := differences(first, own):
            others[name] = f"its manifest differs from that of {names[0]}: {differing[0]}"
        else:
            alike.append(name)
            seeds.add(identities[name]["seed"])
    return tuple(alike), others


def _manifest(folder: Path) -> dict[str, Any] | None:
    """A folder's manifest; None if it has none that can be read."""
    file = folder / MANIFEST
    if not file.is_file():
        return None
    try:
        return read_manifest(file)
    except InputError:
        return None  # whoever reads the results says what is wrong with them
