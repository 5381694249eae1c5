"""``rpn2t benchmark``: the options and their help. What they do is in rpn2t.cli.actions.benchmark."""

from typing import Any

import click

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS
from rpn2t.cli.commands.datasets import PROTOCOL
from rpn2t.cli.options import Decorated, GroupedCommand, any_tracker_option, grouped_option, tracker_options

_WHAT = "What is run"
_HOW = "Where it runs"


_RUNNING_OPTIONS = (
    grouped_option(
        _WHAT, "--root", metavar="DIR", help="Folder of the sequences (needless where DATASET is one)."
    ),
    grouped_option(
        _WHAT, "--results", metavar="DIR", default="results", show_default=True, help="Folder of all results."
    ),
    grouped_option(_WHAT, "--sequences", metavar="A,B", help="These alone."),
    grouped_option(
        _WHAT, "--frames", type=click.IntRange(min=2), metavar="N", help="The first N frames of each alone."
    ),
    grouped_option(
        _HOW,
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes on this machine; each has its share of the cores.",
    ),
    grouped_option(
        _HOW,
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="Of each worker.  [default: cores / workers]",
    ),
    grouped_option(
        _HOW, "--scheduler", metavar="ADDRESS", help="Use the dask cluster there, as tcp://host:8786."
    ),
)


def running_options(function: Decorated) -> Decorated:
    """Give a verb the options of every benchmark: root, results, sequences, frames, workers and so on."""
    for option in reversed(_RUNNING_OPTIONS):
        function = option(function)
    return function


@click.command(cls=GroupedCommand)
@click.argument("dataset")
@any_tracker_option(_WHAT)
@grouped_option(
    _WHAT, "--name", metavar="NAME", help="What the results are called.  [default: the tracker's name]"
)
@grouped_option(
    _WHAT,
    "--experiment",
    type=click.Choice(OTB_EXPERIMENTS),
    default="ope",
    show_default=True,
    help="Of OTB: one pass, twenty starts, or twelve shifted boxes. VOT has its own.",
)
@grouped_option(
    _WHAT,
    "--repetitions",
    type=click.IntRange(1, 15),
    default=15,
    show_default=True,
    metavar="N",
    help="Of VOT's experiment at most; three that agree are enough.",
)
@running_options
@PROTOCOL
@tracker_options
def benchmark(**options: Any) -> None:
    """Run a tracker over DATASET and leave its results where `rpn2t evaluate` finds them.

    DATASET is otb100, otb50, otb2013, vot2016 (`rpn2t datasets` lists them), or a folder of sequences in
    OTB's or VOT's layout. Sequences that are not under --root are named and left out.

    \b
    Examples:
      rpn2t benchmark otb100 --root /data/OTB --mode paper --config quarter
      rpn2t benchmark otb2013 --root /data/OTB --tracker csrt --experiment tre
      rpn2t benchmark vot2016 --root /data/VOT2016 --tracker mytrackers:Fast --name fast-7

    What is finished is never run again: after Ctrl-C, a crash or a power cut the same command goes on, and
    loses the sequences in flight at most. Results made with other settings, weights or seeds are refused,
    not mixed: --name tells them apart. A sequence that fails is listed at the end, and the exit status is
    then 1.

    Results lie in got10k's layout: RESULTS/OTB2015/NAME/Deer.txt (x,y,w,h, 1-based), times/Deer_time.txt, and
    manifest.json with the seed, configuration, checksums, versions, machine and time of every run.

    Sequences are tasks of dask.distributed. The boxes are the same for any number of workers, as long as a
    worker has as many threads and the same type of CPU; the manifest records both. Workers of a cluster of
    yours need the images under the same path, rpn2t, and OMP_NUM_THREADS, OPENBLAS_NUM_THREADS and
    OPENCV_FOR_THREADS_NUM in their environment.
    """
    from rpn2t.cli.actions.benchmark import BenchmarkOptions, run_benchmark

    run_benchmark(BenchmarkOptions(**options))
