"""Distillation: the crops, the statistics, the training, and the command."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from rpn2t.boxes import as_boxes, centre_size
from rpn2t.cli.commands.distill import distill
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe, read_message
from rpn2t.nets.caffemodel import ZF_SHAPES, read_caffemodel, write_caffemodel
from rpn2t.nets.device import choose_device
from rpn2t.nets.patch import cut_patches
from rpn2t.nets.weight_sets import find_set, verify
from rpn2t.paths import prototxt_dir
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.training.crops import CropStream, draw_boxes, random_box
from rpn2t.training.distillation import (
    BATCH,
    PRESETS,
    STATISTICS,
    Conv5Statistics,
    Distillation,
    DistillationSettings,
    open_teacher,
)
from rpn2t.training.photographs import Photograph, find_photographs, hold_out
from rpn2t.training.solver_loop import TrainingFolder, train
from support import command

SETTINGS = DistillationSettings(preset="hour", crops=16, passes=1, images_per_pass=4, rate=1e-5, seed=3)
"""Two iterations."""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 small pictures, and a list with a box in each."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    rows = []
    for index in range(20):
        coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{index:02d}.png"), cv2.resize(coarse, (120, 90)))
        box = [*rng.uniform(5, 40, 2), *rng.uniform(20, 40, 2)]
        rows.append(json.dumps({"file": f"{index:02d}.png", "boxes": [box]}))
    (folder / "boxes.jsonl").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def photographs(images: Path) -> list[Photograph]:
    return find_photographs(images, images / "boxes.jsonl")


def distillation(
    photographs: list[Photograph], path: Path, settings: DistillationSettings = SETTINGS
) -> tuple[Distillation, TrainingFolder]:
    """A task, prepared, in a folder."""
    folder = TrainingFolder(path)
    path.mkdir(exist_ok=True)
    training, held_out = hold_out(photographs)
    task = Distillation(
        settings, training, held_out, find_set("shipped"), "teacher", choose_device("cpu"), folder
    )
    with Interruption() as interruption:
        task.prepare(interruption, lambda count, total: None)
    return task, folder


@pytest.fixture(scope="module")
def prepared(
    photographs: list[Photograph], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Distillation, TrainingFolder]:
    """A task that nobody trains."""
    return distillation(photographs, tmp_path_factory.mktemp("prepared"))


# The crops


def test_half_of_the_crops_are_near_the_object_and_half_around_it() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    target = as_boxes([[150, 100, 60, 40]])
    boxes = draw_boxes(image, target, 256, np.random.default_rng(0))
    moved = np.abs(centre_size(boxes)[:, :2] - (180, 120)).max(axis=1) / 50
    grown = np.log(boxes[:, 2] / 60) / np.log(1.05)
    assert boxes.shape == (256, 4)
    assert moved[:128].max() < 0.13  # 0.1 of the mean side, and rounding
    assert 0.5 < moved[128:].max() < 1.03
    assert 3 < np.abs(grown[:128]).max() < 5.5
    assert 3 < np.abs(grown[128:]).max() < 5.5


def test_every_object_of_a_photograph_is_drawn() -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    objects = as_boxes([[20, 20, 40, 40], [300, 200, 60, 60]])
    rng = np.random.default_rng(0)
    left = [bool(draw_boxes(image, objects, 2, rng)[0, 0] < 150) for _ in range(20)]
    assert 0 < sum(left) < 20


def test_without_annotations_a_box_lies_anywhere_in_the_image() -> None:
    rng = np.random.default_rng(0)
    boxes = as_boxes([random_box(200, 100, rng) for _ in range(500)])
    share = boxes[:, 2:] / (200, 100)
    assert share.min() == pytest.approx(0.2, abs=0.01)
    assert share.max() == pytest.approx(0.8, abs=0.01)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= (200, 100)).all()
    assert boxes[:, 0].min() < 5
    assert (boxes[:, 0] + boxes[:, 2]).max() > 195


def test_a_crop_depends_on_its_place_and_the_seed_alone(photographs: list[Photograph]) -> None:
    stream = CropStream(photographs, 6, 5, True, 1)

    def boxes(first: int, count: int, of: CropStream = stream) -> np.ndarray:
        return np.concatenate([rows for _, rows in of.views(first, count)])

    whole = boxes(0, 64)
    np.testing.assert_array_equal(np.concatenate([boxes(0, 32), boxes(32, 32)]), whole)
    np.testing.assert_array_equal(boxes(7, 9), whole[7:16])
    assert (boxes(0, 64, replace(stream, seed=2)) != whole).any()


def test_passes_are_shuffled_or_in_order(photographs: list[Photograph]) -> None:
    known = {each.read().tobytes(): number for number, each in enumerate(photographs)}

    def order(shuffled: bool) -> list[int]:
        stream = CropStream(photographs, 2, len(photographs), shuffled, 0)
        return [known[image.tobytes()] for image, _ in stream.views(0, 2 * 2 * len(photographs))]

    assert order(False) == [*range(20), *range(20)]
    first, second = order(True)[:20], order(True)[20:]
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_takes_the_photographs_in_another_order_in_every_pass(
    photographs: list[Photograph], preset: str
) -> None:
    settings = replace(SETTINGS, preset=preset, crops=2, passes=2, images_per_pass=len(photographs))
    known = {each.read().tobytes(): number for number, each in enumerate(photographs)}
    order = [known[image.tobytes()] for image, _ in settings.stream(photographs).views(0, 80)]
    assert sorted(order[:20]) == sorted(order[20:]) == list(range(20))
    assert order[:20] != list(range(20))
    assert order[:20] != order[20:]


def test_teacher_and_student_see_a_crop_each_with_its_own_widening(
    photographs: list[Photograph], prepared: tuple[Distillation, TrainingFolder]
) -> None:
    task, _ = prepared
    task.feed(1)
    views = list(SETTINGS.stream(hold_out(photographs)[0]).views(BATCH, BATCH))
    blobs = task.solver.net.blobs
    seen = np.concatenate([cut_patches(image, boxes, 107, 16) for image, boxes in views])
    np.testing.assert_array_equal(blobs["data"].data, seen)
    teacher = open_teacher(find_set("shipped"), choose_device("cpu"))
    wanted = teacher.conv5(np.concatenate([cut_patches(image, boxes, 203, 16) for image, boxes in views]))
    np.testing.assert_allclose(blobs["target"].data, wanted, rtol=1e-4, atol=1e-3)
    assert (wanted < 0).any()  # before its ReLU


# The statistics


def test_mean_and_standard_deviation_are_those_of_all_maps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = rng.normal(1000, 0.5, (70, 2, 3, 3)).astype(np.float32)
    maps[:, 0, 0, 0] = 7
    gathered = Conv5Statistics(maps.shape[1:])
    gathered.add(maps[:40])
    gathered.save(tmp_path / STATISTICS)
    gathered = Conv5Statistics.load(tmp_path / STATISTICS, maps.shape[1:])
    gathered.add(maps[40:])
    exact = maps.astype(np.float64)
    assert gathered.count == 70
    np.testing.assert_allclose(gathered.mean, exact.mean(axis=0))
    np.testing.assert_allclose(gathered.std, exact.std(axis=0), rtol=1e-6, atol=1e-6)
    assert gathered.inverse_std[0, 0, 0] == 0  # it never varies: nothing to learn from it
    assert (gathered.inverse_std > 0).sum() == 17


def test_the_net_standardises_both_maps_by_the_teachers_statistics(
    prepared: tuple[Distillation, TrainingFolder],
) -> None:
    task, folder = prepared
    gathered = Conv5Statistics.load(folder.path / STATISTICS, (256, 14, 14))
    assert gathered.count == SETTINGS.statistics_crops == 64
    maps = []
    for iteration in range(2):
        task.feed(iteration)
        task.solver.net.forward()
        maps.append(task.solver.net.blobs["target_standardised"].data.copy())
    answers = np.concatenate(maps)
    np.testing.assert_allclose(answers.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(answers.std(axis=0), 1, atol=1e-3)
    blobs = task.solver.net.blobs
    expected = (blobs["conv5"].data - gathered.mean) / gathered.std
    np.testing.assert_allclose(blobs["conv5_standardised"].data, expected, atol=1e-3)
    assert float(blobs["loss"].data) == pytest.approx(((expected - maps[-1]) ** 2).sum() / 64, rel=1e-3)


# The training


def test_the_loss_falls_and_the_standardisation_stays(photographs: list[Photograph], tmp_path: Path) -> None:
    task, _ = distillation(photographs, tmp_path / "out")
    net = task.solver.net
    constants = [blob.data.copy() for blob in net.params["conv5_standardised"]]
    before, losses = task.measure(), []
    for _ in range(4):
        task.feed(0)
        task.solver.step(1)
        losses.append(float(net.blobs["loss"].data))
    assert losses == sorted(losses, reverse=True)
    after = task.measure()
    assert 0 < after["relative error"] < before["relative error"]
    assert before["correlation"] < after["correlation"] < 1
    assert after["loss"] < before["loss"]
    for name in ("conv5_standardised", "target_standardised"):
        for blob, constant in zip(net.params[name], constants, strict=True):
            np.testing.assert_array_equal(blob.data, constant)


def test_a_student_that_is_its_teacher_would_measure_as_equal(
    prepared: tuple[Distillation, TrainingFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, _ = prepared
    answers = []
    for patches, targets in task._held_out:
        task._nets.put(patches, targets)
        task.solver.net.forward()
        answers.append((patches, task.solver.net.blobs["conv5"].data.copy()))
    monkeypatch.setattr(task, "_held_out", answers)
    measured = task.measure()
    assert measured["loss"] == 0
    assert measured["relative error"] == 0
    assert measured["correlation"] == pytest.approx(1)


def test_after_a_stop_it_goes_on_bit_for_bit(photographs: list[Photograph], tmp_path: Path) -> None:
    def run(name: str, stop_after: int | None) -> Path:
        task, folder = distillation(photographs, tmp_path / name)

        def tell(iteration: int, loss: float) -> None:
            if iteration == stop_after:
                os.kill(os.getpid(), signal.SIGINT)

        with Interruption() as interruption:
            train(task, folder, interruption, tell)
        return folder.path

    whole = run("whole", None)
    with pytest.raises(Interrupted):
        run("stopped", 1)
    stopped = tmp_path / "stopped"
    assert TrainingFolder(stopped).iteration == 1
    assert set(verify(find_set(stopped)).values()) == {"ok"}
    half = (stopped / "zf_student.caffemodel").read_bytes()
    run("stopped", None)
    done = (stopped / "zf_student.caffemodel").read_bytes()
    assert done == (whole / "zf_student.caffemodel").read_bytes()
    assert done != half
    assert (whole / "zf_teacher.caffemodel").read_bytes() == find_set("shipped").file("teacher").read_bytes()
    iterations = [line["iteration"] for line in TrainingFolder(stopped).read_log()]
    assert iterations == [0, 2]


# The numbers


def test_the_preset_paper_has_the_papers_numbers() -> None:
    paper = PRESETS["paper"]
    assert (paper.crops, paper.passes, paper.statistics_crops) == (256, 5, None)
    assert paper.rate == 1e-7
    solver = read_message(prototxt_dir() / "distill" / paper.solver, "SolverParameter")
    assert (solver.type, solver.lr_policy, solver.stepsize) == ("SGD", "step", 60_000)
    assert solver.momentum == pytest.approx(0.9)
    assert solver.gamma == pytest.approx(0.1)
    assert solver.weight_decay == pytest.approx(1e-7)
    settings = DistillationSettings(
        preset="paper", crops=256, passes=5, images_per_pass=17_125, rate=1e-7, seed=0
    )
    assert settings.iterations == 17_125 * 256 * 5 // 32
    assert settings.statistics_crops == 17_125 * 256  # all of the data set, once
    net = read_message(prototxt_dir() / "distill/train.prototxt", "NetParameter")
    layers = {layer.name: layer for layer in net.layer}
    assert [each.lr_mult for each in layers["conv1"].param] == [1, 2]
    assert layers["loss"].type == "EuclideanLoss"
    assert layers["data"].input_param.shape[0].dim[0] == BATCH


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"crops": 5}, "5 crops"),
        ({"rate": 0.0}, "rate 0"),
        ({"rate": float("nan")}, "rate nan"),
        ({"passes": 0}, "passes"),
        ({"preset": "day"}, "day"),
        ({"frozen": ("conv6",)}, "frozen conv6: the student's layers are conv1, conv2"),
        ({"frozen": tuple(ZF_SHAPES)}, "no layer is left"),
    ],
)
def test_numbers_that_cannot_be_used_are_named(change: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        replace(SETTINGS, **change)  # type: ignore[arg-type]


# The command

SHORT = ("--passes", "1", "--images-per-pass", "4", "--crops", "16", "--rate", "1e-5", "--device", "cpu")


def run_here(*arguments: object) -> str:
    done = CliRunner().invoke(distill, [str(each) for each in arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_the_command_makes_a_weight_set_and_a_curve(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ("--images", images, "--output", out, *SHORT)  # no annotations: boxes at random
    output = run_here(*given)
    assert "held out, before:" in output
    assert "correlation" in output.splitlines()[-2]
    assert set(verify(find_set(out)).values()) == {"ok"}
    assert (out / "loss.png").stat().st_size > 1000
    begun = json.loads((out / "training.json").read_text())
    assert (begun["passes"], begun["images_per_pass"], begun["crops"], begun["seed"]) == (1, 4, 16, 0)
    assert "held out, now:" in run_here(*given)  # it is done, and says so again

    with pytest.raises(InputError, match="seed = 0, not 1"):
        run_here(*given, "--seed", 1)
    with pytest.raises(InputError, match="photographs"):
        run_here(*given, "--annotations", images / "boxes.jsonl")
    with pytest.raises(InputError, match="is the folder of --weights"):
        run_here(*given, "--weights", out)


def test_frozen_layers_stay_and_the_refinement_net_goes_along(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ("--images", images, "--output", out, "--start", "student", *SHORT)
    output = run_here(*given, "--frozen", "conv1,conv2")
    assert "--frozen conv1,conv2" in output
    shipped = find_set("shipped")
    before, after = (read_caffemodel(each.file("student")) for each in (shipped, find_set(out)))
    for name in ZF_SHAPES:
        stayed = all(np.array_equal(*pair) for pair in zip(before[name], after[name], strict=True))
        assert stayed == (name in ("conv1", "conv2")), name
    assert find_set(out).file("refiner").read_bytes() == shipped.file("refiner").read_bytes()
    assert "held out, now:" in run_here(*given)  # what is frozen is the folder's
    with pytest.raises(InputError, match="was begun with frozen"):
        run_here(*given, "--frozen", "conv1")


def test_without_conv2_the_refinement_net_stays_behind(images: Path, tmp_path: Path) -> None:
    run_here("--images", images, "--output", tmp_path, "--start", "student", *SHORT, "--frozen", "conv1")
    assert set(find_set(tmp_path).files) == {"student", "teacher"}


def test_the_length_is_chosen_by_the_time_there_is(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    output = run_here("--images", images, "--output", out, "--minutes", 0.01, "--device", "cpu")
    begun = json.loads((out / "training.json").read_text())
    again = (
        f"--preset hour --crops 8 --passes {begun['passes']} --images-per-pass {begun['images_per_pass']} "
        f"--rate {begun['rate']} --seed 0"
    )
    assert f"the same again: {again}" in output
    assert "held out, now:" in run_here("--images", images, "--output", out, *again.split())


def test_bad_inputs_are_named(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder of images"):
        run_here("--images", tmp_path / "none", "--output", tmp_path / "out")
    with pytest.raises(InputError, match="100 images per pass: there are 18"):
        run_here("--images", images, "--output", tmp_path / "out", "--images-per-pass", 100)
    with pytest.raises(InputError, match="7 crops"):
        run_here("--images", images, "--output", tmp_path / "out", "--passes", 1, "--crops", 7)
    student = tmp_path / "student"
    student.mkdir()
    write_caffemodel(student / "zf_student.caffemodel", read_caffemodel(find_set("shipped").file("student")))
    with pytest.raises(InputError, match=r"no zf_teacher\.caffemodel"):
        run_here("--images", images, "--output", tmp_path / "out", "--weights", student)
    assert not (tmp_path / "out" / "training.json").exists()


def test_ctrl_c_leaves_a_weight_set_and_the_same_command_goes_on(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ["distill", "--images", images, "--output", out, "--passes", 1, "--crops", 16, "--device", "cpu"]
    words = [*command(), *map(str, given)]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(words, stdout=said, stderr=said)
        deadline = time.monotonic() + 240
        while "iteration 1 " not in (tmp_path / "said").read_text():
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 130
    assert "the same command goes on" in (tmp_path / "said").read_text()
    assert set(verify(find_set(out)).values()) == {"ok"}
    assert TrainingFolder(out).iteration > 0
    load_caffe().Net(
        str(prototxt_dir() / "student/deploy.prototxt"),
        load_caffe().TEST,
        weights=str(find_set(out).file("student")),
    )
