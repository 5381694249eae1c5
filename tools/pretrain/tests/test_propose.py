import json
import os
import subprocess
from pathlib import Path
from typing import Any

import anchors
import annotated
import export
import numpy as np
import propose
import pytest
import runs
import torch
from PIL import Image

ROOT = Path(__file__).parents[3]
CAFFE_PYTHON = Path(os.environ.get("CAFFE_PYTHON", ROOT / ".venv/bin/python"))


@pytest.fixture(scope="module")
def images(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The photographs, with boxes of some of them: 34 to train on, and 2 held out."""
    folder = tmp_path_factory.mktemp("boxed")
    lines = []
    for index, path in enumerate(sorted(photographs.rglob("*.png"))[:36]):
        (folder / path.name).write_bytes(path.read_bytes())
        source = annotated.HELD_OUT_SOURCE if index < 20 else "raccoon"
        boxes = [[10, 12, 20 + index % 7, 24], [30, 5, 40, 30]]
        lines.append(json.dumps({"file": path.name, "source": source, "boxes": boxes}))
    (folder / "boxes.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of all layers, of such sizes that nothing fades on the way up."""
    torch.manual_seed(0)
    net = propose.Proposer()
    for name in net.names():
        layer = net.layer(name)
        inputs = layer.weight[0].numel() * (60**2 if name == "conv1" else 1)
        torch.nn.init.normal_(layer.weight, std=(2 / inputs) ** 0.5)
        torch.nn.init.zeros_(layer.bias)
    path = tmp_path_factory.mktemp("start") / "start.npz"
    arrays: dict[str, Any] = net.arrays()
    np.savez(path, **arrays)
    return path


def train(images: Path, start: Path, snapshots: Path, *more: str) -> int:
    small = ["--scenes", "1", "--closeups", "4", "--side", "75", "--no-bf16"]
    given = ["--images", str(images), "--start", str(start), "--snapshots", str(snapshots), "--steps", "3"]
    return propose.main([*given, *small, "--recall", "0", "--keep", "2", *more])


@pytest.fixture(scope="module")
def trained(images: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train(images, start, folder, "--recall", "1") == 0
    return folder


def test_files_and_log_of_a_run(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "lock", "log.jsonl", "snapshot.pt", "proposals.npz", "proposals_000002.npz",
    }  # fmt: skip
    log = [json.loads(line) for line in (trained / runs.LOG).read_text().splitlines()]
    assert [line["steps"] for line in log] == [0, 2, 3]
    assert log[0]["held_out"]["kept"] == 0
    for line in log:
        assert set(line["held_out"]) == {*propose.Trainer.losses, "recall_0.5", "recall_0.7"}
        assert all(np.isfinite(value) for value in line["held_out"].values())


def test_a_resumed_run_is_the_one_that_was_never_stopped(
    images: Path, start: Path, trained: Path, tmp_path: Path
) -> None:
    for _ in range(3):  # a step each
        train(images, start, tmp_path, "--minutes", "0", "--recall", "1")
    whole, resumed = (torch.load(folder / runs.SNAPSHOT) for folder in (trained, tmp_path))
    assert whole["seen"] == resumed["seen"] == 3
    for part in ("net", "average", "near"):
        for key, value in whole[part].items():
            assert torch.equal(value, resumed[part][key]), (part, key)


def test_the_distance_can_be_to_other_weights(
    images: Path, start: Path, trained: Path, tmp_path: Path
) -> None:
    train(images, trained / propose.WEIGHTS, tmp_path, "--near", str(start), "--minutes", "0")
    first = json.loads((tmp_path / runs.LOG).read_text().splitlines()[0])["held_out"]
    last = json.loads((trained / runs.LOG).read_text().splitlines()[-1])["held_out"]
    assert first["kept"] == pytest.approx(last["kept"], rel=0.1)  # those are stored as halves
    assert first["kept"] > 0


def test_all_layers_learn_but_those_frozen(start: Path, trained: Path) -> None:
    before, after = export.read(start), propose.Proposer()
    state = torch.load(trained / runs.SNAPSHOT)
    after.load_state_dict(state["net"])
    for name in after.names():
        stored = f"{name}_w"
        same = np.allclose(after.arrays()[stored], before[stored], rtol=0, atol=1e-9)
        assert same == (name == "conv1"), name


def test_the_losses_fall(images: Path, start: Path, tmp_path: Path) -> None:
    train(images, start, tmp_path, "--steps", "15", "--keep", "15", "--rate", "0.01")
    first, last = [json.loads(line)["held_out"] for line in (tmp_path / runs.LOG).read_text().splitlines()]
    for name in ("scene_scores", "closeup_scores", "closeup_boxes"):  # few objects fit into such small scenes
        assert last[name] < first[name], name


def test_an_unlabelled_object_is_no_background_where_boxes_are_missing() -> None:
    """The gradient of the scores is nil outside the labelled box, and is not where all is labelled."""
    gradients = []
    for complete in (True, False):
        windows = annotated.Windows(
            torch.zeros(1, 3, 203, 203),
            [torch.tensor([[0.0, 0, 90, 90]])],
            [torch.tensor([True])],
            [complete],
        )
        scores = torch.zeros(1, 14 * 14 * 9, requires_grad=True)
        steps, conv5 = torch.zeros(1, 14 * 14 * 9, 4), torch.zeros(1, 256, 14, 14)
        propose.losses_of(windows, conv5, scores, steps, "closeups")[0].backward()
        gradients.append(scores.grad[0].view(14, 14, 9).abs().sum(2) > 0)
    assert gradients[0][10:, 10:].all()
    assert not gradients[1][10:, 10:].any()
    assert gradients[1][:4, :4].any()


def test_the_student_learns_from_the_trackers_windows_only(images: Path, start: Path, tmp_path: Path) -> None:
    net = propose.Proposer(propose.STUDENT)
    with torch.no_grad():
        conv5, scores, steps = net(torch.zeros(1, 3, 107, 107), "closeups")
    assert conv5.shape == (1, 256, 14, 14)
    assert (scores.shape, steps.shape) == ((1, 14 * 14 * 9), (1, 14 * 14 * 9, 4))
    # the same share of a target as the teacher's anchors, at the same places of the window
    assert propose.STUDENT.scales["closeups"][1] == pytest.approx(107 - 2 * 16)
    assert train(images, start, tmp_path, "--net", "student", "--side", "43") == 0
    last = json.loads((tmp_path / runs.LOG).read_text().splitlines()[-1])
    assert set(last["held_out"]) == {"closeup_scores", "closeup_boxes", "kept"}
    assert last["training"]["scene_scores"] == 0
    before, after = export.read(start), export.read(tmp_path / propose.WEIGHTS)
    assert (before["conv1_w"].astype(np.float16) == after["conv1_w"].astype(np.float16)).all()
    assert (before["conv5_w"] != after["conv5_w"]).any()


@pytest.mark.skipif(not CAFFE_PYTHON.exists(), reason="no Python with Caffe (make setup, or CAFFE_PYTHON)")
def test_caffe_proposes_what_pytorch_does(images: Path, start: Path, tmp_path: Path) -> None:
    net = propose.Proposer()
    net.load(export.read(start))
    rgb = np.asarray(Image.open(next(images.glob("*.png"))).resize((320, 224)))
    picture = rgb[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) - 128
    np.savez(tmp_path / "picture.npz", images=picture)
    model = str(tmp_path / "zf.caffemodel")
    _with_caffe(export.__file__, str(start), model)
    _with_caffe(str(Path(__file__).with_name("caffe_proposals.py")), model, str(tmp_path))
    with torch.no_grad():
        conv5, scores, steps = net(torch.from_numpy(picture), "scenes")
    grid = anchors.grid(conv5.shape[2], conv5.shape[3], anchors.PROPOSAL_SCALES)
    boxes, likely = anchors.propose(grid, scores[0], steps[0], (320, 224))
    with np.load(tmp_path / "proposals.npz") as found:
        scale = float(np.sqrt((found["conv5"] ** 2).mean()))
        # The ReLU is in Caffe's blob, and its net has LRN.
        assert found["conv5"] == pytest.approx(3 * conv5.relu().numpy(), abs=1e-2 * scale)
        rows = found["proposals"]
    ours = torch.cat([boxes, likely.sigmoid()[:, None]], 1)
    assert abs(len(rows) - len(ours)) <= 0.1 * len(ours)
    best = anchors.iou(torch.from_numpy(rows[:50, :4].copy()), ours[:, :4]).max(1)
    assert (best.values > 0.95).float().mean() >= 0.95
    assert (np.abs(ours[best.indices, 4].numpy() - rows[:50, 4]) < 0.05).mean() >= 0.95


def _with_caffe(*command: str) -> None:
    subprocess.run([str(CAFFE_PYTHON), *command], check=True, cwd=ROOT)
