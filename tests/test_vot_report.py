"""VOT's measures against hand-computed values, and the report's files."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.eval.vot_metrics import Fragment, accuracy, eao_curve, fragments, overlaps_of, score, summary
from rpn2t.eval.vot_report import main as script
from rpn2t.supervised import SupervisedRun

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
    from rpn2t.supervised import run_text

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
    assert "Every start counts the same" in table.replace("every start", "Every start")
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
