"""The real VOT toolkit runs our trackers by TraX, and its own analysis agrees with ours (`make test-vot`).

RPN2T_VOT_PYTHON is the Python of an environment with the toolkit (tests/vot/requirements.txt); it has
another OpenCV than ours, so it meets us by TraX alone.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # conftest's clip, one folder up

from conftest import make_clip

from rpn2t.cli import main
from rpn2t.eval.vot_report import compute
from rpn2t.supervised import read_run

TOOLKIT = [os.environ.get("RPN2T_VOT_PYTHON", ""), "-m", "vot"]

STACK = """
title: Local test
experiments:
  baseline:
    type: supervised
    repetitions: 3
    skip_initialize: 5
    analyses:
      - type: supervised_average_ar
      - type: supervised_ar
      - type: supervised_eao_score
        low: 5
        high: 20
"""


def toolkit(*arguments: str, cwd: Path) -> str:
    done = subprocess.run([*TOOLKIT, *arguments], cwd=cwd, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_sequence(folder: Path, images: list[np.ndarray], truth: np.ndarray) -> None:
    (folder / "color").mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        cv2.imwrite(str(folder / "color" / f"{number:08d}.jpg"), image)
    np.savetxt(folder / "groundtruth.txt", truth, fmt="%.4f", delimiter=",")
    (folder / "sequence").write_text(
        f"name={folder.name}\nfps=30\nformat=default\nchannels.color=color/%08d.jpg\n"
    )


def link_real(folder: Path, source: Path) -> None:
    """A real sequence of VOT, in the layout that the toolkit has now."""
    images = sorted(source.glob("*.jpg")) or sorted((source / "color").glob("*.jpg"))
    (folder / "color").mkdir(parents=True)
    for image in images:
        (folder / "color" / image.name).symlink_to(image)
    (folder / "groundtruth.txt").write_text((source / "groundtruth.txt").read_text())
    (folder / "sequence").write_text(
        f"name={folder.name}\nfps=30\nformat=default\nchannels.color=color/%08d.jpg\n"
    )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calm sequence and one in which the target jumps away; with real ones where there are any."""
    folder = tmp_path_factory.mktemp("workspace")
    names = ["calm", "jumpy"]
    for name, frames in zip(names, (30, 40), strict=True):
        clip = make_clip(folder / "clips" / name, frames)
        images, truth = list(clip.images), clip.truth.copy()
        if name == "jumpy":
            for index in range(12, frames):
                images[index] = np.ascontiguousarray(images[index][:, ::-1])
                truth[index, 0] = images[index].shape[1] - truth[index, 0] - truth[index, 2]
        write_sequence(folder / "sequences" / name, images, truth)
    if real := os.environ.get("RPN2T_SEQUENCES"):
        for source in (Path(real) / "VOT2016" / "bag", Path(real) / "VOT2018" / "book"):
            link_real(folder / "sequences" / source.name, source.resolve())
            names.append(source.name)
    (folder / "sequences" / "list.txt").write_text("".join(f"{name}\n" for name in names))
    (folder / "stack.yaml").write_text(STACK)
    (folder / "config.yaml").write_text("registry:\n- ./trackers.ini\nstack: ./stack.yaml\n")
    return folder


@pytest.fixture(scope="module")
def evaluated(workspace: Path) -> Path:
    """The workspace after the toolkit has run OpenCV's KCF through `rpn2t trax`."""
    assert main(["trax", "--workspace", str(workspace), "--tracker", "kcf"]) == 0
    assert "successfuly" in toolkit("evaluate", "--workspace", ".", "KCF", cwd=workspace)
    return workspace


def test_the_toolkit_s_own_test_passes_with_rpn2t(workspace: Path) -> None:
    small = {
        "positives_first": 16, "positives_first_drawn": 64, "negatives_first": 48, "regressor_samples": 64,
        "regressor_positives": 16, "candidates": 16, "mining_pool": 32, "iterations_first": 2,
        "positives_later": 4, "negatives_later": 16, "batch_positives": 8, "batch_negatives": 24,
    }  # fmt: skip
    settings = [word for name, value in small.items() for word in ("--set", f"{name}={value}")]
    assert main(["trax", "--workspace", str(workspace), "--device", "cpu", *settings]) == 0
    said = toolkit("--registry", "./trackers.ini", "test", "RPN2T", cwd=workspace)
    assert "Test concluded successfuly" in said


def test_our_own_runs_give_the_same_regions(evaluated: Path, tmp_path: Path) -> None:
    sequences = evaluated / "sequences"
    assert main(["benchmark", str(sequences), "--tracker", "kcf", "--results", str(tmp_path)]) == 0
    for sequence in (path.name for path in sequences.iterdir() if path.is_dir()):
        theirs = read_run(evaluated / "results" / "KCF" / "baseline" / sequence / f"{sequence}_001.bin")
        ours = read_run(tmp_path / "sequences" / "KCF" / "baseline" / sequence / f"{sequence}_001.txt")
        assert [len(region) for region in ours.regions] == [len(region) for region in theirs.regions]
        for mine, other in zip(ours.regions, theirs.regions, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-4)
    jumpy = read_run(tmp_path / "sequences" / "KCF" / "baseline" / "jumpy" / "jumpy_001.txt")
    assert jumpy.failures
    assert len(jumpy.starts) == len(jumpy.failures) + 1


def test_the_toolkit_s_analysis_agrees_with_ours(evaluated: Path) -> None:
    toolkit("analysis", "--workspace", ".", "--format", "json", "KCF", cwd=evaluated)
    (file,) = (evaluated / "analysis").glob("*.json")
    experiment = json.loads(file.read_text())["results"]["baseline"]
    kinds = [each["type"].rpartition(".")[2] for each in experiment["parameters"]["analyses"]]
    theirs = dict(zip(kinds, experiment["results"], strict=True))
    ours = compute(
        evaluated / "sequences", evaluated / "results", dataset=str(evaluated / "sequences"), interval=(5, 20)
    )
    scores, mean = ours.trackers["KCF"], ours.summaries()["KCF"]
    order = (evaluated / "sequences" / "list.txt").read_text().split()
    for name, (accuracy, failures, _, frames) in zip(order, theirs["AccuracyRobustness"], strict=True):
        assert scores[name].accuracy == pytest.approx(accuracy, abs=1e-6)
        assert scores[name].failures == failures
        assert scores[name].frames == frames
    accuracy, robustness, (reliability, _), _ = theirs["AverageAccuracyRobustness"][0]
    assert mean.accuracy == pytest.approx(accuracy, abs=1e-6)
    assert mean.robustness == pytest.approx(robustness, abs=1e-6)
    assert mean.reliability == pytest.approx(reliability, abs=1e-6)
    assert mean.eao == pytest.approx(theirs["EAOScore"][0][0], abs=1e-6)
