"""`rpn2t track` with several objects, corrections and passes backwards; the tracker is a fake one."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from rpn2t.boxes import Box
from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.sequences.box_files import read_boxes
from support import Clip

Track = Callable[..., tuple[int, str, str]]

FULL = "50,40,40,34"


class Counter:
    """Its boxes' x counts the frames since the box that it learned. Two frames after that one it is lost."""

    device = SimpleNamespace(notes=[])
    fails_after = 10**6

    def __init__(self, *_: object, **__: object) -> None:
        self.updates = 0

    def init(self, image: Image, box: Box) -> None:
        self.box, self.steps = box, 0

    def update(self, image: Image) -> tuple[Box, float]:
        self.steps += 1
        self.updates += 1
        if self.updates > self.fails_after:
            raise InputError("clip: broken")
        return (self.box[0] + self.steps, *self.box[1:]), 0.5 / self.steps

    @property
    def found(self) -> bool:
        return self.steps != 2

    def another(self) -> "Counter":
        return Counter()


@pytest.fixture
def track(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Track:
    """Runs the command in an empty folder on the clip's frames; gives status, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rpn2t.cli.actions.track.Tracker", Counter)
    monkeypatch.setattr("rpn2t.cli.actions.track.describe", lambda _: {"mode": "fast", "device": "cpu"})

    def call(*options: str) -> tuple[int, str, str]:
        common = [str(clip.folder / "img"), "--output", "out", "--mode", "fast"]
        status = main(["track", *common, *options])
        said = capfd.readouterr()
        return status, said.out, said.err

    return call


def rows(folder: str = "out") -> list[tuple[str, int, float, str]]:
    """Object, frame, x and status of each row of boxes.csv."""
    with open(f"{folder}/boxes.csv", encoding="utf-8", newline="") as file:
        return [
            (row["object"], int(row["frame"]), float(row["x"]), row["status"]) for row in csv.DictReader(file)
        ]


def times(video: str = "out/video.mp4") -> list[float]:
    with av.open(video) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def test_two_objects_and_corrections_in_one_run(track: Track, tmp_path: Path) -> None:
    (tmp_path / "fixes.txt").write_text("# by hand\n6:crane=90,0,9,9\n")
    status, output, errors = track(
        "--init", f"crane={FULL}", "--init", "2:chick=10,10,40,40", "--fix", "4:crane=60,0,9,9", "--fixes",
        "fixes.txt", "--until", "5:chick", "--frames", "0:8",
    )  # fmt: skip
    assert (status, errors) == (0, "")
    lines = output.splitlines()
    assert "frames 0:8" in lines[0]
    assert f"crane {FULL} and chick 10,10,40,40 (--init) with 2 fixes" in lines[0]
    assert lines[1] == "learning the objects in the first frame"
    assert lines[-3].startswith(
        "8 frames in out (boxes_crane.txt, boxes_chick.txt, boxes.csv, run.json, video.mp4)"
    )
    assert lines[-2:] == [
        "crane: score below the threshold in frame 2: look there",
        "chick: score below the threshold in frame 4: look there",
    ]
    crane = [("given", 50), ("found", 51), ("lost", 52), ("found", 53), ("fixed", 60), ("found", 61),
             ("fixed", 90), ("found", 91)]  # fmt: skip
    chick = {2: ("given", 10), 3: ("found", 11), 4: ("lost", 12), 5: ("found", 13)}
    expected = []
    for frame, (status_, x) in enumerate(crane):
        expected.append(("crane", frame, x, status_))
        if frame in chick:
            expected.append(("chick", frame, chick[frame][1], chick[frame][0]))
    assert rows() == expected
    report = json.loads(Path("out/run.json").read_text())
    assert report["objects"] == ["crane", "chick"]
    assert [(each["object"], each["index"], each["box"][0], each["status"]) for each in report["frames"]] == (
        expected
    )
    assert [each["score"] is None for each in report["frames"]] == [
        status_ in ("given", "fixed") for *_, status_ in expected
    ]
    np.testing.assert_allclose(read_boxes("out/boxes_chick.txt", one_based=True)[:, 0], [10, 11, 12, 13])
    assert len(times()) == 8


def test_without_names_they_are_numbered(track: Track) -> None:
    assert track("--init", FULL, "--init", "10,10,40,40", "--frames", "0:1", "--no-video")[0] == 0
    assert [row[0] for row in rows()] == ["object", "object-2"]


def test_one_object_may_have_a_name_and_keeps_its_files(track: Track) -> None:
    status, output, _ = track("--init", f"crane={FULL}", "--frames", "0:4")
    assert status == 0
    assert f"box {FULL} (--init)" in output
    assert output.splitlines()[-1] == "score below the threshold in frame 2: look there"
    assert sorted(file.name for file in Path("out").iterdir()) == [
        "boxes.csv", "boxes.txt", "run.json", "video.mp4"
    ]  # fmt: skip
    assert rows()[0] == ("crane", 0, 50, "given")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--backward"], [53, 52, 51, 50]),
        (["--backward", "--fix", "3:20,0,9,9"], [21, 20, 51, 50]),
        (["--both"], [50, 51, 52, 53]),
        (["--both", "--fix", "5:90,0,9,9"], [50, 51, 91, 90]),
    ],
)
def test_whatever_the_direction_the_results_are_in_order(
    track: Track, options: list[str], expected: list[int]
) -> None:
    status, output, errors = track("--init", FULL, "--frames", "2:6", *options)
    assert (status, errors) == (0, "")
    direction = "backward" if "--backward" in options else "in both directions"
    assert f"frames 2:6 {direction}" in output.splitlines()[0]
    assert [row[1:3] for row in rows()] == list(zip(range(2, 6), expected, strict=True))
    np.testing.assert_allclose(read_boxes("out/boxes.txt", one_based=True)[:, 0], expected)
    frames = json.loads(Path("out/run.json").read_text())["frames"]
    assert [frame["box"][0] for frame in frames] == expected
    assert times() == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30], abs=1e-4)


def test_a_box_in_the_middle_is_followed_in_both_directions(track: Track) -> None:
    assert track("--init", f"4:{FULL}", "--both", "--frames", "2:7", "--no-video")[0] == 0
    assert [row[2] for row in rows()] == [52, 51, 50, 51, 52]
    assert not Path("out/video.mp4").exists()


def test_a_failure_on_the_way_back_loses_nothing(track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Counter, "fails_after", 5)
    status, output, errors = track("--init", f"4:{FULL}", "--both", "--frames", "0:8")
    assert (status, errors) == (2, "rpn2t: clip: broken\n")
    assert [row[1:3] for row in rows()] == [(2, 52), (3, 51), (4, 50), (5, 51), (6, 52), (7, 53)]
    assert len(read_boxes("out/boxes.txt", one_based=True)) == 6
    assert json.loads(Path("out/run.json").read_text())["status"] == "failed"
    assert "6 frames in out" in output


def test_several_objects_are_tracked_in_realtime(track: Track) -> None:
    status, output, errors = track(
        "--init", f"a={FULL}", "--init", "b=10,10,40,40", "--realtime", "--no-video"
    )
    assert (status, errors) == (0, "")
    assert "realtime: " in output
    of = {name: [row[1] for row in rows() if row[0] == name] for name in "ab"}
    assert of["a"] == of["b"]
    assert (of["a"][0], of["a"][-1]) == (0, 11)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--init", f"a={FULL}", "--init", f"a={FULL}"], "a is given twice"),
        (["--init", f"a/b={FULL}"], "an object's name becomes a file's"),
        (["--init", FULL, "--fix", f"3:crow={FULL}"], f"--fix 3:crow={FULL}: there is no object crow"),
        (["--init", FULL, "--fix", f"12:{FULL}"], "frame 12 is not among the frames to track, 0 to 11"),
        (["--init", FULL, "--frames", "2:5", "--fix", f"5:{FULL}"], "the frames to track, 2 to 4"),
        (["--init", f"40:{FULL}"], f"--init 40:{FULL}: frame 40 is not among"),
        (["--init", f"6:{FULL}", "--until", "5"], "--until 5: object ends there, but begins in frame 6"),
        (["--init", FULL, "--fix", f"0:{FULL}"], "object has two boxes in frame 0"),
        (["--init", FULL, "--fix", FULL], "in which frame"),
        (["--init", FULL, "--fix", "5:500,40,40,34"], "--fix 5:500,40,40,34: lies outside the frame"),
        (
            ["--init", FULL, "--fixes", "nowhere.txt"],
            "nowhere.txt: No such file or directory; name a file with one FRAME:NAME=X,Y,W,H a line",
        ),
        (["--init", "5000,1,20,20"], "--init 5000,1,20,20: lies outside the frame"),
        (["--init", FULL, "--frames", "12:"], "frame 12: is beyond the last one, 11; begin before it"),
        (["--init", FULL, "--backward", "--both"], "--backward and --both exclude one another"),
        (["--init", FULL, "--realtime", "--backward"], "--realtime and --backward exclude one another"),
        (["--init", FULL, "--realtime", "--fix", f"5:{FULL}"], "--realtime and --fix exclude one another"),
        (
            ["--init", f"5:{FULL}", "--realtime"],
            f"--init 5:{FULL}: with --realtime that frame may be dropped",
        ),
        (["--init", FULL, "--init", FULL, "--explain", "why"], "--explain shows one object"),
        (["--init", FULL, "--backward", "--explain", "why"], "--explain shows one object"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line_before_anything_is_written(
    track: Track, tmp_path: Path, options: list[str], said: str
) -> None:
    status, shown, errors = track(*options)
    assert (status, shown, errors.count("\n")) == (2, "", 1)
    assert said in errors
    assert not list(tmp_path.iterdir())


def test_results_do_not_go_among_the_frames(clip: Clip, capsys: pytest.CaptureFixture[str]) -> None:
    images = clip.folder / "img"
    before = sorted(images.iterdir())
    assert main(["track", str(clip.folder), "--mode", "fast", "--output", str(images)]) == 2
    assert "the results would be among the frames" in capsys.readouterr().err
    assert sorted(images.iterdir()) == before


def test_a_folders_own_box_is_that_of_the_frame_where_tracking_begins(track: Track, clip: Clip) -> None:
    for options, frame in (((), 2), (("--backward",), 7), (("--both",), 2)):
        status = main(["track", str(clip.folder), "--frames", "2:8", "--no-video", "--output", "own",
                       "--overwrite", "--mode", "fast", *options])  # fmt: skip
        assert status == 0
        (given,) = [row for row in rows("own") if row[3] == "given"]
        assert given[1:3] == (frame, clip.truth[frame][0])
