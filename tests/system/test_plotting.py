"""Figures are the same whatever the user's Matplotlib is set to, and leave its settings alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRAW = """
import hashlib, sys
from rpn2t.eval.report.figures import look, saved
from rpn2t.eval.vot.plots import Figure
with look():
    figure = Figure(figsize=(3, 2))
    figure.subplots().set_title("a_b & 50 %")
print(*(hashlib.sha256(saved(figure, form)).hexdigest() for form in ("png", "pdf", "svg")))
"""
SETTINGS = """
backend: module://matplotlib_inline.backend_inline
text.usetex: True
axes.facecolor: black
savefig.dpi: 30
"""


def run(code: str, folder: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=clean | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("place", ["current folder", "MATPLOTLIBRC"])
def test_a_notebooks_backend_and_a_users_settings_change_no_figure(tmp_path: Path, place: str) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_text(SETTINGS)
    (tmp_path / "empty").mkdir()
    theirs = run(
        DRAW, tmp_path / ("" if place == "current folder" else "empty"),
        MPLBACKEND="module://matplotlib_inline.backend_inline", MATPLOTLIBRC=str(settings),
    )  # fmt: skip
    assert theirs == run(DRAW, tmp_path / "empty", MPLCONFIGDIR=str(tmp_path / "empty"))


def test_the_programs_own_settings_stay(tmp_path: Path) -> None:
    code = """
import os
import rpn2t.system.plotting
import matplotlib
before = dict(matplotlib.rcParams)
with rpn2t.system.plotting.plain({"font.size": 3}):
    assert matplotlib.rcParams["font.size"] == 3
    assert not matplotlib.rcParams["text.usetex"]
assert dict(matplotlib.rcParams) == before
print(matplotlib.rcParams["backend"], matplotlib.rcParams["text.usetex"], os.environ["MPLBACKEND"])
"""
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\n")
    assert run(code, tmp_path, MPLBACKEND="svg") == "svg True svg\n"
