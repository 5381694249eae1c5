"""tools/: the long fuzz run finds what fails, and names it; notebooks get the outputs of their cells."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

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


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A folder with a sequence of 64 frames: a white square of 20 px in a picture of 160 x 120."""
    images = tmp_path / "there" / "Square" / "img"
    images.mkdir(parents=True)
    boxes = []
    for number in range(64):
        x, y = 60 + number // 8, 50
        picture = np.full((120, 160, 3), 60, np.uint8)
        picture[y : y + 20, x : x + 20] = 255
        cv2.imwrite(str(images / f"{number + 1:04d}.png"), picture)
        boxes.append(f"{x + 1},{y + 1},20,20\n")
    (images.parent / "groundtruth_rect.txt").write_text("".join(boxes))
    return tmp_path / "there"


def harder(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, ROOT / "tools" / "harder.py", *arguments]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)


def test_harder_sequences_run_backwards(sequence: Path, tmp_path: Path) -> None:
    assert harder(sequence, "backward", tmp_path / "made", "--frames", 40).returncode == 0
    before, after = sequence / "Square", tmp_path / "made" / "Square"
    assert len(list((after / "img").iterdir())) == 40
    assert (after / "img/0001.png").read_bytes() == (before / "img/0040.png").read_bytes()
    boxes = [np.loadtxt(each / "groundtruth_rect.txt", delimiter=",") for each in (before, after)]
    assert (boxes[1] == boxes[0][:40][::-1]).all()


def test_harder_sequences_jump_and_their_boxes_with_them(sequence: Path, tmp_path: Path) -> None:
    assert harder(sequence, "jump", tmp_path / "made").returncode == 0
    made = tmp_path / "made" / "Square"
    boxes = np.loadtxt(made / "groundtruth_rect.txt", delimiter=",")
    for number, (x, y, w, h) in enumerate(boxes.astype(int), 1):
        picture = cv2.imread(str(made / "img" / f"{number:04d}.jpg"), cv2.IMREAD_GRAYSCALE)
        inside = np.zeros((120, 160), bool)
        inside[y - 1 : y - 1 + h, x - 1 : x - 1 + w] = True
        assert ((picture > 160) == inside).all()
    steps = np.hypot(*np.diff(boxes[:, :2], axis=0).T)
    assert [index + 1 for index in np.flatnonzero(steps > 4)] == [30, 60]
    assert (steps[[29, 59]] >= 0.8 * 20 - 2).all()
    assert (steps[[29, 59]] <= 2 * 20 + 2).all()


def test_harder_sequences_are_zoomed_and_their_boxes_with_them(sequence: Path, tmp_path: Path) -> None:
    assert harder(sequence, "zoom", tmp_path / "made").returncode == 0
    made = tmp_path / "made" / "Square"
    boxes = np.loadtxt(made / "groundtruth_rect.txt", delimiter=",")
    np.testing.assert_allclose(boxes[0], [61, 51, 20, 20], atol=0.01)
    for number, box in enumerate(boxes, 1):
        picture = cv2.imread(str(made / "img" / f"{number:04d}.jpg"), cv2.IMREAD_GRAYSCALE)
        rows, columns = np.nonzero(picture > 160)
        seen = [columns.min() + 1, rows.min() + 1, np.ptp(columns) + 1, np.ptp(rows) + 1]
        np.testing.assert_allclose(box, seen, atol=3)
    steps = np.abs(np.diff(np.log(boxes[:, 2])))
    assert 0.02 < steps.max() < 0.03
    assert 1.5 < boxes[:, 2].max() / boxes[:, 2].min() < np.e


def test_harder_says_what_is_wrong(sequence: Path) -> None:
    there = harder(sequence, "jump", sequence)
    assert there.returncode == 2
    assert there.stderr == f"error: {sequence}: is there already; name an empty folder or a new one\n"
    nowhere = harder(sequence / "Square" / "img", "jump", sequence / "new")
    assert nowhere.returncode == 2
    assert nowhere.stderr.startswith("error: ")
    assert nowhere.stderr.count("\n") == 1
    none = harder(sequence, "jump", sequence / "new", "--frames", 0)
    assert (none.returncode, none.stderr) == (2, "error: --frames 0: must be at least 1\n")
    inside = harder(sequence, "jump", sequence / "Square" / "groundtruth_rect.txt" / "new")
    assert inside.returncode == 2
    assert inside.stderr.startswith("error: ")
    assert inside.stderr.count("\n") == 1


def test_harder_takes_the_frames_that_have_a_box(sequence: Path, tmp_path: Path) -> None:
    truth = sequence / "Square" / "groundtruth_rect.txt"
    truth.write_text("".join(truth.read_text().splitlines(keepends=True)[:40]))
    assert harder(sequence, "backward", tmp_path / "made").returncode == 0
    after = tmp_path / "made" / "Square"
    assert (after / "img/0001.png").read_bytes() == (sequence / "Square/img/0040.png").read_bytes()
    assert len(np.loadtxt(after / "groundtruth_rect.txt", delimiter=",")) == 40
