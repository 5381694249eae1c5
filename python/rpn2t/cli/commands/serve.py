"""``rpn2t serve``: the options and their help. What it does is in rpn2t.cli.actions.serve."""

from typing import Any

import click

from rpn2t.cli.options import GroupedCommand, grouped_option, tracker_options

_SERVER = "The server"


@click.command(cls=GroupedCommand)
@click.argument("folder", default=".")
@grouped_option(
    _SERVER, "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where it listens."
)
@grouped_option(
    _SERVER,
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    metavar="N",
    help="At which port; 0: any that is free.",
)
@grouped_option(_SERVER, "--runs", metavar="DIR", help="Folder of the results.  [default: runs in FOLDER]")
@grouped_option(
    _SERVER,
    "--upload-limit",
    type=click.FloatRange(0, min_open=True),
    default=4.0,
    show_default=True,
    metavar="GB",
    help="The largest video that may be dropped into the page.",
)
@tracker_options
def serve(**options: Any) -> None:
    """Track in the browser: a page over the videos below FOLDER, by default the current one.

    \b
    Examples:
      rpn2t serve
      rpn2t serve clips/ --port 9000
      rpn2t serve clips/ --mode paper --device gpu:0

    It prints an address with a token. Who opens it sees the videos and folders of frames below FOLDER, and
    nothing else of the disk. In the page you choose a video, or drop one in, draw a box around each object,
    and track. Where the tracker goes wrong you draw the right box, and it goes on from there: forward,
    backward, or both. docs/serve.md says more.

    Each piece of work is a run's folder, as `rpn2t track` leaves it. It is written while the work goes, so
    it is all there after a kill, and `rpn2t convert` takes it. Runs of `rpn2t track` can be opened and put
    right, too.

    The token changes with each start. Without it nothing is answered. Ctrl-C ends the server. What was
    tracked stays.
    """
    from rpn2t.cli.actions.serve import ServeOptions, serve_folder

    serve_folder(ServeOptions(**options))
