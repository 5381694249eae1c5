"""``rpn2t trax``: a tracker for the VOT toolkit."""

from typing import Any

import click

from rpn2t.cli.options import GroupedCommand, grouped_option, tracker_options


@click.command(cls=GroupedCommand)
@grouped_option(
    "What is served",
    "--tracker",
    default="rpn2t",
    show_default=True,
    metavar="NAME",
    help="rpn2t, OpenCV's csrt, kcf, mil or mosse, or module:Class, as for `rpn2t benchmark`.",
)
@grouped_option(
    "The VOT toolkit", "--workspace", metavar="DIR", help="Register the tracker in this workspace."
)
@grouped_option(
    "The VOT toolkit",
    "--name",
    metavar="NAME",
    help="What it is called there.  [default: the tracker's name]",
)
@grouped_option("The VOT toolkit", "--force", is_flag=True, help="Replace an entry of the same name.")
@tracker_options
def trax(workspace: str | None, name: str | None, force: bool, **options: Any) -> None:
    """Serve a tracker by the TraX protocol, or register it in a workspace of the VOT toolkit.

    \b
    vot initialize vot2016 --workspace DIR
    rpn2t trax --workspace DIR --config quarter
    vot --registry DIR/trackers.ini test RPN2T
    vot evaluate --workspace DIR RPN2T

    With --workspace it adds an entry to DIR/trackers.ini that starts this very command with the options
    given; entries of other trackers stay as they are. Without, it speaks TraX on its standard input and
    output, or on the socket that TRAX_SOCKET names: that is for the toolkit to start. Regions are taken as
    rectangles or polygons (the upright rectangle around them) and answered as rectangles.
    """
    from rpn2t.cli.chosen import TrackerOptions
    from rpn2t.cli.traxing import register, serve_tracker

    asked = TrackerOptions(**options)
    if workspace is not None:
        register(asked, workspace, name, force)
    else:
        serve_tracker(asked, name)
