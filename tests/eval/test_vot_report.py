"""VOT's measures against hand-computed values, and the report's files."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import cv2
import numpy as np
import pytest

from rpn2t.benchmark.vot_supervised import SupervisedRun, run_text
from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.eval.report.speed import times_at
from rpn2t.eval.vot.evaluation import evaluate
from rpn2t.eval.vot.metrics import (
    SENSITIVITY,
    Fragment,
    accuracy,
    eao_curve,
    eao_interval,
    fragments,
    overlaps_of,
    score_dataset,
    score_sequence,
)
from rpn2t.eval.vot.scores import compute
from rpn2t.eval.vot.tables import published_lines
from rpn2t.eval.vot.tracker_files import read_runs
from rpn2t.eval.vot_report import main as script
from rpn2t.sequences.registry import find_dataset
from support import DATA

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


def test_averages_are_weighted_by_length() -> None:
    perfect = score_sequence([SupervisedRun([START, *[BOX] * 29])], [BOX] * 30, SIZE, None)
    failing = score_sequence([a_run(), a_run()], [BOX] * 30, SIZE, times_at(20, 30))
    mean = score_dataset([perfect, failing, failing], (5, 20))
    assert mean.accuracy == pytest.approx((1 + 0.6 + 0.6) / 3)
    assert mean.robustness == pytest.approx(2 / 3)
    assert mean.per_hundred == pytest.approx(100 * 2 / 90)
    assert mean.reliability == pytest.approx(np.exp(-30 * (2 / 3) / 30))
    assert mean.speed is not None
    assert mean.speed.fps == pytest.approx(20)
    assert score_dataset([perfect], (108, 371)).eao is None


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
    assert "| 0.600 | 1.000 | 3.333 | 20 | 50 | 50 | 20 | measured here |" in table
    assert "Every start counts the same" in table.replace("every start", "Every start")
    page = (place / "out" / "index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org", "")


def test_published_rows_stand_under_vot2016_alone() -> None:
    rows, notes = published_lines("vot2016")
    assert ("C-COT", "0.331", "0.539", "0.238", *[""] * 5, "published, not measured here") in rows
    assert all(any(row[1:4]) for row in rows)  # none is empty
    assert "No published figures are at hand for RPN2T, MLDF." in notes
    assert published_lines("mine") == ([], [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            "1\n" + "1,2,3,4\n" * 20,
            "has 21 frames, box has 30; for runs of the first 21 frames say --frames 21",
        ),
        ("", "the file is empty"),
        ("1\n" + "1,2,3\n" * 29, "line 2: 3 numbers"),
        ("1\n" + "a,b,c,d\n" * 29, "line 2: 'a,b,c,d' is not a list of numbers"),
        ("1\n1\n" + "10,10,20,10\n" * 28, "frame 1 (from 0): a start while the tracker runs; run this"),
        ("0\n2\n" + "10,10,20,10\n" * 28, "frame 1 (from 0): no start comes before this; run this"),
    ],
)
def test_a_bad_file_is_left_out_by_name(place: Path, content: str, words: str) -> None:
    """A sequence, if the tracker has others; or else the tracker, if there are others."""
    file = place / "results" / "vot" / "Poor" / "baseline" / "box" / "box_001.txt"
    file.write_text(content)
    alone = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert list(alone.trackers) == ["Good"]
    assert alone.odd[0].startswith(f"Poor is left out: 1 of its 1 results cannot be used; {file}: ")
    assert words in alone.odd[0]
    copytree(place / "vot" / "box", place / "vot" / "other")
    for name, run in (("Good", SupervisedRun([START, *[BOX] * 29])), ("Poor", a_run())):
        results = place / "results" / "vot" / name / "baseline" / "other"
        results.mkdir()
        (results / "other_001.txt").write_text(run_text(run))
    found = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert (found.sequences, list(found.trackers)) == (("other",), ["Good", "Poor"])
    assert found.absent["box"].startswith(f"Poor: {file}: ")
    assert words in found.absent["box"]


def test_rows_beyond_the_truth_are_cut_with_a_note(place: Path) -> None:
    file = place / "results" / "vot" / "Poor" / "baseline" / "box" / "box_001.txt"
    before = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    file.write_text(file.read_text() + "2\n0\n")
    found = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert found.odd == (f"{file}: has 32 frames, box has 30; the others are cut",)
    for name in before.overall:
        assert found.overall[name].accuracy == before.overall[name].accuracy
        assert found.overall[name].robustness == before.overall[name].robustness


def test_the_first_frames_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of whole runs, and of runs of as many frames, as `rpn2t benchmark --frames` makes them."""
    file = place / "results" / "vot" / "Good" / "baseline" / "box" / "box_001.txt"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:20]))
    places = ["--results", str(place / "results"), "--output", str(place / "out")]
    assert main(["evaluate", str(place / "vot"), *places, "--frames", "20"]) == 0
    assert "1 of 1 sequences, first 20 frames, EAO over 1 to 20 frames" in capsys.readouterr().out
    record = json.loads((place / "out" / "evaluation.json").read_text())
    assert record["frames"] == 20
    poor = record["trackers"]["Poor"]["sequences"]["box"]
    assert (poor["frames"], poor["failures"], poor["accuracy"]) == (20, 1, 0.5)
    assert record["trackers"]["Good"]["sequences"]["box"]["accuracy"] == 1


def test_a_bad_table_of_times_costs_the_speed_alone(place: Path) -> None:
    file = place / "results" / "vot" / "Poor" / "baseline" / "box" / "box_time.txt"
    file.write_text("a\n")
    found = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert found.overall["Poor"].speed is None
    assert found.overall["Good"].speed is not None
    assert found.overall["Good"].speed.fps == pytest.approx(20)
    assert found.odd == (f"no speed: {file}: not a table of seconds; remove it",)


def test_a_tracker_in_two_folders_is_compared_under_neither(place: Path) -> None:
    copytree(place / "results" / "vot" / "Poor", place / "results" / "Poor")
    found = compute(place / "vot", place / "results", dataset=str(place / "vot"))
    assert list(found.trackers) == ["Good"]
    assert found.odd[0].startswith("Poor is left out: ")
    with pytest.raises(InputError, match="results of a tracker of this name are in"):
        compute(place / "vot", place / "results", dataset=str(place / "vot"), trackers=["Good", "Poor"])


def test_without_arguments_it_says_what_it_wants(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        script([])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("vot_report.py: give --root DIR")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The toolkit's figures for a made-up tracker, and a folder with its sequences and results."""
    case = json.loads((DATA / "vot_analysis.json").read_text())
    folder = tmp_path_factory.mktemp("made")
    image = np.zeros((case["size"][1], case["size"][0]), np.uint8)
    cv2.imwrite(str(folder / "image.png"), image)
    for name, lines in case["sequences"].items():
        sequence, results = folder / "sequences" / name, folder / "results" / "Made" / "baseline" / name
        sequence.mkdir(parents=True)
        results.mkdir(parents=True)
        for number in range(1, len(lines["truth"]) + 1):
            (sequence / f"{number:08d}.png").hardlink_to(folder / "image.png")
        (sequence / "groundtruth.txt").write_text("\n".join(lines["truth"]))
        for number, run in enumerate(lines["runs"], start=1):
            (results / f"{name}_{number:03d}.txt").write_text("\n".join(run))
    return case, folder


def test_agrees_with_the_toolkit_s_analysis(made: tuple[dict[str, Any], Path]) -> None:
    case, folder = made
    theirs = case["toolkit"]
    root = folder / "sequences"
    found = compute(root, folder / "results", dataset=str(root), interval=tuple(case["interval"]))
    mean = found.overall["Made"]
    for name, (right, failures, (reliability, _), frames) in zip(
        case["sequences"], theirs["AccuracyRobustness"], strict=True
    ):
        scored = found.trackers["Made"][name]
        assert scored.accuracy == pytest.approx(right, abs=1e-9)
        assert (scored.failures, scored.frames) == (pytest.approx(failures, abs=1e-12), frames)
        assert np.exp(-SENSITIVITY * scored.failures / frames) == pytest.approx(reliability, abs=1e-12)
    right, wanted, (reliability, _), _ = theirs["AverageAccuracyRobustness"][0]
    assert mean.accuracy == pytest.approx(right, abs=1e-9)
    assert mean.robustness == pytest.approx(wanted, abs=1e-9)
    assert mean.reliability == pytest.approx(reliability, abs=1e-9)
    ((curve,),) = theirs["EAOCurve"]
    np.testing.assert_allclose(mean.curve[1:], curve[1:], atol=1e-6, rtol=0)
    assert mean.eao == pytest.approx(theirs["EAOScore"][0][0], abs=1e-6)
    assert 0.1 < mean.eao < 0.9


def robustness(baseline: Path, names: Iterable[str]) -> float:
    """Of result files alone: whatever the ground truth is, failures and lengths are those of the runs."""
    scores = []
    for name in names:
        runs = list(read_runs(baseline, name).values())
        scores.append(score_sequence(runs, [NOTHING] * len(runs[0].regions), SIZE, None))
    return score_dataset(scores, (1, 1)).robustness


def test_failures_need_no_ground_truth(made: tuple[dict[str, Any], Path]) -> None:
    case, folder = made
    wanted = case["toolkit"]["AverageAccuracyRobustness"][0][1]
    found = robustness(folder / "results" / "Made" / "baseline", case["sequences"])
    assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.skipif("RPN2T_PUBLISHED" not in os.environ, reason="RPN2T_PUBLISHED is not set")
@pytest.mark.parametrize(("tracker", "published"), [("srdcf", 1.24), ("DSST", 2.56)])
def test_published_results_give_their_published_failures(tracker: str, published: float) -> None:
    """RPN2T_PUBLISHED names a folder with results/VOT2015/srdcf and results/VOT2015/DSST."""
    place = Path(os.environ["RPN2T_PUBLISHED"]) / "results" / "VOT2015" / tracker / "baseline"
    names = [folder.name for folder in place.iterdir()]
    assert len(names) == 60
    assert robustness(place, names) == pytest.approx(published, abs=0.005)


def test_a_sequence_that_one_tracker_lacks_is_left_out_for_all(
    made: tuple[dict[str, Any], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = made
    root, results = folder / "sequences", tmp_path / "results"
    for name in ("Made", "Part"):
        copytree(folder / "results" / "Made", results / "sequences" / name)
    rmtree(results / "sequences" / "Part" / "baseline" / "gaps")
    found = evaluate(root, results, tmp_path / "out", dataset=str(root), interval=(8, 60))
    assert found.sequences == ("edges", "polygons")
    said = capsys.readouterr().out
    assert "left out, gaps: Part: no result" in said
    assert (
        "note: the EAO curve ends before 60 frames (Made at 47, Part at 47): EAO is the mean from 8" in said
    )
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert record["absent"] == {"gaps": "Part: no result"}
    assert record["trackers"]["Part"]["overall"] == record["trackers"]["Made"]["overall"]
    written = {str(file.relative_to(tmp_path / "out")) for file in (tmp_path / "out").rglob("*.*")}
    assert written == set(record["files"])
    table = (tmp_path / "out" / "tables" / "sequences.md").read_text()
    assert "weigh sequences by their frames" in table
    curve = (tmp_path / "out" / "tables" / "eao_curve.csv").read_text().splitlines()
    assert (curve[0], len(curve)) == ("Frames,Made,Part", 48)
    chosen = compute(root, results, dataset=str(root), sequences=("edges",))
    assert chosen.sequences == ("edges",)
    assert "1 of 3 sequences" in chosen.scope
    assert chosen.absent == {}


def spoil_image(place: Path) -> None:
    (place / "vot" / "box" / "00000001.jpg").write_text("no image")


def no_results(place: Path) -> None:
    for name in ("Good", "Poor"):
        rmtree(place / "results" / "vot" / name / "baseline" / "box")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (spoil_image, "00000001.jpg: cannot be read as an image; get the sequence again)"),
        (no_results, "every tracker (Good is left out: no result; Poor is left out: no result)"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    place: Path, spoil: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(place)
    root = str(place / "vot")
    arguments = ["--root", root, "--dataset", root, "--results", str(place / "results")]
    assert script([*arguments, "--output", str(place / "out")]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert sorted(path.name for path in place.iterdir()) == ["results", "vot"]


def test_intervals_are_the_toolkit_s(made: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    _, folder = made
    copytree(folder / "sequences", tmp_path / "VOT2018")
    root = tmp_path / "VOT2018"
    assert compute(root, folder / "results", dataset=str(root)).interval == (100, 356)
    other = folder / "sequences"
    lengths = [len(lines["truth"]) for lines in made[0]["sequences"].values()]
    assert compute(other, folder / "results", dataset=str(other)).interval == eao_interval(lengths)


def test_the_interval_of_vot2016_follows_from_its_lengths() -> None:
    assert eao_interval([entry.rows or 0 for entry in find_dataset("vot2016").entries]) == (108, 371)
    assert eao_interval([50, 50]) == (1, 50)
    low, high = eao_interval([20, 30, 45])
    assert 1 <= low < high <= 45


def test_a_root_without_images_counts_pixels_beyond_them(place: Path) -> None:
    rmtree(place / "vot" / "box")
    (place / "vot" / "bag.txt").write_text("10,10,20,10\n" * 196)
    results = place / "results" / "Half" / "baseline" / "bag"
    results.mkdir(parents=True)
    (results / "bag_001.txt").write_text(run_text(SupervisedRun([START, *[HALF] * 195])))
    found = compute(place / "vot", place / "results")
    assert "where there are no images, pixels to the right of them and below count, too" in found.notes
    assert found.overall["Half"].accuracy == 0.5


def test_nothing_but_numpy_pillow_and_matplotlib_is_needed() -> None:
    code = (
        "import sys, rpn2t.eval.vot_report;"
        "print([name for name in ('caffe', 'cv2', 'click', 'dask') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
