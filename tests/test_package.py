"""The package as a program that imports it sees it: public names, their types, what is installed."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rpn2t
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.tracker.loop import Tracker
from rpn2t.video.live import Realtime
from rpn2t.video.sources import open_source
from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PUBLIC = {
    "Config": Config, "InputError": InputError, "Realtime": Realtime, "Tracker": Tracker,
    "open_source": open_source,
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_found_and_listed(name: str) -> None:
    assert getattr(rpn2t, name) is PUBLIC[name]
    assert name in dir(rpn2t)
    assert name in rpn2t.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'rpn2t' has no attribute 'Tracer'"):
        _ = rpn2t.Tracer


def test_type_checkers_see_every_public_name() -> None:
    """They cannot follow the lazy imports: the names are imported for them where Python does not look."""
    tree = ast.parse(Path(rpn2t.__file__).read_text())
    (block,) = (each for each in tree.body if isinstance(each, ast.If))
    seen = {(each.names[0].name, each.module) for each in block.body if isinstance(each, ast.ImportFrom)}
    assert seen == set(rpn2t._HOMES.items())
    assert {*rpn2t._HOMES, "__version__"} == set(rpn2t.__all__)


def test_importing_is_fast_and_help_needs_no_caffe() -> None:
    code = (
        "import sys, rpn2t\n"
        "print(*sorted({'numpy', 'av', 'cv2', 'caffe', 'click'} & set(sys.modules)))\n"
        "import pydoc\n"
        "told = pydoc.plain(pydoc.render_doc(rpn2t))\n"
        "print('caffe' in sys.modules, all(f'class {name}(' in told for name in ('Tracker', 'Realtime')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "False True"]


def test_all_packages_lie_in_one_folder_as_type_checkers_want_it() -> None:
    """Of several folders an editable install makes an import hook, which mypy cannot follow."""
    settings = PROJECT["tool"]["setuptools"]
    assert settings["package-dir"] == {"": "python"}
    for package in settings["packages"]:
        assert (ROOT / "python" / Path(*package.split(".")) / "__init__.py").is_file(), package
    assert (ROOT / "python" / "rpn2t" / "py.typed").is_file()
    assert "py.typed" in settings["package-data"]["rpn2t"]
