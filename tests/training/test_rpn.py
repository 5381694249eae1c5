"""Region proposals: anchors, targets and suppression by hand, the layers in a real net, a training."""

import json
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest

from rpn2t.boxes import decode, encode, iou, iou_matrix
from rpn2t.nets.caffe import load_caffe, read_message
from rpn2t.nets.caffemodel import ZF_SHAPES, read_caffemodel
from rpn2t.nets.device import choose_device
from rpn2t.nets.proposals import AnchorShapes, Sampling, Selection, assign, found, propose
from rpn2t.nets.weight_sets import find_set, rpn_conv3x3, verify
from rpn2t.paths import prototxt_dir
from rpn2t.training.photographs import find_photographs, hold_out
from rpn2t.training.solver_loop import TrainingFolder
from rpn2t.training.teacher import Proposer, RPNSettings, RPNTraining, scaled
from support import command

caffe = load_caffe()

SHAPES = AnchorShapes()


def random_boxes(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.uniform(-40, 200, (n, 2)), rng.uniform(5, 180, (n, 2))], axis=1)


# Boxes


def test_anchors_stand_where_conv5_looks() -> None:
    anchors = SHAPES.over(3, 4).reshape(3, 4, 3, 3, 4)  # rows, columns, ratios, scales
    centre = anchors[..., :2] + anchors[..., 2:] / 2
    assert (centre[2, 3] == (3 * 16 + 0.5, 2 * 16 + 0.5)).all()
    area, ratio = anchors[..., 2] * anchors[..., 3], anchors[..., 3] / anchors[..., 2]
    np.testing.assert_allclose(np.sqrt(area), np.broadcast_to([40, 113, 320], area.shape))
    np.testing.assert_allclose(ratio, np.broadcast_to(np.array([0.5, 1, 2])[:, None], ratio.shape))


def test_conv5_is_centred_where_the_anchors_say() -> None:
    net = read_message(prototxt_dir() / "rpn/train.prototxt", "NetParameter")
    centre, jump, field = 0.0, 1, 1  # of position 0, and between positions, in px of the input
    for layer in net.layer:
        if layer.type in ("Convolution", "Pooling") and layer.name in ("pool1", "pool2", *ZF_SHAPES):
            par = layer.pooling_param if layer.type == "Pooling" else layer.convolution_param
            kernel, pad, stride = (
                int(each[0]) if not isinstance(each, int) else each
                for each in (par.kernel_size, par.pad, par.stride or [1])
            )
            centre += ((kernel - 1) / 2 - pad) * jump
            field += (kernel - 1) * jump
            jump *= stride
    assert (centre, jump, field) == (0, SHAPES.stride, 139)


def test_encode_and_decode() -> None:
    anchors, boxes = random_boxes(50, 1), random_boxes(50, 2)
    steps = encode(anchors, boxes)
    np.testing.assert_allclose(decode(anchors, steps), boxes)
    assert encode(np.array([[0.0, 0, 10, 20]]), np.array([[5.0, 0, 10, 20]])).tolist() == [[0.5, 0, 0, 0]]
    assert np.isfinite(decode(anchors, np.full((50, 4), 1e6))[:, 2:]).all()


def test_iou_of_all_with_all() -> None:
    first, second = random_boxes(20, 3), random_boxes(30, 4)
    for row, box in zip(iou_matrix(first, second), first, strict=True):
        np.testing.assert_allclose(row, iou(second, box))


# Targets


def test_an_anchor_is_object_background_or_neither() -> None:
    anchors = np.array([[0, 0, 100, 100], [0, 0, 100, 60], [0, 0, 100, 20], [300, 300, 50, 50.0]])
    labels, targets = assign(anchors, np.array([[0, 0, 100, 100.0]]), Sampling(), np.random.default_rng(0))
    assert labels.tolist() == [1, -1, 0, 0]  # IoU 1, 0.6, 0.2, 0
    assert not targets.any()


def test_every_object_has_an_anchor() -> None:
    anchors = np.array([[0, 0, 100, 100], [200, 0, 100, 100.0]])
    small = np.array([[210, 10, 20, 20.0], [0, 0, 100, 80]])  # IoU 0.04 and 0.8
    labels, targets = assign(anchors, small, Sampling(), np.random.default_rng(0))
    assert labels.tolist() == [1, 1]
    np.testing.assert_allclose(decode(anchors, targets), small[::-1])


def test_an_object_that_no_anchor_touches_teaches_nothing() -> None:
    labels, _ = assign(
        np.array([[0, 0, 10, 10.0]]), np.array([[50, 50, 9, 9.0]]), Sampling(), np.random.default_rng(0)
    )
    assert labels.tolist() == [0]


def test_so_many_anchors_are_drawn_and_by_the_seed() -> None:
    anchors = SHAPES.over(15, 20)
    boxes = anchors[[700, 1500, 2000, 2222]]
    sampling = Sampling(anchors=64, positives=0.25, positive_iou=0.6)
    labels, targets = assign(anchors, boxes, sampling, np.random.default_rng(5))
    assert ((labels == 1).sum(), (labels == 0).sum()) == (16, 48)
    overlap = iou_matrix(anchors, boxes).max(axis=1)
    assert (overlap[labels == 1] >= 0.6).all()
    assert (overlap[labels == 0] < 0.3).all()
    assert not targets[labels != 1].any()
    again = assign(anchors, boxes, sampling, np.random.default_rng(5))[0]
    other = assign(anchors, boxes, sampling, np.random.default_rng(6))[0]
    assert (labels == again).all()
    assert (labels != other).any()


# Proposals


def test_the_likelier_of_two_alike_is_proposed() -> None:
    anchors = np.array([[0, 0, 50, 50], [2, 0, 50, 50], [60, 60, 80, 80], [10, 10, 4, 4.0]])
    scores = np.array([0.3, 0.9, 0.5, 0.99])
    boxes, kept = propose(anchors, scores, np.zeros((4, 4)), (100, 100), Selection())
    # the last is too small, the third reaches over the edge
    assert boxes.tolist() == [[2, 0, 50, 50], [60, 60, 40, 40]]
    assert kept.tolist() == [0.9, 0.5]
    one, _ = propose(anchors, scores, np.zeros((4, 4)), (100, 100), Selection(proposals=1))
    assert one.tolist() == [[2, 0, 50, 50]]


def test_how_well_objects_are_found() -> None:
    objects = np.array([[0, 0, 10, 10], [50, 50, 10, 10.0]])
    proposals = np.array([[0, 0, 10, 5], [0, 0, 10, 9.0]])
    np.testing.assert_allclose(found(objects, proposals), [0.9, 0])
    assert found(objects, np.empty((0, 4))).tolist() == [0, 0]


# The layers, in Caffe


def test_what_the_targets_say_is_what_proposals_are_made_of(tmp_path) -> None:
    """Targets and labels, taken for the network's answers, give back the objects' boxes."""
    train, deploy = rpn_net("train"), rpn_net("deploy")
    objects = np.array([[30, 20, 90, 120], [150, 60, 140, 70.0]])
    for net in (train, deploy):
        net.blobs["data"].reshape(1, 3, 208, 320)
    train.blobs["boxes"].reshape(2, 4)
    train.blobs["boxes"].data[...] = objects
    train.forward()
    labels, targets = train.blobs["rpn_labels"].data, train.blobs["rpn_targets"].data
    assert labels.shape == (1, 1, 9 * 14, 21)
    deploy.forward()
    deploy.blobs["rpn_cls_prob"].data[0, 1] = labels[0, 0] == 1
    deploy.blobs["rpn_bbox_pred"].data[...] = targets
    deploy.forward(start="proposals")
    rows = deploy.blobs["proposals"].data
    likely = rows[rows[:, 4] > 0.5]
    assert len(likely) == 2
    assert (found(objects, likely[:, :4].astype(float)) > 0.999).all()
    # the targets' weights: a mean over the objects' anchors
    weights = train.blobs["rpn_weights"].data.reshape(9, 4, 14, 21)
    positive = labels.reshape(9, 14, 21) == 1
    assert (weights == np.where(positive, np.float32(1 / positive.sum()), 0)[:, None]).all()


def test_the_same_draw_gives_the_same_anchors() -> None:
    net = rpn_net("train")
    net.blobs["boxes"].data[...] = [50, 40, 90, 100]

    def drawn(number: int) -> np.ndarray:
        net.blobs["draw"].data[...] = number
        net.forward()
        return net.blobs["rpn_labels"].data.copy()

    first, second = drawn(1), drawn(2)
    assert (drawn(1) == first).all()
    assert (first != second).any()


def test_smooth_l1_by_hand_and_by_differences(tmp_path) -> None:
    inputs = " ".join(
        f'layer {{ name: "{n}" type: "Input" top: "{n}" input_param {{ shape {{ dim: 2 dim: 3 }} }} }}'
        for n in ("p", "t", "w")
    )
    layer = (
        'layer { name: "loss" type: "Python" bottom: "p" bottom: "t" bottom: "w" top: "loss" loss_weight: 2 '
        'python_param { module: "rpn2t.layers" layer: "SmoothL1LossLayer" param_str: "{\\"sigma\\": 2}" } }'
    )
    (tmp_path / "net.prototxt").write_text(f"force_backward: true {inputs} {layer}")
    net = caffe.Net(str(tmp_path / "net.prototxt"), caffe.TRAIN)
    blobs = {name: net.blobs[name].data for name in "ptw"}
    blobs["p"][...] = [[0.1, 1, -2], [0.2, 0, 3]]
    blobs["t"][...] = [[0, 0, 0], [0, 0, 1]]
    blobs["w"][...] = [[1, 0.5, 1], [0, 1, 1]]
    net.forward()
    # sigma^2 = 4: 2 d^2 below 0.25, else |d| - 0.125
    expected = 0.02 + 0.5 * 0.875 + 1.875 + 0 + 0 + 1.875
    assert float(net.blobs["loss"].data) == pytest.approx(expected, rel=1e-6)
    net.backward()
    np.testing.assert_allclose(net.blobs["p"].diff, 2 * np.array([[0.4, 0.5, -1], [0, 0, 1]]), rtol=1e-5)
    np.testing.assert_array_equal(net.blobs["t"].diff, -net.blobs["p"].diff)


def rpn_net(kind: str):
    phase = caffe.TRAIN if kind == "train" else caffe.TEST
    return caffe.Net(str(prototxt_dir() / f"rpn/{kind}.prototxt"), phase)


# Training


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Twenty scenes, each with one or two patterned objects on a dull ground; and their list."""
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    lines = []
    for index in range(20):
        image = rng.integers(90, 110, (96, 128, 3), dtype=np.uint8)
        boxes = []
        for left in (4, 66)[: 1 + index % 2]:
            w, h = rng.integers(30, 56, 2)
            x, y = left + rng.integers(0, 5), rng.integers(5, 35)
            pattern = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            image[y : y + h, x : x + w] = cv2.resize(pattern, (int(w), int(h)), interpolation=0)
            boxes.append([int(x), int(y), int(w), int(h)])
        cv2.imwrite(str(folder / f"{index:02d}.png"), image)
        lines.append(json.dumps({"file": f"{index:02d}.png", "boxes": boxes}))
    (folder / "boxes.jsonl").write_text("\n".join(lines))
    return folder


def options(photographs, output, iterations: int, *more: str) -> list[str]:
    return [
        "train-rpn", "--images", str(photographs), "--annotations", str(photographs / "boxes.jsonl"),
        "--side", "96", "--iterations", str(iterations), "--measure-every", "1000",
        "--device", "cpu", "--output", str(output), *more,
    ]  # fmt: skip


def shipped_conv2() -> np.ndarray:
    return read_caffemodel(find_set("shipped").file("teacher"))["conv2"][0]


def test_a_training_learns_and_leaves_a_set_of_weights(photographs, tmp_path, rpn2t) -> None:
    output = tmp_path / "rpn"
    done = rpn2t(*options(photographs, output, 60), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in log if "loss" in line]
    assert losses[-1] < 0.7 * losses[0]
    assert log[-1]["iteration"] == 60
    assert set(log[-1]["held_out"]) == {"recall at IoU 0.5", "recall at IoU 0.7"}
    assert (output / "loss.png").stat().st_size > 5000
    made = find_set(output)
    assert set(verify(made).values()) == {"ok"}
    layers = read_caffemodel(made.file("teacher"))
    assert set(layers) >= {"conv1", "conv5", "conv_proposal1", "rpn_cls_score", "rpn_bbox_pred"}
    kernel, _ = rpn_conv3x3(made)
    assert (kernel == layers["conv_proposal1"][0]).all()
    assert (read_caffemodel(made.file("student"))["conv3"][0] == layers["conv3"][0]).all()
    assert (layers["conv2"][0] == shipped_conv2()).all()  # the backbone learns where it is asked to, below


def test_a_stopped_training_goes_on_as_if_it_had_not_been(photographs, tmp_path, rpn2t) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    learns = ("--backbone", "0.1")
    assert rpn2t(*options(photographs, whole, 14, *learns), cwd=tmp_path).returncode == 0
    process = subprocess.Popen(
        [*command(), *options(photographs, stopped, 14, *learns)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    while "iteration 1 of" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "the same command goes on" in errors
    reached = json.loads((stopped / "latest.json").read_text())["iteration"]
    assert 1 <= reached < 14
    assert set(verify(find_set(stopped)).values()) == {"ok"}  # usable as it is
    assert rpn2t(*options(photographs, stopped, 14, *learns), cwd=tmp_path).returncode == 0
    for part in ("zf_teacher.caffemodel", "log.jsonl"):
        last = [(folder / part).read_bytes().splitlines()[-1] for folder in (whole, stopped)]
        if part == "log.jsonl":
            last = [json.loads(line)["held_out"] for line in last]
        assert last[0] == last[1]
    assert (whole / "zf_teacher.caffemodel").read_bytes() == (stopped / "zf_teacher.caffemodel").read_bytes()
    assert (read_caffemodel(find_set(whole).file("teacher"))["conv2"][0] != shipped_conv2()).any()


def test_a_folder_begun_with_other_settings_is_refused(photographs, tmp_path, rpn2t) -> None:
    output = tmp_path / "rpn"
    assert rpn2t(*options(photographs, output, 0), cwd=tmp_path).returncode == 0
    assert rpn_conv3x3(find_set(output)) is not None  # measured and not trained: a set all the same
    again = rpn2t(*options(photographs, output, 2), "--rate", "0.01", cwd=tmp_path)
    assert again.returncode == 2
    assert "was begun with iterations = 0, not 2" in again.stderr
    assert len(again.stderr.splitlines()) == 1


def test_after_photographs_without_boxes_the_folder_is_still_free(photographs, tmp_path, rpn2t) -> None:
    wrong = ["train-rpn", "--images", str(photographs), "--device", "cpu", "--output", "out"]
    done = rpn2t(*wrong, cwd=tmp_path)
    assert done.returncode == 2
    assert "has a box; --annotations names their list" in done.stderr
    assert rpn2t(*options(photographs, "out", 0), cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--images", "nowhere", "nowhere: no such folder"),
        ("--annotations", "none.jsonl", "none.jsonl: no such list"),
        ("--annotations", sys.executable, f"{sys.executable}: not a list of annotations"),
        ("--start", "nothing", "--start nothing"),
        ("--held-out-source", "coco", "source 'coco'"),
        ("--device", "gpu:99", "device gpu:99"),
    ],
)
def test_bad_inputs(photographs, tmp_path, rpn2t, option: str, value: str, message: str) -> None:
    given = options(photographs, "out", 1)
    if option in given:
        given[given.index(option) + 1] = value
    else:
        given += [option, value]
    done = rpn2t(*given, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_photograph_and_its_boxes_are_scaled_and_mirrored_together(photographs, tmp_path) -> None:
    training, held_out = hold_out(find_photographs(photographs, photographs / "boxes.jsonl"))
    settings = RPNSettings(side=96, jitter=1.0, seed=3)
    folder = TrainingFolder(tmp_path)
    task = RPNTraining(settings, training, held_out, None, choose_device("cpu"), folder, 10)
    blobs = task.solver.net.blobs
    for iteration in range(len(training)):
        task.feed(iteration)
        image = blobs["data"].data[0]
        spread = np.abs(image - np.median(image, axis=(1, 2), keepdims=True)).max(axis=0) > 15
        for x, y, w, h in blobs["boxes"].data:
            inside = spread[round(y) : round(y + h), round(x) : round(x + w)]
            assert inside.mean() > 0.9
            spread[round(y) : round(y + h), round(x) : round(x + w)] = False
        assert spread.mean() < 0.01


def test_proposals_are_in_the_photographs_own_pixels() -> None:
    image = np.zeros((90, 300, 3), np.uint8)
    small, scale = scaled(image, 100, 1.5)
    assert small.shape == (45, 150, 3)  # the longer side is what limits
    assert scale.tolist() == [0.5, 0.5]
    proposer = Proposer(rpn_net("train"), 100, 1.5)
    boxes, scores = proposer.propose(image)
    assert len(boxes) == len(scores) > 1
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (300.001, 90.001)).all()
    assert (boxes[:, 0] + boxes[:, 2]).max() > 200
