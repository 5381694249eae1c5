"""The notebook: its cells run, its outputs are there, and the tool that makes them."""

import json
from typing import Any

import pytest

from rpn2t.config import Config
from support import ROOT

NOTEBOOK = ROOT / "docs" / "track_from_python.ipynb"


def code_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_the_notebooks_cells_run_one_after_the_other(
    tiny: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """With settings that are fast, and track badly."""
    names: dict[str, Any] = {}
    for cell in code_cells():
        exec("".join(cell["source"]), names)
        if isinstance(names.get("config"), Config):
            names["config"] = Config.for_mode("fast").with_settings([f"{key}={tiny[key]}" for key in tiny])
    printed = capsys.readouterr().out
    assert "20 frames at 30 a second; the first is 0000.png (120, 160, 3)" in printed
    assert "frame 15, 0.50 s:" in printed
    assert "frame 0 x, y:" in printed
    assert "tracked, " in printed
    assert printed.splitlines()[-2] == "nowhere.mp4: no such file or folder"
    assert printed.splitlines()[-1].endswith("lies outside the frame of 160 x 120 px; give one in it")


def test_the_notebook_holds_the_outputs_of_one_run() -> None:
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    told = ["".join(output.get("text", "")) for cell in cells for output in cell["outputs"]]
    assert sum("score" in text for text in told) == 1
    assert not [text for text in told if "Error" in text]
    pictures = [
        output for cell in cells for output in cell["outputs"] if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 2
