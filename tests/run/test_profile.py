"""`--profile`: what the table says, and that it changes nothing else."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from rpn2t.config import MODES
from rpn2t.run import profile
from rpn2t.run.profile import REST, Phase, Profile
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.modes import choose_mode
from support import FRAMES, Clip, TrackedRun, set_options

ROW = re.compile(r"  (.{36})\s*([\d.]+)\s+(\d+)?\s+([\d.]+)%\s+([\d.]+)")


def test_stages_have_names_of_their_own_that_fit_the_table() -> None:
    assert len({each.value for each in Stage}) == len(Stage)
    assert all(len(each) <= 36 and each != REST for each in Stage)


# Accounting, with a clock of our own


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds

    def score(self) -> None:
        with stage(Stage.SCORE):
            self.work(1)

    def mine(self) -> None:
        with stage(Stage.MINE):
            self.work(10)
            with stage(Stage.MINE_SCORES):
                self.work(1)
            self.work(20)

    def fail(self) -> None:
        with stage(Stage.CUT):
            self.work(5)
            raise ValueError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(profile, "perf_counter", clock)
    return clock


def test_times_are_exclusive_and_of_the_innermost_mark(clock: Clock) -> None:
    with Profile() as running:
        clock.score()
        clock.mine()
        clock.work(0.5)
        with pytest.raises(ValueError):  # noqa: PT011
            clock.fail()
        clock.work(0.25)
    (phase,) = running.phases
    scored = {Stage.SCORE: 1, Stage.MINE: 30, Stage.MINE_SCORES: 1, Stage.CUT: 5}
    assert phase.seconds == scored | {REST: 0.75}
    assert phase.calls == dict.fromkeys(scored, 1)
    clock.score()
    assert sum(phase.seconds.values()) == 37.75


def test_marks_are_nothing_without_a_profile_and_after_one(clock: Clock) -> None:
    unheard = stage(Stage.SCORE)
    with Profile():
        assert stage(Stage.SCORE) is not unheard
    assert stage(Stage.SCORE) is stage(Stage.CUT) is unheard
    with unheard, unheard:  # they nest
        clock.score()


def test_a_stage_within_itself_is_one_call(clock: Clock) -> None:
    with Profile() as running, stage(Stage.SCORE):
        clock.work(1)
        clock.score()
    assert running.phases[0].seconds == {Stage.SCORE: 2, REST: 0}
    assert running.phases[0].calls == {Stage.SCORE: 1}


def test_another_threads_work_is_not_measured(clock: Clock) -> None:
    with Profile() as running:
        reader = Thread(target=clock.score)
        reader.start()
        reader.join()
    assert running.phases[0].seconds == {REST: 1}


def test_a_generator_runs_only_while_it_is_asked(clock: Clock) -> None:
    def read() -> Iterator[int]:
        for number in range(2):
            clock.work(100)
            yield number

    frames = read()
    with Profile() as running:
        for _ in range(2):
            with stage(Stage.READ):
                next(frames)
            clock.work(7)
    assert running.phases[0].seconds == {Stage.READ: 200, REST: 14}


def test_the_first_frame_and_the_later_ones(clock: Clock) -> None:
    with Profile() as running:
        clock.work(2)
        for _ in running.by_frame([0, 1, 2]):
            clock.score()
        clock.work(3)
    first, later = running.phases
    assert (first.frames, first.seconds) == (1, {REST: 2, Stage.SCORE: 1})
    assert (later.frames, later.seconds) == (2, {REST: 3, Stage.SCORE: 2})
    assert later.calls == {Stage.SCORE: 2}
    row = r"later frames \(2\) .*\n  head: scores of candidates +2\.000 +2 +40\.0% +1000\.0\n"
    assert re.search(row, running.table())


def test_a_run_that_learned_no_frame_has_a_table(clock: Clock) -> None:
    with Profile() as running:
        clock.work(2)
    assert running.phases == [Phase("first frame", 0, {REST: 2}, {})]
    assert "everything else" in running.table()


# A real run


@pytest.fixture(scope="module")
def profiled(
    clip: Clip,
    rpn2t: Callable[..., "subprocess.CompletedProcess[str]"],
    small: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Path, str]]:
    """For each mode the results of a profiled run, and what it printed."""
    cwd = tmp_path_factory.mktemp("profiled")
    runs = {}
    for mode in MODES:
        options = ("--mode", mode, "--profile", "--output", mode, *set_options(small))
        done = rpn2t("track", clip.folder, *options, cwd=cwd)
        assert (done.returncode, done.stderr) == (0, "")
        runs[mode] = cwd / mode, done.stdout
    return runs


def test_a_profiled_run_is_the_same_run(
    tracked_run: TrackedRun, profiled: dict[str, tuple[Path, str]]
) -> None:
    out, _ = profiled[choose_mode("auto", "auto")]
    assert sorted(file.name for file in out.iterdir()) == [
        "boxes.csv", "boxes.txt", "profile.txt", "run.json", "video.mp4"
    ]  # fmt: skip
    assert (out / "boxes.txt").read_bytes() == (tracked_run.folder / "boxes.txt").read_bytes()


def test_stages_add_up_and_both_modes_together_reach_all(profiled: dict[str, tuple[Path, str]]) -> None:
    called: set[str] = set()
    for out, printed in profiled.values():
        table = (out / "profile.txt").read_text()
        assert printed.endswith(table)
        parts = table.split("\n\n")
        assert [part.split("  ")[0] for part in parts] == ["first frame", f"later frames ({FRAMES - 1})"]
        for part, frames in zip(parts, (1, FRAMES - 1), strict=True):
            rows = {row[1].strip(): [float(row[i]) for i in (2, 4, 5)] for row in ROW.finditer(part)}
            called |= {row[1].strip() for row in ROW.finditer(part) if row[3]}
            seconds, share, milliseconds = rows.pop("all")
            assert sum(row[0] for row in rows.values()) == pytest.approx(
                seconds, abs=0.0005 * (len(rows) + 1)
            )
            assert sum(row[1] for row in rows.values()) == pytest.approx(100, abs=0.05 * len(rows))
            assert share == 100
            assert milliseconds == pytest.approx(seconds * 1000 / frames, abs=0.6)
    assert called == set(Stage)  # a stage that is never reached has lost its mark
