"""``rpn2t trax``: the options and their help. What it does is in rpn2t.cli.actions.trax."""

from typing import Any

import click

from rpn2t.cli.options import GroupedCommand, any_tracker_option, grouped_option, tracker_options

_WHAT = "What is run"
_WORKSPACE = "The toolkit's workspace"


@click.command(cls=GroupedCommand)
@grouped_option(
    _WORKSPACE,
    "--workspace",
    metavar="DIR",
    help="Do not track: write an entry with these options into DIR/trackers.ini.",
)
@grouped_option(
    _WORKSPACE,
    "--name",
    metavar="NAME",
    help="What it is called there.  [default: the tracker's name, as RPN2T]",
)
@grouped_option(_WORKSPACE, "--force", is_flag=True, help="Replace an entry of this name that differs.")
@any_tracker_option(_WHAT)
@grouped_option(
    _WHAT,
    "--random-seeds",
    is_flag=True,
    help="A new seed for every start, in place of --seed; the standard error says which.",
)
@tracker_options
def trax(**options: Any) -> None:
    """Run a tracker behind the TraX protocol, so that the VOT toolkit runs it.

    \b
    Examples:
      rpn2t trax --workspace vot2016                        RPN2T in vot2016/trackers.ini
      rpn2t trax --workspace vot2016 --mode fast --name RPN2T-fast
      rpn2t trax --workspace vot2016 --tracker csrt
      cd vot2016 && vot test RPN2T && vot evaluate RPN2T && vot analysis RPN2T

    Without --workspace it is the command that such an entry holds, which the toolkit starts by itself: it
    speaks TraX on its standard input and output, and everything else goes to the standard error. The exit
    status is 0 where the toolkit ended the session, else the reason is the last line.

    The toolkit repeats a sequence 15 times, and three times where these are the same. Every start has the
    seed --seed, so three are the same; with --random-seeds all 15 differ, and no run can be made again.

    The toolkit (PyPI: vot-toolkit) needs an environment of its own, with another OpenCV. docs/vot.md has
    the rest.
    """
    from rpn2t.cli.actions.trax import TraxOptions, run_trax

    run_trax(TraxOptions(**options))
