"""The folder of results."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.run.folder import RunFolder
from rpn2t.run.formats.names import FILES
from rpn2t.run.rows import Row
from rpn2t.sequences.box_files import read_boxes
from rpn2t.system.interruption import Interrupted

BOXES = [(10.0, 20.0, 30.0, 40.0), (10.12345, 19.98765, 30.5, 41.25)]


def row(frame: int, box: Box, score: float | None, name: str = "object", time: float | None = None) -> Row:
    return Row(name, frame, time, box, score, "given" if score is None else "found")


def record(path: Path, header: dict[str, object], end: BaseException | None = None) -> RunFolder:
    folder = RunFolder(path)
    with folder.recording(header):
        folder.write(row(5, BOXES[0], None), None)
        folder.write(row(6, BOXES[1], 0.75), 1.5)
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
        {
            "index": 5, "object": "object", "box": list(BOXES[0]), "score": None, "status": "given",
            "seconds": None, "time": None,
        },
        {
            "index": 6, "object": "object", "box": list(BOXES[1]), "score": 0.75, "status": "found",
            "seconds": 1.5, "time": None,
        },
    ]  # fmt: skip
    assert sorted(file.name for file in folder.path.iterdir()) == ["boxes.csv", "boxes.txt", "run.json"]


def test_each_line_is_on_disk_at_once(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.recording({}):
        for count in (1, 2):
            folder.write(row(count, BOXES[0], 0.5), 0.1)
            assert len(folder.table.read_text().splitlines()) == 1 + count
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
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "boxes.csv",
        "boxes.txt",
        "notes.txt",
        "run.json",
    ]
    assert json.loads(folder.report.read_text())["seed"] == 2


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    with first.recording({}):
        first.write(row(0, BOXES[0], None), None)
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
        folder.write(row(0, (float("nan"), 0.0, 1.0, 1.0), np.float64(0.5)), 0.1)
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


def test_the_table_has_a_row_for_each_object_and_frame(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.recording({}, ["crane", "small chick"]):
        folder.write(row(3, BOXES[0], None, "crane", 0.1), None)
        folder.write(row(3, BOXES[1], None, "small chick", 0.1), None)
        folder.write(row(4, BOXES[1], 1 / 3, "crane", 2 / 15), 0.1)
        folder.write(Row("small chick", 4, 2 / 15, BOXES[0], 0.25, "lost"), 0.1)
    assert folder.table.read_text().splitlines() == [
        "object,frame,time_s,x,y,w,h,score,status",
        "crane,3,0.100000,10.000,20.000,30.000,40.000,,given",
        "small chick,3,0.100000,10.123,19.988,30.500,41.250,,given",
        "crane,4,0.133333,10.123,19.988,30.500,41.250,0.3333,found",
        "small chick,4,0.133333,10.000,20.000,30.000,40.000,0.2500,lost",
    ]
    names = ["boxes.csv", "boxes_crane.txt", "boxes_small chick.txt", "run.json"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    np.testing.assert_allclose(read_boxes(tmp_path / names[2], one_based=True), BOXES[::-1], atol=1e-3)
    frames = json.loads(folder.report.read_text())["frames"]
    assert [(each["index"], each["object"], each["status"]) for each in frames] == [
        (3, "crane", "given"), (3, "small chick", "given"), (4, "crane", "found"), (4, "small chick", "lost")
    ]  # fmt: skip


def test_an_earlier_run_leaves_no_object_behind(tmp_path: Path) -> None:
    (tmp_path / "boxes_mine.txt").write_text("not of a run")
    with RunFolder(tmp_path).recording({}, ["a", "b"]):
        pass
    with RunFolder(tmp_path, overwrite=True).recording({}, ["b", "c"]):
        pass
    assert sorted(file.name for file in tmp_path.glob("boxes*.txt")) == [
        "boxes_b.txt", "boxes_c.txt", "boxes_mine.txt"
    ]  # fmt: skip
    with RunFolder(tmp_path, overwrite=True).recording({}):
        pass
    assert sorted(file.name for file in tmp_path.glob("boxes*.txt")) == ["boxes.txt", "boxes_mine.txt"]


@pytest.mark.parametrize("end", [None, Interrupted(2)])
def test_what_was_tracked_backward_is_put_in_order(tmp_path: Path, end: BaseException | None) -> None:
    folder, names = RunFolder(tmp_path), ["b", "a"]

    def write() -> None:
        with folder.recording({}, names, in_order=False):
            for frame in (2, 1, 0):
                for name in names:
                    folder.write(row(frame, (frame, 0.0, 1.0, 1.0), 0.5, name), 0.1)
            lines = folder.table.read_text().splitlines()[1:]
            assert [line.split(",")[:2] for line in lines[:2]] == [["b", "2"], ["a", "2"]]
            assert len(lines) == 6  # a kill would lose nothing
            if end is not None:
                raise end

    if end is None:
        write()
    else:
        with pytest.raises(Interrupted):
            write()
    order = [["b", "0"], ["a", "0"], ["b", "1"], ["a", "1"], ["b", "2"], ["a", "2"]]
    assert [line.split(",")[:2] for line in folder.table.read_text().splitlines()[1:]] == order
    frames = json.loads(folder.report.read_text())["frames"]
    assert [[each["object"], str(each["index"])] for each in frames] == order
    np.testing.assert_allclose(read_boxes(tmp_path / "boxes_a.txt", one_based=True)[:, 0], [0, 1, 2])
