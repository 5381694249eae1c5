"""`--explain`: the mean of the candidates' maps, the pictures, and that observing changes nothing."""

import dataclasses
import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.cli import main
from rpn2t.config import MODES
from rpn2t.errors import InputError
from rpn2t.nets.backbone import BackboneSpec
from rpn2t.run.explain import SIZE, caption, explain, mean_map
from rpn2t.run.explained_frames import Explainer, parse_list
from rpn2t.run.session import Step
from rpn2t.tracker.candidates import Best
from rpn2t.tracker.fast.region import RegionGeometry
from rpn2t.tracker.observation import Observation, Term
from rpn2t.tracker.schedule import Update
from rpn2t.video.frames import Frame
from support import Clip, set_options

PLACES = BackboneSpec.find("student").places(14, 2)
SPOT = np.array([52.0, 33.0])  # x, y in the frame, where the object is by the hand-made maps
SHAPE = (70, 90)


def places_of(boxes: np.ndarray) -> np.ndarray:
    """The frame's x, y of every position, (n, rows, columns, 2), by the definition of a place."""
    y = boxes[:, 1, None] + boxes[:, 3, None] * PLACES
    x = boxes[:, 0, None] + boxes[:, 2, None] * PLACES
    return np.stack(np.broadcast_arrays(x[:, None, :], y[:, :, None]), axis=-1)


@pytest.fixture
def observation() -> Observation:
    """Candidates of which each says the same of a place: the object is at SPOT."""
    rng = np.random.default_rng(0)
    boxes = np.column_stack([rng.uniform(25, 45, 60), rng.uniform(12, 28, 60), np.full((60, 2), (24, 18))])
    probabilities = np.exp(-((places_of(boxes) - SPOT) ** 2).sum(axis=-1) / (2 * 4**2))
    scores = rng.uniform(0.1, 0.6, 60)
    best = Best(np.argsort(-scores)[:5], 0.5, (38.0, 22.0, 24.0, 18.0))
    weights = np.full((10, 10), 0.01)
    return Observation(
        2, (36.0, 20.0, 24.0, 18.0), boxes, scores, (Term(probabilities, weights),) * 2, PLACES, best, 0.2,
        False, Update.NONE, (39.0, 23.0, 24.0, 18.0),
    )  # fmt: skip


def test_places_are_those_of_the_patch() -> None:
    """Position j is centred on pixel 8 j of a patch of 107 px, whose middle 75 px are the box."""
    assert len(PLACES) == 10
    assert PLACES[0] == pytest.approx((8 * 2 + 0.5 - 16) / 75)
    np.testing.assert_allclose(np.diff(PLACES), 8 / 75)


def test_places_agree_with_the_windows_of_a_search_region() -> None:
    geometry = RegionGeometry(BackboneSpec.find("student"), 14)
    boxes, shape = np.array([[40.0, 30, 50, 20], [55.0, 25, 45, 22]]), (26, 30)
    corners = geometry.corners((45.0, 28.0, 48.0, 20.0), shape)
    grids = geometry.grids(boxes, corners, shape)
    height, width = geometry.input_size(shape)
    scale = np.array([width, height]) / (corners[2:] - corners[:2] + 1)
    for box, (row, column, down, across) in zip(boxes, grids, strict=True):
        position = np.array([column + across * 5, row + down * 5])  # of the map's position 5, 5
        xy = corners[:2] + (position * 8 + 0.5) / scale
        np.testing.assert_allclose(xy, box[:2] + box[2:] * geometry.spec.places(14, 0)[5])


def test_the_mean_map_peaks_where_the_candidates_say(observation: Observation) -> None:
    mean, weight = mean_map(observation.boxes, PLACES, observation.terms[0], SHAPE)
    assert mean.shape == weight.shape == SHAPE
    y, x = np.unravel_index(np.where(weight > 0.1, mean, 0).argmax(), SHAPE)
    np.testing.assert_allclose((x + 0.5, y + 0.5), SPOT, atol=1)
    assert 0.8 < mean[y, x] <= 1
    assert mean[20, 30] < 0.05
    assert weight.max() == 1
    assert weight[0, 0] == weight[-1, -1] == mean[0, 0] == 0  # nobody looked there


def test_positions_that_do_not_count_say_nothing(observation: Observation) -> None:
    weights = np.zeros((10, 10))
    weights[4:6, 4:6] = 0.25
    said = np.where(weights > 0, 0.25, 1.0) * np.ones((60, 1, 1))
    mean, weight = mean_map(observation.boxes, PLACES, Term(said, weights), SHAPE)
    np.testing.assert_allclose(mean[weight > 0.01], 0.25, atol=1e-5)


def test_a_heavier_position_counts_for_more() -> None:
    """Two boxes, of which different positions fall on the same place."""
    boxes = np.array([[0.0, 10, 40, 40], [40.0 * (PLACES[5] - PLACES[4]), 10, 40, 40]])
    weights = np.zeros((10, 10))
    weights[3, 4], weights[3, 5] = 1, 3
    said = np.zeros((2, 10, 10))
    said[0, 3, 5] = 1
    mean, _ = mean_map(boxes, PLACES, Term(said, weights), SHAPE)
    x, y = places_of(boxes[:1])[0, 3, 5]
    alone = Term(said[:1, :, :], np.where(weights == 3, weights, 0))
    sharp, _ = mean_map(boxes[:1], PLACES, alone, SHAPE)
    assert sharp[int(y), int(x)] == pytest.approx(1)
    assert 0.55 < mean[int(y), int(x)] < 0.8  # 3 of 4, less what the two outer ones bring


@pytest.mark.parametrize("shape", [(70, 90), (40, 400), (900, 300), (12, 12)])
def test_pictures_have_one_size_and_leave_the_frame_alone(
    observation: Observation, shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = image.copy()
    picture = explain(image, observation, 7, (40.0, 20.0, 24.0, 18.0))
    assert (picture.shape, picture.dtype) == ((*SIZE, 3), np.uint8)
    np.testing.assert_array_equal(image, before)
    without = explain(image, observation, 7)
    failed = explain(image, dataclasses.replace(observation, failed=True), 7)
    assert (picture != without).any()
    assert (failed != without).any()


def test_a_box_that_went_astray_is_drawn_all_the_same(observation: Observation) -> None:
    astray = dataclasses.replace(observation, reported=(-1e7, 3e6, 1e9, 2.0))
    assert explain(np.zeros((*SHAPE, 3), np.uint8), astray, 1).shape == (*SIZE, 3)


def test_the_caption_says_score_threshold_and_overlap_and_judges_nothing(observation: Observation) -> None:
    away = (70.0, 60.0, 10.0, 8.0)
    texts = [text for text, _ in caption(observation, 12, away)]
    assert texts[:2] == ["#12", "score 0.50, not below the threshold 0.20"]
    assert texts[-1] == "overlap with the truth 0.00"
    assert "overlap" not in " ".join(text for text, _ in caption(observation, 12, None))
    failed = dataclasses.replace(observation, failed=True)
    assert caption(failed, 12, None)[1][0] == "score 0.50, below the threshold 0.20"


def test_a_search_that_leaves_the_frame_is_outlined_inside_it(observation: Observation) -> None:
    """Above and below a wide frame its panel has the ground's colour alone, beside the titles."""
    wide = np.full((60, 240, 3), 128, np.uint8)
    boxes = observation.boxes + (0, -30, 0, 40)
    picture = explain(wide, dataclasses.replace(observation, boxes=boxes), 7)
    panel = picture[76:496, 8:648]  # the first one; the frame has its rows 130 to 290
    margins = np.concatenate([panel[:124], panel[296:]])
    assert (margins == margins[0, 0]).all()
    inside = (panel[134:286] == (165, 165, 165)).all(axis=2)
    assert inside.all(axis=0).any()  # a line from top to bottom


@pytest.mark.parametrize("mode", MODES)
def test_an_observer_changes_nothing_and_sees_what_decided(
    clip: Clip, tiny: dict[str, int], mode: str
) -> None:
    """Fails in every frame after the third, so that the head learns."""
    config = dataclasses.replace(Config.for_mode(mode), **tiny, early_frames=3, success_score_late=1.0)
    images, seen = clip.images[:6], []
    results = []
    for observer in (None, seen.append):
        tracker = Tracker(config, mode=mode, device="cpu", seed=1)
        tracker.observer = observer
        tracker.init(images[0], tuple(clip.truth[0]))
        results.append([tracker.update(image) for image in images[1:]])
    assert results[0] == results[1]
    assert [each.frame for each in seen] == [2, 3, 4, 5, 6]
    assert [each.failed for each in seen] == [False, False, True, True, True]
    assert [each.update for each in seen] == 2 * [Update.NONE] + 3 * [Update.SHORT_TERM]
    assert [(each.reported, each.best.score) for each in seen] == results[1]
    assert seen[0].state == tuple(clip.truth[0])
    for last, now in itertools.pairwise(seen):
        # In fast mode the state follows the regressor a part of the way, unless the frame has failed.
        follows = mode == "fast" and not last.failed
        assert (now.state == last.best.box) is not follows
        best, reported = np.array(last.best.box[2:]), np.array(last.reported[2:])
        share = config.size_follows if follows else 0
        assert now.state[2:] == pytest.approx(best * (reported / best) ** share)
        assert now.state != last.reported
    for each in seen:
        assert each.boxes.shape == (16, 4)
        total = sum(np.einsum("nij,ij->n", term.probabilities, term.weights) for term in each.terms)
        np.testing.assert_allclose(total, each.scores)
    assert seen[0].scores.std() > 0


@pytest.mark.parametrize("mode", MODES)
def test_the_command_draws_the_frames_that_were_chosen(
    clip: Clip,
    tiny: dict[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    mode: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    common = ["--mode", mode, "--frames", "2:7", "--no-video", *set_options(tiny)]
    assert main(["track", str(clip.folder), "--output", "plain", *common]) == 0
    (tmp_path / "why").mkdir()
    for name in ("explained_000099.png", "mine.png"):
        (tmp_path / "why" / name).write_text("earlier")
    explained = ["--output", "drawn", "--explain", "why", "--explain-frames", "3,5:"]
    assert main(["track", str(clip.folder), *explained, *common]) == 2
    assert "why: holds pictures of an earlier run; choose another --explain" in capfd.readouterr().err
    assert main(["track", str(clip.folder), *explained, "--overwrite", *common]) == 0
    assert sorted(file.name for file in (tmp_path / "why").iterdir()) == [
        "explained_000003.png", "explained_000005.png", "explained_000006.png", "mine.png"
    ]  # fmt: skip
    for file in (tmp_path / "why").glob("explained_*.png"):
        assert cv2.imread(str(file)).shape == (*SIZE, 3)
    boxes = [(tmp_path / name / "boxes.txt").read_text() for name in ("plain", "drawn")]
    assert boxes[0] == boxes[1]
    scores = [
        [frame["score"] for frame in json.loads((tmp_path / name / "run.json").read_text())["frames"]]
        for name in ("plain", "drawn")
    ]
    assert scores[0] == scores[1]
    assert "3 pictures of why the box was chosen in why" in capfd.readouterr().out


def test_by_default_every_tenth_frame_and_the_failures_are_drawn(
    observation: Observation, tmp_path: Path
) -> None:
    explainer = Explainer(str(tmp_path / "a" / "b"), None)
    assert not (tmp_path / "a").exists()
    image = np.zeros((*SHAPE, 3), np.uint8)
    explainer.show(Step(Frame(8, image, "frame 8"), observation.state, None, 0.0), None)
    for index in range(9, 23):
        explainer.observe(dataclasses.replace(observation, failed=index in (13, 20)))
        explainer.show(Step(Frame(index, image, f"frame {index}"), observation.reported, 0.5, 0.0), None)
    assert explainer.written == [10, 13, 20]
    assert len(list((tmp_path / "a" / "b").iterdir())) == 3


def test_a_correction_takes_no_picture_away(observation: Observation, tmp_path: Path) -> None:
    explainer = Explainer(str(tmp_path), "1:")
    image = np.zeros((*SHAPE, 3), np.uint8)
    for index, score in enumerate((None, 0.5, None, 0.5)):
        explainer.observe(observation)
        explainer.show(Step(Frame(index, image, f"frame {index}"), observation.reported, score, 0.0), None)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "explained_000001.png", "explained_000003.png"
    ]  # fmt: skip


def test_lists_of_frames() -> None:
    assert parse_list("10,25,40:60") == [(10, 11), (25, 26), (40, 60)]
    assert parse_list("7:, :3") == [(7, None), (0, 3)]
    for text in ("", "a", "1,,2", "4:3", "-1", "1.5", "1:2:3", "٣"):
        with pytest.raises(InputError, match="--explain-frames"):
            parse_list(text)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--explain", "why", "--explain-frames", "5:5"], "5:5"),
        (["--explain", "why", "--explain-frames", "five"], "--explain-frames five"),
        (["--explain", "why", "--explain-frames", "0,12:"], "none of them is tracked, which are 1:12"),
        (["--explain-frames", "5"], "--explain DIR"),
        (["--explain", "{clip}/groundtruth_rect.txt"], "groundtruth_rect.txt is not a folder"),
        (["--explain", "/proc/why"], "choose another --explain"),
    ],
)
def test_what_cannot_be_explained_is_refused_before_tracking(
    clip: Clip,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    named: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.replace("{clip}", str(clip.folder)) for word in arguments]
    assert main(["track", str(clip.folder), *words]) == 2
    output, errors = capfd.readouterr()
    assert errors.startswith("rpn2t: ")
    assert errors.count("\n") == 1
    assert named in errors
    assert output == ""
    assert not list(tmp_path.iterdir())
