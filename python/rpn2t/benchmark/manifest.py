"""manifest.json: how a folder of results was made, so that results of two settings never mix."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rpn2t.benchmark.result_files import MANIFEST
from rpn2t.errors import InputError
from rpn2t.sequences.registry import DataSet
from rpn2t.system.files import write_whole


class Manifest:
    """The manifest of one folder of results.

    Attributes:
        identity: what decides the boxes: tracker, configuration, weights' checksums, seed, protocol, frames.
        runs: a record of each finished run: frames, seconds, machine, versions.
        folder: of the sequences; None for a data set that has a list.
        seed_of: the tracker of which these results are one seed; None if they stand for themselves.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, Any],
        folder: Path | None = None,
        seed_of: str | None = None,
    ) -> None:
        """Read the manifest if there is one; nothing is written yet.

        Raises:
            InputError: the results there were made with other settings (which are named), on another folder
                of sequences, or not by us.
        """
        self._path = path
        self.folder = None if folder is None else str(folder)
        self.seed_of = seed_of
        self.identity: dict[str, Any] = json.loads(json.dumps(identity))
        self.runs: dict[str, Any] = {}
        if path.exists():
            self._continue(read_manifest(path))
        elif any(path.parent.glob("*.txt")) or any(path.parent.glob("baseline/*/*.txt")):
            raise InputError(
                f"{path.parent}: holds results without a {path.name}, which `rpn2t benchmark` did not make; "
                "give another --name"
            )

    def _continue(self, found: dict[str, Any]) -> None:
        differing = differences(found["identity"], self.identity)
        differing.sort(key=lambda text: not text.startswith("mode "))  # the mode decides most of the others
        if differing:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            raise InputError(
                f"{self._path.parent}: holds results made with {differing[0]}{more}; give another --name "
                "for these, or remove that folder"
            )
        before = found.get("folder")
        if None not in (before, self.folder) and before != self.folder:
            raise InputError(
                f"{self._path.parent}: holds results on {before}, and this is {self.folder}; give another "
                f"--name (if the folder was only moved, take its line out of {self._path.name})"
            )
        self.runs = found["runs"]
        self.seed_of = self.seed_of or found["seed_of"]

    def add(self, run: str, record: Mapping[str, Any]) -> None:
        """Record a finished run, and write the file."""
        self.runs[run] = dict(record)
        self.write()

    def write(self) -> None:
        """Write the file, as a whole.

        Raises:
            InputError: it cannot be written.
        """
        content = {
            "identity": self.identity,
            "folder": self.folder,
            "seed_of": self.seed_of,
            "runs": self.runs,
        }
        write_whole(self._path, json.dumps(content, indent=1) + "\n")


def note_on_folder(name: str, results: Path, dataset: DataSet) -> list[str]:
    """A note if a tracker's results were made on another folder of sequences than the data set's.

    Args:
        name: of the tracker.
        results: its folder.
        dataset: what is evaluated.
    """
    if dataset.folder is None or not (results / MANIFEST).is_file():
        return []
    try:
        before = read_manifest(results / MANIFEST)["folder"]
    except InputError as error:
        return [f"{name}: {error}"]
    return [] if before in (None, str(dataset.folder)) else [f"{name}: its results were made on {before}"]


def differences(before: Mapping[str, Any], now: Mapping[str, Any], inside: str = "") -> list[str]:
    """The differences between two identities, in words: ``candidates 256, now 64``."""
    found = []
    for key in sorted({*before, *now}):
        old, new = before.get(key), now.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{inside}{key}.")
        elif old != new:
            found.append(f"{inside}{key} {_short(old)}, now {_short(new)}")
    return found


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else text[:12] + "..."


def read_manifest(path: Path) -> dict[str, Any]:
    """What a manifest holds: ``identity``, ``folder``, ``seed_of`` (both null if it says none) and ``runs``.

    Raises:
        InputError: it cannot be read, or is no manifest.
    """
    cure = "give another --name, or remove its folder"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error}); {cure}") from error
    content = {"identity": {}, "folder": None, "seed_of": None, "runs": {}} | (
        found if isinstance(found, dict) else {"runs": None}
    )
    identity, runs = content["identity"], content["runs"]
    if not (
        isinstance(identity, dict)
        and isinstance(runs, dict)
        and all(isinstance(run, dict) for run in runs.values())
        and isinstance(content["seed_of"], str | None)
    ):
        raise InputError(f"{path}: not a manifest; {cure}")
    return content
