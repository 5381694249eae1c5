"""``rpn2t results``: the options and their help. What it does is in rpn2t.cli.actions.results."""

import click

from rpn2t.cli.options import EXPERIMENTS, PROTOCOL, RESULTS, Group


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def results(context: click.Context) -> None:
    """List results, or export them to another toolkit's layout.

    \b
    rpn2t results                                                 what is in the folder results
    rpn2t results list --results DIR                              what is in another
    rpn2t results export otb100 RPN2T --for pysot --output DIR    the boxes for another toolkit

    Without a verb: list what is in the folder `results`.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_all)


@results.command("list")
@RESULTS
def list_all(results: str) -> None:
    """List what is there: experiment, tracker, runs, seconds a frame, and how it was made.

    `rpn2t benchmark` makes results, and `rpn2t evaluate` compares them.
    """
    from rpn2t.cli.actions.results import list_results

    list_results(results)


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
@RESULTS
@click.option("--output", metavar="DIR", required=True, help="Where the toolkit's folder is made.")
@click.option(
    "--experiment",
    type=EXPERIMENTS,
    default="ope",
    show_default=True,
    help="Only the MATLAB toolkit takes TRE and SRE.",
)
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
    from rpn2t.cli.actions.results import export_results

    export_results(dataset, tracker, toolkit, results, output, experiment, protocol)
