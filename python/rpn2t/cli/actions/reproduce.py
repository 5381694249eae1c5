"""What ``rpn2t reproduce`` does: fetch what is missing, run what is left, draw what was reproduction."""

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from rpn2t.benchmark.cluster import connected, worker_threads
from rpn2t.cli.actions.benchmark import BenchmarkOptions, run_among_others
from rpn2t.cli.actions.datasets import fetch_plan
from rpn2t.cli.chosen_tracker import TrackerOptions
from rpn2t.cli.console import duration, say
from rpn2t.errors import InputError, one_line
from rpn2t.eval.report.command_line import words
from rpn2t.fetch.plan import FetchPlan, plan_fetch
from rpn2t.paths import typed_path
from rpn2t.reproduce.conditions import Conditions, best_weights
from rpn2t.reproduce.exhibits import EXHIBITS, Exhibit, find_exhibits
from rpn2t.reproduce.facts import facts
from rpn2t.reproduce.jobs import Job, jobs_of, lacking_of, without_repeats
from rpn2t.reproduce.pace import FRAMES, SIDE, SIZE, Pace, measure_pace, time_of
from rpn2t.reproduce.page import Section, page
from rpn2t.reproduce.pdf import as_pdf
from rpn2t.reproduce.places import PROTOCOL, require_known
from rpn2t.reproduce.reproduction import Reproduction
from rpn2t.system.container import command
from rpn2t.system.files import exclusive, require_writable, write_whole

RECORD = "reproduction.json"
"""What was made in a folder, so that a later report keeps it."""

_FETCHED_AT_A_TIME = 4


@dataclass(frozen=True, kw_only=True)
class ReproduceOptions:
    """The command line of ``rpn2t reproduce``, as it was typed."""

    part: str
    root: str
    output: str
    name: str | None
    quick: bool
    sequences: str | None
    beside: str | None
    dry_run: bool
    yes: bool
    no_fetch: bool
    mode: str
    weights: str | None
    seed: int
    seeds: int | None
    device: str
    settings: tuple[str, ...]
    workers: int
    threads: int | None
    scheduler: str | None


def run_reproduce(options: ReproduceOptions) -> None:
    """Make parts of the paper's evaluation again, and write the report.

    Raises:
        InputError: an input cannot be used, or there is nothing to make a part of.
        SystemExit: 1 if sequences failed, 128 + the signal that stopped the run.
    """
    exhibits = find_exhibits(options.part)
    conditions = _conditions(options)
    require_known(conditions.sequences, ("otb100", "vot2016"))
    folder = typed_path(options.output) / (options.name or conditions.name)
    if not options.dry_run:
        require_writable(folder, "--output")
    tracker = _tracker(options, conditions)
    spec = tracker.spec()
    spec.identity()  # weights that are not there are the first thing to hear of
    reproduction = Reproduction(
        typed_path(options.root), folder / "results", conditions, spec, words(options.beside or "")
    )
    say(f"{options.part}: {conditions.banner}")
    if options.dry_run:
        _dry_run(options, exhibits, reproduction)
        return
    _fetch_missing(options, exhibits, reproduction)
    _say_missing(exhibits, reproduction)
    with exclusive(folder / ".lock", "--output", f"{folder}: another run is writing there; wait for it"):
        failed = _make(options, tracker, exhibits, reproduction, folder)
    if failed:
        raise SystemExit(1)


def _conditions(options: ReproduceOptions) -> Conditions:
    return Conditions(
        mode=options.mode,
        weights=options.weights or best_weights(),
        seed=options.seed,
        seeds=options.seeds,
        quick=options.quick,
        changed=options.settings,
        sequences=words(options.sequences or ""),
    )


def _tracker(options: ReproduceOptions, conditions: Conditions) -> TrackerOptions:
    return TrackerOptions(
        mode=conditions.mode,
        seed=conditions.seed,
        device=options.device,
        weights=conditions.weights,
        settings=conditions.settings,
    )


# What is there, and what is fetched


def _fetch_missing(
    options: ReproduceOptions, exhibits: Sequence[Exhibit], reproduction: Reproduction
) -> None:
    """Fetch the sequences that are missing, after a question.

    A quick look takes what is there, unless sequences are named.

    Raises:
        InputError: nobody can be asked, or nothing is there at all.
    """
    plans = _plans(options, exhibits, reproduction)
    if plans:
        count, size = sum(len(plan.items) for plan in plans), sum(plan.bytes for plan in plans)
        what = f"{count} sequences are missing, about {size / 1e9:.2g} GB to fetch"
        if options.yes or _agreed(what, reproduction):
            for plan in plans:
                say(f"{plan.dataset.name}: fetching {len(plan.items)} sequences from {plan.site.address}")
                fetch_plan(plan, _FETCHED_AT_A_TIME)
    names = _datasets(exhibits)
    if names and not any(reproduction.place(name).targets for name in names):
        raise InputError(_nothing_there(names, reproduction))


def _datasets(exhibits: Sequence[Exhibit]) -> list[str]:
    """The data sets that are run for any of the exhibits."""
    return sorted({run.dataset for exhibit in exhibits for run in exhibit.runs})


def _plans(
    options: ReproduceOptions, exhibits: Sequence[Exhibit], reproduction: Reproduction
) -> list[FetchPlan]:
    """What is to be fetched, of each data set that lacks something.

    Nothing for a quick look, which takes what is there, unless it names sequences.
    """
    if options.no_fetch or (options.quick and options.sequences is None):
        return []
    plans = []
    for name in _datasets(exhibits):
        place = reproduction.place(name)
        if place.asked_for:
            plans.append(plan_fetch(name, place.root, [entry.name for entry in place.dataset.entries]))
    return [plan for plan in plans if plan.items]


def _agreed(what: str, reproduction: Reproduction) -> bool:
    """Whether the person at the terminal wants it fetched.

    Raises:
        InputError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise InputError(
            f"{what} into {reproduction.root}, and nobody is there to be asked: --yes fetches them, "
            "--no-fetch goes on with what is there"
        )
    import click

    return click.confirm(f"{what} into {reproduction.root}. Fetch them?", default=True)


def _nothing_there(names: Sequence[str], reproduction: Reproduction) -> str:
    places = " and ".join(f"{name} in {reproduction.place(name).root}" for name in names)
    cure = "`rpn2t datasets` says how they have to lie"
    if reproduction.conditions.sequences:
        cure = "--sequences names none that are there"
    return f"--root {reproduction.root}: there is no sequence to run, looked for {places}; {cure}"


def _say_missing(exhibits: Sequence[Exhibit], reproduction: Reproduction) -> None:
    for name in _datasets(exhibits):
        place = reproduction.place(name)
        if not place.asked_for:
            continue
        say(f"{name}: {place.count} in {place.root}")
        for line in place.left_out:
            say(f"  left out, {line}")
    for exhibit in exhibits:
        for variant, why in lacking_of(exhibit, reproduction).items():
            say(f"{exhibit.name}: {variant} is left out: {why}")


# Running and drawing


def _make(
    options: ReproduceOptions,
    tracker: TrackerOptions,
    exhibits: Sequence[Exhibit],
    reproduction: Reproduction,
    folder: Path,
) -> bool:
    """Run and draw each exhibit, and write the page after each; returns whether sequences failed."""
    earlier = _earlier(folder)
    sections = {
        each: _draw(each, reproduction) for each in EXHIBITS if each.name in earlier and each not in exhibits
    }
    failed = False
    for exhibit in exhibits:
        for job in jobs_of(exhibit, reproduction):
            failed |= _run(options, tracker, job, reproduction)
        sections[exhibit] = _draw(exhibit, reproduction)
        html = _page(reproduction, [sections[each] for each in EXHIBITS if each in sections])
        write_whole(folder / "index.html", html)
        parts = [each.name for each in EXHIBITS if each in sections]
        write_whole(folder / RECORD, json.dumps({"parts": parts}) + "\n")
        say(f"{exhibit.name}: {sections[exhibit].why or 'drawn'}")
    try:
        write_whole(folder / "report.pdf", as_pdf(html))
    except InputError as error:
        say(f"note: {error}", error=True)
        say(f"written: {folder / 'index.html'}")
    else:
        say(f"written: {folder / 'index.html'} and report.pdf")
    return failed


def _run(options: ReproduceOptions, tracker: TrackerOptions, job: Job, reproduction: Reproduction) -> bool:
    """Run what is left of a job; returns whether sequences failed."""
    asked = _benchmark(options, tracker, job, reproduction)
    return run_among_others(asked, job.spec, job.place.dataset, job.targets, job.name)


def _benchmark(
    options: ReproduceOptions, tracker: TrackerOptions, job: Job, reproduction: Reproduction
) -> BenchmarkOptions:
    """The same as a command line of ``rpn2t benchmark``."""
    return BenchmarkOptions(
        **{each.name: getattr(tracker, each.name) for each in fields(TrackerOptions)},
        dataset=job.place.dataset.name,
        root=str(job.place.root),
        results=str(reproduction.results),
        name=job.name,
        experiment="ope",
        sequences=None,
        frames=reproduction.conditions.frames,
        repetitions=reproduction.conditions.repetitions,
        workers=options.workers,
        threads=options.threads,
        scheduler=options.scheduler,
        protocol=PROTOCOL,
        seeds=options.seeds,
    )


def _draw(exhibit: Exhibit, reproduction: Reproduction) -> Section:
    try:
        return Section(exhibit, exhibit.draw(reproduction))
    except InputError as error:
        return Section(exhibit, None, str(error))


def _page(reproduction: Reproduction, sections: Sequence[Section]) -> str:
    shown = [each.exhibit for each in sections]
    return page(reproduction.conditions, facts(reproduction, shown, _command(reproduction, shown)), sections)


def _command(reproduction: Reproduction, shown: Sequence[Exhibit]) -> str:
    """The command that makes such a report."""
    conditions = reproduction.conditions
    part = shown[0].name if len(shown) == 1 else "all"
    words = ["reproduce", part, "--root", str(reproduction.root), "--mode", conditions.mode]
    words += ["--weights", conditions.weights, *["--quick"] * conditions.quick]
    words += ["--seed", str(conditions.seed)] * (conditions.seed > 0)
    words += [] if conditions.seeds is None else ["--seeds", str(conditions.seeds)]
    words += ["--sequences", ",".join(conditions.sequences)] * bool(conditions.sequences)
    words += [word for each in conditions.changed for word in ("--set", each)]
    return f"{command()} {shlex.join(words)}"


def _earlier(folder: Path) -> list[str]:
    """The parts that were made in a folder before."""
    try:
        return [str(name) for name in json.loads((folder / RECORD).read_text(encoding="utf-8"))["parts"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


# What would run


def _dry_run(options: ReproduceOptions, exhibits: Sequence[Exhibit], reproduction: Reproduction) -> None:
    """Say what would be fetched and run, and about how long it would take."""
    _say_missing(exhibits, reproduction)
    plans = _plans(options, exhibits, reproduction)
    for plan in plans:
        size = f"about {plan.bytes / 1e9:.2g} GB"
        say(f"{plan.dataset.name}: {len(plan.items)} sequences would be fetched, {size}")
    coming = {plan.dataset.name: [entry for item in plan.items for entry in item.entries] for plan in plans}
    jobs = without_repeats(job for exhibit in exhibits for job in jobs_of(exhibit, reproduction, coming))
    left = {job.key: job.left(reproduction) for job in jobs}
    for job in jobs:
        frames = left[job.key]
        most = "at most " if job.place.experiment == "vot" else ""
        say(f"{job.name} on {job.place.dataset.name}: {most}{len(frames)} runs to do, {sum(frames)} frames")
    jobs = [job for job in jobs if left[job.key]]
    if not jobs:
        say("there is nothing to run")
        return
    _say_time(options, jobs, left)


def _say_time(options: ReproduceOptions, jobs: Sequence[Job], left: dict[Any, list[int]]) -> None:
    """Time a few frames of each network in a worker, and say what that means for all of the frames."""
    threads = worker_threads(options.workers, options.threads)
    say(
        f"timing {FRAMES} made frames of {SIZE[0]} x {SIZE[1]} px with a target of {SIDE} px, in a worker "
        f"with {threads} thread{'s' * (threads > 1)} and nothing beside it"
    )
    paces: dict[str, Pace] = {}
    with connected(1, threads, options.scheduler) as client:
        workers = len(client.scheduler_info()["workers"]) if options.scheduler else options.workers
        for job in jobs:
            if job.spec.backbone in paces:
                continue
            try:
                pace = client.submit(measure_pace, job.spec, pure=False).result()
            except Exception as error:  # whatever a worker raises
                raise InputError(f"{job.name}: a few frames cannot be timed: {one_line(error)}") from error
            paces[job.spec.backbone] = pace
            say(f"{job.spec.backbone}: first frame {pace.first:.1f} s, a later one {pace.later:.2f} s")
    for count in sorted({1, workers}):
        took = sum(time_of(left[job.key], paces[job.spec.backbone], count) for job in jobs)
        say(f"about {duration(took)} with {_workers(count, threads)}")


def _workers(count: int, threads: int) -> str:
    cores = f"{threads} core{'s' * (threads > 1)} of this kind"
    return f"1 worker that has {cores}" if count == 1 else f"{count} workers, if each has {cores} to itself"
