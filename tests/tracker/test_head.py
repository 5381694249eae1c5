"""The head: the smaller training net is the paper's, scores by hand, and what learning does."""

import numpy as np
import pytest
from google.protobuf import text_format

from rpn2t import Config
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.device import choose_device
from rpn2t.paths import prototxt_dir
from rpn2t.tracker.head import HeadGeometry
from rpn2t.tracker.paper.head import PaperHead
from rpn2t.tracker.paper.windows import Windows
from support import windows_of

caffe = load_caffe()
SMALL = Config(batch_positives=4, batch_negatives=6, mining_pool=8)


def small_head(config: Config = SMALL, seed: int = 0, proposal=None) -> PaperHead:
    return PaperHead(config, HeadGeometry(config, 14), 256, proposal, seed, choose_device("cpu"))


@pytest.fixture(autouse=True)
def python_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the committed net, also where these tests are run on a GPU."""
    monkeypatch.setattr(PaperHead, "_has_compiled_loss", lambda self: False)


def maps(n: int, seed: int = 0, size: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 256, size, size)).clip(0).astype(np.float32)


def windows(n: int, seed: int = 0, size: int = 12) -> Windows:
    return windows_of(maps(n, seed, size))


def test_geometry_of_the_papers_map() -> None:
    geometry = HeadGeometry(Config(), 14)
    assert (geometry.label_crop, geometry.window_rim, geometry.window_size, geometry.pad) == (2, 1, 12, 0)
    assert geometry.matching.anchor.shape == (10, 10)


def test_geometry_of_a_loss_that_looks_at_the_whole_map() -> None:
    geometry = HeadGeometry(Config(quality_margin=0), 14)
    assert (geometry.window_size, geometry.pad, geometry.matching.quality.sum()) == (14, 1, 196)
    config = Config(quality_margin=0, batch_positives=4, batch_negatives=6, mining_pool=8)
    head = PaperHead(config, geometry, 256, None, 0, choose_device("cpu"))
    assert head.scores(windows(2, size=14)).shape == (2,)
    assert head.learn(windows(4, size=14), windows(6, size=14)) > 0


def test_small_windows_give_the_padded_heads_loss_and_gradients(tmp_path) -> None:
    """12 x 12 windows without padding against the paper's padded 14 x 14 head, both as committed."""
    whole = maps(3, size=14)
    results = {}
    for name, data in (("train", whole[:, :, 1:13, 1:13]), ("train_padded", whole)):
        from caffe.proto import caffe_pb2

        net_parameter = text_format.Parse(
            (prototxt_dir() / f"head/{name}.prototxt").read_text(), caffe_pb2.NetParameter()
        )
        for layer in net_parameter.layer:
            if layer.type == "Input":
                layer.input_param.shape[0].dim[0] = 3
        path = tmp_path / f"{name}.prototxt"
        path.write_text(text_format.MessageToString(net_parameter))
        net = caffe.Net(str(path), caffe.TRAIN)
        rng = np.random.default_rng(5)
        for blobs in net.params.values():
            for blob in blobs:
                blob.data[...] = rng.normal(0, 0.05, blob.data.shape)
        net.blobs["data"].data[...] = data
        net.blobs["flag"].data[...] = [1, 0, 0]
        net.forward()
        net.backward()
        results[name] = (
            float(net.blobs["loss"].data.ravel()[0]),
            {name: [b.diff.copy() for b in blobs] for name, blobs in net.params.items()},
        )
    (loss, gradients), (padded_loss, padded_gradients) = results["train"], results["train_padded"]
    assert loss == pytest.approx(padded_loss, rel=1e-5)
    for name, diffs in gradients.items():
        for diff, padded in zip(diffs, padded_gradients[name], strict=True):
            assert np.abs(padded).max() > 0
            np.testing.assert_allclose(diff, padded, rtol=1e-3, atol=1e-5 * np.abs(padded).max())


def test_score_by_an_independent_formula() -> None:
    head = small_head()
    for blobs in head.net.params.values():
        blobs[0].data[...] *= 5  # so that scores differ from one half
    data = maps(3)
    weight, bias = (blob.data for blob in head.net.params["conv_proposal1"])
    hidden = np.zeros((3, 256, 10, 10))
    for row in range(3):
        for column in range(3):
            hidden += np.einsum(
                "nchw,oc->nohw", data[:, :, row : row + 10, column : column + 10], weight[:, :, row, column]
            )
    hidden = (hidden + bias[:, None, None]).clip(0)
    probability = {}
    for name in ("score_anchor", "score_quality"):
        w, b = (blob.data for blob in head.net.params[name])
        score = np.einsum("nchw,oc->nohw", hidden, w[:, :, 0, 0]) + b[:, None, None]
        probability[name] = 1 / (1 + np.exp(score[:, 1] - score[:, 0]))
    iou = head.geometry.matching.iou * head.geometry.matching.anchor
    expected = 0.45 * (probability["score_anchor"] * iou).sum(axis=(1, 2)) / iou.sum()
    expected += 0.55 * probability["score_quality"].mean(axis=(1, 2))
    assert np.abs(expected - 0.5).max() > 0.001
    np.testing.assert_allclose(head.scores(windows_of(data)), expected, rtol=1e-4)


def test_scores_do_not_depend_on_the_batch() -> None:
    head = small_head()
    data = windows(PaperHead.scoring_batches["cpu"] + 3)
    together = head.scores(data)
    np.testing.assert_allclose(together[-5:], head.scores(data.take(slice(-5, None))), rtol=1e-5)
    assert head.scores(data.take([])).shape == (0,)


def test_caffes_own_loss_as_a_gpu_has_it_teaches_the_same(monkeypatch) -> None:
    positives, negatives = windows(4, seed=1), windows(6, seed=2)
    ours = small_head()
    monkeypatch.setattr(PaperHead, "_has_compiled_loss", lambda self: True)
    caffes = small_head()
    assert "Python" not in [layer.type for layer in caffes.net.layers]
    assert "Python" in [layer.type for layer in ours.net.layers]
    before = {name: blobs[0].values.copy() for name, blobs in ours.net.params.items()}
    for _ in range(3):
        assert caffes.learn(positives, negatives) == pytest.approx(ours.learn(positives, negatives), rel=1e-5)
    for name, start in before.items():
        learned = ours.net.params[name][0].values - start
        assert np.abs(learned).max() > 0
        np.testing.assert_allclose(
            caffes.net.params[name][0].values - start, learned, atol=1e-4 * np.abs(learned).max()
        )


def test_learning_tells_object_from_background_and_moves_the_shared_scores() -> None:
    head = small_head()
    objects, ground = maps(4, seed=1), maps(6, seed=2)
    objects[:, :128] *= 5  # what makes an object an object here
    ground[:, 128:] *= 5
    positives, negatives = windows_of(objects), windows_of(ground)
    before = head.scores(positives).mean() - head.scores(negatives).mean()
    losses = [head.learn(positives, negatives) for _ in range(15)]
    after = head.scores(positives).mean() - head.scores(negatives).mean()
    assert losses[0] == pytest.approx(11 * np.log(2), rel=0.05)  # (1 + 10) x the loss of not knowing
    assert losses[-1] < losses[0] / 2
    assert after > before + 0.3


def test_a_batch_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a batch is \(4, 6\)"):
        small_head().learn(windows(4), windows(5))


def test_configuration_reaches_the_solver() -> None:
    config = Config(
        batch_positives=1, batch_negatives=1, mining_pool=1, learning_rate=0.01, momentum=0, weight_decay=0,
        lr_mult_proposal=0, lr_mult_score=2, alpha=0, beta=3,
    )  # fmt: skip
    head = small_head(config)
    before, gradients = parameters(head), gradient(head, windows(1, 1), windows(1, 2))
    head.learn(windows(1, 1), windows(1, 2))
    for (name, index), values in parameters(head).items():
        rate = 0 if name == "conv_proposal1" else 0.01 * 2 * (index + 1)
        expected = before[name, index] - rate * gradients[name, index]
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-7)
    assert not gradients["score_anchor", 0].any()  # alpha = 0
    assert gradients["score_quality", 0].any()


def parameters(head: PaperHead) -> dict[tuple[str, int], np.ndarray]:
    return {
        (name, i): blob.data.copy() for name, blobs in head.net.params.items() for i, blob in enumerate(blobs)
    }


def gradient(head: PaperHead, positives: Windows, negatives: Windows) -> dict[tuple[str, int], np.ndarray]:
    """The loss's gradient at the weights as they are, which stay so."""
    head.net.clear_param_diffs()
    head.net.blobs["data"].data[...] = np.concatenate([positives.array(), negatives.array()])
    head.net.blobs["flag"].data[...] = [1] * len(positives) + [0] * len(negatives)
    head.net.forward()
    head.net.backward()
    return {
        (name, i): blob.diff.copy() for name, blobs in head.net.params.items() for i, blob in enumerate(blobs)
    }


def test_two_steps_are_sgd_with_momentum_and_decay_of_weights_and_biases() -> None:
    """velocity = momentum velocity + rate (gradient + decay w); w -= velocity."""
    config = Config(batch_positives=4, batch_negatives=6, mining_pool=8, weight_decay=0.1)
    head = small_head(config)
    head.net.params["conv_proposal1"][1].data[...] = 0.3
    multiplier = {"conv_proposal1": 10, "score_anchor": 1, "score_quality": 1}
    expected = parameters(head)
    velocity = {key: np.zeros_like(values) for key, values in expected.items()}
    for seed in (1, 2):
        batch = windows(4, seed), windows(6, seed + 10)
        gradients = gradient(head, *batch)
        head.learn(*batch)
        for key in expected:
            rate = 0.0005 * multiplier[key[0]] * (1 + key[1])
            velocity[key] = 0.9 * velocity[key] + rate * (gradients[key] + 0.1 * expected[key])
            expected[key] = expected[key] - velocity[key]
    for key, values in parameters(head).items():
        np.testing.assert_allclose(values, expected[key], rtol=1e-4, atol=1e-6)


def test_start_of_the_3x3_layer() -> None:
    same, other = small_head(seed=1), small_head(seed=2)
    again = small_head(seed=1)
    start = [head.net.params["conv_proposal1"][0].data.copy() for head in (same, again, other)]
    np.testing.assert_array_equal(start[0], start[1])
    assert (start[0] != start[2]).any()
    assert start[0].std() == pytest.approx(SMALL.proposal_std, rel=0.02)
    assert "gaussian" in same.proposal_start
    weight, bias = np.full((256, 256, 3, 3), 0.5, np.float32), np.ones(256, np.float32)
    given = small_head(proposal=(weight, bias))
    np.testing.assert_array_equal(given.net.params["conv_proposal1"][0].data, weight)
    np.testing.assert_array_equal(given.scoring_net.params["conv_proposal1"][1].data, bias)
    assert "RPN" in given.proposal_start
    assert "gaussian" not in given.proposal_start
