"""Fast mode: windows read out of maps are the windows of the paper's mode, and what is learned and kept."""

import threading
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rpn2t import Config, Tracker
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.errors import InputError
from rpn2t.layers.parameters import read_parameters
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffe import caffe_threads, load_caffe
from rpn2t.nets.device import Device, choose_device
from rpn2t.nets.side_thread import SideThread
from rpn2t.nets.weight_sets import find_set
from rpn2t.tracker import modes
from rpn2t.tracker.fast import head as fast_head
from rpn2t.tracker.fast.head import FastHead
from rpn2t.tracker.fast.mode import FastMode
from rpn2t.tracker.fast.region import LARGEST, RegionFeatures, RegionGeometry
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.modes import choose_mode
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.schedule import Update
from support import windows_of

CPU = choose_device("cpu")
STUDENT = BackboneSpec.find("student")
GEOMETRY = RegionGeometry(STUDENT, 14)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone(STUDENT, find_set("shipped"), CPU)


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_auto_takes_paper_mode_on_a_gpu_and_fast_mode_on_a_cpu() -> None:
    assert choose_mode("auto", Device("gpu")) == "paper"
    assert choose_mode("auto", "cpu") == "fast"
    assert choose_mode("paper", "cpu") == "paper"
    assert choose_mode("fast", Device("gpu")) == "fast"
    with pytest.raises(InputError, match="mode 'slow' is not known: use auto, paper or fast"):
        choose_mode("slow", "cpu")


@pytest.mark.parametrize("able", [True, False])
def test_fast_mode_is_in_bfloat16_where_the_processor_can(monkeypatch, able) -> None:
    monkeypatch.setattr(modes, "load_caffe", lambda: SimpleNamespace(has_bf16=lambda: able))
    for mode, bf16, wanted in (
        ("fast", None, able), ("fast", False, False), ("paper", None, False), ("paper", False, False),
    ):  # fmt: skip
        config = Config.for_mode(mode)
        assert Tracker(config, mode=mode, device="cpu", bf16=bf16).device.bf16 == wanted
        spec = TrackerSpec(config=config, mode=mode, device="cpu", bf16=bf16)
        assert spec.identity()["bf16"] == wanted
    on_gpu = TrackerSpec(config=Config.for_mode("fast"), mode="fast", device="gpu:0")
    assert not on_gpu.identity()["bf16"]


def test_a_region_holds_all_boxes_that_may_be_drawn() -> None:
    state = (50.0, 60.0, 30.0, 60.0)
    rows, columns = GEOMETRY.shape(state, 0.6)
    assert (
        columns > rows > 14
    )  # 0.6 of the mean side are more of the narrow target's widths than of its heights
    corners = GEOMETRY.corners(state, (rows, columns))
    moved = [(50 + dx, 60 + dy, 30, 60) for dx in (-27, 27) for dy in (-27, 27)]
    windows = GEOMETRY.grids(np.array(moved, float), corners, (rows, columns))
    assert GEOMETRY.inside(windows, (rows, columns)).all()
    far = GEOMETRY.grids(np.array([(150.0, 60, 30, 60)]), corners, (rows, columns))
    assert not GEOMETRY.inside(far, (rows, columns)).any()
    assert max(GEOMETRY.shape((0, 0, 2, 200), 1.5)) == LARGEST


def test_candidates_beyond_the_region_of_a_long_thin_target_score_nothing(backbone) -> None:
    image, box = texture(300, 800), (200.0, 140.0, 300.0, 15.0)
    config = Config.for_mode("fast")
    mode = FastMode(config, backbone, None)
    mode.start(box, 0, np.random.default_rng(0))
    assert max(mode.shape) == LARGEST
    boxes = np.array([box, (200.0, 220.0, 300.0, 15.0)])
    mode.see(image, box, 0.6)
    for probability in mode.probabilities(boxes):
        assert probability[0].min() > 0
        assert probability[1].max() == 0


@pytest.mark.parametrize("box", [(0, 0, 1e308, 1e308), (0, 0, 50, 1e-310), (0, 0, 1e308, 1)])
def test_sides_beyond_reason_have_a_region_all_the_same(box) -> None:
    assert all(14 <= n <= LARGEST for n in GEOMETRY.shape(box, 0.6))


def test_conv5_of_a_region_is_that_of_patches_where_no_padding_is_seen(backbone) -> None:
    """A box that is moved by whole steps of the map: the middle of its own patch's conv5.

    Corners are rounded and inclusive, as the paper's, so patch and region differ by a fraction of a pixel.
    """
    image = cv2.resize(texture(60, 80), (400, 300), interpolation=cv2.INTER_CUBIC)
    state = (150.0, 100.0, 75.0, 75.0)  # 1 px of the frame is 1 px of the input
    corners = GEOMETRY.corners(state, (26, 26))
    region = RegionFeatures(backbone).conv5(image, corners, (26, 26))
    box = np.array([(150.0 + 16, 100.0 - 24, 75, 75)])
    row, column, down, across = GEOMETRY.grids(box, corners, (26, 26))[0]
    assert (down, across) == pytest.approx((1, 1), abs=0.01)
    assert (row, column) == pytest.approx((6 - 3, 6 + 2), abs=0.1)
    patch = PatchFeatures(backbone, 0).maps(image, box)[0]
    seen = region[:, round(row) : round(row) + 14, round(column) : round(column) + 14]

    def agreement(rows: slice, columns: slice) -> float:
        return float(np.corrcoef(seen[:, rows, columns].ravel(), patch[:, rows, columns].ravel())[0, 1])

    inner = agreement(slice(6, 9), slice(6, 9))
    assert inner > 0.99
    assert (
        agreement(slice(2, 3), slice(2, 12)) < inner - 0.02
    )  # what a patch's padding tells the paper's head


def test_windows_on_the_maps_grid_score_as_windows_of_the_papers_head() -> None:
    config = Config(position_groups=1)
    geometry, rng = HeadGeometry(config, 14), np.random.default_rng(0)
    region = rng.normal(0, 1, (256, 20, 22)).clip(0).astype(np.float32)
    of_maps = FastHead(config, geometry, 256, None, 3, CPU)
    of_windows = PaperHead(config, geometry, 256, None, 3, CPU)
    params = of_windows.net.params
    for blobs in params.values():
        for blob in blobs:
            blob.data[...] *= 20  # scores far from a half
    layers = {"conv_proposal1": ["conv_proposal1"], "score": ["score_anchor", "score_quality"]}
    for name, theirs in layers.items():
        for number, blob in enumerate(of_maps.net.params[name]):
            blob.data[...] = np.concatenate([params[each][number].data for each in theirs])
    places = [(0, 0), (3, 5), (6, 8)]
    windows = np.array([(row, column, 1, 1) for row, column in places], float)
    got = of_maps.probabilities(region, windows)
    cut = np.stack([region[:, r + 1 : r + 13, c + 1 : c + 13] for r, c in places])
    wanted = of_windows.probabilities(windows_of(cut))
    for one, other in zip(got, wanted, strict=True):
        assert other.std() > 0.05
        np.testing.assert_allclose(one, other, atol=2e-5)
    scores = geometry.score(*got)
    np.testing.assert_allclose(scores, of_windows.scores(windows_of(cut)), atol=2e-5)


def test_between_the_maps_grid_scores_are_close_and_keep_their_order(backbone, tmp_path) -> None:
    """Windows cut bilinearly out of conv5 against windows read out of the scores: not equal, but nearly."""
    image, state = texture(300, 400, 1), (150.0, 100.0, 75.0, 75.0)
    corners = GEOMETRY.corners(state, (26, 26))
    region = RegionFeatures(backbone).conv5(image, corners, (26, 26))
    config = Config(position_groups=1)
    geometry, rng = HeadGeometry(config, 14), np.random.default_rng(0)
    head, exact = (kind(config, geometry, 256, None, 3, CPU) for kind in (FastHead, PaperHead))
    windows = np.column_stack([rng.uniform(0, 12, (60, 2)), np.ones((60, 2))])
    rows = np.column_stack([np.zeros(60), windows])
    maps = window_reader(tmp_path, region[None], rows, "size: 12 first: 1").blobs["read"].data
    read = geometry.score(*head.probabilities(region, windows))
    wanted = exact.scores(windows_of(np.ascontiguousarray(maps, np.float32)))
    assert np.abs(read - wanted).max() < 0.1 * (wanted.max() - wanted.min()) + 0.02
    assert np.corrcoef(read, wanted)[0, 1] > 0.9


def window_reader(folder, maps: np.ndarray, windows: np.ndarray, text: str):
    """A net of Caffe's layer, with maps and windows in place; the values are its "read"."""
    file = folder / "read.prototxt"
    inputs = {"maps": maps.shape, "windows": windows.shape}
    file.write_text(
        "force_backward: true "
        + " ".join(
            f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
            f"{' '.join(f'dim: {dim}' for dim in shape)} }} }} }}"
            for name, shape in inputs.items()
        )
        + ' layer { name: "read" type: "ReadWindows" bottom: "maps" bottom: "windows" top: "read" '
        f"read_windows_param {{ {text} }} }}"
    )
    caffe = load_caffe()
    net = caffe.Net(str(file), caffe.TEST)
    net.blobs["maps"].data[...], net.blobs["windows"].data[...] = maps, windows
    net.forward()
    return net


def test_reading_is_bilinear_and_takes_each_position_from_its_group(tmp_path) -> None:
    y, x = np.mgrid[:9, :9].astype(np.float32)
    maps = np.stack([100 * channel + 10 * y + x for channel in range(24)]).reshape(2, 12, 9, 9)
    windows = np.array([[1, 1.25, 2.5, 1, 0.5]])
    net = window_reader(tmp_path, maps, windows, "size: 4 first: 1 groups: 2 first_class: 1")
    values = net.blobs["read"].data[0]
    assert values.shape == (2, 4, 4)
    for row in range(4):
        for column in range(4):
            place = 10 * (1.25 + 1 + row) + (2.5 + 0.5 * (1 + column))
            group = 2 * (row // 2) + column // 2
            for number in range(2):
                channel = 12 + 4 * (1 + number) + group
                assert values[number, row, column] == pytest.approx(100 * channel + place)


def test_what_lies_outside_of_a_map_is_read_at_its_edge(tmp_path) -> None:
    maps = np.random.default_rng(0).normal(size=(1, 1, 5, 6))
    windows = np.array([[0, 20, -30, 1, 1], [0, -9, 30, 1, 2], [0, -1.5, 0, 1, 1]])
    values = window_reader(tmp_path, maps, windows, "size: 3").blobs["read"].data
    np.testing.assert_allclose(values[0], maps[0, 0, -1, 0], rtol=1e-6)
    np.testing.assert_allclose(values[1], maps[0, 0, 0, -1], rtol=1e-6)
    rows = np.stack([maps[0, 0, 0], maps[0, 0, 0], maps[0, 0, :2].mean(axis=0)])
    np.testing.assert_allclose(values[2, 0], rows[:, :3], rtol=1e-5)


def test_the_gradient_of_reading_is_its_transpose(tmp_path) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(2, 27, 9, 8))
    places = [rng.uniform(-1, 4, (6, 2)), rng.uniform(0.8, 1.3, (6, 2))]
    windows = np.column_stack([[0, 1, 1, 0, 1, 0], *places])
    net = window_reader(tmp_path, maps, windows, "size: 5 first: 1 groups: 3 first_class: 1 classes: 2")
    gradient = rng.normal(size=(6, 2, 5, 5))
    net.backward(read=gradient)
    forth, back = (net.blobs["read"].data * gradient).sum(), (maps * net.blobs["maps"].diff).sum()
    assert forth == pytest.approx(back, rel=1e-4)
    assert not net.blobs["maps"].diff[:, :9].any()  # the class that is not read


def map_head(**settings) -> FastHead:
    config = Config(batch_negatives=3, mining_pool=9, **settings)
    return FastHead(config, HeadGeometry(config, 14), 256, None, 0, CPU)


def regions(n: int, size: int = 18) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(0, 1, (256, size, size)).clip(0).astype(np.float32) for _ in range(n)]


def on_grid(*places) -> np.ndarray:
    return np.array([(row, column, 1, 1) for row, column in places], float).reshape(-1, 4)


def test_the_hardest_negatives_are_learned_from() -> None:
    head, maps = map_head(learning_rate=0), regions(2)
    head.net.params["score"][0].data[...] *= 50
    background = [on_grid((0, 0), (1, 1), (2, 2), (3, 3)), on_grid((0, 3), (3, 0), (2, 1))]
    scored = [
        head.probabilities(one, windows)[1].mean(axis=(1, 2))
        for one, windows in zip(maps, background, strict=True)
    ]
    head.learn(maps, [on_grid((2, 2)), on_grid()], background).result()
    kept = head.net.blobs["windows_quality"].data
    assert head.net.blobs["flag"].data.tolist() == [1, 0, 0, 0]
    likely = (1 / (1 + np.exp(kept[1:, 1] - kept[1:, 0]))).mean(axis=(1, 2))
    np.testing.assert_allclose(likely, np.sort(np.concatenate(scored))[::-1][:3], rtol=1e-4)


def test_learning_tells_the_targets_window_from_its_neighbours() -> None:
    """The same places belong to both: only classifiers that know the position can."""
    losses = {}
    for groups in (1, 10):
        head, maps = map_head(position_groups=groups), regions(1)
        near = on_grid((0, 2), (4, 2), (2, 0), (2, 4))
        losses[groups] = [head.learn(maps, [on_grid((2, 2))], [near]).result() for _ in range(25)]
    assert losses[10][-1] < losses[10][0] / 3
    assert losses[10][-1] < losses[1][-1] / 2


def test_odd_parameters_of_the_layer_are_refused() -> None:
    from rpn2t.layers.hard_negatives import HardNegativesParameters

    for text in ('{"negatives": -1}', '{"negatives": 1.5}'):
        with pytest.raises(ValueError, match="must be a whole number from 0"):
            read_parameters(HardNegativesParameters, text)


@pytest.fixture
def mode(backbone, small) -> FastMode:
    config = Config.for_mode("fast").with_settings(f"{name}={value}" for name, value in small.items())
    mode = FastMode(config, backbone, None)
    mode.start((60.0, 50.0, 40.0, 40.0), 0, np.random.default_rng(0))
    return mode


def test_where_the_search_was_extended_the_maps_middle_part_is_remembered(mode) -> None:
    image, state = texture(160, 200), (60.0, 50.0, 40.0, 40.0)
    mode.see(image, state, 1.2)
    assert mode._region.shape > mode.shape
    boxes = np.array([(70.0, 58.0, 40, 40), (66.0, 54, 40, 40)])
    whole = mode.probabilities(boxes)
    lesson = mode.lesson(boxes, boxes[:1])
    assert lesson.conv5.shape[1:] == mode.shape
    part = mode.head.probabilities(lesson.conv5, lesson.objects)
    for one, other in zip(whole, part, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    np.testing.assert_array_equal(lesson.background, lesson.objects[:1])


def test_the_survey_looks_at_other_places_than_the_targets(mode) -> None:
    image, target = texture(400, 600), (60.0, 50.0, 40.0, 40.0)
    mode.see(image, target, 0.6)
    near, far = (80.0, 60.0, 40.0, 40.0), (400.0, 300.0, 42.0, 42.0)
    negatives = np.array([near, far, (500.0, 20.0, 38.0, 38.0), (402.0, 303.0, 42.0, 42.0)])
    own, *others = mode.survey(np.array([target]), negatives)
    assert (len(own.objects), len(own.background)) == (1, 1)
    assert [len(each.background) for each in others] == [2, 1]
    assert not any(len(each.objects) for each in others)


def test_a_frame_without_positives_is_remembered_for_its_negatives(mode) -> None:
    image, state = texture(160, 200), (60.0, 50.0, 40.0, 40.0)
    mode.see(image, state, 1.2)
    lesson = mode.lesson(np.empty((0, 4)), np.array([state]))
    assert lesson.conv5.shape[1:] == mode.shape
    assert (len(lesson.objects), len(lesson.background)) == (0, 1)


def test_memory_is_bounded(mode) -> None:
    image, state = texture(160, 200), (60.0, 50.0, 40.0, 40.0)
    mode.see(image, state, 0.6)
    boxes, most = np.array([state]), Config.for_mode("fast").long_term_frames
    for _ in range(most + 5):
        mode.remember(state, boxes, boxes)
    assert len(mode.memory) == most


@pytest.mark.parametrize(
    ("a_frame", "made"),
    [(0, [0, 5, 0, 5, 5, 0, 5, 0]), (2, [0, 2, 2, 5, 5, 0, 2, 2])],
    ids=["at once", "shared out"],
)
def test_an_update_is_shared_out_to_frames_unless_one_has_failed(backbone, small, a_frame, made) -> None:
    settings = {**small, "iterations_later": 5, "iterations_a_frame": a_frame}
    config = Config.for_mode("fast").with_settings(f"{name}={value}" for name, value in settings.items())
    mode = FastMode(config, backbone, None)
    state = (60.0, 50.0, 40.0, 40.0)
    mode.start(state, 0, np.random.default_rng(0))
    mode.see(texture(160, 200), state, 0.6)
    mode.remember(state, np.array([state]), np.array([state]))
    updates = [
        Update.NONE, Update.LONG_TERM, Update.NONE, Update.SHORT_TERM, Update.SHORT_TERM, Update.NONE,
        Update.LONG_TERM, Update.NONE,
    ]  # fmt: skip
    found = []
    for update in updates:
        before = mode.head.solver.iter
        mode.learn(update)
        mode.settle()
        found.append(mode.head.solver.iter - before)
    assert found == made


def test_a_backbone_that_takes_one_size_only_is_refused_with_the_cure(backbone, tmp_path) -> None:
    text = (STUDENT.folder / "deploy.prototxt").read_text()
    spec = BackboneSpec(tmp_path, "deploy.prototxt", "zf_student.caffemodel", "relu5", 107, 16, 4)
    (tmp_path / "deploy.prototxt").write_text(text)
    with pytest.raises(InputError, match="take --mode paper"):
        RegionFeatures(Backbone(spec, find_set("shipped"), CPU))


@pytest.mark.skipif(caffe_threads() < 2, reason="Caffe has one thread: nothing is done beside")
@pytest.mark.parametrize("settings", [[], ["success_score_early=1"]], ids=["sure", "failed"])
def test_what_is_learned_beside_the_tracking_is_what_is_learned_at_once(settings, tiny, clip) -> None:
    config = Config.for_mode("fast").with_settings([f"{name}={value}" for name, value in tiny.items()])
    config = config.with_settings(["update_interval=2", "iterations_later=3", *settings])
    found = []
    for beside in (True, False):
        tracker = Tracker(config, mode="fast", device="cpu")
        if not beside:
            tracker._mode._beside = SideThread(replace(CPU, threads=caffe_threads()))
        tracker.init(clip.images[0], clip.truth[0])
        found.append([tracker.update(image) for image in clip.images[1:7]])
    assert found[0] == found[1]


def test_a_loss_that_is_no_number_is_said_when_the_head_is_asked(monkeypatch) -> None:
    head, maps = map_head(), regions(1)
    head.net.params["score"][0].data[...] = np.nan
    head.learn(maps, [on_grid((2, 2))], [on_grid((0, 0))])
    with pytest.raises(InputError, match="it diverged"):
        head.probabilities(maps[0], on_grid((1, 1)))


@pytest.mark.skipif(caffe_threads() < 2, reason="Caffe has one thread: nothing is done beside")
def test_after_an_interruption_the_head_still_waits_for_what_is_being_learned(monkeypatch) -> None:
    head, maps, begun, goes_on = map_head(), regions(1), threading.Event(), threading.Event()
    making = head._beside.do(lambda: begun.set() or goes_on.wait(60))
    assert begun.wait(60)
    head._learning = [making]
    later = head.learn(maps, [on_grid((2, 2))], [on_grid((0, 0))])

    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fast_head, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            head.settle()
    assert later.cancelled()
    assert head._learning == [making]
    goes_on.set()
    head.settle()
    assert making.done()
