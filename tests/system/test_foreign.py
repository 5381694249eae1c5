"""What is said of packages that hide ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from rpn2t.system import foreign

SCRIPT = """
import sys
from rpn2t.cli import main
sys.exit(main(["weights"]))
"""


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that Python searches first."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def package(folder: Path, name: str, text: str = "") -> Path:
    file = folder.joinpath(*name.split(".")) / "__init__.py"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return file


def test_the_line_names_both_files_and_the_variable(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = package(other, "click")
    monkeypatch.setenv("PYTHONPATH", f"/nowhere:{other}")
    ours = foreign.places("click")[1]
    assert not foreign.is_foreign(ours)
    assert foreign.complaint("click", found, "it is old") == (
        f"{found} is not the click that rpn2t needs (it is old) and hides {ours}: "
        f"take {other} out of PYTHONPATH"
    )


def test_without_the_variable_the_package_is_to_be_renamed(
    other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = package(other, "nowhere_else")
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert foreign.complaint("nowhere_else", found, "old") == (
        f"{found} is not the nowhere_else that rpn2t needs (old): rename {other / 'nowhere_else'}, "
        "then run `make setup`"
    )


def test_modules_of_one_file_are_found_too(other: Path) -> None:
    (other / "click.py").touch()
    (other / "tqdm.cpython-38-x86_64-linux-gnu.so").touch()
    assert foreign.places("click")[0] == other / "click.py"
    assert foreign.places("tqdm")[0] == other / "tqdm.cpython-38-x86_64-linux-gnu.so"


def test_our_own_package_is_not_foreign() -> None:
    ours = foreign.places("click")[0]
    assert foreign.complaint("click", ours, "broken") == (
        f"click in {ours.parent} cannot be used (broken): run `make setup`"
    )
    assert foreign.import_complaint(ImportError("no x", name="click", path=str(ours))) is None
    assert foreign.import_complaint(ImportError("no x")) is None


def test_the_command_blames_a_foreign_package_in_a_line(tmp_path: Path) -> None:
    """Like the cv2 of another Python in ROS's folder."""
    found = package(tmp_path, "numpy", "raise ImportError('of Python 2.7', name='numpy', path=__file__)")
    run = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{SCRIPT}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert run.stderr.startswith(
        f"rpn2t: {found} is not the numpy that rpn2t needs (of Python 2.7) and hides "
    )
    assert run.stderr.count("\n") == 1
