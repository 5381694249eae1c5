"""``rpn2t evaluate``: the options and their help. What it does is in rpn2t.cli.actions.evaluate."""

from typing import Any

import click

from rpn2t.cli.options import EXPERIMENTS, PROTOCOL, RESULTS, Command


@click.command(cls=Command)
@click.argument("dataset", default="otb100")
@click.option(
    "--root",
    metavar="DIR",
    help="Folder of the sequences, or of NAME.txt. Not needed if DATASET is a folder.",
)
@RESULTS
@click.option("--output", metavar="DIR", default="evaluation", show_default=True, help="Folder to write.")
@click.option("--trackers", metavar="A,B", help="Compare these trackers, in this order.  [default: all]")
@click.option("--sequences", metavar="A,B", help="Compare on only these sequences.")
@click.option("--attributes", metavar="A,B", help="Only these attributes of OTB.  [default: all that occur]")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Compare only the first N frames.")
@click.option("--experiment", type=EXPERIMENTS, default="ope", show_default=True, help="Which one of OTB's.")
@click.option("--normalised", is_flag=True, help="Add normalised precision, which OTB itself does not have.")
@click.option("--no-strips", is_flag=True, help="Show no frames of the sequences.")
@PROTOCOL
def evaluate(**options: Any) -> None:
    """Measure trackers' results on DATASET: curves, tables and a page to open.

    \b
    rpn2t evaluate otb100 --root /data/OTB --trackers RPN2T,CSRT
    rpn2t evaluate vot2016 --root /data/VOT2016
    rpn2t evaluate my/sequences --frames 40

    Seeds of one tracker (`rpn2t benchmark --seeds`) are shown as one, with mean and standard deviation.
    The first of --trackers is in front in every plot; without --trackers, RPN2T is.

    For OTB it writes precision and success plots, overall and for each attribute (PDF and PNG), tables (CSV,
    Markdown and LaTeX), strips of frames, and index.html with all of it. Results of other trackers are read
    in every usual layout: text, MATLAB and JSON files. Trackers are compared on the sequences that all of
    them have. A file that cannot be used leaves out its sequence, or its tracker if most of its files are
    such. What is left out is named. Frames count from 0. `python eval/otb_plots.py` does the same without
    Caffe or OpenCV. For VOT see `python eval/vot_report.py`.
    """
    from rpn2t.cli.actions.evaluate import EvaluateOptions, run_evaluate

    run_evaluate(EvaluateOptions(**options))
