import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pretrain
import pytest
import runs
import torch
from muon import Kernels

SCRIPT = Path(pretrain.__file__)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The handlers that a run takes are given back."""
    found = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)}
    yield
    for signum, handler in found.items():
        signal.signal(signum, handler)


def arguments(photographs: Path, snapshots: Path, *more: str) -> list[str]:
    small = ["--size", "48", "--side", "50", "--batch", "8", "--crops", "48", "--keep", "32"]
    return ["--images", str(photographs), "--snapshots", str(snapshots), *small, *more]


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / runs.LOG).read_text().splitlines()]


def test_schedule_rises_then_falls_to_nothing() -> None:
    assert runs.schedule(0) == pytest.approx(0.01)
    assert runs.schedule(0.02) == pytest.approx(1)
    assert runs.schedule(0.51) == pytest.approx(0.5)
    assert runs.schedule(1) == pytest.approx(0, abs=1e-12)


def test_a_resumed_run_is_the_one_that_was_never_stopped(photographs: Path, tmp_path: Path) -> None:
    assert pretrain.main(arguments(photographs, tmp_path / "whole")) == 0
    parts = arguments(photographs, tmp_path / "parts")
    for _ in range(7):  # no more than a batch each
        assert pretrain.main([*parts, "--minutes", "0"]) == 0
    whole, resumed = (torch.load(tmp_path / name / runs.SNAPSHOT) for name in ("whole", "parts"))
    assert whole["seen"] == resumed["seen"] == 48
    for key, value in whole["pupil"].items():
        assert torch.equal(value, resumed["pupil"][key]), key
    for key, value in whole["average"].items():
        assert torch.equal(value, resumed["average"][key]), key


def test_files_and_log_of_a_run(photographs: Path, tmp_path: Path) -> None:
    pretrain.main(arguments(photographs, tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == {
        "lock", "log.jsonl", "snapshot.pt", "zf.npz", "zf_000000032.npz",
    }  # fmt: skip
    log = lines(tmp_path)
    assert [line["crops"] for line in log] == [0, 32, 48]
    assert log[-1]["crops_per_second"] > 0
    for line in log:
        assert set(line["held_out"]) == {"middle", "final", "classes", "agreement"}
        assert all(math.isfinite(value) for value in line["held_out"].values())
    with np.load(tmp_path / "zf.npz") as weights:
        assert weights["conv5_w"].shape == (256, 384, 3, 3)
        assert all(np.isfinite(weights[name]).all() for name in weights.files)


def test_the_losses_fall(photographs: Path, tmp_path: Path) -> None:
    pretrain.main(arguments(photographs, tmp_path, "--crops", "320", "--keep", "320"))
    first, *_, last = [line["held_out"] for line in lines(tmp_path)]
    assert all(last[name] < first[name] for name in pretrain.Trainer.losses)


def test_a_new_run_starts_from_another_s_weights(photographs: Path, tmp_path: Path) -> None:
    pretrain.main(arguments(photographs, tmp_path / "a"))
    more = ["--start", str(tmp_path / "a" / runs.SNAPSHOT), "--size", "64", "--rate", "0"]
    pretrain.main(arguments(photographs, tmp_path / "b", *more, "--minutes", "0"))
    first, second = (torch.load(tmp_path / name / runs.SNAPSHOT) for name in "ab")
    assert second["seen"] == 8
    assert torch.equal(second["pupil"]["zf.conv3.weight"], first["average"]["zf.conv3.weight"])


def test_a_new_run_starts_from_folded_weights(photographs: Path, tmp_path: Path) -> None:
    pretrain.main(arguments(photographs, tmp_path / "a"))
    start = tmp_path / "a" / pretrain.WEIGHTS
    more = ["--start", str(start), "--hold", "16", "--crops", "16"]
    pretrain.main(arguments(photographs, tmp_path / "b", *more))
    with np.load(start) as wanted, np.load(tmp_path / "b" / pretrain.WEIGHTS) as found:
        for name in wanted.files:  # the read-outs alone have learnt; both files are of half precision
            limit = 2e-3 * float(np.abs(wanted[name]).max())
            assert found[name] == pytest.approx(wanted[name].astype(np.float32), abs=limit), name


def test_backbone_and_readouts_learn_after_the_hold(photographs: Path, tmp_path: Path) -> None:
    parts = arguments(photographs, tmp_path, "--hold", "16")
    states = []
    for _ in range(3):
        pretrain.main([*parts, "--minutes", "0"])
        states.append(torch.load(tmp_path / runs.SNAPSHOT)["pupil"])
    for index in range(1, 6):
        for name in (f"zf.conv{index}.weight", f"zf.bn{index}.weight", f"zf.bn{index}.running_mean"):
            assert torch.equal(states[0][name], states[1][name]), name
            assert not torch.equal(states[1][name], states[2][name]), name
    assert not torch.equal(states[0]["readout.classes.weight"], states[1]["readout.classes.weight"])


def test_kernels_move_by_an_orthogonal_matrix() -> None:
    torch.manual_seed(0)
    kernel = torch.nn.Parameter(torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last))
    before = kernel.detach().clone()
    optimiser = Kernels([kernel], decay=0.0)
    kernel.grad = torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last)
    optimiser.step()
    moved = (before - kernel.detach()).flatten(1)
    singular = torch.linalg.svdvals(moved)
    assert singular.min() > 0.4 * singular.max()  # the gradient's own are further apart
    assert (moved * kernel.grad.flatten(1)).sum() > 0


@pytest.mark.parametrize("more", [["--seed", "1"], ["--skip", "SKIP"]])
def test_a_snapshot_of_other_crops_is_refused(photographs: Path, tmp_path: Path, more: list[str]) -> None:
    (tmp_path / "SKIP").write_text("00.png\nmore/01.png\n")
    pretrain.main(arguments(photographs, tmp_path / "a", "--minutes", "0"))
    more = [part.replace("SKIP", str(tmp_path / "SKIP")) for part in more]
    with pytest.raises(SystemExit, match="snapshot"):
        pretrain.main(arguments(photographs, tmp_path / "a", *more))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    runs.write(path, lambda file: file.write(b"old"))

    def fail(file: object) -> None:
        file.write(b"ne")  # type: ignore[attr-defined]
        raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        runs.write(path, fail)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_snapshot(photographs: Path, tmp_path: Path, signum: int) -> None:
    command = [sys.executable, str(SCRIPT), *arguments(photographs, tmp_path, "--crops", "100000000")]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()  # the first log line: it trains
        refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "another run" in refused.stderr
        time.sleep(1)
        process.send_signal(signum)
        assert process.wait(120) == 128 + signum
    seen = torch.load(tmp_path / runs.SNAPSHOT)["seen"]
    assert seen > 0
    assert lines(tmp_path)[-1]["crops"] == seen
