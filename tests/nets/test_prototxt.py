"""The committed networks: what the generator writes, and the shapes of the paper."""

import json

from google.protobuf import text_format

from rpn2t import Config
from rpn2t.nets.caffe import load_caffe
from rpn2t.paths import prototxt_dir
from rpn2t.prototxt.generate import networks

caffe = load_caffe()


def committed(path: str, kind: str = "NetParameter"):
    from caffe.proto import caffe_pb2

    return text_format.Parse((prototxt_dir() / path).read_text(), getattr(caffe_pb2, kind)())


def test_generating_again_changes_nothing() -> None:
    for path, text in networks().items():
        assert (prototxt_dir() / path).read_text() == text, path


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    net = caffe.Net(str(prototxt_dir() / path), caffe.TEST)
    return {name: tuple(blob.data.shape[1:]) for name, blob in net.blobs.items()}


def test_teacher_shapes() -> None:
    got = shapes("teacher/deploy.prototxt")
    assert got["data"] == (3, 203, 203)
    assert got["conv1"] == (96, 102, 102)
    assert got["pool1"] == (96, 52, 52)
    assert got["conv2"] == (256, 26, 26)
    assert got["pool2"] == (256, 14, 14)
    assert got["conv5"] == got["relu5"] == (256, 14, 14)


def test_student_shapes() -> None:
    got = shapes("student/deploy.prototxt")
    assert got["data"] == (3, 107, 107)
    assert got["conv1"] == (96, 27, 27)
    assert got["conv2"] == (256, 14, 14)
    assert got["conv5"] == got["relu5"] == (256, 14, 14)
    assert not any(name.startswith("pool") for name in got)


def test_student_and_teacher_take_the_same_weights() -> None:
    nets = [
        caffe.Net(str(prototxt_dir() / f"{n}/deploy.prototxt"), caffe.TEST) for n in ("student", "teacher")
    ]
    student, teacher = ({k: [b.data.shape for b in v] for k, v in net.params.items()} for net in nets)
    assert student == teacher
    assert list(student) == ["conv1", "conv2", "conv3", "conv4", "conv5"]


def test_the_heads_train_net_is_the_papers() -> None:
    net = committed("head/train.prototxt")
    layer = {each.name: each for each in net.layer}
    types = {
        (each.python_param.module, each.python_param.layer) for each in net.layer if each.type == "Python"
    }
    assert types == {("rpn2t.layers", "AnchorLabelLayer"), ("rpn2t.layers", "RPN2TLossLayer")}
    assert json.loads(layer["loss"].python_param.param_str) == {"alpha": 1, "beta": 10, "ignore_label": -1}
    assert json.loads(layer["label"].python_param.param_str)["iou_threshold"] == 0.7
    rates = {name: [p.lr_mult for p in layer[name].param] for name in layer if layer[name].param}
    assert rates == {"conv_proposal1": [10, 20], "score_anchor": [1, 2], "score_quality": [1, 2]}
    decays = {p.decay_mult for each in net.layer for p in each.param}
    assert decays == {1}
    assert list(layer["data"].input_param.shape[0].dim) == [128, 256, 12, 12]


def test_the_solver_holds_the_configurations_defaults() -> None:
    solver = committed("head/solver.prototxt", "SolverParameter")
    config = Config()
    assert solver.type == "SGD"
    # Caffe keeps them in single precision
    for name, value in (
        ("base_lr", config.learning_rate),
        ("momentum", config.momentum),
        ("weight_decay", config.weight_decay),
    ):
        assert abs(getattr(solver, name) - value) < 1e-7
