"""`rpn2t benchmark`, from the outside: real schedulers and worker processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from rpn2t.benchmark import cluster
from rpn2t.benchmark.cluster import worker_threads
from rpn2t.benchmark.otb_robustness import tre_starts
from rpn2t.benchmark.runner import Task, perform
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.cli import main
from rpn2t.sequences.box_files import read_boxes
from rpn2t.sequences.registry import find_dataset
from support import command, make_clip, set_options

Run = Callable[..., "subprocess.CompletedProcess[str]"]

TRACKERS = '''
"""Trackers to be benchmarked: one that is right, a slow one, and ones that are in trouble."""

import os
import time


class Still:
    """Leaves the box where it is."""

    def init(self, image, box):
        self.box = box

    def update(self, image):
        return self.box, 1.0


class Slow(Still):
    """Takes its time, so that it can be killed."""

    def update(self, image):
        time.sleep(0.15)
        return self.box, 1.0


class Seeded(Still):
    """Another box for every seed."""

    def __init__(self, seed):
        self.seed = seed

    def update(self, image):
        x, y, w, h = self.box
        return (x + self.seed, y, w, h), 1.0


class Broken(Still):
    """Fails on the clip called Bad, whose target is 40 px wide."""

    def update(self, image):
        if self.box[2] == 40:
            raise RuntimeError("lost my way\\nand more")
        return self.box, 1.0


class Crashing(Still):
    """Takes its process with it."""

    def update(self, image):
        if self.box[2] == 40:
            os._exit(9)
        return self.box, 1.0


class Nowhere(Still):
    """Gives a box that is none."""

    def update(self, image):
        return (float("nan"), 0, 1, 1), 1.0
'''


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sequences in OTB's layout: Good and Long, and Bad, whose target is wider."""
    folder = tmp_path_factory.mktemp("root")
    for name, frames in (("Good", 6), ("Bad", 6), ("Long", 40)):
        make_clip(folder / name, frames)
    for name in ("Good", "Long"):
        file = folder / name / "groundtruth_rect.txt"
        file.write_text(file.read_text().replace(",40,", ",38,"))
    return folder


@pytest.fixture
def run(tmp_path: Path, root: Path, rpn2t: Run) -> Run:
    """Runs the command in an empty folder that holds the trackers above: run("benchmark", root, ...)."""
    (tmp_path / "mytrackers.py").write_text(TRACKERS)

    def call(*arguments: object) -> "subprocess.CompletedProcess[str]":
        path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
        return rpn2t(*arguments, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})

    return call


def results(tmp_path: Path, root: Path, name: str, store: str = "") -> Path:
    return tmp_path / "results" / (store or root.name) / name


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in sorted(folder.glob("*.txt"))}


def test_a_run_leaves_boxes_times_and_a_manifest(tmp_path: Path, root: Path, run: Run) -> None:
    done = run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "still", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "3 of 3 runs" in done.stdout
    folder = results(tmp_path, root, "still")
    assert sorted(texts(folder)) == ["Bad.txt", "Good.txt", "Long.txt"]
    boxes = read_boxes(folder / "Good.txt", one_based=True)
    np.testing.assert_array_equal(boxes, np.tile([50, 40, 38, 34], (6, 1)))
    assert (folder / "Good.txt").read_text().startswith("51.000,41.000,38.000,34.000\n")
    assert len((folder / "times" / "Good_time.txt").read_text().splitlines()) == 6
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["identity"]["tracker"] == "mytrackers:Still"
    assert manifest["identity"]["seed"] == 0
    assert len(manifest["identity"]["source_sha256"]) == 64
    record = manifest["runs"]["Good"]
    assert (record["frames"], record["threads"]) == (6, str(worker_threads(2, None)))
    assert {"cpu", "seconds", "opencv_threads", "numpy", "finished"} <= set(record)

    again = run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "still")
    assert again.returncode == 0
    assert "3 runs are there, 0 to do" in again.stdout

    listed = run("results", "list")
    assert "still" in listed.stdout
    assert "3 runs" in listed.stdout
    assert listed.stdout.endswith("rpn2t evaluate DATASET --root DIR --results results\n")
    assert run("results").stdout == listed.stdout


def test_workers_share_the_cores_and_none_has_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "usable_cores", lambda: 4)
    monkeypatch.setattr(cluster, "thread_limit", lambda: 3)  # as by OMP_NUM_THREADS=3
    assert [worker_threads(workers, None) for workers in (1, 2, 9)] == [3, 1, 1]
    assert [worker_threads(2, wanted) for wanted in (1, 4, 16)] == [1, 4, 4]


def test_more_threads_than_cores_are_refused_in_a_line(root: Path, run: Run) -> None:
    cores = len(os.sched_getaffinity(0))
    done = run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "wide", "--threads", 77,
               "--sequences", "Good")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"note: --threads 77: this process may use {cores} core" in done.stdout


def test_opencv_s_trackers_are_baselines(tmp_path: Path, root: Path, run: Run) -> None:
    for tracker in ("csrt", "kcf", "mil", "mosse"):
        done = run("benchmark", root, "--tracker", tracker, "--sequences", "Good,Bad", "--frames", 5)
        assert done.returncode == 0, done.stderr
        boxes = read_boxes(results(tmp_path, root, tracker.upper()) / "Bad.txt", one_based=True)
        assert len(boxes) == 5
        assert abs(boxes[-1, 0] - 62) < 12  # the square went from 50 to 62


def test_workers_give_what_one_gives(tmp_path: Path, root: Path, run: Run, tiny: dict[str, int]) -> None:
    """RPN2T itself, in two processes and in one with as many threads."""
    for name, workers in (("one", 1), ("two", 2)):
        done = run(
            "benchmark", root, "--sequences", "Good,Bad", "--frames", 4, "--name", name, "--workers", workers,
            "--threads", 1, "--device", "cpu", *set_options(tiny),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    one, two = (texts(results(tmp_path, root, name)) for name in ("one", "two"))
    assert one == two
    assert len(one) == 2
    manifest = json.loads((results(tmp_path, root, "two") / "manifest.json").read_text())
    assert manifest["identity"]["configuration"]["candidates"] == tiny["candidates"]
    assert all(len(digest) == 64 for digest in manifest["identity"]["sha256"].values())
    assert manifest["runs"]["Good"]["device"] == "cpu"


def test_all_frames_are_tracked_whatever_has_a_ground_truth(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "root" / "own", 5)
    np.savetxt(clip.folder / "groundtruth_rect.txt", [[51, 41, 40, 34]], delimiter=",")
    (target,) = find_dataset(str(tmp_path / "root")).open(tmp_path / "root").sequences
    task = Task(TrackerSpec(tracker="mosse"), target, "ope", "", 0)
    assert len(task) == 5
    outcome = perform(task, "")
    assert outcome.error is None
    assert outcome.boxes.shape == (5, 4)


def test_a_failed_sequence_is_reported_and_does_not_end_the_run(tmp_path: Path, root: Path, run: Run) -> None:
    done = run("benchmark", root, "--tracker", "mytrackers:Broken", "--name", "broken")
    assert done.returncode == 1
    assert "failed: Bad: RuntimeError: lost my way\n" in done.stderr
    assert "1 runs failed; the same command tries them again" in done.stderr
    assert sorted(texts(results(tmp_path, root, "broken"))) == ["Good.txt", "Long.txt"]


def test_a_tracker_that_takes_its_process_down_fails_alone(tmp_path: Path, root: Path, run: Run) -> None:
    done = run("benchmark", root, "--tracker", "mytrackers:Crashing", "--name", "crashing", "--workers", 2)
    assert done.returncode == 1
    assert "failed: Bad: its worker died each time" in done.stderr
    assert sorted(texts(results(tmp_path, root, "crashing"))) == ["Good.txt", "Long.txt"]


def test_a_box_that_is_none_is_no_result(root: Path, run: Run) -> None:
    done = run("benchmark", root, "--tracker", "mytrackers:Nowhere", "--sequences", "Good")
    assert done.returncode == 1
    assert "failed: Good: the tracker's box of frame 1 (from 0) is not finite" in done.stderr


@pytest.fixture
def started(tmp_path: Path, root: Path) -> Iterator["subprocess.Popen[str]"]:
    """A benchmark of the slow tracker with two workers, in the middle of the long sequence."""
    (tmp_path / "mytrackers.py").write_text(TRACKERS)
    arguments = ["benchmark", str(root), "--tracker", "mytrackers:Slow", "--name", "slow", "--workers", "2"]
    process = subprocess.Popen(
        [*command(), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    folder = results(tmp_path, root, "slow")
    wait_for(lambda: len(texts(folder)) == 2)
    yield process
    process.kill()
    process.communicate()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_killed_worker_costs_its_sequence_s_time_alone(
    tmp_path: Path, root: Path, started: "subprocess.Popen[str]"
) -> None:
    busy = max(workers_of(started), key=lambda child: child.create_time())
    for child in workers_of(started):
        child.kill()
    output, errors = started.communicate(timeout=120)
    assert started.returncode == 0, errors
    assert not busy.is_running()
    assert "3 of 3 runs" in output
    assert len(texts(results(tmp_path, root, "slow"))["Long.txt"].splitlines()) == 40


def test_sigkill_loses_the_sequences_in_flight_alone(
    tmp_path: Path, root: Path, started: "subprocess.Popen[str]", run: Run
) -> None:
    orphans = workers_of(started)
    before = {
        name: (results(tmp_path, root, "slow") / name).stat().st_mtime_ns for name in ("Bad.txt", "Good.txt")
    }
    started.send_signal(signal.SIGKILL)
    started.wait()
    psutil.wait_procs(orphans, timeout=30)
    assert not any(orphan.is_running() for orphan in orphans)
    done = run("benchmark", root, "--tracker", "mytrackers:Slow", "--name", "slow", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert "2 runs are there, 1 to do" in done.stdout
    folder = results(tmp_path, root, "slow")
    assert {name: (folder / name).stat().st_mtime_ns for name in before} == before
    assert len(texts(folder)["Long.txt"].splitlines()) == 40
    assert not [file for file in folder.rglob("*.part")]


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path, root: Path, started: "subprocess.Popen[str]") -> None:
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert errors == "rpn2t: stopped by Ctrl-C; 2 runs are kept, the same command goes on with the rest\n"
    assert sorted(texts(results(tmp_path, root, "slow"))) == ["Bad.txt", "Good.txt"]


def test_a_second_run_in_the_same_folder_is_refused(
    root: Path, started: "subprocess.Popen[str]", run: Run
) -> None:
    done = run("benchmark", root, "--tracker", "mytrackers:Slow", "--name", "slow")
    assert done.returncode == 2
    assert "another run is writing there" in done.stderr
    assert started.poll() is None


def test_a_cluster_of_the_user_s(tmp_path: Path, root: Path, run: Run) -> None:
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    address = tmp_path / "scheduler.json"
    dask = [sys.executable, "-m"]
    scheduler = subprocess.Popen(
        [*dask, "distributed.cli.dask_scheduler", "--port", "0", "--scheduler-file", str(address),
         "--no-dashboard"],
        env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: address.exists() and bool(address.read_text().endswith("}")))
        worker = subprocess.Popen(
            [*dask, "distributed.cli.dask_worker", "--scheduler-file", str(address), "--nthreads", "1",
             "--no-dashboard", "--local-directory", str(tmp_path)],
            env=environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            where = json.loads(address.read_text())["address"]
            done = run(
                "benchmark", root, "--tracker", "mytrackers:Still", "--name", "far", "--scheduler", where
            )
            assert done.returncode == 0, done.stderr
            assert len(texts(results(tmp_path, root, "far"))) == 3
        finally:
            worker.terminate()
            worker.wait()
    finally:
        scheduler.terminate()
        scheduler.wait()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--seed", 1], "holds results made with seed 0, now 1; give another --name"),
        (["--frames", 3], "holds results made with frames null, now 3"),
        (["--protocol", "got10k"], "holds results made with protocol otb, now got10k"),
    ],
)
def test_other_settings_are_refused_not_mixed(
    tmp_path: Path, root: Path, run: Run, change: list[object], words: str
) -> None:
    settings = ["benchmark", root, "--tracker", "mytrackers:Still", "--name", "mine", "--sequences", "Good"]
    assert run(*settings).returncode == 0
    before = texts(results(tmp_path, root, "mine"))
    done = run(*settings, *change)
    assert done.returncode == 2
    assert words in done.stderr
    assert texts(results(tmp_path, root, "mine")) == before


def test_another_version_of_the_tracker_is_refused(tmp_path: Path, root: Path, run: Run) -> None:
    settings = ["benchmark", root, "--tracker", "mytrackers:Still", "--name", "mine", "--sequences", "Good"]
    assert run(*settings).returncode == 0
    (tmp_path / "mytrackers.py").write_text(TRACKERS + "\n# changed\n")
    done = run(*settings)
    assert done.returncode == 2
    assert "source_sha256" in done.stderr


def test_results_of_others_are_left_alone(tmp_path: Path, root: Path, run: Run) -> None:
    folder = results(tmp_path, root, "theirs")
    folder.mkdir(parents=True)
    (folder / "Good.txt").write_text("1,1,4,3\n")
    done = run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "theirs")
    assert done.returncode == 2
    assert "which `rpn2t benchmark` did not make; give another --name" in done.stderr
    assert texts(folder) == {"Good.txt": "1,1,4,3\n"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tracker", "magic"], "--tracker magic: there are rpn2t, csrt, kcf, mil, mosse; a class"),
        (["--tracker", "nothere:Magic"], "cannot import nothere"),
        (["--tracker", "pathlib:Magic"], "there is no Magic in pathlib"),
        (["--tracker", "pathlib:Path"], "the class has no init and no update"),
        (["--tracker", "kcf", "--config", "quarter"], "backbone, device and mode are RPN2T's"),
        (["--sequences", "Nobody"], "Nobody: no sequence of"),
        (["--weights", "nobody"], "weights nobody: no such set or folder"),
        (["--scheduler", "tcp://127.0.0.1:1", "--tracker", "kcf"], "nothing answers there"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(
    root: Path, arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["benchmark", str(root), "--results", str(tmp_path), *arguments])
    errors = capsys.readouterr().err
    assert status == 2
    assert words in errors
    assert len(errors.strip().splitlines()) == 1


def test_tre_and_sre_run_from_other_frames_and_boxes(tmp_path: Path, root: Path, run: Run) -> None:
    for experiment in ("tre", "sre"):
        done = run(
            "benchmark", root, "--tracker", "mytrackers:Still", "--name", "s", "--sequences", "Long",
            "--experiment", experiment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    tre = texts(results(tmp_path, root, "s", f"{root.name}-TRE"))
    assert len(tre) == 20
    assert len(tre["Long_01.txt"].splitlines()) == 40
    assert len(tre["Long_20.txt"].splitlines()) == 20
    assert tre["Long_20.txt"].startswith(f"{51 + 3 * 2}.000,")
    sre = texts(results(tmp_path, root, "s", f"{root.name}-SRE"))
    assert len(sre) == 12
    assert sre["Long_left.txt"].startswith("47.000,41.000,38.000,34.000\n")


@pytest.mark.parametrize("cut", [(), ("--frames", 25)], ids=["whole", "cut"])
def test_every_run_of_tre_is_evaluated(tmp_path: Path, run: Run, cut: tuple[str | int, ...]) -> None:
    """From `benchmark` to `evaluate`, also by MATLAB's files. Below 38 frames there are less than 20 runs."""
    root = tmp_path / "short"
    truths = {f"Rows{rows}": make_clip(root / f"Rows{rows}", rows).truth for rows in (20, 30, 37, 45)}
    shared = (root, "--experiment", "tre", *cut)
    done = run("benchmark", *shared, "--tracker", "mytrackers:Still", "--name", "still")
    assert done.returncode == 0, done.stderr
    place = results(tmp_path, root, "still", "short-TRE")
    export = ("results", "export", root, "still", "--for", "otb", "--experiment", "tre", "--output", "matlab")
    assert run(*export).returncode == 0
    for folder in ("results", "matlab"):
        done = run("evaluate", *shared, "--no-strips", "--results", folder, "--output", f"from-{folder}")
        assert done.returncode == 0, done.stderr
        record = json.loads((tmp_path / f"from-{folder}" / "evaluation.json").read_text())
        assert (record["sequences"], record["absent"]) == (list(truths), {})
        for name, truth in truths.items():
            shown = truth[: int(cut[1])] if cut else truth
            starts = tre_starts(shown)
            labels = [f"{number:02}" for number in range(1, len(starts) + 1)]
            assert sorted(place.glob(f"{name}_*.txt")) == [place / f"{name}_{label}.txt" for label in labels]
            # The tracker stays where it was started; the frames of all runs are counted together.
            away = np.concatenate([np.hypot(*(shown[start:, :2] - shown[start, :2]).T) for start in starts])
            figures = record["trackers"]["still"]["sequences"][name]
            assert figures["precision_20"] == pytest.approx((away <= 20).mean())


def vot_root(folder: Path, images: list[NDArray[np.uint8]], boxes: NDArray[np.float64]) -> None:
    folder.mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        cv2.imwrite(str(folder / f"{number:08d}.png"), image)
    np.savetxt(folder / "groundtruth.txt", boxes, fmt="%d", delimiter=",")


def test_vot_is_repeated_until_three_runs_agree(tmp_path: Path, run: Run) -> None:
    clip = make_clip(tmp_path / "clip", 12)
    root = tmp_path / "vot"
    vot_root(root / "square", clip.images, clip.truth)
    assert run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "still").returncode == 0
    folder = results(tmp_path, root, "still") / "baseline" / "square"
    assert sorted(file.name for file in folder.iterdir()) == [
        "square_001.txt", "square_002.txt", "square_003.txt", "square_time.txt",
    ]  # fmt: skip
    assert (folder / "square_001.txt").read_text().splitlines()[:2] == [
        "1",
        "50.0000,40.0000,40.0000,34.0000",
    ]
    done = run(
        "benchmark",
        root,
        "--tracker",
        "mytrackers:Seeded",
        "--name",
        "seeded",
        "--repetitions",
        5,
        "--workers",
        2,
    )
    assert done.returncode == 0, done.stderr
    folder = results(tmp_path, root, "seeded") / "baseline" / "square"
    runs = [(folder / f"square_{number:03}.txt").read_text() for number in range(1, 6)]
    assert len(set(runs)) == 5
    assert len((folder / "square_time.txt").read_text().splitlines()[0].split(",")) == 5


def test_vot_goes_on_with_all_later_repetitions(tmp_path: Path, run: Run) -> None:
    """One more command makes all that are lacking, however many."""
    clip = make_clip(tmp_path / "clip", 4)
    root = tmp_path / "vot"
    vot_root(root / "square", clip.images, clip.truth)
    asked = ["benchmark", root, "--tracker", "mytrackers:Seeded", "--name", "seeded", "--repetitions", 8]
    assert run(*asked).returncode == 0
    folder = results(tmp_path, root, "seeded") / "baseline" / "square"
    before = {file.name: file.read_text() for file in folder.glob("square_0*.txt")}
    assert len(before) == 8
    for number in (2, 4, 5, 6, 7, 8):
        (folder / f"square_{number:03}.txt").unlink()
    done = run(*asked)
    assert "2 runs are there" in done.stdout
    assert {file.name: file.read_text() for file in folder.glob("square_0*.txt")} == before
    for number in range(4, 9):
        (folder / f"square_{number:03}.txt").unlink()
    assert "3 runs are there, 5 to do" in run(*asked).stdout
    assert {file.name: file.read_text() for file in folder.glob("square_0*.txt")} == before


@pytest.mark.parametrize("toolkit", ["got10k", "pysot", "pytracking", "otb"])
def test_export(tmp_path: Path, root: Path, run: Run, toolkit: str) -> None:
    assert run("benchmark", root, "--tracker", "mytrackers:Still", "--name", "mine").returncode == 0
    done = run("results", "export", root, "mine", "--for", toolkit, "--output", "there")
    assert done.returncode == 0, done.stderr
    file = {
        "got10k": f"{root.name}/mine/Good.txt",
        "pysot": "OTB100/mine/Good.txt",
        "pytracking": "mine/default/Good.txt",
        "otb": "results_OPE/Good_mine.mat",
    }[toolkit]
    path = tmp_path / "there" / file
    assert path.exists()
    if toolkit == "otb":
        import scipy.io

        (cell,) = scipy.io.loadmat(str(path))["results"].ravel()
        boxes = cell["res"][0, 0]
        assert (cell["type"][0, 0].item(), cell["startFrame"][0, 0].item(), cell["len"][0, 0].item()) == (
            "rect",
            1,
            6,
        )
    else:
        boxes = np.loadtxt(path, delimiter="\t" if toolkit == "pytracking" else ",")
    np.testing.assert_array_equal(boxes, np.tile([51, 41, 38, 34], (6, 1)))


def test_exporting_what_is_not_there_is_one_line(root: Path, run: Run) -> None:
    done = run("results", "export", root, "nobody", "--for", "otb", "--output", "there")
    assert done.returncode == 2
    assert "no such folder; `rpn2t results list" in done.stderr
