"""`--realtime`: which frames are taken and dropped, and how old their boxes are, in a time of our own."""

import json
import math
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Condition, Event, current_thread, get_ident

import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.run.profile import REST, Profile
from rpn2t.run.session import run
from rpn2t.sequences.box_files import read_boxes
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.system.stages import Stage
from rpn2t.video.frames import Frame
from rpn2t.video.live import Realtime, Report
from rpn2t.video.sources import open_source
from support import FRAMES, Clip, set_options

BOX = (1.0, 2.0, 3.0, 4.0)


class Time(Condition):
    """A clock and a condition of two threads, whose time passes only while both wait or work."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._threads = 2
        self._until: dict[int, float] = {}
        self._working: set[int] = set()

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        me = get_ident()
        self._until[me] = math.inf if timeout is None else self.now + timeout
        self._pass()
        while me in self._until:
            super().wait()
        return True

    def notify_all(self) -> None:
        for thread in [*self._until.keys() - self._working]:
            del self._until[thread]
        super().notify_all()

    def work(self, seconds: float) -> None:
        with self:
            self._working.add(get_ident())
            self.wait(seconds)
            self._working.discard(get_ident())

    def leave(self) -> None:
        """The calling thread has no part in the time any more."""
        with self:
            self._threads -= 1
            self._pass()

    def _pass(self) -> None:
        """Moves on to when the first thread goes on, if none of them does anything."""
        if len(self._until) < self._threads:
            return
        thread = min(self._until, key=lambda thread: self._until[thread])
        if self._until[thread] < math.inf:
            self.now = max(self.now, self._until.pop(thread))
            super().notify_all()


class Tracker:
    """Takes its time."""

    def __init__(self, time: Time, learning: float, updating: float) -> None:
        self.time, self.learning, self.updating = time, learning, updating

    def init(self, image: NDArray[np.uint8], box: Box) -> None:
        self.time.work(self.learning)

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        self.time.work(self.updating)
        return BOX, 0.5


def picture(index: int, time: float | None = None) -> Frame:
    return Frame(index, np.full((2, 2, 3), index, np.uint8), f"frame {index}", time)


def playing(time: Time, indices: range, fps: int, error: Exception | None = None) -> Realtime:
    """A file with these frames, there as soon as they are wanted; then the error."""
    frames = [picture(index, index / fps) for index in indices]

    def later() -> Iterator[Frame]:
        try:
            yield from frames[1:]
            if error:
                raise error
        finally:
            time.leave()

    return Realtime(frames[0], later(), paced=True, clock=time, condition=time)


def live_run(
    live: Realtime, tracker: Tracker, interruption: Interruption | None = None
) -> list[tuple[int, float | None]]:
    """Index and latency of every frame that was tracked."""
    steps = run(tracker, live.frames(), BOX, interruption)
    return [(step.frame.index, live.box_known()) for step in steps]


def latencies(*seconds: float) -> list[object]:
    return [None, *(pytest.approx(each) for each in seconds)]


def test_a_slow_tracker_gets_the_newest_frame_each_time() -> None:
    time = Time()
    with playing(time, range(12), 10) as live:
        rows = live_run(live, Tracker(time, 0.35, 0.24))
    # Free at .35, .59, .83, 1.07 and 1.31, while frame i is due at i / 10.
    assert [index for index, _ in rows] == [0, 3, 5, 8, 10, 11]
    assert [latency for _, latency in rows] == latencies(0.29, 0.33, 0.27, 0.31, 0.45)
    report = live.report()
    assert (report.tracked, report.dropped) == (6, 6)
    assert report[2:] == pytest.approx((5 / (1.55 - 0.35), 330, 426, 450))
    assert report.line() == (
        "6 frames tracked, 6 dropped, 4.17 frames/s; latency mean 330 ms, 95th percentile 426 ms, max 450 ms"
    )  # fmt: skip


def test_a_fast_tracker_waits_for_every_frame() -> None:
    time = Time()
    with playing(time, range(5, 9), 4) as live:
        rows = live_run(live, Tracker(time, 0.1, 0.05))
    assert [index for index, _ in rows] == [5, 6, 7, 8]
    assert [latency for _, latency in rows] == latencies(0.05, 0.05, 0.05)  # none came early
    assert live.report().dropped == 0


def test_frames_are_due_at_their_own_times() -> None:
    """Not at the indices by a rate: this file holds its third frame for long."""
    time = Time()
    frames = [picture(index, at) for index, at in enumerate((5.0, 5.1, 5.2, 8.0, 8.1))]

    def later() -> Iterator[Frame]:
        try:
            yield from frames[1:]
        finally:
            time.leave()

    with Realtime(frames[0], later(), paced=True, clock=time, condition=time) as live:
        rows = live_run(live, Tracker(time, 0.15, 0.5))
    assert [index for index, _ in rows] == [0, 1, 2, 3, 4]
    assert [latency for _, latency in rows] == latencies(0.55, 0.95, 0.5, 0.9)


def test_the_last_frame_is_tracked_however_late() -> None:
    time = Time()
    with playing(time, range(4), 10) as live:
        rows = live_run(live, Tracker(time, 50, 1))
    assert [index for index, _ in rows] == [0, 3]
    assert live.report()[:4] == (2, 2, pytest.approx(1), pytest.approx(1000 * (51 - 0.3)))


def test_a_camera_goes_on_from_start_at_its_own_pace() -> None:
    time = Time()

    def camera() -> Iterator[Frame]:
        try:
            for index, pause in enumerate((0.2, 0.2, 0.2, 1.0, 0.2), start=1):
                time.work(pause)
                yield picture(index)
        finally:
            time.leave()

    with Realtime(picture(0), camera(), paced=False, clock=time, condition=time) as live:
        live.start()
        time.work(0.25)  # somebody draws the box; frame 1 passes
        rows = live_run(live, Tracker(time, 0.4, 0.1))  # and 2 and 3
    assert [index for index, _ in rows] == [0, 3, 4, 5]
    assert [latency for _, latency in rows] == latencies(0.15, 0.1, 0.1)
    assert live.report().dropped == 2


def test_an_unreadable_frame_is_told_after_the_newest_before_it() -> None:
    time, rows = Time(), []
    error = InputError("clip: frame 4 cannot be read")
    with playing(time, range(4), 10, error) as live, pytest.raises(InputError, match="frame 4"):  # noqa: PT012
        for step in run(Tracker(time, 0.25, 0.5), live.frames(), BOX):
            rows.append(step.frame.index)
            live.box_known()
    assert rows == [0, 2, 3]
    assert live.report()[:2] == (3, 1)


def test_one_frame_has_no_latency() -> None:
    time = Time()
    with playing(time, range(1), 30) as live:
        assert live_run(live, Tracker(time, 1, 1)) == [(0, None)]
    assert live.report() == Report(1, 0, None, None, None, None)
    assert live.report().line() == "1 frame tracked, 0 dropped"


# In the real time, of which nothing is asserted


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_a_frame(signum: int) -> None:
    asked, gone = Event(), Event()

    def stalls() -> Iterator[Frame]:
        asked.wait()
        os.kill(os.getpid(), signum)  # the main thread waits, or will, for a frame that does not come
        gone.wait()
        yield picture(1)

    live = Realtime(picture(0), stalls(), paced=False)
    with live, Interruption() as interruption:
        frames = live.frames()
        next(frames)
        with pytest.raises(Interrupted) as stop, interruption.allowed():  # noqa: PT012
            asked.set()
            next(frames)
        gone.set()
    assert stop.value.signum == signum
    assert not live._thread.is_alive()


def test_leaving_ends_a_reader_that_waits_for_a_frame_to_be_due() -> None:
    with Realtime(picture(0, 0), (picture(index, 1000 * index) for index in range(1, 9)), paced=True) as live:
        next(live.frames())
        assert live._thread.is_alive()
    assert not live._thread.is_alive()
    live.close()
    with Realtime(picture(0), iter(()), paced=False) as unused:
        pass
    assert unused._thread.ident is None


def test_one_thread_reads_every_later_frame() -> None:
    readers = set()

    def camera() -> Iterator[Frame]:
        for index in range(1, 50):
            readers.add(current_thread())
            yield picture(index)
        readers.add(current_thread())

    with Realtime(picture(0), camera(), paced=False) as live:
        indices = [frame.index for frame in live.frames()]
        assert readers == {live._thread}
    assert (indices[0], indices[-1], live.dropped) == (0, 49, 50 - len(indices))
    assert all(earlier < later for earlier, later in pairwise(indices))


class Still:
    """A tracker whose target never moves."""

    def init(self, image: Image, box: Box) -> None:
        self._box = box

    def update(self, image: Image) -> tuple[Box, float]:
        return self._box, 1.0


def test_a_profile_counts_the_wait_and_not_the_reading(clip: Clip) -> None:
    with Profile() as profile, open_source(str(clip.folder)) as source:
        frames = source.frames()
        with Realtime(next(frames), frames, paced=True) as live:
            steps = list(profile.by_frame(run(Still(), live.frames(), (1.0, 1.0, 9.0, 9.0))))
        profile.stop()
    assert len(profile.phases) == 2
    assert all(phase.seconds.keys() == {Stage.READ, REST} for phase in profile.phases)
    calls = sum(phase.calls[Stage.READ] for phase in profile.phases)
    assert calls == len(steps) + 1  # the frames handed out, and the end


# The command


def test_a_run_in_real_time_says_what_it_dropped(
    clip: Clip, rpn2t: Callable[..., "subprocess.CompletedProcess[str]"], tiny: dict[str, int], tmp_path: Path
) -> None:
    options = ("--realtime", "--no-video", "--output", "out", *set_options(tiny))
    done = rpn2t("track", clip.folder, *options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "frames 0:12, realtime at 30 frames/s" in done.stdout.splitlines()[0]
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    rows, live = report["frames"], Report(**report["realtime"])
    assert (report["status"], report["command"]["realtime"]) == ("complete", True)
    assert (live.tracked, live.tracked + live.dropped) == (len(rows), FRAMES)
    assert (rows[0]["index"], rows[0]["latency_ms"], rows[-1]["index"]) == (0, None, FRAMES - 1)
    assert all(earlier["index"] < later["index"] for earlier, later in pairwise(rows))
    known = [row["latency_ms"] for row in rows[1:]]
    assert all(row["latency_ms"] > 1000 * row["seconds"] > 0 for row in rows[1:])
    assert live[3:] == pytest.approx((np.mean(known), np.percentile(known, 95), max(known)))
    assert len(read_boxes(tmp_path / "out" / "boxes.txt", one_based=True)) == len(rows)
    assert f"realtime: {live.line()}" in done.stdout.splitlines()


def test_an_unreadable_frame_ends_a_run_in_real_time_in_one_line(
    clip: Clip, rpn2t: Callable[..., "subprocess.CompletedProcess[str]"], tiny: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "frames").mkdir()
    for index in range(3):
        (tmp_path / "frames" / f"{index}.png").symlink_to(clip.folder / "img" / f"{index + 1:04d}.png")
    (tmp_path / "frames" / "3.png").write_bytes(b"no image")
    options = ("--init", "50,40,40,34", "--realtime", "--no-video", *set_options(tiny))
    done = rpn2t("track", "frames", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "rpn2t: frames: frame 3, 3.png, cannot be read as an image\n"
    report = json.loads((tmp_path / "runs" / "frames" / "run.json").read_text())
    assert (report["status"], report["frames"][-1]["index"]) == ("failed", 2)
    assert report["realtime"]["tracked"] + report["realtime"]["dropped"] == 3
