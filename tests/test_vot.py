"""VOT's measures, on runs counted by hand, and the report from files."""

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.datasets import find_dataset
from rpn2t.eval import vot_report
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
from rpn2t.regions import Region
from rpn2t.supervised import SupervisedRun, read_run, run_text

BOX: Region = (10.0, 10.0, 10.0, 10.0)
HALF: Region = (10.0, 10.0, 10.0, 5.0)
START: Region = (1.0,)
FAILURE: Region = (2.0,)
SKIPPED: Region = (0.0,)
SIZE = (100, 80)


def made(*regions: Region) -> SupervisedRun:
    return SupervisedRun(list(regions))


def failing(frames: int, at: int) -> SupervisedRun:
    """Half an overlap everywhere, a failure and a new start five frames after it."""
    regions = [START, *[HALF] * (frames - 1)]
    regions[at] = FAILURE
    regions[at + 1 : at + 5] = [SKIPPED] * len(regions[at + 1 : at + 5])
    if at + 5 < frames:
        regions[at + 5] = START
    return SupervisedRun(regions)


def test_accuracy_leaves_out_ten_frames_from_each_start() -> None:
    run = made(START, *[HALF] * 9, BOX, BOX, HALF, FAILURE, *[SKIPPED] * 4, START, *[HALF] * 10)
    truth = [BOX] * len(run.regions)
    found = overlaps_of(run, truth, SIZE)
    assert found[:2].tolist() == [0, 0.5]
    # Frames 10, 11, 12 and the last one count.
    assert accuracy(run, found) == pytest.approx((1 + 1 + 0.5 + 0.5) / 4)
    assert accuracy(made(START, BOX), np.array([0.0, 1.0])) == 0


def test_means_of_runs_then_of_sequences_by_length() -> None:
    perfect, failed = made(START, *[BOX] * 39), failing(40, 20)
    one = score([perfect, failed], [BOX] * 40, SIZE, None)
    assert one.failures == 0.5
    assert one.accuracy == pytest.approx((1 + 0.5) / 2)
    two = score([made(START, *[BOX] * 19)], [BOX] * 20, SIZE, None)
    whole = summary([one, two], (2, 10))
    assert whole.robustness == pytest.approx(0.5 * 40 / 60)
    assert whole.accuracy == pytest.approx((0.75 * 40 + 1 * 20) / 60)
    assert whole.per_hundred == pytest.approx(100 * 0.5 / 60)
    assert whole.reliability == pytest.approx(math.exp(-30 * (0.5 * 40 / 60) / 30))


def test_a_run_falls_into_fragments() -> None:
    run = failing(12, 4)
    first, second = fragments(run, np.arange(12.0))
    assert (first.overlaps.tolist(), first.lasted, first.last) == ([0, 1, 2, 3], False, False)
    assert (second.overlaps.tolist(), second.lasted, second.last) == ([9, 10, 11], True, True)
    (only,) = fragments(failing(12, 9), np.arange(12.0))
    assert (len(only.overlaps), only.lasted, only.last) == (9, False, True)


def test_the_curve_counts_zeros_after_a_failure_only() -> None:
    lasted = Fragment(np.array([0, 1.0, 0.5]), lasted=True)
    failed = Fragment(np.array([0, 1.0]), lasted=False, weight=0.5)
    longer = Fragment(np.array([0, 0.2, 0.4, 0.6, 0.8]), lasted=True)
    curve = eao_curve([lasted, failed, longer])
    assert curve.tolist() == pytest.approx(
        [0, (1 + 1 + 0.2) / 3, (0.75 + 0.5 + 0.3) / 3, (1 / 3 + 0.4) / 2, (0.25 + 0.5) / 2]
    )
    assert eao_score(curve, (1, 3)) == pytest.approx(curve[1:4].mean())
    # What the MATLAB toolkit does differently.
    legacy = eao_curve([lasted, failed, longer], "legacy")
    assert legacy.tolist() == pytest.approx([0, (1 + 0.5 + 0.2) / 2.5, (0.75 + 0.3) / 2, 0.4, 0.5])
    assert eao_score(legacy, (2, 3), "legacy") == pytest.approx(legacy[1:3].mean())
    assert eao_score(curve, (5, 9)) is None


def test_the_interval_of_vot2016_follows_from_its_lengths() -> None:
    lengths = [entry.rows or 0 for entry in find_dataset("vot2016").entries]
    assert eao_interval(lengths) == (108, 371)
    assert eao_interval([50, 50]) == (1, 50)
    low, high = eao_interval([20, 30, 45])
    assert 1 <= low < high <= 45


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two sequences: 30 frames and 20."""
    for name, frames in (("ball", 30), ("hand", 20)):
        folder = tmp_path / "vot" / name
        folder.mkdir(parents=True)
        for number in range(1, frames + 1):
            cv2.imwrite(str(folder / f"{number:08}.png"), np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
        (folder / "groundtruth.txt").write_text("10,10,20,10,20,20,10,20\n" * frames)
    return tmp_path / "vot"


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tracker's results: results(name, ball=[runs], hand=[runs])."""

    def write(tracker: str, **runs: list[SupervisedRun]) -> Path:
        for name, several in runs.items():
            folder = tmp_path / "results" / "vot" / tracker / "baseline" / name
            folder.mkdir(parents=True)
            for number, run in enumerate(several, start=1):
                (folder / f"{name}_{number:03}.txt").write_text(run_text(run))
        return tmp_path / "results"

    return write


def test_the_report_writes_plots_and_tables(
    root: Path, results: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results("GOOD", ball=[made(START, *[BOX] * 29)] * 3, hand=[made(START, *[BOX] * 19)] * 3)
    place = results(
        "BAD", ball=[failing(30, 15), failing(30, 20)], hand=[failing(20, 15)], cup=[failing(9, 3)]
    )
    assert main(["evaluate", str(root), "--results", str(place), "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "BAD has results of sequences that are not compared: cup" in said
    assert "protocol toolkit" in said
    for name in ("eao.pdf", "eao.png", "ar.pdf", "ar.png", "index.html", "tables/overall.tex"):
        assert (tmp_path / "out" / name).stat().st_size > 100
    text = (tmp_path / "out" / "tables" / "overall.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["Tracker"] for row in rows] == ["GOOD", "BAD"]
    assert rows[1]["Robustness"] == "1.000"
    assert rows[0]["Robustness"] == "0.000"


def test_published_rows_are_marked(root: Path, results: Callable[..., Path], tmp_path: Path) -> None:
    """A root that has two sequences of VOT2016 only; the others are named."""
    (root / "ball").rename(root / "leaves")
    place = results("GOOD", hand=[made(START, *[BOX] * 19)])
    with pytest.raises(Exception, match="no sequence"):
        vot_report.report(root, place, tmp_path / "out")  # their lengths are not VOT2016's
    table = vot_report._published("vot2016")[0]
    assert table[0][:4] == ("RPN2T", "", "", "")
    assert all(row[-1] == "published, not measured here" for row in table)


def test_sequences_frames_interval_and_protocol_can_be_chosen(
    root: Path, results: Callable[..., Path], tmp_path: Path
) -> None:
    place = results("BAD", ball=[failing(30, 25)], hand=[failing(20, 5)])
    found = vot_report.compute(
        root, place, dataset=str(root), sequences=["ball"], frames=22, interval=(3, 9), protocol="legacy"
    )
    assert found.sequences == ("ball",)
    assert found.interval == (3, 9)
    assert "protocol legacy" in found.scope
    assert found.summaries()["BAD"].robustness == 0


def test_a_root_without_images_is_measured_without_bounds(
    root: Path, results: Callable[..., Path], tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    truth = (root / "hand" / "groundtruth.txt").read_text()
    for entry in find_dataset("vot2016").entries[:1]:
        (flat / f"{entry.name}.txt").write_text((truth.splitlines()[0] + "\n") * (entry.rows or 0))
        place = results("GOOD", **{entry.name: [made(START, *[BOX] * ((entry.rows or 0) - 1))]})
    found = vot_report.compute(flat, place / "vot")
    assert found.notes == ("where there are no images, pixels outside of them count, too",)
    assert found.summaries()["GOOD"].accuracy > 0.8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1\n" + "1,2,3,4\n" * 5, "ball_001.txt: has 6 frames, ball has 30"),
        ("1,2,3,4\n" * 30, "ball_001.txt: does not begin with a start"),
        ("1\nx\n", "ball_001.txt: line 2: 'x' is not a list of numbers"),
    ],
)
def test_bad_results_are_named_and_nothing_is_written(
    root: Path, results: Callable[..., Path], tmp_path: Path, content: str, message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = results("BAD", ball=[failing(30, 15)])
    (place / "vot" / "BAD" / "baseline" / "ball" / "ball_001.txt").write_text(content)
    arguments = ["--root", str(root), "--dataset", str(root), "--results", str(place)]
    assert vot_report.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_script_says_what_it_wants_and_loads_no_caffe() -> None:
    code = "import sys; import rpn2t.eval.vot_report; print(*('caffe' in sys.modules, 'cv2' in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.split() == ["False", "False"], done.stderr
    script = Path(__file__).parents[1] / "eval" / "vot_report.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--root" in done.stderr


PUBLISHED = Path(os.environ.get("RPN2T_PUBLISHED", ""))
"""A folder with annotations/vot-otb.json, results/VOT2015 and results/VOT2016."""


@pytest.mark.skipif("RPN2T_PUBLISHED" not in os.environ, reason="RPN2T_PUBLISHED is not set")
@pytest.mark.parametrize(
    ("tracker", "failures"),
    [("VOT2015/srdcf", 1.24), ("VOT2015/DSST", 2.56), ("VOT2016/MCCT", 0.73)],
)
def test_published_trackers_failures(tracker: str, failures: float) -> None:
    """Failures a sequence, weighted by length, as published for these raw results."""
    count = frames = 0.0
    for entry in find_dataset("vot2016").entries:
        files = vot_report._run_files(PUBLISHED / "results" / tracker / "baseline", entry.name)
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
    found = vot_report.compute(tmp_path, PUBLISHED / "results" / "VOT2015").summaries()
    assert found["srdcf"].accuracy > found["DSST"].accuracy
    assert found["srdcf"].robustness < found["DSST"].robustness
    assert (found["srdcf"].eao or 0) > (found["DSST"].eao or 1)
