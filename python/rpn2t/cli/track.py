"""``rpn2t track``: the options and their help. What they do is in rpn2t.cli.tracking."""

from collections.abc import Callable
from typing import Any

import click

from rpn2t.container import command


class _Option(click.Option):
    """An option that help lists under a heading."""

    def __init__(self, *declarations: Any, group: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.group = group


class _Command(click.Command):
    """A command whose help lists its options under their headings, and which shows how it is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.MissingParameter as error:
            example = f"{command()} track clip.mp4 --init 68,36,54,62"
            raise click.UsageError(f"Name a SOURCE, as in `{example}`.", ctx) from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if isinstance(option, click.Option) and record is not None:
                groups.setdefault(option.group if isinstance(option, _Option) else "Other", []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


def _option(
    group: str, *declarations: str, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(*declarations, cls=_Option, group=group, **settings)


_BOX = "The object (default: row A of the folder's own ground truth)"
_FRAMES = "Frames"
_RESULTS = "Results"
_TRACKER = "The tracker"


@click.command(cls=_Command)
@click.argument("source")
@_option(_BOX, "--init", metavar="X,Y,W,H", help="Box in the first frame, in pixels, 0-based.")
@_option(
    _BOX,
    "--init-file",
    metavar="FILE",
    help="Ground-truth file, a rectangle or a polygon a line; its first line, or row A with --frames A:B.",
)
@_option(_BOX, "--select", is_flag=True, help="Draw the box with the mouse (needs a screen and `make gui`).")
@_option(
    _FRAMES,
    "--frames",
    metavar="A:B",
    help="Half-open, counted from 0: 0:5 is five frames, 0 to 4. A or B may be left out.",
)
@_option(_RESULTS, "--output", metavar="DIR", help="Folder for the results.  [default: runs/NAME]")
@_option(_RESULTS, "--no-video", is_flag=True, help="Leave video.mp4 out.")
@_option(_RESULTS, "--show", is_flag=True, help="Also show the frames in a window; q or Esc ends the run.")
@_option(_RESULTS, "--profile", is_flag=True, help="Also say where the time went; see profile.txt below.")
@_option(
    _TRACKER,
    "--mode",
    type=click.Choice(["paper"]),
    default="paper",
    show_default=True,
    help="paper: the method and the numbers of the paper.",
)
@_option(
    _TRACKER,
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of every random choice.",
)
@_option(
    _TRACKER,
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|gpu:N",
    help="auto takes a GPU that works, else the CPU, and the first line says which.",
)
@_option(
    _TRACKER,
    "--tf32",
    is_flag=True,
    help="Let a GPU compute in TF32: faster, less exact. Without it, in float as the paper did.",
)
@_option(
    _TRACKER,
    "--weights",
    default="shipped",
    show_default=True,
    metavar="NAME|DIR",
    help="A set of weights; `rpn2t weights` lists them.",
)
@_option(
    _TRACKER,
    "--backbone",
    default="student",
    show_default=True,
    metavar="student|teacher|DIR",
    help="The network that makes the features.",
)
@_option(
    _TRACKER,
    "--config",
    metavar="NAME|FILE",
    help="Hyper-parameters: a TOML file, or a named configuration such as quarter.",
)
@_option(
    _TRACKER,
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="One hyper-parameter, after --config; may be repeated.",
)
def track(**options: Any) -> None:
    """Follow one object through SOURCE.

    SOURCE is a video file, a folder of frames, a glob in quotes ('frames/*.png'), an OTB or VOT
    sequence folder, a stream's URL, or the index of a camera (0).

    \b
    Examples:
      rpn2t track clip.mp4 --init 68,36,54,62
      rpn2t track OTB/Deer --frames 0:40
      rpn2t track OTB/Jogging --init-file OTB/Jogging/groundtruth_rect.2.txt
      rpn2t track frames/ --select --show --output runs/mine
      rpn2t track clip.mp4 --init 68,36,54,62 --config quarter --set candidates=128

    A box is x,y,w,h in pixels of the frame: the upper left corner, then the size. Here and in
    run.json the upper left pixel is 0,0. Box files in OTB layout and our boxes.txt call it 1,1 and
    are converted; rectangles in a file named groundtruth.txt, as VOT's is, and polygons in any file
    are taken as they are. A polygon stands for the upright rectangle around it.

    The folder of results gets

    \b
      boxes.txt  x,y,w,h a tracked frame, 1-based as in OTB
      run.json   seed, version, configuration, checksums of the weights, device, init_seconds, and
                 for each frame its index, box, score (0 to 1) and seconds. On the first frame the
                 box is the given one, and score and seconds are null
      video.mp4  the frames with the box in yellow, and the ground truth in blue
      profile.txt  with --profile: seconds, calls, share and ms a frame of each stage (cutting
                 patches, conv5, the head's scores, mining, learning ...), for the first frame and
                 for the later ones. Stages exclude one another, so they add up to the whole run;
                 boxes are the same with and without. Also printed at the end.

    Results that are there already are replaced once the first frame is learned. Ctrl-C and SIGTERM
    end the run; as after any error on the way, the files then hold what was tracked.
    """
    from rpn2t.cli.tracking import TrackOptions, track_source

    track_source(TrackOptions(**options))
