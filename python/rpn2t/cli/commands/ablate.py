"""``rpn2t ablate``: the options and their help. What they do is in rpn2t.cli.actions.ablate."""

from typing import Any

import click

from rpn2t.cli.commands.benchmark import running_options
from rpn2t.cli.commands.datasets import PROTOCOL
from rpn2t.cli.options import GroupedCommand, grouped_option, tracker_options


@click.command(cls=GroupedCommand)
@click.argument("dataset")
@grouped_option("What is run", "--variants", metavar="A,B", help="These alone.  [default: all]")
@running_options
@PROTOCOL
@tracker_options
def ablate(**options: Any) -> None:
    """Run the paper's own comparisons on DATASET: the tracker with one thing changed at a time.

    \b
    full           RPN2T as the other options say
    iou-0.5 ...    anchors match above IoU 0.5, 0.6, 0.8 or 0.9 (fig. 3); full has 0.7
    term1, term2   one term of the loss and of the score alone
    teacher        the teacher's network at 203 px
    teacher-half   the teacher's network on half its input, a 7 x 7 map
    undistilled    the student with the teacher's weights
    alexnet, zf, vgg16, vgg19
                   networks trained to classify (section 3.1), where you have installed their
                   weights: `rpn2t weights import-backbone --help`

    Each is a benchmark of its own, called ablate-NAME, and goes on where it was stopped as `rpn2t benchmark`
    does. At the end a table compares those that are there, on the sequences that all of them have; it is
    also written to ablation.md and ablation.csv beside them. `--config quarter --frames 40` makes a first
    look affordable. Here --mode auto is paper mode on any device.
    """
    from rpn2t.cli.actions.ablate import run_ablation
    from rpn2t.cli.actions.benchmark import BenchmarkOptions

    variants = options.pop("variants")
    asked = BenchmarkOptions(**options, tracker="rpn2t", name=None, experiment="ope", repetitions=1)
    run_ablation(asked, variants)
