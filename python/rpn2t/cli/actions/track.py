"""What ``rpn2t track`` does."""

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from rpn2t import Tracker
from rpn2t.boxes import Box, as_box, iou
from rpn2t.cli.chosen_tracker import chosen_config
from rpn2t.cli.console import TrackingProgress, say
from rpn2t.errors import InputError
from rpn2t.eval.otb.metrics import one_pass_score
from rpn2t.images import Image
from rpn2t.run.explained_frames import Explainer, explainer_of
from rpn2t.run.first_box import Start, Truth, find_truth, from_file, from_source, from_text
from rpn2t.run.folder import RunFolder
from rpn2t.run.formats.finished_run import run_text
from rpn2t.run.formats.names import FILES
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.profile import Profile
from rpn2t.run.record import describe
from rpn2t.run.session import Step, run
from rpn2t.system.files import write_whole
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.modes import choose_mode
from rpn2t.video.annotate import annotate
from rpn2t.video.frames import Frame, Source
from rpn2t.video.live import Realtime
from rpn2t.video.screen import Screen, require_screen, select_box
from rpn2t.video.sources import open_source
from rpn2t.video.writer import VideoWriter


@dataclass(frozen=True, kw_only=True)
class TrackOptions:
    """The command line of ``rpn2t track``, as it was typed."""

    source: str
    init: str | None
    init_file: str | None
    select: bool
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


def parse_frames(text: str | None) -> tuple[int, int | None]:
    """``A:B`` as (A, B); without B there is no end.

    Raises:
        InputError: not of this form, or no frame lies in it.
    """
    match = re.fullmatch("([0-9]*):([0-9]*)", ":" if text is None else text)
    if match is None:
        raise InputError(f"--frames {text}: write A:B with whole numbers counted from 0, as in 0:40")
    start, stop = int(match[1] or 0), int(match[2]) if match[2] else None
    if stop is not None and stop <= start:
        raise InputError(f"--frames {text}: no frame lies in it; A must be smaller than B")
    return start, stop


@dataclass(frozen=True)
class _Job:
    """Everything that is settled before the first frame is learned."""

    source: Source
    start: int
    total: int | None
    folder: RunFolder
    truth: Truth | None
    begin: Start
    frames: Iterator[Frame]
    live: Realtime | None
    tracker: Tracker
    explainer: Explainer | None


def _track(options: TrackOptions, interruption: Interruption) -> None:
    with ExitStack() as stack, TrackingProgress() as progress:
        profile = stack.enter_context(Profile()) if options.profile else None
        with interruption.allowed():
            job = _prepare(options, stack)
        say(_what_runs(options, job))
        said = len(job.source.notes)
        for note in (*job.source.notes[:said], *job.tracker.device.notes):
            say(f"note: {note}")
        progress.start(None if job.live else job.total)  # nobody knows how many will be dropped
        steps = run(job.tracker, job.frames, job.begin.box, interruption)
        if profile:
            stack.callback(_show_profile, profile)
            steps = profile.by_frame(steps)
        first = next(steps)  # nothing on disk is touched before the first frame is learned
        try:
            _record(options, job, chain([first], steps), first.seconds, progress)
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
            _sum_up(job, first.seconds)


def _prepare(options: TrackOptions, stack: ExitStack) -> _Job:
    if sum([options.init is not None, options.init_file is not None, options.select]) > 1:
        raise InputError("--init, --init-file and --select exclude one another; give one")
    for option, wanted in (("--select", options.select), ("--show", options.show)):
        if wanted:
            require_screen(option)
    mode = choose_mode(options.mode, options.device)
    config = chosen_config(mode, options.config, options.settings)
    start, stop = parse_frames(options.frames)
    explainer = explainer_of(options.explain, options.explain_frames, overwrite=options.overwrite)
    source = stack.enter_context(open_source(options.source, options.init_file))
    folder = _folder(options, source)
    if folder.holds(options.source):
        raise InputError(f"{options.source}: the results would replace it; choose another --output")
    truth = find_truth(source, options.init_file)
    frames = source.frames(start, stop)
    with stage(Stage.READ):
        first = next(frames)
    live = None
    if options.realtime:
        live = stack.enter_context(Realtime(first, frames, paced=not source.live))
        if source.live:
            live.start()  # while the box is drawn and Caffe is loaded, frames pass as well
    begin = _first_box(options, source, first)
    tracker = Tracker(
        config,
        mode=mode,
        backbone=options.backbone,
        weights=options.weights,
        device=options.device,
        seed=options.seed,
        tf32=options.tf32,
    )
    coming = live.frames() if live else chain([first], frames)
    ends = [end for end in (stop, source.length) if end is not None]
    total = min(ends) - start if ends else None
    if explainer:
        explainer.require_any(start, total)
        tracker.observer = explainer.observe
    return _Job(source, start, total, folder, truth, begin, coming, live, tracker, explainer)


def _folder(options: TrackOptions, source: Source) -> RunFolder:
    """The folder that --output names. Without it a run gets a folder of its own, unless it may overwrite."""
    if options.output is not None or options.overwrite:
        return RunFolder(options.output or Path("runs") / source.name, overwrite=options.overwrite)
    return RunFolder.unused(Path("runs") / source.name)


def _first_box(options: TrackOptions, source: Source, first: Frame) -> Start:
    if options.init is not None:
        return from_text(options.init)
    if options.init_file is not None:
        return from_file(options.init_file, first.index)
    if options.select:
        return Start(select_box(first.image), "--select")
    return from_source(source, first.index)


def _what_runs(options: TrackOptions, job: _Job) -> str:
    about = describe(job.tracker)
    frames = f"from frame {job.start}" if job.total is None else f"frames {job.start}:{job.start + job.total}"
    if job.live:
        frames += ", realtime" if job.source.live else f", realtime at {float(job.source.fps):.3g} frames/s"
    box = ",".join(f"{value:g}" for value in job.begin.box)
    return (
        f"tracking {options.source} {frames}, mode {about['mode']}, device {about['device']}, "
        f"weights {options.weights}, box {box} ({job.begin.origin}), results in {job.folder.path}"
    )


def _record(
    options: TrackOptions, job: _Job, steps: Iterator[Step], init_seconds: float, progress: TrackingProgress
) -> None:
    """Go through the steps and leave the results on disk, whatever ends them."""
    header = {
        **describe(job.tracker),
        "command": asdict(options),
        "source": {
            **asdict(SourceInfo.of(job.source)), "first_frame": job.start,
            "scaled_from": job.source.scaled_from, "notes": job.source.notes,
        },
        "first_box": job.begin.origin,
        "init_seconds": init_seconds,
    }  # fmt: skip
    video = screen = None
    with job.folder.recording(header), ExitStack() as outputs:
        outputs.callback(_close_report, job)
        if not options.no_video:
            video = outputs.enter_context(
                VideoWriter(job.folder.video, job.source.fps, job.source.pixel_aspect)
            )
        if options.show:
            screen = outputs.enter_context(Screen())
        for step in steps:
            with stage(Stage.WRITE):
                _write(job, step, video, screen)
            progress.show(step)


def _write(job: _Job, step: Step, video: VideoWriter | None, screen: Screen | None) -> None:
    """Leave a step's results, and show it."""
    more = {"latency_ms": _milliseconds(job.live.box_known())} if job.live else {}
    seconds = None if step.score is None else step.seconds
    job.folder.write(step.frame.index, step.box, step.score, seconds, time=step.frame.time, **more)
    if video or screen:
        picture = _picture(step, job.truth)
        if video:
            video.write(picture, step.frame.time)
        if screen and not screen.show(picture):
            raise Interrupted(signal.SIGINT)
    if job.explainer:
        job.explainer.show(step, _true_box(step, job.truth))


def _close_report(job: _Job) -> None:
    if job.live:
        job.folder.closing["realtime"] = job.live.report()._asdict()


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _picture(step: Step, truth: Truth | None) -> Image:
    index, true = step.frame.index, _true_box(step, truth)
    if true is None:
        return annotate(step.frame.image, step.box, step.score, index)
    overlap = float(iou(step.box, true)[0])
    return annotate(step.frame.image, step.box, step.score, index, true, f"IoU {overlap:.2f}")


def _true_box(step: Step, truth: Truth | None) -> Box | None:
    index = step.frame.index
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
    seconds = [frame["seconds"] for frame in frames[1:]]
    pace = f", {np.mean(seconds):.3g} s a frame" if seconds else ""
    count = f"{len(frames)} frame{'s' * (len(frames) > 1)}"
    say(f"{count} in {folder.path} ({files}): first frame {init_seconds:.1f} s{pace}")
    if job.live:
        say(f"realtime: {job.live.report().line()}")
    if job.explainer:
        pictures = len(job.explainer.written)
        say(f"{pictures} picture{'s' * (pictures != 1)} of why the box was chosen in {job.explainer.folder}")
    if job.truth is None:
        return
    known = [frame for frame in frames if frame["index"] < len(job.truth.boxes)]
    if not any(np.isfinite(job.truth.boxes[frame["index"]]).all() for frame in known[1:]):
        say(f"not measured: {job.truth.file} has a box for none of these frames but the first")
        return
    result = one_pass_score(
        np.array([frame["box"] for frame in known]), job.truth.boxes[[frame["index"] for frame in known]]
    )
    say(
        f"mean overlap {result.mean_overlap:.3f}, success AUC {result.success_auc:.3f}, "
        f"precision at 20 px {result.precision_20:.3f} ({len(known)} frames, OTB protocol, {job.truth.file})"
    )
