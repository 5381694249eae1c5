"""What ``rpn2t benchmark`` does."""

from dataclasses import dataclass

from rpn2t.benchmark.cluster import connected, worker_threads
from rpn2t.benchmark.experiments import Experiment, as_otb_experiment
from rpn2t.benchmark.manifest import Manifest
from rpn2t.benchmark.result_files import ResultFolder
from rpn2t.benchmark.runner import Benchmark
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.cli.chosen_tracker import TrackerOptions
from rpn2t.cli.console import BenchmarkProgress, duration, say
from rpn2t.errors import InputError
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import DataSet, describe_absent, find_dataset, root_of
from rpn2t.sequences.target import Target
from rpn2t.system.files import exclusive
from rpn2t.system.interruption import Interrupted, Interruption


@dataclass(frozen=True, kw_only=True)
class BenchmarkOptions(TrackerOptions):
    """The command line of ``rpn2t benchmark``, as it was typed."""

    dataset: str
    root: str | None
    results: str
    name: str | None
    experiment: str
    sequences: str | None
    frames: int | None
    repetitions: int
    workers: int
    threads: int | None
    scheduler: str | None
    protocol: str


def run_benchmark(options: BenchmarkOptions) -> None:
    """Run what is left of a benchmark, say what happens, and leave the results on disk.

    Raises:
        InputError: an input cannot be used.
        SystemExit: 1 if sequences failed, 128 + the signal that stopped the run.
    """
    spec = options.spec()
    spec.identity()  # a tracker that is not there is the first thing to hear of
    dataset, sequences = open_dataset(options)
    run_over(options, spec, dataset, sequences, options.name or spec.title)


def open_dataset(options: BenchmarkOptions) -> tuple[DataSet, tuple[Target, ...]]:
    """The data set, and those of the chosen sequences that are under the root. The others are named.

    Raises:
        InputError: there is no such data set, sequence or folder, or nothing in it can be run.
    """
    dataset = find_dataset(options.dataset)
    wanted = dataset.select(options.sequences.split(",")) if options.sequences else dataset
    root = root_of(options.dataset, options.root)
    opened = wanted.open(root, as_protocol(options.protocol))
    for line in describe_absent(opened.absent):
        say(f"left out, {line}")
    usable = tuple(sequence.head(options.frames) for sequence in opened.sequences if sequence.images)
    if not usable:
        raise InputError(f"{root}: holds only annotations, no images; there is nothing to run")
    return dataset, usable


def run_over(
    options: BenchmarkOptions, spec: TrackerSpec, dataset: DataSet, sequences: tuple[Target, ...], name: str
) -> None:
    """Run one tracker over sequences that are there; see :func:`run_benchmark`."""
    experiment = _experiment(options, dataset)
    folder = ResultFolder(options.results, dataset, experiment, name)
    identity = {
        "experiment": experiment,
        "protocol": options.protocol,
        "frames": options.frames,
        "seed": options.seed,
        **spec.identity(),
    }
    busy = f"{folder.path}: another run is writing there; wait for it, or give another --name"
    with exclusive(folder.path / ".lock", "--results", busy), Interruption() as interruption:
        manifest = Manifest(folder.manifest, identity, dataset.folder)
        work = Benchmark(
            spec, sequences, folder, manifest, seed=options.seed, repetitions=options.repetitions
        )
        mode = f", {spec.mode} mode" if spec.tracker == "rpn2t" else ""
        say(
            f"{name} on {len(sequences)} sequences of {dataset.name} ({experiment.upper()}, "
            f"{options.protocol} protocol{mode}): {work.finished} runs are there, {len(work.left)} to do; "
            f"results in {folder.path}"
        )
        if not work.left:
            return
        manifest.write()
        _execute(options, work, interruption)
    _report_failures(work)


def _execute(options: BenchmarkOptions, work: Benchmark, interruption: Interruption) -> None:
    workers = min(options.workers, len(work.left))
    threads = worker_threads(options.workers, options.threads)
    if options.scheduler is None:
        if options.threads and options.threads > threads:
            may = f"{threads} core{'s' * (threads > 1)}"
            say(f"note: --threads {options.threads}: this process may use {may}, no worker gets more threads")
        say(f"{workers} worker{'s' * (workers > 1)} with {threads} thread{'s' * (threads > 1)} each")
    progress = BenchmarkProgress(len(work.left), work.frames_left())
    try:
        with connected(workers, threads, options.scheduler) as client, progress:
            work.execute(client, progress, interruption)
    except Interrupted as stop:
        say(
            f"rpn2t: {stop}; {work.finished} runs are kept, the same command goes on with the rest",
            error=True,
        )
        raise SystemExit(128 + stop.signum) from None
    say(f"done in {duration(progress.seconds)}")


def _report_failures(work: Benchmark) -> None:
    if not work.failed:
        return
    for task, why in work.failed.items():
        say(f"failed: {task}: {why}", error=True)
    say(f"rpn2t: {len(work.failed)} runs failed; the same command tries them again", error=True)
    raise SystemExit(1)


def _experiment(options: BenchmarkOptions, dataset: DataSet) -> Experiment:
    if dataset.kind == "otb":
        return as_otb_experiment(options.experiment)
    if options.experiment != "ope":
        raise InputError(
            f"--experiment {options.experiment}: is OTB's; VOT sequences have only the supervised experiment"
        )
    return "vot"
