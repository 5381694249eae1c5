"""What ``rpn2t track`` does."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from rpn2t import Config, Tracker
from rpn2t.boxes import Box, as_box
from rpn2t.cli.chosen_tracker import chosen_config
from rpn2t.cli.console import TrackingProgress, say
from rpn2t.cli.wishes import Wishes
from rpn2t.errors import InputError
from rpn2t.eval.otb.metrics import one_pass_score
from rpn2t.images import Image
from rpn2t.run.explained_frames import Explainer, explainer_of
from rpn2t.run.first_box import Start, Truth, find_truth, from_file, from_source
from rpn2t.run.folder import RunFolder
from rpn2t.run.formats.finished_run import run_text
from rpn2t.run.formats.names import FILES
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.given import Given, note_beyond
from rpn2t.run.pictures import draw
from rpn2t.run.plan import Plan, Sweep
from rpn2t.run.profile import Profile
from rpn2t.run.record import describe
from rpn2t.run.rows import Row
from rpn2t.run.session import Moment, follow, one_each
from rpn2t.run.table import lost_lines
from rpn2t.system.files import write_whole
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.modes import choose_mode
from rpn2t.video.frames import Frame, Source
from rpn2t.video.live import Realtime
from rpn2t.video.screen import Screen, require_screen, select_box
from rpn2t.video.sources import open_source
from rpn2t.video.writer import VideoWriter


@dataclass(frozen=True, kw_only=True)
class TrackOptions:
    """The command line of ``rpn2t track``, as it was typed."""

    source: str
    init: tuple[str, ...]
    init_file: str | None
    select: bool
    fix: tuple[str, ...]
    fixes: str | None
    until: tuple[str, ...]
    backward: bool
    both: bool
    frames: str | None
    realtime: bool
    output: str | None
    overwrite: bool
    formats: tuple[str, ...]
    no_video: bool
    show: bool
    profile: bool
    explain: str | None
    explain_frames: str | None
    mode: str
    seed: int
    device: str
    tf32: bool
    bf16: bool | None
    weights: str
    backbone: str
    config: str | None
    settings: tuple[str, ...]


def track_source(options: TrackOptions) -> None:
    """Track as the options say, print what happens and leave the results on disk.

    Raises:
        InputError: an input cannot be used; what was tracked before is on disk.
        SystemExit: 128 + the signal that stopped the run.
    """
    with Interruption() as interruption:
        try:
            _track(options, interruption)
        except Interrupted as stop:
            say(f"rpn2t: {stop}", error=True)
            raise SystemExit(128 + stop.signum) from None


@dataclass(frozen=True)
class _Job:
    """Everything that is settled before the first frame is learned."""

    source: Source
    plan: Plan
    origin: str
    folder: RunFolder
    truth: Truth | None
    frames: Iterator[Frame]
    live: Realtime | None
    trackers: dict[str, Tracker]
    explainer: Explainer | None

    @property
    def tracker(self) -> Tracker:
        """Any of the trackers: they are made alike."""
        return next(iter(self.trackers.values()))

    def read(self, sweep: Sweep) -> Iterator[Frame]:
        """The frames of a sweep. Those of the first one have begun already."""
        return self.frames if sweep is self.plan.sweeps[0] else sweep.frames(self.source)


def _track(options: TrackOptions, interruption: Interruption) -> None:
    with ExitStack() as stack, TrackingProgress() as progress:
        profile = stack.enter_context(Profile()) if options.profile else None
        with interruption.allowed():
            job = _prepare(options, stack)
        say(_what_runs(options, job))
        said = len(job.source.notes)
        for note in (*job.source.notes[:said], *job.tracker.device.notes):
            say(f"note: {note}")
        # Live, nobody knows how many will be dropped.
        total = None if job.live else job.plan.total(job.source.length)
        progress.start(total, len(job.plan.objects))
        moments = follow(job.trackers, job.plan, job.read, interruption)
        if profile:
            stack.callback(_show_profile, profile)
            moments = profile.by_frame(moments)
        first = next(moments)  # nothing on disk is touched before the first frame is learned
        seconds = sum(step.seconds for step in first.steps)
        try:
            _record(options, job, chain([first], moments), seconds, progress, interruption)
        finally:
            progress.close()
            # with no frame nothing was recorded, and the folder may be another run's
            if profile and job.folder.frames:
                profile.stop()
                job.folder.write_profile(profile.table())
            if job.folder.frames:
                for name in dict.fromkeys(options.formats):
                    write_whole(job.folder.path / FILES[name], run_text(job.folder.path, name))
            for note in job.source.notes[said:]:  # what showed on the way
                say(f"note: {note}")
            _sum_up(job, seconds)


def _prepare(options: TrackOptions, stack: ExitStack) -> _Job:
    _require_that_fit(options)
    for option, wanted in (("--select", options.select), ("--show", options.show)):
        if wanted:
            require_screen(option)
    mode = choose_mode(options.mode, options.device)
    config = chosen_config(mode, options.config, options.settings)
    wishes = Wishes.read(
        init=options.init,
        fix=options.fix,
        fixes=options.fixes,
        until=options.until,
        direction="backward" if options.backward else "both" if options.both else "forward",
        frames=options.frames,
        realtime=options.realtime,
    )
    explainer = explainer_of(options.explain, options.explain_frames, overwrite=options.overwrite)
    source = stack.enter_context(open_source(options.source, options.init_file))
    if source.live and wishes.direction != "forward":
        raise InputError(
            f"{options.source}: what is live is tracked forward only; leave out --backward, --both"
        )
    folder = _folder(options, source)
    if folder.holds(options.source):
        raise InputError(f"{options.source}: the results would replace it; choose another --output")
    if folder.path.resolve() in source.folders:
        raise InputError(
            f"{folder.path}: the results would be among the frames of {options.source}; choose another "
            "--output"
        )
    truth = find_truth(source, options.init_file)
    plan = wishes.plan(source, wishes.start) if wishes.is_settled else None
    frames = plan.sweeps[0].frames(source) if plan else wishes.frames(source)
    with stage(Stage.READ):
        first = next(frames)
    live = None
    if options.realtime:
        live = stack.enter_context(Realtime(first, frames, paced=not source.live))
        if source.live:
            live.start()  # while the box is drawn and Caffe is loaded, frames pass as well
    origin = "--init"
    if not wishes.inits:
        begin = _first_box(options, source, first)
        origin = begin.origin
        wishes.inits.append(Given(origin, begin.box))
    plan = plan or wishes.plan(source, first.index)
    plan.require_inside(first.image.shape)
    for mark in plan.marks:
        if note := note_beyond(mark.typed, mark.box, (first.image.shape[1], first.image.shape[0])):
            source.notes.append(note)
    if explainer and (len(plan.objects) > 1 or plan.goes_backward):
        raise InputError("--explain shows one object that is tracked forward; track that alone")
    trackers = one_each(plan.objects, _tracker(options, mode, config))
    coming = live.frames() if live else chain([first], frames)
    truth = truth if len(plan.objects) == 1 else None
    job = _Job(source, plan, origin, folder, truth, coming, live, trackers, explainer)
    if explainer:
        explainer.require_any(plan.start, plan.total(source.length))
        job.tracker.observer = explainer.observe
    return job


def _tracker(options: TrackOptions, mode: str, config: Config) -> Tracker:
    return Tracker(
        config,
        mode=mode,
        backbone=options.backbone,
        weights=options.weights,
        device=options.device,
        seed=options.seed,
        tf32=options.tf32,
        bf16=options.bf16,
    )


def _require_that_fit(options: TrackOptions) -> None:
    """Check what can be said of the options before any is looked at closely."""
    if sum([bool(options.init), options.init_file is not None, options.select]) > 1:
        raise InputError("--init, --init-file and --select exclude one another; give one")
    if options.backward and options.both:
        raise InputError("--backward and --both exclude one another; give one")
    chosen = {
        "--fix": bool(options.fix), "--fixes": options.fixes is not None, "--backward": options.backward,
        "--both": options.both,
    }  # fmt: skip
    for option, given in chosen.items():
        if options.realtime and given:
            raise InputError(f"--realtime and {option} exclude one another; give one")


def _folder(options: TrackOptions, source: Source) -> RunFolder:
    """The folder that --output names. Without it a run gets a folder of its own, unless it may overwrite."""
    if options.output is not None or options.overwrite:
        return RunFolder(options.output or Path("runs") / source.name, overwrite=options.overwrite)
    return RunFolder.unused(Path("runs") / source.name)


def _first_box(options: TrackOptions, source: Source, first: Frame) -> Start:
    if options.init_file is not None:
        return from_file(options.init_file, first.index)
    if options.select:
        return Start(select_box(first.image), "--select")
    return from_source(source, first.index)


def _what_runs(options: TrackOptions, job: _Job) -> str:
    about = describe(job.tracker)
    start, stop = job.plan.start, job.plan.stop(job.source.length)
    frames = f"from frame {start}" if stop is None else f"frames {start}:{stop}"
    if options.backward or options.both:
        frames += " backward" if options.backward else " in both directions"
    if job.live:
        frames += ", realtime" if job.source.live else f", realtime at {float(job.source.fps):.3g} frames/s"
    return (
        f"tracking {options.source} {frames}, mode {about['mode']}, device {about['device']}, "
        f"weights {options.weights}, {_what_is_tracked(job)}, results in {job.folder.path}"
    )


def _what_is_tracked(job: _Job) -> str:
    """The objects and their first boxes, and how many corrections there are."""
    words, several = [], len(job.plan.objects) > 1
    for mark in job.plan.marks:
        if mark.status == "given":
            box = ",".join(f"{value:g}" for value in mark.box)
            words.append(f"{mark.object if several else 'box'} {box}")
    fixes = len(job.plan.marks) - len(words)
    corrected = f" with {fixes} fix{'es' * (fixes > 1)}" if fixes else ""
    return f"{' and '.join(words)} ({job.origin}){corrected}"


def _record(
    options: TrackOptions,
    job: _Job,
    moments: Iterator[Moment],
    init_seconds: float,
    progress: TrackingProgress,
    interruption: Interruption,
) -> None:
    """Go through the moments and leave the results on disk, whatever ends them."""
    header = {
        **describe(job.tracker),
        "command": asdict(options),
        "source": {
            **asdict(SourceInfo.of(job.source)), "first_frame": job.plan.start,
            "scaled_from": job.source.scaled_from, "notes": job.source.notes,
        },
        "first_box": job.origin,
        "init_seconds": init_seconds,
    }  # fmt: skip
    in_order = not job.plan.goes_backward
    video = screen = None
    with job.folder.recording(header, job.plan.objects, in_order=in_order), ExitStack() as outputs:
        outputs.callback(_close_report, job)
        if not options.no_video:
            video = outputs.enter_context(
                VideoWriter(job.folder.video, job.source.fps, job.source.pixel_aspect)
            )
        if options.show:
            screen = outputs.enter_context(Screen())
        for moment in moments:
            with stage(Stage.WRITE):
                _write(job, moment, video if in_order else None, screen)
            progress.show(moment)
        if video and not in_order:
            _draw_video(job, video, interruption)


def _write(job: _Job, moment: Moment, video: VideoWriter | None, screen: Screen | None) -> None:
    """Leave a moment's results, and show it."""
    more = {"latency_ms": _milliseconds(job.live.box_known())} if job.live else {}
    for step in moment.steps:
        job.folder.write(step.row, None if step.score is None else step.seconds, **more)
    if video or screen:
        picture = _picture(job, moment.frame, [step.row for step in moment.steps])
        if video:
            video.write(picture, moment.frame.time)
        if screen and not screen.show(picture):
            raise Interrupted(signal.SIGINT)
    if job.explainer:
        for step in moment.steps:
            job.explainer.show(step, _true_box(step.frame.index, job.truth))


def _draw_video(job: _Job, video: VideoWriter, interruption: Interruption) -> None:
    """Draw all boxes, once they are known, in a second reading of the frames."""
    rows: dict[int, list[Row]] = {}
    for row in job.folder.rows:
        rows.setdefault(row.frame, []).append(row)
    order = {name: place for place, name in enumerate(job.plan.objects)}
    frames = job.source.frames(min(rows), max(rows) + 1)
    while True:
        with interruption.allowed(), stage(Stage.READ):
            frame = next(frames, None)
        if frame is None:
            return
        with stage(Stage.WRITE):
            found = sorted(rows.get(frame.index, []), key=lambda row: order[row.object])
            video.write(_picture(job, frame, found), frame.time)


def _close_report(job: _Job) -> None:
    if job.live:
        job.folder.closing["realtime"] = job.live.report()._asdict()


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _picture(job: _Job, frame: Frame, rows: Sequence[Row]) -> Image:
    return draw(frame, rows, job.plan.objects, _true_box(frame.index, job.truth))


def _true_box(index: int, truth: Truth | None) -> Box | None:
    if truth is None or index >= len(truth.boxes) or not np.isfinite(truth.boxes[index]).all():
        return None
    return as_box(truth.boxes[index])


def _show_profile(profile: Profile) -> None:
    profile.stop()
    for line in profile.table().splitlines():
        say(line)


def _sum_up(job: _Job, init_seconds: float) -> None:
    """Say where the results are, how long it took, and how good it was if that is known."""
    frames, folder = job.folder.frames, job.folder
    if not frames:
        return
    files = ", ".join(file.name for file in folder.files if file.exists())
    tracked: dict[int, float] = {}
    for frame in frames:
        if frame["seconds"] is not None:
            tracked[frame["index"]] = tracked.get(frame["index"], 0.0) + frame["seconds"]
    pace = f", {np.mean(list(tracked.values())):.3g} s a frame" if tracked else ""
    total = len({frame["index"] for frame in frames})
    count = f"{total} frame{'s' * (total > 1)}"
    say(f"{count} in {folder.path} ({files}): first frame {init_seconds:.1f} s{pace}")
    if job.live:
        say(f"realtime: {job.live.report().line()}")
    if job.explainer:
        pictures = len(job.explainer.written)
        say(f"{pictures} picture{'s' * (pictures != 1)} of why the box was chosen in {job.explainer.folder}")
    if job.truth is not None:
        say(_measured(job, job.truth))
    for line in lost_lines(folder.rows, job.plan.objects):
        say(line)


def _measured(job: _Job, truth: Truth) -> str:
    """How good the boxes of the only object are."""
    if not job.plan.is_plain:
        return "not measured: that is for a run forward from one given box"
    known = [frame for frame in job.folder.frames if frame["index"] < len(truth.boxes)]
    if not any(np.isfinite(truth.boxes[frame["index"]]).all() for frame in known[1:]):
        return f"not measured: {truth.file} has a box for none of these frames but the first"
    result = one_pass_score(
        np.array([frame["box"] for frame in known]), truth.boxes[[frame["index"] for frame in known]]
    )
    return (
        f"mean overlap {result.mean_overlap:.3f}, success AUC {result.success_auc:.3f}, "
        f"precision at 20 px {result.precision_20:.3f} ({len(known)} frames, OTB protocol, {truth.file})"
    )
