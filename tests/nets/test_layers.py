"""The Python layers, run by Caffe: labels by hand, the loss against differences and Caffe's own."""

import json

import numpy as np
import pytest

from rpn2t.nets.caffe import load_caffe

caffe = load_caffe()

LABELS = {"map_size": 14, "anchor_size": 171, "stride": 16, "iou_threshold": 0.7, "margin": 2}


def make_net(tmp_path, text: str):
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    return caffe.Net(str(path), caffe.TRAIN)


def python_layer(layer: str, bottoms: list[str], tops: list[str], parameters: object, extra: str = "") -> str:
    lines = [f'bottom: "{b}"' for b in bottoms] + [f'top: "{t}"' for t in tops]
    text = json.dumps(parameters) if not isinstance(parameters, str) else parameters
    return (
        f'layer {{ name: "{layer}" type: "Python" {" ".join(lines)} {extra} python_param {{ '
        f'module: "rpn2t.layers" layer: "{layer}" param_str: {json.dumps(text)} }} }}'
    )


def input_layer(name: str, *dims: int) -> str:
    shape = " ".join(f"dim: {d}" for d in dims)
    return f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {shape} }} }} }}'


def label_net(tmp_path, samples: int, **changes: object):
    layer = python_layer("AnchorLabelLayer", ["flag"], ["a", "q"], LABELS | changes)
    return make_net(tmp_path, input_layer("flag", samples) + layer)


def test_labels_of_an_object_and_of_background(tmp_path) -> None:
    net = label_net(tmp_path, 2)
    net.blobs["flag"].data[...] = [1, 0]
    net.forward()
    anchor, quality = net.blobs["a"].data, net.blobs["q"].data
    assert anchor.shape == quality.shape == (2, 1, 14, 14)
    twelve = (
        {(6, c) for c in range(5, 9)}
        | {(7, c) for c in range(5, 9)}
        | {(r, c) for r in (5, 8) for c in (6, 7)}
    )
    for sample, label in ((0, 0), (1, 1)):
        assert {tuple(p) for p in np.argwhere(anchor[sample, 0] == label)} == twelve
        assert (anchor[sample, 0] == -1).sum() == 196 - 12
        assert (quality[sample, 0, 2:12, 2:12] == label).all()
        assert (quality[sample, 0] == -1).sum() == 96


def test_labels_cropped_to_what_the_loss_looks_at(tmp_path) -> None:
    whole, cropped = label_net(tmp_path, 3), label_net(tmp_path, 3, crop=2)
    for net in (whole, cropped):
        net.blobs["flag"].data[...] = [0, 1, 0]
        net.forward()
    for blob in ("a", "q"):
        np.testing.assert_array_equal(cropped.blobs[blob].data, whole.blobs[blob].data[:, :, 2:12, 2:12])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (LABELS | {"stride": 0}, "stride = 0"),
        (LABELS | {"map_size": 14.5}, "map_size = 14.5"),
        (LABELS | {"iou_threshold": 1.0}, "iou_threshold"),
        (LABELS | {"margin": 7}, "no position left"),
        (LABELS | {"crop": 3}, "cuts off"),
        (LABELS | {"anchors": 9}, "unknown parameter 'anchors'"),
        ({"map_size": 14}, "missing"),
        ("not json", "not JSON"),
        ("[1]", "JSON object"),
    ],
)
def test_label_parameters_are_validated(tmp_path, parameters, message: str) -> None:
    layer = python_layer("AnchorLabelLayer", ["flag"], ["a", "q"], parameters)
    with pytest.raises(ValueError, match=message):
        make_net(tmp_path, input_layer("flag", 2) + layer)


def test_a_flag_that_is_no_flag_is_refused(tmp_path) -> None:
    net = label_net(tmp_path, 2)
    net.blobs["flag"].data[...] = [1, 0.5]
    with pytest.raises(ValueError, match="neither 1"):
        net.forward()


def loss_net(tmp_path, samples: int, ours: bool):
    """Both nets end in `loss`: one through our layer, one through Caffe's own, weighted 1 and 10."""
    size = 5
    text = "".join(input_layer(name, samples, 2, size, size) for name in ("score_a", "score_q"))
    text += "".join(input_layer(name, samples, 1, size, size) for name in ("label_a", "label_q"))
    if ours:
        bottoms = ["score_a", "score_q", "label_a", "label_q"]
        text += python_layer(
            "RPN2TLossLayer", bottoms, ["loss"], {"alpha": 1, "beta": 10, "ignore_label": -1},
            extra="loss_weight: 1",
        )  # fmt: skip
    else:
        for term, weight in (("a", 1), ("q", 10)):
            text += (
                f'layer {{ name: "loss_{term}" type: "SoftmaxWithLoss" '
                f'bottom: "score_{term}" bottom: "label_{term}" '
                f'top: "loss_{term}" loss_weight: {weight} loss_param {{ ignore_label: -1 }} }}'
            )
    return make_net(tmp_path, "force_backward: true " + text)


def run_loss(net, scores: dict[str, np.ndarray], labels: dict[str, np.ndarray]):
    for name, values in (scores | labels).items():
        net.blobs[name].data[...] = values
    out = net.forward()
    net.backward()
    loss = sum(float(out[name].ravel()[0]) * {"loss_q": 10}.get(name, 1) for name in out)
    return loss, {name: net.blobs[name].diff.copy() for name in scores}


def random_case(samples: int, kind: str):
    rng = np.random.default_rng(samples)
    scores = {
        name: rng.normal(0, 3, (samples, 2, 5, 5)).astype(np.float32) for name in ("score_a", "score_q")
    }
    labels = {
        name: rng.integers(0, 2, (samples, 1, 5, 5)).astype(np.float32) for name in ("label_a", "label_q")
    }
    if kind == "some ignored":
        for values in labels.values():
            values[rng.random(values.shape) < 0.6] = -1
    elif kind == "first map all ignored":
        labels["label_a"][...] = -1
    elif kind == "all ignored":
        for values in labels.values():
            values[...] = -1
    return scores, labels


CASES = ["all labelled", "some ignored", "first map all ignored", "all ignored"]


@pytest.mark.parametrize("samples", [1, 6])
@pytest.mark.parametrize("kind", CASES)
def test_loss_equals_caffes_own(tmp_path, samples: int, kind: str) -> None:
    scores, labels = random_case(samples, kind)
    ours, our_gradients = run_loss(loss_net(tmp_path, samples, ours=True), scores, labels)
    caffes, caffe_gradients = run_loss(loss_net(tmp_path, samples, ours=False), scores, labels)
    assert ours == pytest.approx(caffes, rel=1e-6)
    assert (ours == 0) == (kind == "all ignored")
    for name, gradient in our_gradients.items():
        np.testing.assert_allclose(gradient, caffe_gradients[name], rtol=2e-5, atol=1e-7)


def test_loss_gradient_equals_central_differences(tmp_path) -> None:
    scores, labels = random_case(2, "some ignored")
    net = loss_net(tmp_path, 2, ours=True)
    _, gradients = run_loss(net, scores, labels)
    step = 0.05
    for name, values in scores.items():
        for index in [(0, 0, 0, 0), (0, 1, 2, 3), (1, 0, 4, 4), (1, 1, 1, 0)]:
            moved = {sign: {k: v.copy() for k, v in scores.items()} for sign in (-1, 1)}
            for sign, case in moved.items():
                case[name][index] += sign * step
            difference = (run_loss(net, moved[1], labels)[0] - run_loss(net, moved[-1], labels)[0]) / (
                2 * step
            )
            assert gradients[name][index] == pytest.approx(difference, rel=5e-3, abs=2e-5)
        assert np.abs(values).max() > 0


def test_loss_by_hand() -> None:
    from rpn2t.layers.rpn2t_loss import cross_entropy

    scores = np.zeros((1, 2, 1, 3), np.float32)
    scores[0, 0, 0, 1] = 2
    labels = np.array([0, 0, -1], np.float32).reshape(1, 1, 1, 3)
    loss, gradient = cross_entropy(scores, labels, -1)
    p = np.exp(2) / (np.exp(2) + 1)
    assert loss == pytest.approx((np.log(2) - np.log(p)) / 2)
    np.testing.assert_allclose(gradient[0, 0, 0], [-0.25, (p - 1) / 2, 0], rtol=1e-6)
    np.testing.assert_allclose(gradient[0, 1, 0], [0.25, (1 - p) / 2, 0], rtol=1e-6)


def test_loss_survives_huge_scores() -> None:
    from rpn2t.layers.rpn2t_loss import cross_entropy

    scores = np.array([1e4, -1e4], np.float32).reshape(1, 2, 1, 1)
    loss, gradient = cross_entropy(scores, np.ones((1, 1, 1, 1), np.float32), -1)
    assert loss == pytest.approx(2e4)
    assert gradient.ravel().tolist() == [1, -1]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1, "beta": 10}, "alpha = -1"),
        ({"alpha": 1}, "missing"),
        ({"alpha": 1, "beta": 10, "gamma": 1}, "unknown parameter 'gamma'"),
    ],
)
def test_loss_parameters_are_validated(tmp_path, parameters, message: str) -> None:
    blobs = {"score_a": (2, 2), "score_q": (2, 2), "label_a": (2, 1), "label_q": (2, 1)}
    text = "".join(input_layer(name, *dims, 5, 5) for name, dims in blobs.items())
    with pytest.raises(ValueError, match=message):
        make_net(tmp_path, text + python_layer("RPN2TLossLayer", list(blobs), ["loss"], parameters))


def test_scores_must_fit_labels(tmp_path) -> None:
    blobs = {"score_a": (2, 2), "score_q": (2, 2), "label_a": (2, 1), "label_q": (3, 1)}
    text = "".join(input_layer(name, *dims, 5, 5) for name, dims in blobs.items())
    layer = python_layer("RPN2TLossLayer", list(blobs), ["loss"], {"alpha": 1, "beta": 10})
    with pytest.raises(ValueError, match="do not fit"):
        make_net(tmp_path, text + layer)


@pytest.mark.parametrize("layer", ["rpn2t.layers.nowhere:Nothing", "rpn2t.layers:Nothing", "os.path:join"])
def test_an_error_while_a_layer_in_python_is_made_reaches_the_caller(layer: str, tmp_path, capfd) -> None:
    module, name = layer.split(":")
    text = f'type: "Python" top: "x" python_param {{ module: "{module}" layer: "{name}" }}'
    with pytest.raises((ImportError, AttributeError, TypeError)):
        make_net(tmp_path, f'layer {{ name: "x" {text} }}')
    assert "Traceback" not in capfd.readouterr().err
