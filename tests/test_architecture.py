"""Imports point one way only: docs/architecture.md draws the packages, this test holds the code to them."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from support import ROOT

FOLDERS = {
    "rpn2t": ROOT / "python" / "rpn2t",
    "rpn2t.eval": ROOT / "eval",
    "rpn2t.layers": ROOT / "layers",
    "rpn2t.prototxt": ROOT / "prototxt",
}

BELOW = {
    "root": "",
    "system": "root",
    "nets": "root system",
    "tracker": "root system nets",
    "sequences": "root system",
    "fetch": "root system sequences",
    "video": "root system sequences",
    "run": "root system nets tracker sequences video",
    "serve": "root system nets tracker sequences video run",
    "training": "root system nets tracker",
    "benchmark": "root system nets tracker sequences video run",
    "eval": "root system sequences benchmark",
    "toolkits": "root system sequences video run benchmark",
    "reproduce": "root system nets sequences benchmark eval",
    "cli": "root system nets tracker sequences fetch video run serve training benchmark eval toolkits "
    "reproduce",
    "layers": "root system nets tracker",
    "prototxt": "root nets tracker",
}
"""Package -> the packages that it may import. Modules directly in rpn2t are the root."""

DOORS = {"rpn2t", "rpn2t.__main__", "rpn2t.adapters"}
"""They hand on what lies above: the public names, the command, and the old name of a toolkit's adapter."""


def module_files() -> dict[str, Path]:
    """Every module of ours by its name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in folder.rglob("*.py"):
            name = ".".join([package, *path.relative_to(folder).with_suffix("").parts])
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = module_files()


def package_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in BELOW else "root"


def imports_of(module: str) -> set[str]:
    """The modules of ours that a module imports, within functions, too."""
    return set(_imported(ast.parse(MODULES[module].read_text())))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            inner = [f"{node.module}.{each.name}" for each in node.names]
            modules = [name for name in inner if name in MODULES]
            yield from modules
            if node.module in MODULES and len(modules) < len(inner):
                yield node.module


def test_every_package_is_known_and_every_module_is_found() -> None:
    packages = {name.split(".")[1] for name in MODULES if name.count(".") > 1}
    assert packages <= set(BELOW)
    assert {"rpn2t.tracker.loop", "rpn2t.eval.otb.metrics", "rpn2t.layers.rpn2t_loss"} <= set(MODULES)


@pytest.mark.parametrize("package", BELOW)
def test_no_arrow_points_back(package: str) -> None:
    allowed = {package, *BELOW[package].split()}
    back = {
        f"{module} -> {imported}"
        for module in MODULES
        if package_of(module) == package and module not in DOORS
        for imported in imports_of(module)
        if package_of(imported) not in allowed
    }
    assert not back


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: imports_of(module) - {module} for module in MODULES if module not in DOORS}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert order.index("rpn2t.errors") < order.index("rpn2t.tracker.loop")


def test_the_loop_knows_only_the_seam_and_the_modes_do_not_know_each_other() -> None:
    def reached(module: str) -> set[str]:
        return {each.removeprefix("rpn2t.tracker.").split(".")[0] for each in imports_of(module)}

    for module in MODULES:
        if module.startswith("rpn2t.tracker.paper"):
            assert "fast" not in reached(module), module
        elif module.startswith("rpn2t.tracker.fast"):
            assert "paper" not in reached(module), module
        elif module.startswith("rpn2t.tracker.") and module != "rpn2t.tracker.modes":
            assert not {"paper", "fast"} & reached(module), module


def test_matplotlib_is_imported_in_one_place_only() -> None:
    """Where the user's environment cannot reach it: rpn2t.system.plotting."""
    naming = {module for module in MODULES if "import matplotlib" in (text := MODULES[module].read_text())
              or "from matplotlib" in text}  # fmt: skip
    assert naming == {"rpn2t.system.plotting"}


def test_the_core_needs_nothing_but_numpy_and_scipy() -> None:
    """No files, no screen, no video, no command line: these are other rooms' work."""
    needed = set()
    for module in MODULES:
        if package_of(module) != "tracker":
            continue
        for node in ast.walk(ast.parse(MODULES[module].read_text())):
            if isinstance(node, ast.Import):
                needed |= {each.name.split(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                needed.add(node.module.split(".")[0])
    assert needed - {"rpn2t", "numpy", "scipy"} == {
        "collections", "concurrent", "copy", "dataclasses", "enum", "itertools", "json", "math", "typing"
    }  # fmt: skip
