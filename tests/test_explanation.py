"""`--explain`: the pictures, the maps in them, and that tracking does not change."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.candidates import Best
from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.explanation import Chosen, average_map, explain
from rpn2t.matching import Matching
from rpn2t.modes import MODES
from rpn2t.observation import Observation


@pytest.fixture
def seen() -> Observation:
    """Two candidates of 2 x 2 positions: the left one is sure everywhere, the right one nowhere."""
    x, y = np.array([[20.0, 30], [60, 70]]), np.array([[20.0, 30], [20, 30]])
    probability = np.array([np.full((2, 2), 0.9), np.full((2, 2), 0.1)])
    boxes = np.array([(15.0, 15, 20, 20), (55, 15, 20, 20)])
    box = (15.0, 15.0, 20.0, 20.0)
    best = Best(np.array([0]), 0.9, box)
    all_of_it = np.ones((2, 2), bool)
    matching = Matching(all_of_it, all_of_it, np.ones((2, 2)))
    scores = np.array([0.9, 0.1])
    return Observation(boxes, scores, probability, probability, matching, x, y, best, 0.2, box, box)


def test_the_average_lies_where_the_candidates_looked(seen: Observation) -> None:
    average, looked = average_map((60, 100), seen, seen.anchor, seen.matching.anchor)
    assert average[25, 25] == pytest.approx(0.9, abs=0.01)
    assert average[25, 65] == pytest.approx(0.1, abs=0.01)
    assert looked[25, 25]
    assert not looked[55, 95]
    assert average[55, 95] == 0
    assert average[looked].min() + 1e-6 >= 0.1
    assert average[looked].max() <= 0.9 + 1e-6


def test_positions_outside_the_frame_are_left_out(seen: Observation) -> None:
    moved = dataclasses.replace(seen, x=seen.x - 25)  # the left candidate's first column is outside
    average, _ = average_map((60, 100), moved, seen.anchor, seen.matching.anchor)
    assert np.isfinite(average).all()
    assert average[25, 5] == pytest.approx(0.9, abs=0.01)


def test_positions_that_a_term_does_not_look_at_are_left_out(seen: Observation) -> None:
    used = np.array([[True, False], [False, False]])
    _, looked = average_map((60, 100), seen, seen.anchor, used)
    assert looked[20, 20]
    assert not looked[30, 30]


def test_the_picture_shows_three_panels_and_leaves_the_frame_as_it_is(seen: Observation) -> None:
    image = np.full((60, 100, 3), 90, np.uint8)
    picture = explain(image, 7, seen)
    assert picture.dtype == np.uint8
    assert picture.shape[1] > 2.5 * picture.shape[0] > 300
    assert (image == 90).all()
    found = np.abs(picture.astype(int) - (0, 215, 255)).sum(axis=2) < 20
    assert found[:, 2 * picture.shape[1] // 3 :].sum() > 100  # the reported box, in the third panel


@pytest.mark.parametrize(
    ("text", "index", "failed", "wanted"),
    [
        (None, 20, False, True),
        (None, 21, False, False),
        (None, 21, True, True),
        ("3,8:10", 3, False, True),
        ("3,8:10", 9, False, True),
        ("3,8:10", 10, True, False),
    ],
)
def test_which_frames(text: str | None, index: int, failed: bool, wanted: bool) -> None:
    assert Chosen.parse(text).holds(index, failed) is wanted


@pytest.mark.parametrize("text", ["", "a", "1,", "1-3", "3:", "-1"])
def test_odd_lists_of_frames_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="as in 10,25,40:60"):
        Chosen.parse(text)


@pytest.mark.parametrize("mode", MODES)
def test_being_observed_changes_nothing(clip, tiny, mode: str) -> None:
    config = dataclasses.replace(Config.for_mode(mode), **tiny)
    told: list[Observation] = []
    results = []
    for observer in (None, told.append):
        tracker = Tracker(config, mode=mode, device="cpu")
        tracker.observer = observer
        tracker.init(clip.images[0], tuple(clip.truth[0]))
        results.append([tracker.update(image) for image in clip.images[1:4]])
    assert results[0] == results[1]
    assert [(each.reported, each.best.score) for each in told] == results[0]
    first = told[0]
    assert first.anchor.shape == first.quality.shape == (config.candidates, 10, 10)
    middle = first.candidates[:, :2] + first.candidates[:, 2:] / 2
    step = first.candidates[:, 2:] * 8 / 75
    np.testing.assert_allclose(first.x[:, 4:6].mean(axis=1), middle[:, 0], atol=step[:, 0].max())
    np.testing.assert_allclose(first.y[:, 4:6].mean(axis=1), middle[:, 1], atol=step[:, 1].max())


def test_the_command_writes_the_pictures(clip, tiny, rpn2t, tmp_path: Path) -> None:
    settings = [word for name, value in tiny.items() for word in ("--set", f"{name}={value}")]
    options = ("--explain", "seen", "--explain-frames", "0,2:4", "--frames", "0:5", "--no-video")
    done = rpn2t("track", clip.folder, *options, *settings, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    files = sorted(file.name for file in (tmp_path / "seen").iterdir())
    assert files == ["frame_00002.png", "frame_00003.png"]  # in the first there is nothing to explain
    assert cv2.imread(str(tmp_path / "seen" / files[0])) is not None
    assert "2 pictures of what it saw in seen" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--explain-frames", "3"], "give --explain DIR as well"),
        (["--explain", "seen", "--explain-frames", "x"], "--explain-frames x: write frames"),
        (["--explain", "{file}"], "is not a folder"),
    ],
)
def test_mistakes_of_use(clip, tmp_path: Path, monkeypatch, capsys, options: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    words = [word.format(file=tmp_path / "file") for word in options]
    assert main(["track", str(clip.folder), *words]) == 2
    assert message in capsys.readouterr().err
