"""`rpn2t track`, from the outside: real runs in processes of their own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from rpn2t.boxes import Box
from rpn2t.cli import main
from rpn2t.cli.wishes import parse_frames
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.eval.otb.metrics import one_pass_score
from rpn2t.images import Image
from rpn2t.nets.caffe import load_caffe
from rpn2t.run.first_box import find_truth, from_file, from_source
from rpn2t.sequences.box_files import read_boxes
from rpn2t.tracker.modes import choose_mode
from rpn2t.video.sources import open_source
from support import FRAMES, Clip, TrackedRun, command, set_options

Command = Callable[..., "subprocess.CompletedProcess[str]"]


CLUSTER = bytes.fromhex("1F43B675")  # with which a part of a Matroska file begins


def count_frames(video: Path) -> int:
    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_run_leaves_boxes_report_and_video(tracked_run: TrackedRun) -> None:
    folder, truth = tracked_run.folder, tracked_run.clip.truth
    assert sorted(file.name for file in folder.iterdir()) == [
        "boxes.csv",
        "boxes.txt",
        "run.json",
        "video.mp4",
    ]
    boxes = read_boxes(folder / "boxes.txt", one_based=True)
    np.testing.assert_allclose(boxes[0], truth[0])
    report = json.loads((folder / "run.json").read_text())
    frames = report["frames"]
    np.testing.assert_allclose([frame["box"] for frame in frames], boxes, atol=1e-3)
    assert [frame["index"] for frame in frames] == list(range(FRAMES))
    assert (frames[0]["score"], frames[0]["seconds"]) == (None, None)
    assert all(0 <= frame["score"] <= 1 and frame["seconds"] > 0 for frame in frames[1:])
    with av.open(str(folder / "video.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (162, 122, 30)
    assert count_frames(folder / "video.mp4") == FRAMES


def test_the_report_says_how_it_was_made(tracked_run: TrackedRun, small: dict[str, int]) -> None:
    report = json.loads((tracked_run.folder / "run.json").read_text())
    assert (report["status"], report["error"], report["seed"]) == ("complete", None, 0)
    assert report["mode"] == choose_mode("auto", "auto")
    assert report["configuration"] == Config.for_mode(report["mode"]).to_dict() | small
    assert report["command"]["source"] == str(tracked_run.clip.folder)
    assert report["init_seconds"] > 0
    assert {"version", "mode", "device", "blas", "weights", "backbone"} <= set(report)
    digests = [word for word in json.dumps(report["weights"]).split('"') if len(word) == 64]
    assert len(digests) >= 2


def test_a_run_says_what_it_does_and_how_good_it_was(tracked_run: TrackedRun) -> None:
    first, *between = tracked_run.output.splitlines()
    last = next(line for line in between if line.startswith("mean overlap"))
    for said in (
        str(tracked_run.clip.folder),
        "frames 0:12",
        f"mode {choose_mode('auto', 'auto')}",
        "weights shipped",
        "box 50,40,40,34",
    ):
        assert said in first
    assert "read as 1-based" in first
    assert any("12 of 12" in line and "frames/s" in line and "score" in line for line in between)
    boxes = read_boxes(tracked_run.folder / "boxes.txt", one_based=True)
    measured = one_pass_score(boxes, tracked_run.clip.truth)
    assert f"mean overlap {measured.mean_overlap:.3f}" in last
    assert f"success AUC {measured.success_auc:.3f}" in last
    assert f"precision at 20 px {measured.precision_20:.3f}" in last
    assert measured.mean_overlap > 0.5
    assert tracked_run.errors == ""


def test_part_of_a_clip_without_video(
    clip: Clip, rpn2t: Command, tiny: dict[str, int], tmp_path: Path
) -> None:
    options = ("--frames", "3:5", "--no-video", "--seed", "4", "--output", "out", *set_options(tiny))
    done = rpn2t("track", clip.folder, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "boxes.csv",
        "boxes.txt",
        "run.json",
    ]
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert [frame["index"] for frame in report["frames"]] == [3, 4]
    assert report["frames"][0]["box"] == list(clip.truth[3])
    assert report["seed"] == 4
    assert "2 frames, OTB protocol" in done.stdout


def test_a_damaged_video_is_tracked_to_its_end(
    clip: Clip, rpn2t: Command, tiny: dict[str, int], tmp_path: Path
) -> None:
    """Its later frames keep their numbers and times, in run.json and in the video; a note says why."""
    source = tmp_path / "recording.mkv"
    with av.open(str(source), "w") as container:
        codec = {"g": "4", "bf": "0", "sc_threshold": "0", "crf": "5"}
        stream = container.add_stream("libx264", rate=25, options=codec)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for image in clip.images:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:120, :160]), format="bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    data = source.read_bytes()
    second = data.index(CLUSTER, data.index(CLUSTER) + 1)
    third = data.index(CLUSTER, second + 1)
    source.write_bytes(data[:second] + bytes(third - second) + data[third:])

    done = rpn2t(
        "track", source, "--init", "50,40,40,34", "--output", "out", *set_options(tiny), cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    indices = [0, 1, 2, 3, 8, 9, 10, 11]
    assert [frame["index"] for frame in report["frames"]] == indices
    assert [frame["time"] for frame in report["frames"]] == pytest.approx([0.04 * index for index in indices])
    assert (report["status"], report["source"]["scaled_from"]) == ("complete", None)
    (note,) = report["source"]["notes"]
    assert "frames 4 to 7 are missing" in note
    assert f"note: {note}" in done.stdout.splitlines()
    with av.open(str(tmp_path / "out" / "video.mp4")) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert shown == pytest.approx([0.04 * index for index in indices], abs=1e-4)


def test_notes_on_the_device_come_after_the_first_line(
    clip: Clip, rpn2t: Command, tiny: dict[str, int], tmp_path: Path
) -> None:
    options = ("--frames", "0:1", "--no-video", "--output", "out", "--device", "cpu", "--tf32", "--bf16")
    done = rpn2t("track", clip.folder, *options, *set_options(tiny), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second, third, *_ = done.stdout.splitlines()
    able = load_caffe().has_bf16()
    assert "device cpu" in first
    assert second == "note: --tf32 has no effect on the CPU"
    assert third.startswith("note: --bf16 has no effect: this CPU has neither") != able
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (report["tf32"], report["command"]["tf32"]) == (False, True)  # what was done, what was asked
    assert (report["bf16"], report["command"]["bf16"]) == (able, True)


@pytest.mark.parametrize(("signum", "status", "name"), [(2, 130, "Ctrl-C"), (15, 143, "SIGTERM")])
def test_a_signal_leaves_what_was_tracked(
    clip: Clip, tiny: dict[str, int], tmp_path: Path, signum: int, status: int, name: str
) -> None:
    endless = tmp_path / "long"
    endless.mkdir()
    for index in range(2000):  # there and back, for longer than the test waits
        step = index % (2 * FRAMES - 2)
        source = clip.folder / "img" / f"{min(step, 2 * FRAMES - 2 - step) + 1:04d}.png"
        (endless / f"{index}.png").symlink_to(source)
    arguments = ["track", str(endless), "--init", "50,40,40,34", "--output", "out", "--profile"]
    arguments += set_options(tiny)
    process = subprocess.Popen(
        [*command(), *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("frame") and "score" in line:
            process.send_signal(signum)
            break
    output, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert errors == f"rpn2t: stopped by {name}\n"
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    tracked = len(report["frames"])
    assert report["status"] == "interrupted"
    assert tracked >= 2
    assert len(read_boxes(tmp_path / "out" / "boxes.txt", one_based=True)) == tracked
    assert count_frames(tmp_path / "out" / "video.mp4") == tracked
    assert f"{tracked} frames in out" in output
    assert output.endswith((tmp_path / "out" / "profile.txt").read_text())
    assert f"later frames ({tracked - 1})" in output


def test_an_unusable_frame_ends_the_run_and_loses_nothing(
    clip: Clip, rpn2t: Command, tiny: dict[str, int], tmp_path: Path
) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for index, image in enumerate(clip.images[:3]):
        cv2.imwrite(str(frames / f"{index}.png"), image[:100] if index == 2 else image)
    done = rpn2t("track", "frames", "--init", "50,40,40,34", *set_options(tiny), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "frames" in done.stderr
    assert "2.png" in done.stderr
    out = tmp_path / "runs" / "frames"
    report = json.loads((out / "run.json").read_text())
    assert (report["status"], len(report["frames"])) == ("failed", 2)
    assert report["error"] in done.stderr
    assert len(read_boxes(out / "boxes.txt", one_based=True)) == count_frames(out / "video.mp4") == 2


def test_a_refused_box_leaves_earlier_results_alone(clip: Clip, rpn2t: Command, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("boxes.txt", "run.json", "video.mp4"):
        (tmp_path / "out" / name).write_text("earlier")
    arguments = ("--init", "500,40,40,34", "--output", "out", "--overwrite")
    done = rpn2t("track", clip.folder, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("rpn2t: ")
    assert done.stderr.count("\n") == 1
    assert "500,40,40,34" in done.stderr
    assert {file.read_text() for file in (tmp_path / "out").iterdir()} == {"earlier"}


def test_a_reader_that_goes_away_loses_nothing(clip: Clip, tiny: dict[str, int], tmp_path: Path) -> None:
    options = ["--frames", "0:3", "--output", "out", *set_options(tiny)]
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [*command(), "track", str(clip.folder), *options],
            cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, timeout=300,
        )  # fmt: skip
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "complete"


REFUSED = [
    (["{clip}", "--init", "1,2,3"], "1,2,3"),
    (["{clip}", "--init", "nan,2,30,40"], "nan,2,30,40"),
    (["{clip}", "--init", "10,20,0,40"], "10,20,0,40"),
    (["{clip}/img"], "--init"),
    (["{clip}/img", "--init-file", "{clip}/img/0001.png"], "0001.png"),
    (["{clip}", "--init-file", "nowhere.txt"], "nowhere.txt"),
    (["{clip}", "--init", "10,20,30,40", "--init-file", "{clip}/groundtruth_rect.txt"], "exclude"),
    (["{clip}", "--frames", "5:5"], "5:5"),
    (["{clip}", "--frames", "3"], "--frames 3"),
    (["{clip}", "--frames", "-1:4"], "-1:4"),
    (["{clip}", "--frames", "12:"], "12"),
    (["{clip}", "--set", "candidate=12"], "candidates"),
    (["{clip}", "--set", "candidates=many"], "candidates=many"),
    (["{clip}", "--set", "colour=1"], "colour: no such setting; the configuration in a run.json"),
    (["{clip}", "--config", "nowhere.toml"], "nowhere.toml"),
    (
        ["{clip}", "--mode", "fast", "--config", "quarter"],
        "quarter: is made for paper mode; add --mode paper",
    ),
    (["{clip}", "--mode", "paper", "--config", "fast"], "fast: is made for fast mode; add --mode fast"),
    (["{clip}", "--device", "gpu:x"], "gpu:x"),
    (["{clip}", "--weights", "nowhere"], "nowhere"),
    (["{clip}", "--backbone", "nowhere"], "nowhere"),
    (["{clip}", "--output", "{clip}/groundtruth_rect.txt"], "groundtruth_rect.txt"),
    (["nowhere.mp4"], "nowhere.mp4"),
]


@pytest.mark.parametrize(("arguments", "named"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED])
def test_what_cannot_be_used_is_refused_in_one_line(
    clip: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["track", *(word.replace("{clip}", str(clip.folder)) for word in arguments)]) == 2
    output, errors = capfd.readouterr()
    assert errors.startswith("rpn2t: ")
    assert errors.count("\n") == 1
    assert named in errors
    assert output == ""
    assert not list(tmp_path.iterdir())


def test_windows_are_asked_for_in_one_line(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for option in ("--select", "--show"):
        assert main(["track", str(clip.folder), option]) == 2
        errors = capfd.readouterr().err
        assert errors.startswith(f"rpn2t: {option} needs")
        assert "make gui" in errors or "DISPLAY" in errors


def test_a_video_is_not_replaced_by_its_own_result(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "video.png").write_bytes((clip.folder / "img" / "0001.png").read_bytes())
    source = tmp_path / "video.mp4"
    source.symlink_to(tmp_path / "video.png")  # an image does as a video of one frame
    arguments = ["track", "video.mp4", "--init", "50,40,40,34", "--output", "."]
    assert main(arguments) == 2
    assert ".: holds video.mp4 already" in capfd.readouterr().err
    assert main([*arguments, "--overwrite"]) == 2
    assert "video.mp4: the results would replace it" in capfd.readouterr().err


class Still:
    """A tracker that leaves the box where it is, and is sure of it."""

    device = SimpleNamespace(notes=[])
    found = True

    def __init__(self, *_: object, **__: object) -> None:
        self.box: Box = (0, 0, 0, 0)

    def init(self, image: Image, box: Box) -> None:
        self.box = box

    def update(self, image: Image) -> tuple[Box, float]:
        return self.box, 1.0


def test_a_run_replaces_another_only_if_it_is_told_to(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rpn2t.cli.actions.track.Tracker", Still)
    monkeypatch.setattr("rpn2t.cli.actions.track.describe", lambda _: {"mode": "fast", "device": "cpu"})

    def track(place: str, *more: str) -> tuple[int, str, str]:
        arguments = [f"{place}/Square", "--init", "50,40,40,34", "--no-video", "--mode", "fast"]
        status = main(["track", *arguments, *more])
        said = capfd.readouterr()
        return status, said.out, said.err

    for place in ("d1", "d2"):  # two sources of one name
        (tmp_path / place).mkdir()
        (tmp_path / place / "Square").symlink_to(clip.folder / "img")
    for place, folder in (("d1", "Square"), ("d2", "Square-2"), ("d1", "Square-3")):
        status, output, _ = track(place)
        assert (status, output.splitlines()[0].rpartition(", ")[2]) == (0, f"results in runs/{folder}")
    status, _, errors = track("d1", "--frames", "5:", "--output", "runs/Square")
    assert (status, errors.count("\n")) == (2, 1)
    assert "runs/Square: holds boxes.txt already; choose another --output" in errors
    report = tmp_path / "runs" / "Square" / "run.json"
    assert json.loads(report.read_text())["source"]["first_frame"] == 0
    for start, more in (("5", ["--output", "runs/Square"]), ("6", [])):
        assert track("d1", "--frames", f"{start}:", "--overwrite", *more)[0] == 0
        assert json.loads(report.read_text())["source"]["first_frame"] == int(start)
    assert len(list((tmp_path / "runs").iterdir())) == 3


def test_ranges_of_frames() -> None:
    assert [parse_frames(text) for text in (None, ":", "0:5", "7:", ":9")] == [
        (0, None), (0, None), (0, 5), (7, None), (0, 9)
    ]  # fmt: skip
    for text in ("", "5", "4:3", "a:b", "1:2:3", "1.5:4", "٣:٤"):
        with pytest.raises(InputError, match="--frames"):
            parse_frames(text)


def test_first_boxes_of_files(tmp_path: Path) -> None:
    def written(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    otb = from_file(written("groundtruth_rect.txt", "11,21,30,40\n12\t22\t31\t41\n"), 1)
    assert (otb.box, "1-based" in otb.origin) == ((11, 21, 31, 41), True)
    assert from_file(written("boxes.txt", "11.5,21,30,40\n"), 0).box == (10.5, 20, 30, 40)
    vot = from_file(written("groundtruth.txt", "11,21,30,40\n"), 0)
    assert (vot.box, "0-based" in vot.origin) == ((11, 21, 30, 40), True)
    polygon = from_file(written("any.txt", "5,5,9,5,9,7,5,7\n"), 0)
    assert (polygon.box, "polygon" in polygon.origin) == ((5, 5, 4, 2), True)
    assert from_file(written("one.txt", "11,21,30,40\n"), 33).box == (10, 20, 30, 40)
    with pytest.raises(InputError, match="2 rows"):
        from_file(str(tmp_path / "groundtruth_rect.txt"), 2)
    with pytest.raises(InputError, match="no box"):
        from_file(written("gap.txt", "nan,nan,nan,nan\n1,2,3,4\n"), 0)


def test_what_has_no_truth_is_not_measured(
    clip: Clip, rpn2t: Command, tiny: dict[str, int], tmp_path: Path
) -> None:
    """A first box alone, as in the test splits of GOT-10k and TrackingNet."""
    folder = tmp_path / "GOT-10k_Test_1"
    shutil.copytree(clip.folder / "img", folder)
    truth = folder / "groundtruth.txt"
    np.savetxt(truth, clip.truth[:1], delimiter=",")
    done = rpn2t("track", folder, "--frames", "0:3", "--no-video", *set_options(tiny), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 frames in" in done.stdout
    assert "mean overlap" not in done.stdout
    assert f"not measured: {truth} has a box for none of these frames but the first" in done.stdout


@pytest.mark.parametrize("text", [b"frame,left\n1,2\n", b"\xff\xfe1", b"m1,2\n", b"1,2,3,4,5,6,7\n"])
def test_ground_truth_that_cannot_be_read_is_in_the_way_of_no_given_box(
    clip: Clip, tmp_path: Path, text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Square"
    shutil.copytree(clip.folder, folder)
    file = folder / "groundtruth_rect.txt"
    file.write_bytes(text)
    with open_source(str(folder)) as source:
        assert (source.length, find_truth(source, None)) == (FRAMES, None)
        (note,) = source.notes
        assert note.startswith(f"The ground truth cannot be read, so nothing is measured: {file}: ")
    assert main(["track", str(folder)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"rpn2t: {file}: ")
    assert errors.endswith(", or give --init x,y,w,h\n")
    assert errors.count("\n") == 1


def test_the_truth_is_that_of_the_object(clip: Clip, tmp_path: Path) -> None:
    other = tmp_path / "groundtruth_rect.2.txt"
    np.savetxt(other, clip.truth + 8, delimiter=",")
    single = tmp_path / "single.txt"
    np.savetxt(single, clip.truth[:1], delimiter=",")
    with open_source(str(clip.folder)) as source:
        assert from_source(source, 2).box == tuple(clip.truth[2])
        for file, boxes in (
            (None, clip.truth),
            (str(single), clip.truth),
            (str(other), clip.truth + (7, 7, 8, 8)),
        ):
            truth = find_truth(source, file)
            assert truth is not None
            np.testing.assert_allclose(truth.boxes, boxes)
    with open_source(str(clip.folder / "img")) as source:
        assert find_truth(source, None) is None


def test_help_and_mistakes_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "track" in capsys.readouterr().out
    assert main(["track", "--help"]) == 0
    text = capsys.readouterr().out
    for said in (
        "--init ",
        "--frames A:B",
        "0-based",
        "1-based",
        "A to B - 1",
        "boxes.txt",
        "run.json",
        "Examples",
    ):
        assert said in text, said
    assert main(["--version"]) == 0
    assert main(["follow"]) == 2
    assert main(["track"]) == 2
    assert main(["track", "clip.mp4", "--mode", "slow"]) == 2
    assert main(["track", "clip.mp4", "--colour"]) == 2


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from rpn2t.cli import main; main(['track', '--help'])\n"
        "print({'caffe', 'cv2', 'av', 'numpy'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "set()"


def test_a_signal_before_the_first_frame_writes_nothing(clip: Clip, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*command(), "track", str(clip.folder)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("learning"):
            process.send_signal(signal.SIGINT)
            break
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "rpn2t: stopped by Ctrl-C\n")
    assert not list(tmp_path.iterdir())
