"""The package as a program that imports it sees it: public names, their types, what is installed."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rpn2t
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.run.rows import Row
from rpn2t.run.track import track_video
from rpn2t.tracker.loop import Tracker
from rpn2t.video.live import Realtime
from rpn2t.video.sources import open_source
from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PUBLIC = {
    "Config": Config, "InputError": InputError, "Realtime": Realtime, "Row": Row, "Tracker": Tracker,
    "open_source": open_source, "track_video": track_video,
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


def test_the_licence_is_said_where_package_indexes_read_it_and_the_file_is_there() -> None:
    assert PROJECT["project"]["license"] == "MIT"  # an SPDX expression
    (file,) = PROJECT["project"]["license-files"]
    assert (ROOT / file).read_text().startswith("MIT License")
    classifiers = PROJECT["project"]["classifiers"]
    assert not [each for each in classifiers if each.startswith("License")], "both are refused together"


def test_the_terms_of_every_package_that_is_needed_are_told() -> None:
    told = (ROOT / "docs" / "third_party.md").read_text().lower()
    names = {re.split("[^a-z0-9-]", each.lower())[0] for each in PROJECT["project"]["dependencies"]}
    assert {name for name in names if name not in told} == set()
    assert "(docs/third_party.md)" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md", "docs/third_party.md", "docs/README.md"])
def test_links_lead_to_files_of_the_repository(page: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / page).read_text())
    ours = [target for target in targets if "://" not in target]
    assert ours
    assert [target for target in ours if not ((ROOT / page).parent / target).exists()] == []
