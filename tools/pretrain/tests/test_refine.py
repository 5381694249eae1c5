import json
import os
import subprocess
from pathlib import Path
from typing import Any

import annotated
import export
import numpy as np
import pairs
import pytest
import refine
import runs
import torch
from torch import Tensor
from zf import GEOMETRY

ROOT = Path(__file__).parents[3]
CAFFE_PYTHON = Path(os.environ.get("CAFFE_PYTHON", ROOT / ".venv/bin/python"))


@pytest.fixture(scope="module")
def images(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs with boxes: 10 to train on, and 1 held out."""
    folder = tmp_path_factory.mktemp("boxed")
    lines = []
    for index, path in enumerate(sorted(photographs.rglob("*.png"))[:11]):
        (folder / path.name).write_bytes(path.read_bytes())
        boxes = [[10, 12, 20 + index, 24], [30, 5, 40, 30]]
        lines.append(json.dumps({"file": path.name, "source": annotated.HELD_OUT_SOURCE, "boxes": boxes}))
    (folder / "boxes.jsonl").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of such sizes that nothing fades on the way up."""
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for name, (inputs, outputs, kernel, *_) in GEOMETRY.items():
        size = (2 / (inputs * kernel**2)) ** 0.5 / (60 if name == "conv1" else 1)
        arrays[f"{name}_w"] = random.normal(0, size, (outputs, inputs, kernel, kernel)).astype(np.float32)
        arrays[f"{name}_b"] = np.zeros(outputs, np.float32)
    path = tmp_path_factory.mktemp("student") / "student.npz"
    np.savez(path, **arrays)
    return path


def train(images: Path, student: Path, snapshots: Path, *more: str) -> int:
    given = ["--images", str(images), "--student", str(student), "--snapshots", str(snapshots)]
    small = ["--targets", "4", "--windows", "2", "--no-bf16", "--steps", "3", "--keep", "2", "--threads", "1"]
    return refine.main([*given, *small, *more])


@pytest.fixture(scope="module")
def trained(images: Path, student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    assert train(images, student, folder) == 0
    return folder


def maps(count: int) -> Tensor:
    return torch.rand(count, 256, 12, 12)


def test_the_student_s_maps_without_their_rim(student: Path) -> None:
    net = refine.Student(export.read(student))
    conv2 = net(255 * torch.rand(2, 3, 107, 107) - 128)
    assert conv2.shape == (2, 256, 12, 12)
    assert conv2.min() == 0
    assert not any(each.requires_grad for each in net.parameters())


def test_features_begin_as_the_student_s_and_learn_more_slowly(trained: Path, student: Path) -> None:
    begun = export.read(student)
    untrained = refine.Refiner(begun)
    for name in refine.OWN:
        assert np.array_equal(untrained.get_submodule(name).weight.detach().numpy(), begun[f"{name}_w"])
    state = torch.load(trained / runs.SNAPSHOT)
    moved = state["net"]["conv4.weight"].numpy() - begun["conv4_w"]
    assert 0 < np.abs(moved).max() <= 3.5 * refine.OWN_RATE * 1e-3  # three steps of AdamW
    rates = [group["lr"] for group in state["optimiser"]["param_groups"]]
    assert rates[1] == pytest.approx(refine.OWN_RATE * rates[0])


def test_a_first_patch_serves_all_windows_of_its_target(student: Path) -> None:
    net, first, now = refine.Refiner(export.read(student)), maps(2), maps(6)
    with torch.no_grad():
        found = net(first, now)
        assert found.shape == (6, 4)
        for target in range(2):
            own = slice(3 * target, 3 * target + 3)
            alone = net(first[target : target + 1], now[own])
            assert found[own] == pytest.approx(alone, abs=1e-5)


def test_overlap_is_that_of_the_boxes() -> None:
    steps = torch.tensor([[0.0, 0, 0, 0], [0.5, 0, 0, 0], [0, 0, float(np.log(2)), 0], [3, 0, 0, 0]])
    assert refine.overlap(steps, torch.zeros(4, 4)).tolist() == pytest.approx([1, 1 / 3, 1 / 2, 0], abs=1e-6)


def test_files_and_log_of_a_run(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} == {
        "lock", "log.jsonl", "snapshot.pt", "refiner.npz", "refiner_000002.npz",
    }  # fmt: skip
    log = [json.loads(line) for line in (trained / runs.LOG).read_text().splitlines()]
    assert [line["steps"] for line in log] == [0, 2, 3]
    for line in log:
        assert set(line["held_out"]) == {"start", "iou", "dx", "dy", "dw", "dh"}
        assert line["held_out"]["start"] == log[0]["held_out"]["start"]  # always the same pairs
    assert set(log[-1]["training"]) == {"distance", "iou"}


def test_a_resumed_run_is_the_one_that_was_never_stopped(
    images: Path, student: Path, trained: Path, tmp_path: Path
) -> None:
    for _ in range(3):  # a step each
        train(images, student, tmp_path, "--minutes", "0")
    whole, resumed = (torch.load(folder / runs.SNAPSHOT) for folder in (trained, tmp_path))
    assert whole["seen"] == resumed["seen"] == 3
    for part in ("net", "average"):
        for key, value in whole[part].items():
            assert torch.equal(value, resumed[part][key]), (part, key)


def test_another_seed_is_refused(images: Path, student: Path, trained: Path) -> None:
    with pytest.raises(SystemExit, match="seed is 0"):
        train(images, student, trained, "--seed", "1")


def test_a_missing_student_is_named(images: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"nothing\.npz: no such file"):
        train(images, tmp_path / "nothing.npz", tmp_path / "snapshots")


def test_the_loss_falls_on_what_is_shown_again(
    images: Path, student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same four windows in every step are learnt."""
    drawn = refine.Trainer.draw
    monkeypatch.setattr(refine.Trainer, "draw", lambda trainer, step: drawn(trainer, 0))
    train(images, student, tmp_path, "--targets", "2", "--steps", "12", "--keep", "4")
    log = [json.loads(line)["training"] for line in (tmp_path / runs.LOG).read_text().splitlines()[1:]]
    assert log[-1]["distance"] < 0.8 * log[0]["distance"]
    assert log[-1]["iou"] > log[0]["iou"]


def test_the_weights_are_the_average_with_its_sizes_folded(trained: Path, student: Path) -> None:
    net, folded = (refine.Refiner(export.read(student)) for _ in range(2))
    net.load_state_dict(torch.load(trained / runs.SNAPSHOT)["average"])
    assert net.size3 != 1
    assert net.size5 != 1
    arrays = export.read(trained / refine.WEIGHTS)
    names = (*refine.OWN, *export.REFINER)
    assert list(arrays) == [f"{name}_{part}" for name in names for part in "wb"]
    for name in names:
        layer = folded.get_submodule(name)
        layer.weight.data = torch.from_numpy(arrays[f"{name}_w"])
        layer.bias.data = torch.from_numpy(arrays[f"{name}_b"])
    first, now = maps(1), maps(4)
    with torch.no_grad():
        wanted, found = net(first, now), folded(first, now)
    assert found == pytest.approx(wanted, abs=1e-5)
    assert wanted.abs().max() > 1e-3


def test_trained_weights_can_be_trained_on(
    images: Path, student: Path, trained: Path, tmp_path: Path
) -> None:
    train(images, student, tmp_path, "--start", str(trained / refine.WEIGHTS), "--steps", "1")
    ended, begun = ((folder / runs.LOG).read_text().splitlines() for folder in (trained, tmp_path))
    wanted, found = json.loads(ended[-1])["held_out"], json.loads(begun[0])["held_out"]
    assert found == pytest.approx(wanted, rel=1e-3)
    assert wanted != json.loads(ended[0])["held_out"]


def test_layers_that_read_conv5_make_up_for_its_factor(trained: Path) -> None:
    arrays = export.read(trained / refine.WEIGHTS)
    layers = export.layers(arrays, 4)
    assert list(layers) == [*refine.OWN, *export.REFINER]
    for name, (kernel, bias) in layers.items():
        factor = {"first5": 1 / 4, "now5": 1 / 4, "conv5": 4}.get(name, 1)
        assert np.array_equal(kernel, np.float32(factor) * arrays[f"{name}_w"]), name
        assert np.array_equal(bias, (4 if name == "conv5" else 1) * arrays[f"{name}_b"]), name


@pytest.mark.skipif(not CAFFE_PYTHON.exists(), reason="no Python with Caffe (make setup, or CAFFE_PYTHON)")
def test_into_caffe_s_file_and_back(trained: Path, tmp_path: Path) -> None:
    model, back = str(tmp_path / "zf_refiner.caffemodel"), str(tmp_path / "back.npz")
    for command in ((str(trained / refine.WEIGHTS), model), (model, back)):
        subprocess.run([str(CAFFE_PYTHON), export.__file__, *command], check=True, cwd=ROOT)
    there, again = export.read(trained / refine.WEIGHTS), export.read(Path(back))
    assert list(again) == list(there)
    for name, array in there.items():
        assert np.allclose(again[name], array, rtol=1e-6, atol=0), name


def test_held_out_pairs_do_not_train(images: Path) -> None:
    lines = annotated.find(images, images / "boxes.jsonl")
    assert [len(each) for each in lines] == [10, 1]
    held_out = annotated.decode(images, lines[1], 1)
    one, same = refine._fixed(held_out), refine._fixed(held_out)
    assert len(one[0].now) == refine.HELD_OUT_WINDOWS * len(pairs.targets(held_out))
    assert torch.equal(one[0].now, same[0].now)
