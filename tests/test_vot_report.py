"""VOT's measures against hand-computed values and published trackers' results, and the report's files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.datasets import find_dataset
from rpn2t.eval.vot_metrics import (
    Fragment,
    accuracy,
    eao_curve,
    eao_interval,
    eao_score,
    fragments,
    overlaps_of,
    score,
    summary,
)
from rpn2t.eval.vot_report import compute, run_files
from rpn2t.eval.vot_report import main as script
from rpn2t.supervised import SupervisedRun, read_run, run_text

START, FAILED, NOTHING = (1.0,), (2.0,), (0.0,)
BOX, HALF = (10.0, 10.0, 20.0, 10.0), (10.0, 10.0, 10.0, 10.0)
SIZE = (100, 60)


def a_run() -> SupervisedRun:
    """Thirty frames: a start, 13 half right, a failure, 4 skipped, a start, 10 all right."""
    return SupervisedRun([START, *[HALF] * 13, FAILED, *[NOTHING] * 4, START, *[BOX] * 10])


def test_accuracy_leaves_out_ten_frames_from_each_start() -> None:
    run = a_run()
    overlaps = overlaps_of(run, [BOX] * 30, SIZE)
    np.testing.assert_allclose(overlaps[1:14], 0.5)
    assert overlaps[[0, 14, 19]].tolist() == [0, 0, 0]
    # frames 10 to 13 with 0.5, frame 29 with 1
    assert accuracy(run, overlaps) == pytest.approx((4 * 0.5 + 1) / 5)
    assert accuracy(SupervisedRun([START, BOX]), np.array([0.0, 1.0])) == 0


def test_fragments_end_with_a_failure_or_the_sequence() -> None:
    run = a_run()
    first, second = fragments(run, overlaps_of(run, [BOX] * 30, SIZE))
    assert (len(first.overlaps), first.lasted) == (14, False)
    assert (len(second.overlaps), second.lasted) == (11, True)


def test_the_curve_by_hand() -> None:
    lost = Fragment(np.array([0.0, 0.8, 0.4]), lasted=False)
    kept = Fragment(np.array([0.0, 0.5, 0.5, 0.5, 0.5]), lasted=True)
    short = Fragment(np.array([0.0, 1.0]), lasted=True)
    # zeros after the failure; the short one counts at its two frames alone
    np.testing.assert_allclose(
        eao_curve([lost, kept, short]),
        [0, (0.8 + 0.5 + 1) / 3, (0.6 + 0.5) / 2, (1.2 / 3 + 0.5) / 2, (1.2 / 4 + 0.5) / 2],
    )


def test_what_the_matlab_toolkit_does_differently() -> None:
    """Weights by repetitions, lengths LOW to HIGH, and a last fragment that failed counts to the end only."""
    kept = Fragment(np.array([0.0, 1.0, 0.5]), lasted=True)
    lost = Fragment(np.array([0.0, 1.0]), lasted=False, last=True, weight=0.5)
    longer = Fragment(np.array([0.0, 0.2, 0.4, 0.6, 0.8]), lasted=True)
    curve = eao_curve([kept, lost, longer], "legacy")
    np.testing.assert_allclose(curve, [0, (1 + 0.5 + 0.2) / 2.5, (0.75 + 0.3) / 2, 0.4, 0.5])
    assert eao_score(curve, (2, 3), "legacy") == pytest.approx(curve[1:3].mean())
    assert eao_score(curve, (2, 3)) == pytest.approx(curve[2:4].mean())
    assert eao_score(curve, (6, 9), "legacy") is None


def test_the_interval_of_vot2016_follows_from_its_lengths() -> None:
    assert eao_interval([entry.rows or 0 for entry in find_dataset("vot2016").entries]) == (108, 371)
    assert eao_interval([50, 50]) == (1, 50)
    low, high = eao_interval([20, 30, 45])
    assert 1 <= low < high <= 45


def test_averages_are_weighted_by_length() -> None:
    perfect = score([SupervisedRun([START, *[BOX] * 29])], [BOX] * 30, SIZE, None)
    failing = score([a_run(), a_run()], [BOX] * 30, SIZE, 20.0)
    mean = summary([perfect, failing, failing], (5, 20))
    assert mean.accuracy == pytest.approx((1 + 0.6 + 0.6) / 3)
    assert mean.robustness == pytest.approx(2 / 3)
    assert mean.per_hundred == pytest.approx(100 * 2 / 90)
    assert mean.reliability == pytest.approx(np.exp(-30 * (2 / 3) / 30))
    assert mean.fps == 20
    assert summary([perfect], (108, 371)).eao is None


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A sequence of 30 frames and two trackers' results."""
    folder = tmp_path / "vot" / "box"
    folder.mkdir(parents=True)
    for number in range(1, 31):
        cv2.imwrite(str(folder / f"{number:08d}.jpg"), np.zeros((60, 100, 3), np.uint8))
    (folder / "groundtruth.txt").write_text("10,10,20,10\n" * 30)
    for name, run in (("Good", SupervisedRun([START, *[BOX] * 29])), ("Poor", a_run())):
        results = tmp_path / "results" / "vot" / name / "baseline" / "box"
        results.mkdir(parents=True)
        (results / "box_001.txt").write_text(run_text(run))
        (results / "box_time.txt").write_text("0.05\n" * 30)
    return tmp_path


def test_the_report_is_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [str(place / "vot"), "--results", str(place / "results"), "--output", str(place / "out")]
    assert main(["evaluate", *arguments]) == 0
    assert "Good: EAO 1.000, accuracy 1.000, robustness 0.000" in capsys.readouterr().out
    there = {str(file.relative_to(place / "out")) for file in (place / "out").rglob("*") if file.is_file()}
    assert {"ar.pdf", "ar.png", "eao.pdf", "eao.png", "index.html", "tables/overall.tex"} <= there
    table = (place / "out" / "tables" / "overall.md").read_text()
    assert "| Poor | " in table
    assert "| 0.600 | 1.000 | 3.333 | 20 | measured here |" in table
    assert "protocol toolkit" in table
    page = (place / "out" / "index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")


def test_published_rows_stand_under_vot2016_alone() -> None:
    from rpn2t.eval.vot_report import _published

    rows, notes = _published("vot2016")
    assert ("C-COT", "0.331", "0.539", "0.238", "", "", "published, not measured here") in rows
    assert rows[0][:4] == ("RPN2T", "", "", "")
    assert any("not at hand" in note for note in notes)
    assert _published("mine") == ([], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1\n" + "1,2,3,4\n" * 20, "has 21 frames, box has 30; run it again"),
        ("", "the file is empty"),
        ("1\n" + "1,2,3\n" * 29, "line 2: 3 numbers"),
        ("1\n" + "a,b,c,d\n" * 29, "line 2: 'a,b,c,d' is not a list of numbers"),
        ("1,2,3,4\n" * 30, "does not begin with a start"),
    ],
)
def test_a_bad_file_is_one_line_and_nothing_is_drawn(
    place: Path, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "results" / "vot" / "Poor" / "baseline" / "box" / "box_001.txt").write_text(content)
    arguments = [
        "--root",
        str(place / "vot"),
        "--dataset",
        str(place / "vot"),
        "--results",
        str(place / "results"),
    ]
    assert script([*arguments, "--output", str(place / "out")]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "box_001.txt" in errors
    assert len(errors.splitlines()) == 1
    assert not (place / "out").exists()


def test_without_arguments_it_says_what_it_wants(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        script([])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("vot_report.py: give --root DIR")


def test_sequences_frames_interval_and_protocol_can_be_chosen(place: Path) -> None:
    found = compute(
        place / "vot", place / "results", dataset=str(place / "vot"), trackers=["Poor"], sequences=["box"],
        frames=14, interval=(3, 9), protocol="legacy",
    )  # fmt: skip
    assert "1 of 1 sequences, EAO over 3 to 9 frames, protocol legacy" in found.scope
    assert list(found.trackers) == ["Poor"]
    assert found.summaries()["Poor"].robustness == 0


def test_results_of_other_sequences_are_named(place: Path) -> None:
    (place / "results" / "vot" / "Good" / "baseline" / "cup").mkdir()
    found = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert found.notes == ("Good has results of sequences that are not compared: cup",)


def test_a_root_without_images_counts_pixels_beyond_them(place: Path) -> None:
    for image in (place / "vot" / "box").glob("*.jpg"):
        image.unlink()
    (place / "vot" / "box" / "groundtruth.txt").rename(place / "vot" / "bag.txt")
    (place / "vot" / "bag.txt").write_text("10,10,20,10\n" * 196)
    results = place / "results" / "Good" / "baseline" / "bag"
    results.mkdir(parents=True)
    (results / "bag_001.txt").write_text(run_text(SupervisedRun([START, *[HALF] * 195])))
    found = compute(place / "vot", place / "results")
    assert found.notes == ("where there are no images, pixels to the right of them and below count, too",)
    assert found.summaries()["Good"].accuracy == 0.5


def test_no_caffe_and_no_opencv_is_loaded() -> None:
    code = "import sys; import rpn2t.eval.vot_report; print('caffe' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr


PUBLISHED = Path(os.environ.get("RPN2T_PUBLISHED", ""))
"""A folder with annotations/vot-otb.json, and results/VOT2015."""


@pytest.mark.skipif("RPN2T_PUBLISHED" not in os.environ, reason="RPN2T_PUBLISHED is not set")
@pytest.mark.parametrize(
    ("tracker", "failures"),
    [("VOT2015/srdcf", 1.24), ("VOT2015/DSST", 2.56)],
)
def test_published_trackers_failures(tracker: str, failures: float) -> None:
    """Failures a sequence, weighted by length, as published for these raw results."""
    count = frames = 0.0
    for entry in find_dataset("vot2016").entries:
        files = run_files(PUBLISHED / "results" / tracker / "baseline", entry.name)
        runs = [read_run(file) for file in files]
        assert {len(run.regions) for run in runs} == {entry.rows}
        count += sum(len(run.failures) for run in runs) / len(runs) * len(runs[0].regions)
        frames += len(runs[0].regions)
    assert count / frames == pytest.approx(failures, abs=0.005)


@pytest.mark.skipif("RPN2T_PUBLISHED" not in os.environ, reason="RPN2T_PUBLISHED is not set")
def test_published_trackers_on_upright_boxes(tmp_path: Path) -> None:
    """On the sequences of VOT2015 whose upright boxes are at hand: SRDCF above DSST by every measure."""
    listed = json.loads((PUBLISHED / "annotations" / "vot-otb.json").read_text())
    for name, sequence in listed.items():
        if name.startswith("vot2015/"):
            text = "".join(",".join(map(str, box)) + "\n" for box in sequence["gt"])
            (tmp_path / f"{name.removeprefix('vot2015/')}.txt").write_text(text)
    found = compute(tmp_path, PUBLISHED / "results" / "VOT2015").summaries()
    assert found["srdcf"].accuracy > found["DSST"].accuracy
    assert found["srdcf"].robustness < found["DSST"].robustness
    assert (found["srdcf"].eao or 0) > (found["DSST"].eao or 0)
