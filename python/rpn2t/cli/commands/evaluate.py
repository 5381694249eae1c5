"""``rpn2t evaluate``: measure, draw and tabulate results."""

import click

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS, as_otb_experiment
from rpn2t.cli.commands.datasets import PROTOCOL
from rpn2t.cli.console import say


@click.command()
@click.argument("dataset", default="otb100")
@click.option(
    "--root", metavar="DIR", help="Folder of the sequences, or of NAME.txt (needless where DATASET is one)."
)
@click.option("--results", metavar="DIR", default="results", show_default=True, help="Folder of all results.")
@click.option("--output", metavar="DIR", default="evaluation", show_default=True, help="Folder to write.")
@click.option("--trackers", metavar="A,B", help="These, in this order.  [default: all]")
@click.option("--sequences", metavar="A,B", help="These alone.")
@click.option("--attributes", metavar="A,B", help="Of OTB: these alone.  [default: all that occur]")
@click.option("--frames", type=click.IntRange(min=1), metavar="N", help="Compare the first N frames only.")
@click.option(
    "--experiment", type=click.Choice(OTB_EXPERIMENTS), default="ope", show_default=True, help="Of OTB."
)
@click.option("--normalised", is_flag=True, help="Add normalised precision, which is no measure of OTB.")
@click.option("--no-strips", is_flag=True, help="Show no frames.")
@PROTOCOL
def evaluate(
    dataset: str, root: str | None, results: str, output: str, trackers: str | None, sequences: str | None,
    attributes: str | None, frames: int | None, experiment: str, normalised: bool, no_strips: bool, protocol:
    str,
) -> None:  # fmt: skip
    """Measure trackers' results on DATASET: curves, tables and a page to open.

    \b
    rpn2t evaluate otb100 --root /data/OTB --trackers RPN2T,CSRT
    rpn2t evaluate vot2016 --root /data/VOT2016
    rpn2t evaluate my/sequences --frames 40

    For OTB it writes precision and success plots, overall and for each attribute (PDF and PNG), tables (CSV,
    Markdown and LaTeX), strips of frames, and index.html with all of it. Results of other trackers are read
    in every usual layout: text, MATLAB and JSON files. Trackers are compared on the sequences that all of
    them have. `python eval/otb_plots.py` is the same without Caffe or OpenCV. For VOT see `python
    eval/vot_report.py`.
    """
    from rpn2t.errors import InputError
    from rpn2t.eval.otb.evaluation import evaluate as evaluate_otb
    from rpn2t.eval.report.command_line import words
    from rpn2t.eval.vot.evaluation import evaluate as evaluate_vot
    from rpn2t.sequences.protocols import as_protocol
    from rpn2t.sequences.registry import find_dataset, root_of

    found, place = find_dataset(dataset), root_of(dataset, root)
    if found.kind == "vot":
        ignored = {"--frames": frames, "--attributes": attributes, "--normalised": normalised or None}
        if wrong := [option for option, value in ignored.items() if value is not None]:
            raise InputError(f"{wrong[0]}: is for OTB's sequences; leave it out for VOT's")
        evaluate_vot(
            place,
            results,
            output,
            dataset=dataset,
            trackers=words(trackers or ""),
            sequences=words(sequences or ""),
            say=say,
        )
        return
    evaluate_otb(
        place,
        results,
        output,
        dataset=dataset,
        protocol=as_protocol(protocol),
        trackers=words(trackers or ""),
        attributes=words(attributes or ""),
        sequences=words(sequences or ""),
        frames=frames,
        experiment=as_otb_experiment(experiment),
        normalised=normalised,
        strips=not no_strips,
        say=say,
    )
