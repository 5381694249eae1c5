"""The student's training net: standardised by element, and learning the teacher's conv5."""

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from rpn2t.backbone import Backbone, BackboneSpec
from rpn2t.patch import cut_patches
from rpn2t.paths import prototxt_dir
from rpn2t.runtime import choose_device, load_caffe
from rpn2t.weights import find_set, load_into, read_caffemodel

caffe = load_caffe()


@pytest.fixture(scope="module")
def crops():
    """A batch for the student, and the teacher's conv5, before its ReLU, for the same boxes."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8), (320, 240))
    boxes = rng.uniform(40, 90, (32, 4))
    teacher = Backbone(BackboneSpec.find("teacher"), find_set("shipped"), choose_device("cpu"))
    targets = np.empty((32, 256, 14, 14), np.float32)
    for part in (slice(0, 16), slice(16, 32)):
        teacher.conv5(cut_patches(image, boxes[part], 203, 16))
        targets[part] = teacher.net.blobs["conv5"].data
    return cut_patches(image, boxes, 107, 16), targets


def test_a_solver_step_brings_the_student_closer(crops, tmp_path) -> None:
    from caffe.proto import caffe_pb2

    folder = prototxt_dir() / "student"
    parameter = text_format.Parse((folder / "solver.prototxt").read_text(), caffe_pb2.SolverParameter())
    parameter.net = str(folder / parameter.net)
    parameter.base_lr = 1e-9  # the committed rate belongs to the magnitudes of the release's weights
    (tmp_path / "solver.prototxt").write_text(text_format.MessageToString(parameter))
    solver = caffe.SGDSolver(str(tmp_path / "solver.prototxt"))
    net = solver.net
    start = read_caffemodel(find_set("shipped").file("teacher"))
    load_into(net, start, source="teacher", required=list(start))

    patches, targets = crops
    mean = targets.mean(axis=0)
    std = np.maximum(targets.std(axis=0), targets.std())  # 32 crops are too few for every element's own
    scale, bias = net.params["conv5_standardised"]
    scale.data[...], bias.data[...] = 1 / std, -mean / std
    net.blobs["data"].data[...], net.blobs["target"].data[...] = patches, targets

    losses = []
    for _ in range(3):
        solver.step(1)
        losses.append(float(net.blobs["loss"].data))
    expected = (((net.blobs["conv5"].data - mean) / std - (targets - mean) / std) ** 2).sum() / 64
    assert losses[-1] == pytest.approx(expected, rel=1e-3)
    assert losses[0] > losses[1] > losses[2]
    # the two standardisations are one, and stay as they were
    np.testing.assert_array_equal(scale.data, 1 / std)
    np.testing.assert_array_equal(net.params["target_standardised"][0].data, scale.data)
    assert (net.params["conv1"][0].data != start["conv1"][0]).any()
