"""`rpn2t frame`: one frame as a picture."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.video.annotate import BOX
from rpn2t.video.sources import open_source
from rpn2t.video.writer import VideoWriter
from support import Clip


@pytest.fixture
def video(clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The shared clip as a video in the current folder, by its name. It is padded to 162 x 122."""
    monkeypatch.chdir(tmp_path)
    with VideoWriter("my clip.mp4", Fraction(30)) as writer:
        for image in clip.images:
            writer.write(image)
    return "my clip.mp4"


def refusal(capfd: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["frame", *arguments]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    return printed.err.strip()


def test_a_frame_is_written_as_it_is_and_the_next_command_is_said(
    video: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["frame", video, "7"]) == 0
    said = capfd.readouterr().out.splitlines()[-1]
    assert said == (
        "frame 7, 162 x 122 px, is in my_clip_000007.png; to follow an object from there on: "
        "rpn2t track 'my clip.mp4' --frames 7: --init X,Y,W,H"
    )
    (frame,) = open_source(video).frames(7, 8)
    assert np.array_equal(cv2.imread("my_clip_000007.png"), frame.image)


def test_boxes_are_drawn_and_the_first_is_in_the_next_command(
    clip: Clip, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.png"
    boxes = ("--box", "50,40,40,34", "--box", "3,4,5,6")
    assert main(["frame", str(clip.folder), "0", *boxes, "--output", str(path)]) == 0
    assert capfd.readouterr().out.endswith(f"rpn2t track {clip.folder} --init 50,40,40,34\n")
    picture = cv2.imread(str(path))
    drawn = (picture == BOX).all(axis=2)
    for x, y, w, h in ((50, 40, 40, 34), (3, 4, 5, 6)):
        assert drawn[y, x : x + w].all()
        assert drawn[y : y + h, x + w - 1].all()
    assert not drawn[39].any()
    assert np.array_equal(picture[~drawn], clip.images[0][~drawn])


def test_with_a_grid_the_picture_is_larger_and_holds_the_frame(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert main(["frame", str(clip.folder), "3", "--grid", "--output", str(path)]) == 0
    height, width = cv2.imread(str(path)).shape[:2]
    assert width > 5 * 161 > 800
    assert height > 5 * 121


def test_a_picture_is_replaced_only_with_overwrite(video: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("my_clip_000000.png").write_bytes(b"mine")
    said = refusal(capfd, video, "0")
    assert "my_clip_000000.png: is there already; choose another --output, or" in said
    assert Path("my_clip_000000.png").read_bytes() == b"mine"
    assert main(["frame", video, "0", "--overwrite"]) == 0
    assert cv2.imread("my_clip_000000.png").shape == (122, 162, 3)


def test_a_picture_never_becomes_or_replaces_a_frame(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The next run would count one frame more."""
    (tmp_path / "frames").mkdir()
    monkeypatch.chdir(tmp_path / "frames")
    cv2.imwrite("1.png", clip.images[0])
    for source in (".", "*.png", "%d.png"):
        said = refusal(capfd, source, "0")
        assert f"would be among the frames of {source}; choose another --output" in said
    said = refusal(capfd, "1.png", "0", "--output", "../frames/1.png", "--overwrite")
    assert said == "rpn2t: 1.png: the picture would replace it; choose another --output"
    assert main(["frame", "1.png", "0"]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["99"], "there is no frame 99; it has 12 frames, 0 to 11"),
        (
            ["0", "--box", "200,0,9,9"],
            "box 200,0,9,9: lies outside the frame of 162 x 122 px; give one in it",
        ),
        (["0", "--box", "1,2,3"], "box '1,2,3': give four numbers x,y,w,h in pixels"),
        (["0", "--output", "a.gif"], "--output a.gif: a picture's name ends in .png or .jpg"),
        (["-1"], "No such option"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    video: str, capfd: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    line = refusal(capfd, video, *arguments)
    assert said in line
    assert "\n" not in line
    assert [path.name for path in Path().iterdir()] == [video]
