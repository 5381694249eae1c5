"""``rpn2t reproduce``: the options and their help. What it does is in rpn2t.cli.actions.reproduce."""

from typing import Any

import click

from rpn2t.cli.options import RUN, TRACKER, GroupedCommand, grouped_option, reproducing_options
from rpn2t.config import MODES

_PARTS = ("section3.1", "fig2", "fig3", "fig4", "fig5", "fig6", "table1", "all")
"""The names of rpn2t.reproduce.exhibits, which help must not import."""


@click.command(cls=GroupedCommand)
@click.argument("part", type=click.Choice(_PARTS), metavar="|".join(_PARTS))
@grouped_option(
    RUN,
    "--root",
    metavar="DIR",
    required=True,
    help="Folder of the data sets: OTB in DIR/otb, VOT2016 in DIR/vot2016. If sequences lie in DIR itself, "
    "it is OTB's or VOT's own folder.",
)
@grouped_option(
    RUN, "--output", metavar="DIR", default="reproduction", show_default=True, help="Folder of reports."
)
@grouped_option(
    RUN,
    "--name",
    metavar="NAME",
    help="Name of this reproduction, a folder in --output.  [default: of mode and weights, as paper-shipped]",
)
@grouped_option(
    RUN,
    "--quick",
    is_flag=True,
    help="Only the first 40 frames of the sequences that are there, with a quarter of the sample numbers.",
)
@grouped_option(RUN, "--sequences", metavar="A,B", help="Run only these sequences.")
@grouped_option(
    RUN,
    "--beside",
    metavar="A,B",
    help="Draw these trackers' OTB results, too. They lie in OUTPUT/NAME/results.",
)
@grouped_option(
    RUN, "--dry-run", is_flag=True, help="Say what would run, and about how long. Change nothing."
)
@grouped_option(RUN, "--yes", is_flag=True, help="Fetch missing sequences without asking.")
@grouped_option(RUN, "--no-fetch", is_flag=True, help="Fetch nothing: what is missing is left out and named.")
@grouped_option(
    TRACKER,
    "--mode",
    type=click.Choice(MODES),
    default="paper",
    show_default=True,
    help="paper: the paper's method and numbers. fast: ours.",
)
@grouped_option(
    TRACKER,
    "--weights",
    metavar="NAME|DIR",
    help="A set of weights.  [default: authors if installed, or shipped]",
)
@grouped_option(
    TRACKER,
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change one number of the method; every page says so. May be repeated.",
)
@reproducing_options
def reproduce(**options: Any) -> None:
    """Make a figure or table of the paper again, or all of them, and write a report: a page and a PDF.

    \b
    section3.1   networks that were trained to classify, under the same tracker
    fig2         the positions that the two terms of the loss use
    fig3         the matching IoU before the new loss
    fig4         success and precision on OTB-50 and OTB-100
    fig5         by attribute
    fig6         frames with boxes
    table1       VOT2016

    \b
    Examples:
      rpn2t reproduce all --root data --dry-run
      rpn2t reproduce fig4 --root data --mode fast --quick
      rpn2t reproduce all --root data --yes --workers 8

    Missing sequences are fetched after a question. The authors' weights are taken if they are installed.
    Finished runs are never repeated: after Ctrl-C, a crash or a power cut the same command goes on. What
    is not as in the paper (weights, mode, missing sequences) stands on every page.

    OUTPUT/NAME/ gets index.html, report.pdf and results/, where `rpn2t evaluate` finds the results. The
    report keeps the parts that were made there before.
    """
    from rpn2t.cli.actions.reproduce import ReproduceOptions, run_reproduce

    run_reproduce(ReproduceOptions(**options))
