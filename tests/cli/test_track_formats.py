"""`rpn2t track --format`, from the outside."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from support import Clip, set_options


def test_a_run_that_fails_leaves_its_frames_in_every_format(
    clip: Clip, rpn2t: Callable[..., "subprocess.CompletedProcess[str]"], tiny: dict[str, int], tmp_path: Path
) -> None:
    """And run.json describes the source, so that `rpn2t convert` makes the same file later."""
    source = tmp_path / "Square"
    shutil.copytree(clip.folder, source)
    (source / "img" / "0003.png").write_bytes(b"no image")
    options = ("--format", "cvat", "--format", "mot", "--format", "coco", "--no-video", "--output", "out")
    done = rpn2t("track", source, *options, *set_options(tiny), cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "0003.png" in done.stderr
    assert "mot.txt, coco.json, cvat.xml" in done.stdout.splitlines()[-2]

    described = json.loads((tmp_path / "out" / "run.json").read_text())["source"]
    assert (described["width"], described["height"], described["length"]) == (161, 121, 12)
    assert described["files"][:2] == ["0001.png", "0002.png"]

    mot = np.loadtxt(tmp_path / "out" / "mot.txt", delimiter=",")
    np.testing.assert_array_equal(mot[:, :2], [[1, 1], [2, 1]])
    np.testing.assert_allclose(mot[0, 2:7], [51, 41, 40, 34, 1])
    assert 'outside="1"' in (tmp_path / "out" / "cvat.xml").read_text()  # the clip goes on
    names = [each["file_name"] for each in json.loads((tmp_path / "out" / "coco.json").read_text())["images"]]
    assert names == ["0001.png", "0002.png"]

    again = rpn2t("convert", "out", "--format", "mot", "--output", "later.txt", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (0, "later.txt\n")
    assert (tmp_path / "later.txt").read_bytes() == (tmp_path / "out" / "mot.txt").read_bytes()
