"""`--profile`: what the table says, and that it changes nothing else."""

import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rpn2t.run import profile
from rpn2t.run.profile import REST, STAGES, Phase, Profile, Stage, find
from rpn2t.tracker.modes import MODES, choose_mode
from support import FRAMES, Clip, TrackedRun, set_options

NAMES = [name for stage in STAGES for name in stage.functions]
ROW = re.compile(r"  (.{36})\s*([\d.]+)\s+(\d+)?\s+([\d.]+)%\s+([\d.]+)")


@pytest.mark.parametrize("name", NAMES)
def test_every_stage_names_functions_that_exist(name: str) -> None:
    owner, attribute = find(name)
    assert callable(getattr(owner, attribute))


def test_every_enclosing_stage_exists() -> None:
    names = [stage.name for stage in STAGES]
    assert len(set(names)) == len(names)
    assert {stage.within for stage in STAGES} - {None} <= set(names)


@pytest.mark.parametrize(
    "name",
    ["rpn2t.nets.patch:gone", "rpn2t.tracker.paper.head:Head.gone", "rpn2t.tracker.paper.head:Gone.scores"],
)
def test_a_function_that_is_gone_is_noticed(name: str) -> None:
    with pytest.raises(AttributeError):
        find(name)
    with pytest.raises(ImportError):
        find("rpn2t.gone:cut_patches")


# Accounting, with a clock of our own


class Clock:
    """Seconds that pass where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Also makes the modules rpn2t.work, which has the functions, and rpn2t.user, which imported one."""
    clock = Clock()
    work = types.ModuleType("rpn2t.work")

    def score() -> None:
        clock.work(1)

    def mine() -> None:
        clock.work(10)
        work.score()
        clock.work(20)

    def fail() -> None:
        clock.work(5)
        raise ValueError

    def read() -> Iterator[int]:
        for number in range(2):
            clock.work(100)
            yield number

    user = types.ModuleType("rpn2t.user")
    for module, functions in ((work, (score, mine, fail, read)), (user, (score,))):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        for function in functions:
            setattr(module, function.__name__, function)
    stages = (
        Stage("score", ("rpn2t.work:score",)),
        Stage("mined score", ("rpn2t.work:score",), within="mine"),
        Stage("mine", ("rpn2t.work:mine",)),
        Stage("read", ("rpn2t.work:read",)),
        Stage("fail", ("rpn2t.work:fail",)),
    )
    monkeypatch.setattr(profile, "STAGES", stages)
    monkeypatch.setattr(profile, "perf_counter", clock)
    return clock


def test_times_are_exclusive_and_by_the_caller(clock: Clock) -> None:
    work, user = sys.modules["rpn2t.work"], sys.modules["rpn2t.user"]
    found = (work.score, work.mine, user.score)
    with Profile() as running:
        user.score()
        work.mine()
        clock.work(0.5)
        with pytest.raises(ValueError):  # noqa: PT011
            work.fail()
        clock.work(0.25)
    (phase,) = running.phases
    assert phase.seconds == {"score": 1, "mine": 30, "mined score": 1, "fail": 5, REST: 0.75}
    assert phase.calls == {"score": 1, "mine": 1, "mined score": 1, "fail": 1}
    assert (work.score, work.mine, user.score) == found
    work.score()
    assert sum(phase.seconds.values()) == 37.75


def test_a_generator_runs_only_while_it_is_asked(clock: Clock) -> None:
    with Profile() as running:
        for _ in sys.modules["rpn2t.work"].read():
            clock.work(7)
    assert running.phases[0].seconds == {"read": 200, REST: 14}


def test_the_first_frame_and_the_later_ones(clock: Clock) -> None:
    with Profile() as running:
        clock.work(2)
        for _ in running.by_frame([0, 1, 2]):
            sys.modules["rpn2t.work"].score()
        clock.work(3)
    first, later = running.phases
    assert (first.frames, first.seconds) == (1, {REST: 2, "score": 1})
    assert (later.frames, later.seconds) == (2, {REST: 3, "score": 2})
    assert later.calls == {"score": 2}
    assert re.search(r"later frames \(2\) .*\n  score +2\.000 +2 +40\.0% +1000\.0\n", running.table())


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
        "boxes.txt", "profile.txt", "run.json", "video.mp4"
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
    assert called == {stage.name for stage in STAGES}  # a stage that is never reached has lost its function
