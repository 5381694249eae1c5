"""``rpn2t train-rpn``: the options and their help. What it does is in rpn2t.cli.actions.train_rpn."""

from typing import Any

import click

from rpn2t.cli.options import LEARNING, PHOTOGRAPHS, GroupedCommand, grouped_option, training_options


@click.command("train-rpn", cls=GroupedCommand)
@training_options("runs/train-rpn")
@grouped_option(
    PHOTOGRAPHS,
    "--start",
    metavar="SET|FILE|random",
    default="shipped",
    show_default=True,
    help="Start from a set's teacher, from a Caffe model with conv1 to conv5, or from random weights.",
)
@grouped_option(
    LEARNING,
    "--iterations",
    type=click.IntRange(0, 10_000_000),
    default=10_000,
    show_default=True,
    metavar="N",
    help="Number of iterations, of one photograph each. 0 only measures the start.",
)
@grouped_option(
    LEARNING,
    "--rate",
    type=float,
    default=0.0001,
    show_default=True,
    metavar="X",
    help="Learning rate at the beginning.",
)
@grouped_option(
    LEARNING,
    "--backbone",
    type=float,
    show_default="0, or 1 for --start random",
    metavar="X",
    help="Learning rate of conv1 to conv5, as a multiple of --rate. 0 keeps them as they are.",
)
@grouped_option(
    LEARNING,
    "--side",
    type=click.IntRange(32, 2000),
    default=480,
    show_default=True,
    metavar="PX",
    help="Length of a photograph's shorter side in the network. Anchors have 40, 113 and 320 px.",
)
@grouped_option(
    LEARNING,
    "--measure-every",
    type=click.IntRange(1),
    default=2000,
    show_default=True,
    metavar="N",
    help="Iterations between two measurements of recall.",
)
def train_rpn(**options: Any) -> None:
    """Train the teacher, ZF's region proposal network, on photographs with boxes.

    \b
    Examples:
      rpn2t train-rpn --images VOCdevkit/VOC2012 --start zf.caffemodel
      rpn2t train-rpn --images photographs --annotations boxes.jsonl

    A list in JSON lines has a line for each photograph: {"file": "a/1.jpg", "boxes": [[x, y, w, h], ...]}, in
    pixels, 0-based, and perhaps "source". Every tenth photograph is held out. On those recall is measured:
    the share of objects that one of 300 proposals overlaps with an IoU of at least 0.5, or 0.7.

    The output is a set of weights at any time. zf_teacher.caffemodel has the layers conv1 to conv5,
    conv_proposal1, rpn_cls_score and rpn_bbox_pred. zf_student.caffemodel has the same conv1 to conv5 until
    `rpn2t distill --weights DIR` trains it. log.jsonl and loss.png show the course. After Ctrl-C the same
    command goes on.
    """
    from rpn2t.cli.actions.train_rpn import run_train_rpn

    run_train_rpn(**options)
