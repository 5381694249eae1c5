"""Fast mode's refinement net: what it is shown, what it says, and what is made of that."""

import numpy as np
import pytest

from rpn2t.boxes import decode, encode
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffemodel import write_caffemodel
from rpn2t.nets.device import choose_device
from rpn2t.nets.weight_sets import WeightSet, find_set
from rpn2t.tracker.fast.refinement import DETAIL, RefinedRegressor, RefinementNet, _settling
from rpn2t.tracker.features import PatchFeatures
from rpn2t.tracker.loop import Tracker
from rpn2t.tracker.regression import Regressed

RNG = np.random.default_rng(0)
TARGET = (60.0, 50.0, 40.0, 30.0)


@pytest.fixture(scope="module")
def backbone():
    return Backbone(BackboneSpec.find("student"), find_set("shipped"), choose_device("cpu"))


@pytest.fixture(scope="module")
def patches(backbone):
    return PatchFeatures(backbone, 1, detail=DETAIL)


@pytest.fixture
def refiner(backbone):
    return RefinementNet(backbone.refiner(find_set("shipped")), backbone.channels)


@pytest.fixture(scope="module")
def image():
    """A spotted ellipse on a smooth ground."""
    noise = np.random.default_rng(1)
    row, column = np.mgrid[:140, :180]
    picture = np.stack([90 + row * 0.3, 120 - column * 0.2, 100 + row * 0.1], axis=2)
    inside = ((column + 0.5 - 80) / 20) ** 2 + ((row + 0.5 - 65) / 15) ** 2 < 1
    spots = np.kron(noise.uniform(0, 255, (35, 45, 3)), np.ones((4, 4, 1)))
    picture[inside] = spots[inside]
    return picture.astype(np.uint8)


class Says:
    """A net that says the same of every window."""

    def __init__(self, steps):
        self.said = np.array(steps, float)

    def steps(self, windows):
        return np.tile(self.said, (len(windows), 1))


class Ridge:
    """A regressor that finds the target, and tells how many channels it was given."""

    def fit(self, windows, boxes, goals):
        self.channels = windows.shape[1]

    def predict(self, windows, boxes):
        assert windows.shape[1] == self.channels
        corrected = decode(boxes, np.tile([0.1, -0.1, 0.2, -0.2], (len(boxes), 1)))
        return Regressed(corrected, corrected)


def test_conv2_comes_after_conv5_at_the_same_positions(backbone, patches, image):
    maps = patches.maps(image, [TARGET])
    assert maps.shape == (1, 256 + 256, 12, 12)
    alone = PatchFeatures(backbone, 1).maps(image, [TARGET])
    np.testing.assert_array_equal(maps[:, :256], alone)
    whole = patches.net.blobs["conv2"].data[:1]
    np.testing.assert_array_equal(maps[:, 256:], whole[:, :, 1:13, 1:13])


def test_a_target_alone_has_blank_surroundings(patches, image):
    one = PatchFeatures.alone(patches, image, TARGET)
    data = patches.net.blobs["data"].data[0].copy()
    assert one.shape == patches.shape
    rim = data.copy()
    rim[:, 16:-16, 16:-16] = 0
    assert not rim.any()
    assert data[:, 16:-16, 16:-16].any(axis=0).mean() > 0.9
    other = image.copy()
    other[:45], other[85:] = 255, 0  # far from the target
    np.testing.assert_array_equal(patches.alone(other, TARGET), one)


def test_only_what_is_new_is_computed_and_it_is_the_same(patches, refiner, image):
    refiner.show(patches.alone(image, TARGET))
    windows = patches.maps(image, [TARGET, (66.0, 50.0, 40.0, 30.0)])
    found = refiner.steps(windows)
    single = refiner.steps(windows[1:])
    np.testing.assert_allclose(single, found[1:], atol=1e-5)
    assert abs(found[0] - found[1]).max() > 0.01
    # the whole net, where the target's arm is given the target's features
    target = refiner.net.blobs["first"].data.copy()
    refiner._give(windows[1:])
    refiner.net.forward(end="relu5")
    refiner.net.forward(start="first_relu2")
    np.testing.assert_array_equal(refiner.net.blobs["box"].data, single.astype(np.float32))
    np.testing.assert_array_equal(refiner.net.blobs["first"].data, target)


def test_any_number_of_windows_is_compared_with_the_same_target(patches, refiner, image):
    boxes = [(50.0 + 2 * i, 50.0, 40.0, 30.0) for i in range(11)]  # more than one pass has
    windows = patches.maps(image, boxes)
    refiner.show(patches.alone(image, TARGET))
    single = np.concatenate([refiner.steps(window[None]) for window in windows])
    np.testing.assert_allclose(refiner.steps(windows), single, atol=1e-5)
    refiner.show(patches.alone(image, (20.0, 20.0, 40.0, 30.0)))  # after a pass of several
    other = refiner.steps(windows)
    assert abs(other - single).max() > 0.01
    np.testing.assert_allclose(refiner.steps(windows[:1]), other[:1], atol=1e-5)


def test_another_has_the_weights_and_its_own_target(patches, refiner, image):
    windows = patches.maps(image, [TARGET])
    refiner.show(patches.alone(image, TARGET))
    found = refiner.steps(windows)
    other = refiner.another()
    other.show(patches.alone(image, (20.0, 20.0, 40.0, 30.0)))
    assert not np.array_equal(other.steps(windows), found)
    np.testing.assert_array_equal(refiner.steps(windows), found)
    other.show(patches.alone(image, TARGET))
    np.testing.assert_array_equal(other.steps(windows), found)


def test_the_shipped_net_sees_whether_a_box_is_too_large_and_where_its_middle_is(patches, refiner, image):
    refiner.show(patches.alone(image, TARGET))
    wanted = [[0.2, 0, 0, 0], [-0.2, 0, 0, 0], [0, 0.2, 0, 0], [0, -0.2, 0, 0]]
    wanted += [[0, 0, 0.3, 0.3], [0, 0, -0.3, -0.3]]
    boxes = np.array([_starting(step) for step in wanted])
    np.testing.assert_allclose(encode(boxes, [TARGET] * 6), wanted, atol=1e-9)
    found = refiner.steps(patches.maps(image, boxes))
    assert found[0, 0] - found[1, 0] > 0.2
    assert found[2, 1] - found[3, 1] > 0.2
    assert (found[4, 2:] - found[5, 2:] > 0.25).all()


def _starting(step):
    """The box from which this step leads to the target."""
    x, y, w, h = TARGET
    sides = np.array([w, h]) / np.exp(step[2:])
    centre = np.array([x + w / 2, y + h / 2]) - np.array(step[:2]) * sides
    return (*(centre - sides / 2), *sides)


def test_the_box_is_shared_and_the_state_keeps_the_regressors_centre():
    windows, boxes = np.zeros((5, 7, 2, 2), np.float32), np.tile(TARGET, (5, 1))
    ridge = Ridge()
    regressor = RefinedRegressor(ridge, Says([0.5, 0.5, 0.4, 0.4]), 3, 0.25)
    regressor.fit(windows, boxes, boxes)  # nothing is wanted, and .4 is found: half of it is taken off
    assert ridge.channels == 3
    followed, reported = regressor.predict(windows, boxes)
    # of what is found: half of the .5 and of the .4
    wanted = 0.75 * np.array([0.1, -0.1, 0.2, -0.2]) + 0.25 * np.array([0.25, 0.25, 0.2, 0.2])
    np.testing.assert_allclose(encode(boxes, reported), np.tile(wanted, (5, 1)), atol=1e-12)
    wanted[:2] = 0.1, -0.1
    np.testing.assert_allclose(encode(boxes, followed), np.tile(wanted, (5, 1)), atol=1e-12)


def test_without_boxes_it_is_the_regressor_alone():
    windows, boxes = np.zeros((2, 7, 2, 2), np.float32), np.tile(TARGET, (2, 1))
    ridge = Ridge()
    regressor = RefinedRegressor(ridge, Says([0, 0, 9, 9]), 3, 0.5)
    regressor.fit(windows[:0], boxes[:0], TARGET)
    wanted = ridge.predict(windows[:, :3], boxes).reported
    np.testing.assert_array_equal(regressor.predict(windows, boxes).reported, wanted)


def test_the_nets_own_error_is_that_on_the_target_itself():
    wanted = RNG.normal(0.2, 0.1, (30, 4))  # more samples are too small than too large
    np.testing.assert_allclose(_settling(wanted, 0.5 * wanted + 0.07), np.full(4, 0.07), atol=1e-12)
    same = np.full((3, 4), 0.2)
    np.testing.assert_allclose(_settling(same, same + 0.1), np.full(4, 0.1), atol=1e-12)


def test_only_the_sets_own_student_is_refined(backbone, tmp_path):
    shipped = find_set("shipped")
    assert set(backbone.refiner(shipped)) >= {"first", "now", "both", "hidden", "box"}
    teacher = Backbone(BackboneSpec.find("student_undistilled"), shipped, choose_device("cpu"))
    assert teacher.refiner(shipped) is None
    bare = {part: path for part, path in shipped.files.items() if part != "refiner"}
    assert backbone.refiner(WeightSet("bare", shipped.folder, bare)) is None
    layers = {name: arrays for name, arrays in backbone.refiner(shipped).items() if name != "now5"}
    older = tmp_path / "zf_refiner.caffemodel"
    write_caffemodel(older, layers)
    with pytest.raises(InputError, match=r"zf_refiner.*: has no layer now5 .* --set refine_share=0 leaves"):
        backbone.refiner(WeightSet("older", tmp_path, {**shipped.files, "refiner": older}))


@pytest.mark.parametrize(
    ("settings", "backbone_name", "words"),
    [
        ({}, "student", "the weights' net"),
        ({"refine_share": 0}, "student", "none: refine_share is 0"),
        ({}, "student_undistilled", "none: the weights bring no net for this backbone"),
        ({"quality_margin": 3, "matching_iou": 0.75}, "student", "none: it reads 12 x 12 positions"),
    ],
)
def test_a_tracker_says_whether_it_refines(settings, backbone_name, words):
    config = Config.for_mode("fast").with_settings(f"{name}={value}" for name, value in settings.items())
    tracker = Tracker(config, mode="fast", backbone=backbone_name, device="cpu")
    assert tracker.refinement.startswith(words)


def test_paper_mode_is_the_papers():
    assert "paper" in Tracker(mode="paper", device="cpu").refinement
    with pytest.raises(InputError, match=r"refine_share = 0\.5: only fast mode refines; add --mode fast"):
        Tracker(Config(refine_share=0.5), mode="paper", device="cpu")
    with pytest.raises(InputError, match="refine_share = 2"):
        Config(refine_share=2)
