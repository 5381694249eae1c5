"""tools/: the long fuzz run finds what fails, and names it; notebooks get the outputs of their cells."""

import json
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


def test_run_notebook_writes_what_cells_print_and_what_their_last_lines_are(tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    sources = [["import math\n", "print('a\\nb')"], ["math.floor(3.5)"], ["x = 1"]]
    cells = [{"cell_type": "code", "source": source, "outputs": ["old"]} for source in sources]
    path.write_text(json.dumps({"cells": [{"cell_type": "markdown", "source": ["text"]}, *cells]}))
    command = [sys.executable, str(ROOT / "tools" / "run_notebook.py"), str(path)]
    subprocess.run(command, check=True, timeout=60)
    words, first, second, third = json.loads(path.read_text())["cells"]
    assert words == {"cell_type": "markdown", "source": ["text"]}
    assert first["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["a\n", "b\n"]}]
    assert [(each["data"], each["execution_count"]) for each in second["outputs"]] == [
        ({"text/plain": ["3"]}, 2)
    ]
    assert third["outputs"] == []
