"""What ``rpn2t results`` does."""

from pathlib import Path

from rpn2t.benchmark.experiments import as_otb_experiment
from rpn2t.benchmark.manifest import read_manifest
from rpn2t.benchmark.result_files import MANIFEST, ResultFolder, ablations_of
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.paths import typed_path
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import find_dataset
from rpn2t.toolkits.export import export


def list_results(results: str) -> None:
    """Say what a folder of results holds, a line for each experiment of each tracker.

    Raises:
        InputError: it holds nothing.
    """
    found = sorted(typed_path(results).glob(f"*/*/{MANIFEST}"))
    if not found:
        raise InputError(
            f"{results}: holds no results of `rpn2t benchmark`, which makes them; "
            "--results names another folder"
        )
    for path in found:
        try:
            say(_line(path))
        except InputError as error:
            say(f"rpn2t: {error}", error=True)
    say(f"compare them with: rpn2t evaluate DATASET --root DIR --results {results}")


def _line(path: Path) -> str:
    """What a manifest says of its results."""
    content = read_manifest(path)
    runs, identity = content["runs"].values(), content["identity"]
    try:
        frames = sum(run["frames"] for run in runs)
        pace = f", {sum(run['seconds'] for run in runs) / frames:.3g} s a frame" if frames else ""
        short = f", first {identity['frames']} frames" if identity["frames"] else ""
        return (
            f"{path.parent.parent.name:<14} {path.parent.name:<16} {len(runs)} runs{pace} "
            f"(tracker {identity['tracker']}, {identity['protocol']} protocol, "
            f"seed {identity['seed']}{short})"
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: not a manifest; remove its folder") from error


def export_results(
    dataset: str, tracker: str, toolkit: str, results: str, output: str, experiment: str, protocol: str
) -> None:
    """Write one tracker's results as a toolkit reads them, and say how many.

    Raises:
        InputError: there are none, or the toolkit has no place for them.
    """
    found = find_dataset(dataset)
    experiment_run = "vot" if found.kind == "vot" else as_otb_experiment(experiment)
    places = [ResultFolder(results, each, experiment_run, tracker) for each in (found, ablations_of(found))]
    folder = next((place for place in places if place.path.is_dir()), None)
    if folder is None:
        raise InputError(
            f"{places[0].path}: no such folder; `rpn2t results list --results {results}` lists them"
        )
    count, lacking = export(toolkit, folder, found, typed_path(output), as_protocol(protocol))
    if not count:
        raise InputError(f"{folder.path}: holds no results of {found.name}'s sequences")
    say(f"{count} sequences in {output}")
    if lacking:
        say(f"without results: {', '.join(lacking)}")
