"""The folder of results."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.run.folder import RunFolder
from rpn2t.run.formats.names import FILES
from rpn2t.sequences.box_files import read_boxes
from rpn2t.system.interruption import Interrupted

BOXES = [(10.0, 20.0, 30.0, 40.0), (10.12345, 19.98765, 30.5, 41.25)]


def record(path: Path, header: dict[str, object], end: BaseException | None = None) -> RunFolder:
    folder = RunFolder(path)
    with folder.recording(header):
        folder.write(5, BOXES[0], None, None)
        folder.write(6, BOXES[1], 0.75, 1.5)
        if end is not None:
            raise end
    return folder


def test_the_files_give_back_what_was_written(tmp_path: Path) -> None:
    folder = record(tmp_path / "a" / "b", {"seed": 3, "init_seconds": 2.0})
    assert folder.boxes.read_text().splitlines()[0] == "11.000,21.000,30.000,40.000"  # 1-based, as OTB's
    np.testing.assert_allclose(read_boxes(folder.boxes, one_based=True), BOXES, atol=1e-3)
    report = json.loads(folder.report.read_text())
    assert (report["seed"], report["init_seconds"], report["status"], report["error"]) == (
        3,
        2.0,
        "complete",
        None,
    )
    assert report["frames"] == [
        {"index": 5, "box": list(BOXES[0]), "score": None, "seconds": None},
        {"index": 6, "box": list(BOXES[1]), "score": 0.75, "seconds": 1.5},
    ]
    assert sorted(file.name for file in folder.path.iterdir()) == ["boxes.txt", "run.json"]


def test_each_line_is_on_disk_at_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.recording({}):
        for count in (1, 2):
            folder.write(count, BOXES[0], 0.5, 0.1)
            assert len(read_boxes(folder.boxes, one_based=True)) == count
        assert json.loads(folder.report.read_text())["status"] == "running"


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        (Interrupted(15), "interrupted", "stopped by SIGTERM"),
        (InputError("clip: frame 7 cannot be read"), "failed", "clip: frame 7 cannot be read"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_an_early_end_is_recorded(tmp_path: Path, end: BaseException, status: str, error: str) -> None:
    with pytest.raises(type(end)):
        record(tmp_path, {}, end)
    report = json.loads((tmp_path / "run.json").read_text())
    assert (report["status"], report["error"], len(report["frames"])) == (status, error, 2)


def test_a_new_run_replaces_the_old_results_only_when_it_starts(tmp_path: Path) -> None:
    record(tmp_path, {"seed": 1})
    (tmp_path / "video.mp4").write_bytes(b"old")
    for part in (".video.mp4.part", ".run.json.x7.part"):
        (tmp_path / part).write_bytes(b"of a run that was killed")
    (tmp_path / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(
        InputError, match=r"holds boxes\.txt already; choose another .* or replace .* with --overwrite"
    ):
        RunFolder(tmp_path)
    folder = RunFolder(tmp_path, overwrite=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    with folder.recording({"seed": 2}):
        assert folder.boxes.read_text() == ""
    assert sorted(file.name for file in tmp_path.iterdir()) == ["boxes.txt", "notes.txt", "run.json"]
    assert json.loads(folder.report.read_text())["seed"] == 2


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.recording({}):
        first.write(0, BOXES[0], None, None)
        with pytest.raises(InputError, match="another run"), second.recording({}):
            pass
    assert len(read_boxes(first.boxes, one_based=True)) == 1


def test_a_run_that_came_between_is_not_replaced(tmp_path: Path) -> None:
    late = RunFolder(tmp_path)
    first = record(tmp_path, {"seed": 1})
    before = first.boxes.read_text()
    with pytest.raises(InputError, match="another run has left its results here"), late.recording({}):
        pass
    assert (first.boxes.read_text(), json.loads(first.report.read_text())["seed"]) == (before, 1)


def test_a_run_without_a_folder_of_its_own_gets_the_next_one(tmp_path: Path) -> None:
    paths = []
    for name in ("clip", "clip", "clip.v2", "clip"):
        folder = RunFolder.unused(tmp_path / name)
        paths.append(folder.path.name)
        folder.path.mkdir()
        folder.report.write_text("{}")  # a run that was killed early has no more
    assert paths == ["clip", "clip-2", "clip.v2", "clip-3"]


def test_what_cannot_be_a_folder_is_refused_first(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not a folder"):
        RunFolder(tmp_path / "file" / "below")
    if os.geteuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot write in"):
            RunFolder(tmp_path / "below")


def test_its_own_files_are_known(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs")
    assert folder.holds(str(tmp_path / "x" / ".." / "runs" / "video.mp4"))
    assert not folder.holds(str(tmp_path / "video.mp4"))


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    header = {
        "a": np.float32(0.5),
        "b": np.array([1, 2]),
        "c": float("nan"),
        "d": Path("x"),
        "e": (True, None),
    }
    with folder.recording(header):
        folder.write(0, (float("nan"), 0.0, 1.0, 1.0), np.float64(0.5), 0.1)
    report = json.loads(folder.report.read_text())
    assert [report[key] for key in "abcde"] == [0.5, [1, 2], None, "x", [True, None]]
    assert report["frames"][0]["box"] == [None, 0, 1, 1]


@pytest.mark.parametrize("name", FILES.values())
def test_a_file_of_a_format_is_a_result_like_the_others(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("of an earlier run")
    with pytest.raises(InputError, match=rf"holds {name} already; choose another --output"):
        RunFolder(tmp_path)
    with RunFolder(tmp_path, overwrite=True).recording({}):
        assert not (tmp_path / name).exists()
