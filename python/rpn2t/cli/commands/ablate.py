"""``rpn2t ablate``: the options and their help. What it does is in rpn2t.cli.actions.ablate."""

from typing import Any

import click

from rpn2t.cli.options import (
    PROTOCOL,
    REPETITIONS,
    RUN,
    GroupedCommand,
    grouped_option,
    running_options,
    tracker_options,
)


@click.command(cls=GroupedCommand)
@click.argument("dataset")
@grouped_option(RUN, "--variants", metavar="A,B", help="Run only these variants.  [default: all]")
@REPETITIONS
@running_options
@PROTOCOL
@tracker_options
def ablate(**options: Any) -> None:
    """Run the paper's own comparisons on DATASET: change one thing of the tracker at a time.

    \b
    full           RPN2T as the other options say
    term1-0.5 ...  the tracker before the new loss (fig. 3): term 1 alone, anchors match above
                   IoU 0.5, 0.6, 0.8 or 0.9; term1 has 0.7
    term1-box      eq. 1 whole: term1 with the box regression learned online; paper mode only
    term1-all      term 1 at all 14 x 14 positions: as MDNet
    iou-0.5 ...    the same IoUs with both terms; full has 0.7
    term1, term2   only one term of the loss and of the score
    term1-alpha11  term 1 at the rate of both terms
    teacher        the teacher's network at 203 px
    teacher-half   the teacher's network on half its input, a 7 x 7 map
    undistilled    the student with the teacher's weights
    alexnet, caffenet, zf, vgg16, vgg19
                   networks trained to classify (section 3.1), if you have installed their
                   weights: see `rpn2t weights import-backbone --help`

    Each variant is a benchmark of its own, called ablate-NAME, in a folder apart: RESULTS/OTB2015-ABLATION.
    `rpn2t evaluate` compares it only if --trackers names it. Like `rpn2t benchmark`, it goes on where it
    was stopped, and --seeds N runs N seeds of each. At the end a table compares the variants that have
    results, on the sequences that all of them have: success, precision, lost frames and the box's growth, or
    on VOT's sequences EAO, accuracy and robustness. The table is also written to ablation.md and ablation.csv
    beside the results. For a first look give `--config quarter --frames 40`. Here --mode auto means paper
    mode on any device.
    """
    from rpn2t.cli.actions.ablate import run_ablation
    from rpn2t.cli.actions.benchmark import BenchmarkOptions

    variants = options.pop("variants")
    asked = BenchmarkOptions(**options, tracker="rpn2t", name=None, experiment="ope")
    run_ablation(asked, variants)
