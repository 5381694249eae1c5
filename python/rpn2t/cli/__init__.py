"""The command ``rpn2t``.

A verb's options and help are in ``commands/VERB.py``, which imports only click at its top: help is fast and
needs no Caffe. What the verb does is in ``actions/VERB.py``.
"""

import importlib
from collections.abc import Sequence

import click

from rpn2t import __version__
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.system.foreign import import_complaint
from rpn2t.system.threads import limit_pools, sleep_at_once

_VERBS = (
    "track", "serve", "frame", "convert", "benchmark", "evaluate", "ablate", "reproduce", "results", "trax",
    "datasets", "train-rpn", "distill", "weights",
)  # fmt: skip


class _Verbs(click.Group):
    """Imports a verb's module of rpn2t.cli.commands when the verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"rpn2t.cli.commands.{name}"), name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rpn2t")
def cli() -> None:
    """Track an object through a video with RPN2T (arXiv 1705.10447), on Caffe.

    \b
    rpn2t track clip.mp4 --init 68,36,54,62    a box in the first frame, in pixels
    rpn2t frame clip.mp4 0 --grid              the first frame with rulers, to find a box without a screen
    rpn2t track Deer/                          an OTB or VOT sequence brings its own box
    rpn2t serve                                all of it in the browser
    rpn2t benchmark otb100 --root /data/OTB    a whole benchmark, for `rpn2t evaluate`
    rpn2t weights                              the networks' weights that are installed

    `rpn2t VERB --help` explains a verb.

    \b
    Exit status:
      0           done
      1           something failed (a sequence of a benchmark, a session of trax), or was found to be
                  missing or damaged (datasets check, weights verify)
      2           an input cannot be used; one line says which, and what to do
      130 or 143  stopped by Ctrl-C or SIGTERM
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status.

    Args:
        arguments: what follows the program's name; by default the process's own.
    """
    # before a verb imports NumPy
    sleep_at_once()
    if note := limit_pools():
        say(f"note: {note}", error=True)
    try:
        status = cli.main(arguments, prog_name="rpn2t", standalone_mode=False)
    except InputError as error:
        say(f"rpn2t: {error}", error=True)
        return 2
    except RuntimeError as error:
        if "GPU's memory is full" not in str(error):  # Caffe's words
            raise
        say(f"rpn2t: {error}; end what else computes there, or use --device cpu", error=True)
        return 2
    except ImportError as error:
        if (line := import_complaint(error)) is None:
            raise
        say(f"rpn2t: {line}", error=True)
        return 2
    except click.ClickException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "rpn2t")
        message = " ".join(error.format_message().split())  # click lists choices on lines of their own
        say(f"rpn2t: {message.removesuffix('.')}. See `{command} --help`.", error=True)
        return error.exit_code
    except click.Abort:
        say("rpn2t: stopped by Ctrl-C", error=True)
        return 130
    return status if isinstance(status, int) else 0
