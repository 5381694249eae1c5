"""``rpn2t results``: what a folder of results holds, and its export to other toolkits."""

import click

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS
from rpn2t.cli.commands.datasets import PROTOCOL
from rpn2t.cli.console import say

_RESULTS = click.option(
    "--results", metavar="DIR", default="results", show_default=True, help="Folder of all results."
)


@click.group()
def results() -> None:
    """List results, or export them to another toolkit's layout."""


@results.command("list")
@_RESULTS
def list_results(results: str) -> None:
    """List what is there: experiment, tracker, runs, seconds a frame, and how it was made."""
    import json
    from pathlib import Path

    from rpn2t.benchmark.result_files import MANIFEST
    from rpn2t.errors import InputError

    found = sorted(Path(results).expanduser().glob(f"*/*/{MANIFEST}"))
    if not found:
        raise InputError(f"{results}: holds no results of `rpn2t benchmark`; --results names their folder")
    for path in found:
        content = json.loads(path.read_text(encoding="utf-8"))
        runs, identity = content["runs"].values(), content["identity"]
        frames = sum(run["frames"] for run in runs)
        pace = f", {sum(run['seconds'] for run in runs) / frames:.3g} s a frame" if frames else ""
        short = f", first {identity['frames']} frames" if identity["frames"] else ""
        say(
            f"{path.parent.parent.name:<14} {path.parent.name:<16} {len(runs)} runs{pace} "
            f"(tracker {identity['tracker']}, {identity['protocol']} protocol, "
            f"seed {identity['seed']}{short})"
        )


@results.command()
@click.argument("dataset")
@click.argument("tracker")
@click.option(
    "--for",
    "toolkit",
    type=click.Choice(["otb", "got10k", "pysot", "pytracking"]),
    required=True,
    help="otb is the MATLAB toolkit.",
)
@_RESULTS
@click.option("--output", metavar="DIR", required=True, help="Where the toolkit's folder is made.")
@click.option(
    "--experiment", type=click.Choice(OTB_EXPERIMENTS), default="ope", show_default=True,
    help="TRE and SRE go to the MATLAB toolkit alone.",
)  # fmt: skip
@PROTOCOL
def export(
    dataset: str, tracker: str, toolkit: str, results: str, output: str, experiment: str, protocol: str
) -> None:
    """Write TRACKER's results on DATASET as another toolkit reads them.

    \b
    otb         results_OPE/Deer_RPN2T.mat   for the MATLAB toolkit of OTB, its perfPlot.m
    got10k      OTB2015/RPN2T/Jogging.1.txt  (OTBtb50 and OTB2013 for those lists)
    pysot       OTB100/RPN2T/Jogging-1.txt
    pytracking  RPN2T/default/Jogging_1.txt

    Sequences without results are named. Boxes stay 1-based, as in OTB's own files.
    """
    from pathlib import Path

    from rpn2t.benchmark.experiments import as_otb_experiment
    from rpn2t.benchmark.result_files import ResultFolder
    from rpn2t.errors import InputError
    from rpn2t.sequences.protocols import as_protocol
    from rpn2t.sequences.registry import find_dataset
    from rpn2t.toolkits.export import export as write

    found = find_dataset(dataset)
    folder = ResultFolder(
        results, found, "vot" if found.kind == "vot" else as_otb_experiment(experiment), tracker
    )
    if not folder.path.is_dir():
        raise InputError(
            f"{folder.path}: no such folder; `rpn2t results list --results {results}` lists them"
        )
    count, lacking = write(toolkit, folder, found, Path(output).expanduser(), as_protocol(protocol))
    if not count:
        raise InputError(f"{folder.path}: holds no results of {found.name}'s sequences")
    say(f"{count} sequences in {output}")
    if lacking:
        say(f"without results: {', '.join(lacking)}")
