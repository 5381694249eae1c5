"""``rpn2t frame``: the options and their help. What it does is in rpn2t.cli.actions.frame."""

from typing import Any

import click

from rpn2t.cli.options import Command


@click.command(cls=Command)
@click.argument("source")
@click.argument("number", metavar="N", type=click.IntRange(min=0))
@click.option("--grid", is_flag=True, help="Draw a grid over the frame and rulers around it.")
@click.option(
    "--box",
    "boxes",
    metavar="X,Y,W,H",
    multiple=True,
    help="Draw this box, in pixels, 0-based. May be repeated.",
)
@click.option(
    "--output",
    metavar="FILE",
    help="The picture, a .png or .jpg file.  [default: of frame 60, NAME_000060.png in the current folder]",
)
@click.option("--overwrite", is_flag=True, help="Replace the picture if it is there.")
def frame(**options: Any) -> None:
    """Write frame N of SOURCE as a picture, to find a box on it or to check one.

    SOURCE is what `rpn2t track` takes: a video, a folder of frames, a stream, a camera. N counts the
    frames from 0, as --frames does.

    \b
    Examples:
      rpn2t frame clip.mp4 60 --grid                   writes clip_000060.png
      rpn2t frame clip.mp4 60 --grid --box 68,36,54,62

    Without --grid the picture has the pixels of the frame, and no others: a viewer that shows where
    the pointer is shows numbers of the frame. With --grid there is a border with rulers, and a frame
    whose longer side is below 800 px is enlarged by a whole number. The rulers count the pixels of
    the frame from 0. A box from the line 60 to the line 100 has x 60 and w 40.

    The last line that is printed is the command that tracks from this frame on.
    """
    from rpn2t.cli.actions.frame import FrameOptions, write_frame

    write_frame(FrameOptions(**options))
