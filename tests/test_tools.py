"""tools/: that the long fuzz run finds what fails, and names it."""

import subprocess
import sys
from pathlib import Path

from support import ROOT

ATTEMPTS = """
import os
import time

def attempt(seed, folder):
    (folder / "x").touch(exist_ok=False)
    if seed == 3:
        os.abort()
    if seed == 4:
        raise KeyError("a\\nb")
    if seed == 6:
        os._exit(0)
"""


def fuzz(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "tools" / "fuzz.py", *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)


def test_fuzz_names_every_seed_that_fails_however_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "test_fuzz.py"
    file.write_text(ATTEMPTS)
    done = fuzz(8, "--seed", 0, "--only", tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{file}: seed 3: the process ended with status -6",
        f"{file}: seed 4: KeyError: 'a\\nb' ({file}:10)",
        f"{file}: seed 6: the process ended with status 0",
    ]
    assert fuzz(3, "--seed", 0, "--only", tmp_path).returncode == 0
    file.write_text("import nowhere")
    assert fuzz(1, "--only", tmp_path).stderr.endswith(f"{file}: cannot be loaded; pytest says why\n")
