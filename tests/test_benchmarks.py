"""benchmarks/: what the scripts refuse, what they write, and that cpu.py notices wrong results."""

import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from support import set_options

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPT = FOLDER / "cpu.py"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("option", ["--stock", "--torch"])
def test_an_interpreter_that_is_not_there(option: str) -> None:
    done = run(str(SCRIPT), option, "nowhere/python")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cpu.py: nowhere/python: no interpreter; see benchmarks/README.md\n"


def test_an_environment_that_lacks_the_engine(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')  # without site-packages
    bare.chmod(0o755)
    done = run(str(SCRIPT), "--torch", str(bare))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"PyTorch ({bare}): ModuleNotFoundError" in done.stderr


def test_errors_are_relative_and_no_number_is_wrong() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import numpy as np
from cpu import LARGEST_ERROR, relative_error
wanted = np.array([[4.0, -8.0], [0.0, 1e-3]], dtype=np.float32)
found = wanted + np.float32([[0, 0], [2e-3, 0]])
assert abs(relative_error(found, wanted) - 2.5e-4) < 1e-8 and 2.5e-4 > LARGEST_ERROR
assert relative_error(wanted * np.nan, wanted) == relative_error(wanted + np.inf, wanted) == np.inf
assert relative_error(wanted, wanted) == 0
"""
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    return {name: importlib.import_module(name) for name in ("helpers.clips", "modes")}


@pytest.fixture
def quick(tiny: dict[str, int]) -> list[str]:
    """Options with which a script takes seconds."""
    return ["--threads", "1", *set_options(tiny | {"iterations_later": 1, "update_interval": 2})]


def test_the_clip_shows_its_target_where_the_truth_says(modules: dict[str, ModuleType]) -> None:
    clips = modules["helpers.clips"]
    clip = clips.Clip(clips.Size(97, 71), clips.Size(30, 20), turn=60, seed=3)
    x, y, w, h = map(int, clip.box(0))
    target = clip.image(0)[y : y + h, x : x + w]
    boxes = np.array([clip.box(index) for index in range(300)])
    for index in (1, 59, 60, 61, 200):
        x, y, w, h = map(int, boxes[index])
        image = clip.image(index)
        assert image.shape == (71, 97, 3)
        np.testing.assert_array_equal(image[y : y + h, x : x + w], target)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (97, 71)).all()
    assert np.ptp(boxes[:, 0]) > 20
    assert np.abs(np.diff(boxes[:, :2], axis=0)).max() <= 2  # no jump, where it turns neither
    np.testing.assert_array_equal(boxes[60 + 17], boxes[60 - 17])
    np.testing.assert_array_equal(boxes[120 + 17], boxes[17])
    again = clips.Clip(clips.Size(97, 71), clips.Size(30, 20), turn=60, seed=3)
    np.testing.assert_array_equal(clip.image(33), again.image(33))


def test_modes_take_turns_of_whole_update_intervals(modules: dict[str, ModuleType]) -> None:
    turns = modules["modes"].turns
    tens = {"paper": 10, "fast": 10}
    assert list(turns({"paper": 20, "fast": 100}, tens)) == [{"paper": 10, "fast": 50}] * 2
    uneven = list(turns({"paper": 20, "fast": 50}, tens))
    assert uneven == [{"paper": 10, "fast": 20}, {"paper": 10, "fast": 30}]


@pytest.mark.parametrize(
    ("script", "options", "message"),
    [
        (
            "modes.py", ["--paper-frames", "15"],
            "--paper-frames 15: give a multiple of 10, the frames between two updates",
        ),
        (
            "sizes.py", ["--targets", "20x20,700x20"],
            "target of 700x20 px: does not fit a frame of 640x480 px; take a smaller one",
        ),
        (
            "long_video.py", ["--set", "candidate=3"], "candidate: no such setting; did you mean candidates?",
        ),
        (
            "long_video.py", ["--output", "nowhere/x.json"],
            "nowhere/x.json: its folder does not exist; make it first",
        ),
    ],
)  # fmt: skip
def test_refusals(script: str, options: list[str], message: str, tmp_path: Path) -> None:
    output = ["--output", str(tmp_path / "x.json")] if "--output" not in options else []
    done = run(str(FOLDER / script), *output, *options)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{script}: {message}\n")


def test_modes_side_by_side(quick: list[str], tmp_path: Path) -> None:
    options = ["--rounds", "1", "--paper-frames", "2", "--fast-frames", "4", "--profile"]
    done, report = measured("modes.py", [*options, *quick], tmp_path)
    (tracks,) = report["rounds"]
    assert {mode: len(track["seconds"]) for mode, track in tracks.items()} == {"paper": 2, "fast": 4}
    for mode, track in tracks.items():
        about = report["modes"][mode]
        assert about["tracker"]["mode"] == mode
        assert about["tracker"]["configuration"]["update_interval"] == 2
        assert about["tracker"]["blas"]["threads"] in (1, None)
        found = report["summary"][mode]
        assert found["frame"]["best"] == pytest.approx(1000 * np.mean(track["seconds"]))
        assert found["median"]["best"] == pytest.approx(1000 * np.median(track["seconds"]))
        assert found["slow"]["best"] == pytest.approx(1000 * np.percentile(track["seconds"], 95))
        assert found["rate"]["best"] == pytest.approx(1 / np.mean(track["seconds"]))
        assert found["overlap"]["best"] == pytest.approx(np.mean(track["overlaps"]))
        assert found["overlap"]["best"] > 0.2  # the target is in sight
        assert 50 < found["peak"]["best"] < 5000
    paper, fast = (report["summary"][mode]["rate"]["best"] for mode in ("paper", "fast"))
    assert report["fast / paper"]["rate"]["best"] == pytest.approx(fast / paper)
    assert "Not the default settings: " in done.stdout
    assert report["machine"]["cpu"] in done.stdout
    assert f"| frames a second | {paper:.3g} (" in done.stdout
    first, later = report["profile"]
    assert (first["frames"], later["frames"]) == (1, 4)
    assert later["calls"]["backbone: conv5 of the region"] == 4


def test_sizes_of_frames_and_targets(quick: list[str], tmp_path: Path) -> None:
    options = ["--rounds", "1", "--frames", "2", "--frame-sizes", "640x480", "--targets", "60x60,30x90"]
    done, report = measured("sizes.py", [*options, *quick], tmp_path)
    targets = [tuple(case["clip"]["target"].values()) for case in report["cases"]]
    assert targets == [(60, 60), (30, 90)]  # what is in both tables is measured once
    assert all(len(track["seconds"]) == 2 for case in report["cases"] for track in case["rounds"])
    assert report["tracker"]["tracker"]["mode"] == "fast"
    by_frame, by_target = done.stdout.split("By the size of the target")
    assert [line.split(" |")[0] for line in by_frame.splitlines()[-2:]] == ["| 640x480", ""]
    assert [line.split(" |")[0] for line in by_target.splitlines()[4:6]] == ["| 60x60", "| 30x90"]


def test_memory_on_a_long_video(quick: list[str], tmp_path: Path) -> None:
    options = ["--frames", "9", "--every", "4", "--settled", "3", "--turn", "5"]
    done, report = measured("long_video.py", [*options, *quick], tmp_path)
    assert [row["frames"] for row in report["rows"]] == [4, 8, 9]
    assert report["frames"] == report["wanted"] == 9
    after = report["after"]
    assert after["last"] == report["rows"][-1]["resident"]
    assert after["highest"] >= max(after["first"], after["last"])
    assert report["peak"] >= after["highest"]
    assert f"last {after['last']:.1f} MB" in done.stdout


def test_ctrl_c_leaves_what_was_measured(quick: list[str], tmp_path: Path) -> None:
    output = tmp_path / "long.json"
    options = ["--every", "2", "--output", str(output), *quick]
    command = [sys.executable, str(FOLDER / "long_video.py"), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("| 4 |"):
                process.send_signal(signal.SIGINT)
                break
        said, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "long_video.py: stopped by Ctrl-C\n")
    report = json.loads(output.read_text())
    assert 4 <= report["frames"] < report["wanted"] == 10_000
    assert report["rows"][-1]["frames"] == report["frames"]
    assert report["after"] is None or report["frames"] >= 200
    assert f"Every number is in {output}" in said


def measured(
    script: str, options: list[str], folder: Path
) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    output = folder / "numbers.json"
    done = run(str(FOLDER / script), "--output", str(output), *options)
    assert done.returncode == 0, done.stderr
    return done, json.loads(output.read_text())
