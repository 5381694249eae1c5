"""The GPU against the CPU; each check in a process of its own, with a time limit.

Without a GPU that works they are skipped. RPN2T_DEVICE names another one than the first, or `cpu`, which
tries the checks themselves.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gpu_checks import CHECKS

from rpn2t.nets.device import gpu_problem

DEVICE = os.environ.get("RPN2T_DEVICE", "gpu:0")
CHECK = Path(__file__).with_name("gpu_checks.py")
LIMIT = 240  # s; the first kernel of a process may have to be compiled


@pytest.fixture(scope="module")
def device() -> str:
    """The device, if it works."""
    if DEVICE != "cpu" and (problem := gpu_problem(int(DEVICE.removeprefix("gpu:")))):
        pytest.skip(problem)
    return DEVICE


@pytest.mark.parametrize("options", [[], ["--tf32"]], ids=["float", "tf32"])
@pytest.mark.parametrize("check", CHECKS)
def test_like_the_cpu(check: str, options: list[str], device: str) -> None:
    command = [sys.executable, str(CHECK), check, device, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-3000:]}"


def test_the_checks_themselves() -> None:
    """On the CPU, one that compares layers, and one that tracks."""
    for check in ("conv2", "fast_mode"):
        done = subprocess.run(
            [sys.executable, str(CHECK), check, "cpu"],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
