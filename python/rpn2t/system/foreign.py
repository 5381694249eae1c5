"""Packages that are not ours and hide one of ours, because Python finds them first.

Whoever once built Caffe, or works with ROS, has folders in PYTHONPATH for ever. Here is said which file was
found, what it hides, and what gets it out of the way.
"""

import os
import site
import sys
from pathlib import Path


def places(package: str) -> list[Path]:
    """The files of all packages and modules of this name on Python's path, in the order of the search."""
    found = []
    for entry in dict.fromkeys(sys.path):
        base = Path(entry or os.curdir).joinpath(*package.split("."))
        files = [
            base / "__init__.py",
            base.with_name(f"{base.name}.py"),
            *base.parent.glob(f"{base.name}*.so"),
        ]
        found += [file for file in files if file.is_file()][:1]
    return found


def is_foreign(file: Path) -> bool:
    """Whether a file lies elsewhere than the packages that are installed in this Python."""
    ours = (sys.prefix, *site.getsitepackages(), site.getusersitepackages())
    return not any(file.absolute().is_relative_to(place) for place in ours)


def complaint(package: str, file: Path, reason: str) -> str:
    """A line about a package that cannot be used: what Python found, what that hides, and the cure.

    Args:
        package: its name.
        file: what Python found.
        reason: why it cannot be used.
    """
    if not is_foreign(file):
        return f"{package} in {file.parent} cannot be used ({reason}): run `make setup`"
    ours = next((each for each in places(package) if not is_foreign(each)), None)
    hides = f" and hides {ours}" if ours else ""
    then = "" if ours else ", then run `make setup`"
    return f"{file} is not the {package} that rpn2t needs ({reason}){hides}: {_cure(file)}{then}"


def import_complaint(error: ImportError) -> str | None:
    """A line about a failed import, if a package that is not ours is to blame; otherwise None."""
    package = (error.name or "").partition(".")[0]
    found = [Path(error.path)] if error.path else places(package)[:1] if package else []
    if not found or not is_foreign(found[0]) or package == "rpn2t":
        return None
    return complaint(package, found[0], str(error).strip().splitlines()[0])


def _cure(file: Path) -> str:
    """What gets a package's file out of Python's way."""
    searched = {Path(entry or os.curdir).resolve(): entry for entry in sys.path}
    folder = next((parent for parent in file.absolute().parents if parent.resolve() in searched), file.parent)
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if entry and Path(entry).resolve() == folder.resolve():
            return f"take {entry} out of PYTHONPATH"
    return f"rename {folder / file.absolute().relative_to(folder).parts[0]}"
