"""What ``rpn2t benchmark`` does."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from rpn2t.benchmark.cluster import connected, worker_threads
from rpn2t.benchmark.experiments import Experiment, as_otb_experiment
from rpn2t.benchmark.manifest import Manifest
from rpn2t.benchmark.result_files import ResultFolder, seed_results
from rpn2t.benchmark.runner import Benchmark, execute
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
    seeds: int | None
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
    if (options.seeds or 1) > 1 and not spec.takes_seed:
        raise InputError(
            f"--seeds {options.seeds}: {options.tracker} takes no seed, so all runs would be the same; leave "
            "it out, or give the class's constructor a parameter called seed"
        )
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
    """Run one tracker over sequences that are there, with one seed or several; see :func:`run_benchmark`."""
    experiment = _experiment(options, dataset)
    places = seed_places(options, dataset, name)
    with ExitStack() as stack:
        for folder in places.values():
            busy = f"{folder.path}: another run is writing there; wait for it, or give another --name"
            stack.enter_context(exclusive(folder.path / ".lock", "--results", busy))
        interruption = stack.enter_context(Interruption())
        seed_of = None if options.seeds is None else name
        works = [_prepare(options, spec, sequences, folder, seed, seed_of) for seed, folder in places.items()]
        finished, left = sum(work.finished for work in works), sum(len(work.left) for work in works)
        mode = f", {spec.mode} mode" if spec.tracker == "rpn2t" else ""
        seeds = "" if options.seeds is None else f", seed{'s' * (len(places) > 1)} {_listed(places)}"
        where = ", ".join(str(folder.path) for folder in places.values())
        say(
            f"{name} on {len(sequences)} sequences of {dataset.name} ({experiment.upper()}, "
            f"{options.protocol} protocol{mode}{seeds}): {finished} runs are there, {left} to do; "
            f"results in {where}"
        )
        if left:
            _execute(options, works, interruption)
    _report_failures(works)


def run_among_others(
    options: BenchmarkOptions, spec: TrackerSpec, dataset: DataSet, sequences: tuple[Target, ...], name: str
) -> bool:
    """As :func:`run_over`, where other runs follow; returns whether sequences failed, which were named."""
    try:
        run_over(options, spec, dataset, sequences, name)
    except SystemExit as stop:
        if stop.code != 1:
            raise
        return True
    return False


def seed_places(options: BenchmarkOptions, dataset: DataSet, name: str) -> dict[int, ResultFolder]:
    """Seed -> the folder of its results. Without ``--seeds`` there is one, which is called as the tracker.

    Raises:
        InputError: there are no such seeds.
    """
    experiment = _experiment(options, dataset)
    places = seed_results(options.results, dataset, experiment, name, options.seed, options.seeds)
    if options.seeds is not None and (last := max(places)) >= 2**32:
        raise InputError(f"--seeds {options.seeds}: the last seed would be {last}; give a lower --seed")
    return places


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))


def _prepare(
    options: BenchmarkOptions,
    spec: TrackerSpec,
    sequences: tuple[Target, ...],
    folder: ResultFolder,
    seed: int,
    seed_of: str | None,
) -> Benchmark:
    """One seed's benchmark, with its manifest written if there is something to do."""
    identity = {
        "experiment": folder.experiment,
        "protocol": options.protocol,
        "frames": options.frames,
        "seed": seed,
        **spec.identity(),
    }
    manifest = Manifest(folder.manifest, identity, folder.dataset.folder, seed_of)
    work = Benchmark(spec, sequences, folder, manifest, seed=seed, repetitions=options.repetitions)
    if work.left or seed_of is not None:  # a run without --seeds may have become one of several
        manifest.write()
    return work


def _execute(options: BenchmarkOptions, works: list[Benchmark], interruption: Interruption) -> None:
    left = sum(len(work.left) for work in works)
    workers = min(options.workers, left)
    threads = worker_threads(options.workers, options.threads)
    if options.scheduler is None:
        if options.threads and options.threads > threads:
            may = f"{threads} core{'s' * (threads > 1)}"
            say(f"note: --threads {options.threads}: this process may use {may}, no worker gets more threads")
        say(f"{workers} worker{'s' * (workers > 1)} with {threads} thread{'s' * (threads > 1)} each")
    progress = BenchmarkProgress(left, sum(work.frames_left() for work in works))
    try:
        with connected(workers, threads, options.scheduler) as client, progress:
            execute(works, client, progress, interruption)
    except Interrupted as stop:
        kept = sum(work.finished for work in works)
        say(f"rpn2t: {stop}; {kept} runs are kept, the same command goes on with the rest", error=True)
        raise SystemExit(128 + stop.signum) from None
    say(f"done in {duration(progress.seconds)}")


def _report_failures(works: list[Benchmark]) -> None:
    several = len(works) > 1
    failed = [
        f"{f'{work.title}: ' * several}{task}: {why}" for work in works for task, why in work.failed.items()
    ]
    if not failed:
        return
    for line in failed:
        say(f"failed: {line}", error=True)
    say(f"rpn2t: {len(failed)} runs failed; the same command tries them again", error=True)
    raise SystemExit(1)


def _experiment(options: BenchmarkOptions, dataset: DataSet) -> Experiment:
    if dataset.kind == "otb":
        return as_otb_experiment(options.experiment)
    if options.experiment != "ope":
        raise InputError(
            f"--experiment {options.experiment}: is OTB's; VOT sequences have only the supervised experiment"
        )
    return "vot"
