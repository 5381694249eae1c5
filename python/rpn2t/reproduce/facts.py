"""What the figures of a report were made of, as far as its reader asks: weights, data, machine, command."""

from collections.abc import Iterable
from typing import Any

from rpn2t import __version__
from rpn2t.benchmark.manifest import read_manifest
from rpn2t.benchmark.result_files import MANIFEST
from rpn2t.errors import InputError
from rpn2t.nets.weight_sets import find_set
from rpn2t.reproduce.exhibits import Exhibit
from rpn2t.reproduce.reproduction import Reproduction
from rpn2t.system.cores import usable_cores
from rpn2t.system.files import sha256
from rpn2t.system.processor import cpu_name


def facts(reproduction: Reproduction, shown: Iterable[Exhibit], command: str) -> dict[str, str]:
    """Name -> text, for the head of the page.

    Args:
        reproduction: the reproduction.
        shown: what is on the page.
        command: that made it.
    """
    conditions = reproduction.conditions
    files = find_set(conditions.weights).files.values()
    names = {run.dataset for exhibit in shown for run in exhibit.runs}
    return {
        "Tracker": f"RPN2T {__version__}, {conditions.mode} mode, {conditions.seeds_text}",
        "Weights": f"{conditions.weights}: "
        + ", ".join(f"{path.name} (sha256 {sha256(path)[:12]})" for path in files),
        **{f"Data, {name}": _data(reproduction, name) for name in sorted(names)},
        "Runs": _runs(reproduction),
        "This machine": f"{cpu_name()}, {usable_cores()} cores",
        "Command": command,
        "Results": f"{reproduction.results}; all plots and tables of them: `rpn2t evaluate otb100 --root "
        f"{reproduction.place('otb100').root} --results {reproduction.results}`",
    }


def _data(reproduction: Reproduction, name: str) -> str:
    place = reproduction.place(name)
    lacking = "".join(f"; {line}" for line in place.left_out)
    return f"{place.count} in {place.root}{lacking}"


def _runs(reproduction: Reproduction) -> str:
    """How many runs there are, on which processors, when the last one ended."""
    runs: list[dict[str, Any]] = []
    for path in sorted(reproduction.results.glob(f"*/*/{MANIFEST}")):
        try:
            runs += read_manifest(path)["runs"].values()
        except InputError:
            continue  # whoever evaluates these results says so
    if not runs:
        return "none"
    processors = sorted({str(run.get("cpu")) for run in runs})
    ended = max(str(run.get("finished", "")) for run in runs)
    return f"{len(runs)} runs over sequences, on {', '.join(processors)}; the last ended {ended}"
