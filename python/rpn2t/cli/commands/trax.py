"""``rpn2t trax``: the options and their help. What it does is in rpn2t.cli.actions.trax."""

from typing import Any

import click

from rpn2t.cli.options import RUN, GroupedCommand, any_tracker_option, grouped_option, tracker_options

_WORKSPACE = "The toolkit's workspace"


@click.command(cls=GroupedCommand)
@grouped_option(
    _WORKSPACE,
    "--workspace",
    metavar="DIR",
    help="Do not track, but write an entry with these options into DIR/trackers.ini.",
)
@grouped_option(
    _WORKSPACE,
    "--name",
    metavar="NAME",
    help="Name of the entry.  [default: the tracker's name, as RPN2T]",
)
@grouped_option(_WORKSPACE, "--force", is_flag=True, help="Replace a different entry of this name.")
@any_tracker_option
@grouped_option(
    RUN,
    "--random-seeds",
    is_flag=True,
    help="Take a new seed for every start, instead of --seed. The standard error says which.",
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

    With --workspace the command writes an entry for the toolkit and ends. Without --workspace it is what
    such an entry holds: the toolkit starts it by itself. It speaks TraX on its standard input and output, and
    everything else goes to the standard error. If the toolkit ended the session, the exit status is 0;
    otherwise the last line says why it ended.

    The toolkit repeats a sequence 15 times, or only three times if the first three runs are the same. Every
    start has the seed --seed, so three runs are enough. With --random-seeds all 15 differ, and no run can
    be repeated.

    The toolkit (PyPI: vot-toolkit) needs an environment of its own, because it needs another OpenCV.
    docs/vot.md has the rest.
    """
    from rpn2t.cli.actions.trax import TraxOptions, run_trax

    run_trax(TraxOptions(**options))
