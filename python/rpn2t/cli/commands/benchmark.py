"""``rpn2t benchmark``: the options and their help. What it does is in rpn2t.cli.actions.benchmark."""

from typing import Any

import click

from rpn2t.cli.options import (
    EXPERIMENTS,
    PROTOCOL,
    REPETITIONS,
    RUN,
    GroupedCommand,
    any_tracker_option,
    grouped_option,
    running_options,
    tracker_options,
)


@click.command(cls=GroupedCommand)
@click.argument("dataset")
@any_tracker_option
@grouped_option(RUN, "--name", metavar="NAME", help="Name of the results.  [default: the tracker's name]")
@grouped_option(
    RUN,
    "--experiment",
    type=EXPERIMENTS,
    default="ope",
    show_default=True,
    help="Of OTB: one pass, twenty starts, or twelve shifted boxes. VOT has its own.",
)
@REPETITIONS
@running_options
@PROTOCOL
@tracker_options
def benchmark(**options: Any) -> None:
    """Run a tracker over DATASET and leave its results where `rpn2t evaluate` finds them.

    DATASET is otb100, otb50, otb2013 or vot2016, or a folder of sequences in any layout that `rpn2t datasets`
    shows: OTB's, VOT's, LaSOT's, GOT-10k's and more. Sequences that are not under --root are named and left
    out. Every frame is tracked, also where the ground truth has no row for it.

    \b
    Examples:
      rpn2t benchmark otb100 --root /data/OTB --mode paper --config quarter
      rpn2t benchmark otb100 --root /data/OTB --mode fast --seeds 3
      rpn2t benchmark otb2013 --root /data/OTB --tracker csrt --experiment tre
      rpn2t benchmark vot2016 --root /data/VOT2016 --tracker mytrackers:Fast --name fast-7

    --seeds N runs N seeds as one benchmark. Their manifests say that they belong together, and
    `rpn2t evaluate` shows their mean and spread. For VOT the next seed is 15 later, because a run's
    repetitions have seeds of their own.

    A finished run is never repeated. After Ctrl-C, a crash or a power cut the same command goes on, and
    only the runs in progress are lost. Results made with other settings, weights or seeds are not mixed:
    the command refuses, and --name gives the new ones a folder of their own. A sequence that fails is
    listed at the end, and the exit status is then 1.

    Results lie in got10k's layout: RESULTS/OTB2015/NAME/Deer.txt (x,y,w,h, 1-based), times/Deer_time.txt, and
    manifest.json with the seed, configuration, checksums, versions, machine and time of every run.

    Sequences are tasks of dask.distributed. The number of workers does not change the boxes, as long as the
    workers have the same number of threads and the same type of CPU; the manifest records both. Workers of
    your own cluster need the images under the same path, rpn2t, and OMP_NUM_THREADS, OPENBLAS_NUM_THREADS
    and OPENCV_FOR_THREADS_NUM in their environment.
    """
    from rpn2t.cli.actions.benchmark import BenchmarkOptions, run_benchmark

    run_benchmark(BenchmarkOptions(**options))
