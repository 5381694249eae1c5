"""``rpn2t distill``: the options and their help. What it does is in rpn2t.cli.actions.distill."""

from typing import Any

import click

from rpn2t.cli.options import LEARNING, PHOTOGRAPHS, GroupedCommand, grouped_option, training_options


@click.command(cls=GroupedCommand)
@training_options("runs/distill")
@grouped_option(
    PHOTOGRAPHS,
    "--weights",
    default="shipped",
    show_default=True,
    metavar="NAME|DIR",
    help="A set of weights with a teacher; `rpn2t weights` lists them.",
)
@grouped_option(
    PHOTOGRAPHS,
    "--start",
    type=click.Choice(["teacher", "student"]),
    default="teacher",
    show_default=True,
    help="Start from the teacher's weights, or improve the set's student further.",
)
@grouped_option(
    LEARNING,
    "--preset",
    type=click.Choice(["hour", "paper"]),
    default="hour",
    show_default=True,
    help="hour: what fits --minutes. paper: 256 crops of each photograph, 5 passes, SGD: weeks on a CPU.",
)
@grouped_option(
    LEARNING,
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=60,
    show_default=True,
    metavar="N",
    help="How long the preset hour may take on this machine. Without effect if --passes or "
    "--images-per-pass is given.",
)
@grouped_option(
    LEARNING,
    "--passes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Passes over the photographs. 1 if only --images-per-pass is given.",
)
@grouped_option(
    LEARNING,
    "--images-per-pass",
    type=click.IntRange(min=1),
    metavar="N",
    help="Photographs in a pass. All if only --passes is given.",
)
@grouped_option(
    LEARNING,
    "--crops",
    type=click.IntRange(min=2),
    metavar="N",
    help="Crops of each photograph, an even number.  [default: the preset's, 8 or 256]",
)
@grouped_option(
    LEARNING, "--rate", type=float, metavar="X", help="Learning rate.  [default: that of the preset's solver]"
)
@grouped_option(
    LEARNING,
    "--frozen",
    metavar="LAYERS",
    help="Layers that do not learn. With --start student --frozen conv1,conv2 fast mode's refinement net "
    "still fits, and goes along.",
)
def distill(**options: Any) -> None:
    """Distil the student, which the tracker uses, from the teacher (section 3.3 of the paper).

    \b
    Examples:
      rpn2t distill --images VOCdevkit/VOC2012                     an hour's worth
      rpn2t distill --images photographs --minutes 10 --weights runs/train-rpn
      rpn2t distill --images VOCdevkit/VOC2012 --preset paper
      rpn2t track clip.mp4 --init 63,37,50,64 --weights runs/distill

    Any folder of photographs will do. Photographs without boxes get boxes drawn at random. A list in JSON
    lines has a line for each photograph: {"file": "a/1.jpg", "boxes": [[x, y, w, h], ...]}, in pixels,
    0-based, and perhaps "source". Every tenth photograph is held out. On those the student is compared with
    the teacher.

    The output is a set of weights at any time. log.jsonl and loss.png show the course. After Ctrl-C the
    same command goes on.
    """
    from rpn2t.cli.actions.distill import DistillOptions, run_distill

    run_distill(DistillOptions(**options))
