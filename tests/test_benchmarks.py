"""benchmarks/cpu.py: what it refuses, and that it notices wrong results."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "cpu.py"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("option", ["--stock", "--torch"])
def test_an_interpreter_that_is_not_there(option: str) -> None:
    done = run(str(SCRIPT), option, "nowhere/python")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cpu.py: nowhere/python: no interpreter; see benchmarks/README.md\n"


def test_an_environment_that_lacks_the_engine(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')  # without site-packages
    bare.chmod(0o755)
    done = run(str(SCRIPT), "--torch", str(bare))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert f"PyTorch ({bare}): ModuleNotFoundError" in done.stderr


def test_errors_are_relative_and_no_number_is_wrong() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(SCRIPT.parent)!r})
import numpy as np
from cpu import LARGEST_ERROR, relative_error
wanted = np.array([[4.0, -8.0], [0.0, 1e-3]], dtype=np.float32)
found = wanted + np.float32([[0, 0], [2e-3, 0]])
assert abs(relative_error(found, wanted) - 2.5e-4) < 1e-8 and 2.5e-4 > LARGEST_ERROR
assert relative_error(wanted * np.nan, wanted) == relative_error(wanted + np.inf, wanted) == np.inf
assert relative_error(wanted, wanted) == 0
"""
    done = run("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
