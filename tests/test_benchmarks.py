"""benchmarks/: what the scripts refuse, what they write, and that cpu.py notices wrong results."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from rpn2t.eval.otb.breakdown import lost_share
from rpn2t.eval.otb.metrics import as_tracked, one_pass_score, overlaps
from support import Clip, make_clip, set_options

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPT = FOLDER / "cpu.py"


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
    )


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
    options += ["--set", "search_reach=0"]  # which would look at the region again
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
    for mode, frames in (("paper", 2), ("fast", 4)):
        first, later = report["profiles"][mode]
        assert (first["frames"], later["frames"]) == (1, frames)
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
    done = interrupted("long_video.py", options, "stdout", "| 4 |")
    assert (done.returncode, done.stderr) == (130, "long_video.py: stopped by Ctrl-C\n")
    report = json.loads(output.read_text())
    assert 4 <= report["frames"] < report["wanted"] == 10_000
    assert report["rows"][-1]["frames"] == report["frames"]
    assert report["after"] is None or report["frames"] >= 200
    assert f"Every number is in {output}" in done.stdout


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clip]:
    """Two sequences in a folder, of 6 and 5 frames."""
    folder = tmp_path_factory.mktemp("sequences")
    return {name: make_clip(folder / name, frames) for name, frames in (("Long", 6), ("Short", 5))}


def folder_of(sequences: dict[str, Clip]) -> str:
    return str(sequences["Long"].folder.parent)


def test_trackers_side_by_side(sequences: dict[str, Clip], quick: list[str], tmp_path: Path) -> None:
    options = ["--trackers", "fast,kcf", "--frames", "5", "--rounds", "2", *quick]
    done, report = measured("trackers.py", [folder_of(sequences), *options], tmp_path)
    assert list(report["sequences"]) == list(sequences)
    assert report["trackers"]["fast"]["tracker"]["configuration"]["update_interval"] == 2
    assert report["trackers"]["kcf"]["tracker"] == {"tracker": "kcf"}
    for name, found in report["summary"].items():
        assert report["trackers"][name]["opencv_threads"] == 1
        parts = [report["sequences"][sequence][name] for sequence in sequences]
        rounds = [[part["rounds"][number] for part in parts] for number in range(2)]
        later = [[second for track in tracks for second in track["seconds"]] for tracks in rounds]
        assert [len(seconds) for seconds in later] == [8, 8]
        firsts = [np.mean([track["first"] for track in tracks]) for tracks in rounds]
        means = np.mean(later, axis=1)
        agree(found["first"], min(firsts), np.median(firsts))
        agree(found["frame"], 1000 * min(means), 1000 * np.median(means))
        agree(found["rate"], 1 / min(means), np.median(1 / means))
        agree(found["slow"], *(1000 * pick(np.percentile(later, 95, axis=1)) for pick in (min, np.median)))
        assert found["success_auc"] == pytest.approx(np.mean([part["success_auc"] for part in parts]))
        assert found["lost"] == pytest.approx(np.mean([part["lost"] for part in parts]))
        assert 30 < found["peak"]["median"] <= found["peak"]["best"] < 5000
        assert f"| {name} | {found['first']['best']:.3f} (" in done.stdout
    assert report["summary"]["kcf"]["peak"]["best"] < report["summary"]["fast"]["peak"]["best"]
    assert "The first 5 frames of 2 sequences" in done.stdout
    assert "round 2 of 2, Short, kcf: first frame in " in done.stderr


def test_boxes_of_trackers_are_measured_by_otbs_protocol(
    sequences: dict[str, Clip], quick: list[str], tmp_path: Path
) -> None:
    options = ["--trackers", "kcf,fast", "--rounds", "1", *quick]
    _, report = measured("trackers.py", [folder_of(sequences), *options], tmp_path)
    for sequence, clip in sequences.items():
        assert list(report["sequences"][sequence]) == ["kcf", "fast"]
        for found in report["sequences"][sequence].values():
            boxes, truth = np.array(found["boxes"]), clip.truth
            np.testing.assert_array_equal(boxes[0], truth[0])
            overlap = overlaps(as_tracked(boxes, truth), truth)
            assert found["success_auc"] == pytest.approx(one_pass_score(boxes, truth).success_auc)
            assert found["lost"] == pytest.approx(lost_share(overlap))
            assert found["rounds"][0]["overlaps"] == pytest.approx(overlap[1:].tolist())
            assert len(found["rounds"][0]["scores"]) == len(truth) - 1
    assert report["summary"]["kcf"]["success_auc"] > 0.5  # it moves 3 px a frame


def agree(found: dict[str, float], best: float, median: float) -> None:
    assert found == {"best": pytest.approx(best), "median": pytest.approx(median)}


def test_bfloat16_is_left_out_where_there_is_none(sequences: dict[str, Clip], tmp_path: Path) -> None:
    output = tmp_path / "numbers.json"
    options = ["--trackers", "paper-bf16,kcf", "--rounds", "1", "--output", str(output)]
    script = str(FOLDER / "trackers.py")
    done = run(script, folder_of(sequences), *options, ONEDNN_MAX_CPU_ISA="AVX2")
    assert done.returncode == 0, done.stderr
    reason = "--bf16 has no effect: this CPU has neither AVX512-BF16 nor AMX"
    assert done.stderr.startswith(f"paper-bf16 is left out: {reason}\n")
    report = json.loads(output.read_text())
    assert report["left_out"] == {"paper-bf16": reason}
    assert list(report["summary"]) == list(report["trackers"]) == ["kcf"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--trackers", "fast,kfc"], "--trackers kfc: no such tracker; did you mean kcf?"),
        (
            ["--trackers", "siamese"],
            "--trackers siamese: no such tracker; there are fast, fast-float, paper, paper-bf16, csrt, kcf, "
            "mil, mosse",
        ),
        (["--frames", "1"], "--frames 1: give 2 or more; in the first the target is given"),
        (["--set", "candidate=3"], "candidate: no such setting; did you mean candidates?"),
        (
            ["--trackers", "kcf", "--set", "candidates=3"],
            "--set: only RPN2T has settings; --trackers names none of its modes",
        ),
    ],
)
def test_refusals_of_trackers(
    options: list[str], message: str, sequences: dict[str, Clip], tmp_path: Path
) -> None:
    output = ["--output", str(tmp_path / "x.json")]
    done = run(str(FOLDER / "trackers.py"), folder_of(sequences), *output, *options)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trackers.py: {message}\n")


def test_folders_without_sequences_for_trackers(tmp_path: Path) -> None:
    script, output = str(FOLDER / "trackers.py"), ["--output", str(tmp_path / "x.json")]
    done = run(script, "nowhere", *output)
    message = "nowhere: no such folder; name one that holds sequences"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"trackers.py: {message}\n")
    done = run(script, str(tmp_path), *output)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"trackers.py: {tmp_path}: holds no sequence as OTB, ")


def test_ctrl_c_leaves_the_sequences_that_all_trackers_finished(
    sequences: dict[str, Clip], quick: list[str], tmp_path: Path
) -> None:
    output = tmp_path / "stopped.json"
    options = ["--trackers", "fast,kcf", "--rounds", "1000", "--output", str(output), *quick]
    beginning = "round 2 of 1000, Short, "
    done = interrupted("trackers.py", [folder_of(sequences), *options], "stderr", beginning)
    assert done.returncode == 130
    assert done.stderr.endswith("trackers.py: stopped by Ctrl-C\n")
    assert f"Every number is in {output}" in done.stdout
    tracked = json.loads(output.read_text())["sequences"]
    assert all(len(tracked["Long"][name]["rounds"]) >= 2 for name in ("fast", "kcf"))
    assert 1 <= len(tracked["Short"]["kcf"]["rounds"]) <= len(tracked["Long"]["kcf"]["rounds"])


def interrupted(
    script: str, options: list[str], stream: str, beginning: str
) -> "subprocess.CompletedProcess[str]":
    """A script that gets Ctrl-C when a line of its stdout or stderr begins so; what it said from then on."""
    command = [sys.executable, str(FOLDER / script), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in getattr(process, stream):
            if line.startswith(beginning):
                process.send_signal(signal.SIGINT)
                break
        said, errors = process.communicate(timeout=60)
    return subprocess.CompletedProcess(command, process.returncode, said, errors)


def measured(
    script: str, options: list[str], folder: Path
) -> tuple["subprocess.CompletedProcess[str]", dict[str, Any]]:
    output = folder / "numbers.json"
    done = run(str(FOLDER / script), "--output", str(output), *options)
    assert done.returncode == 0, done.stderr
    return done, json.loads(output.read_text())


def test_every_number_is_written_and_a_list_of_numbers_is_one_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    report = {"boxes": [[1.5, 2, 3, 4], [-1e-5, 0, None, 7]], "names": ["a [\n1\n] b", "c"], "empty": []}
    file = tmp_path / "report.json"
    importlib.import_module("helpers.reports").write_json(file, report)
    assert json.loads(file.read_text()) == report
    assert "[1.5, 2, 3, 4],\n" in file.read_text()
