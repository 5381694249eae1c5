"""Where files lie: the package's own, in prototxt/, data/ and below them, and those that a user names.

The package's are installed beneath ``rpn2t``, so everything works from any folder.
"""

import os
from importlib.resources import files
from os import PathLike
from pathlib import Path


def prototxt_dir() -> Path:
    """Folder of the networks (teacher/, student/, head/)."""
    return Path(str(files("rpn2t.prototxt")))


def data_dir() -> Path:
    """Folder of weights, configurations and data set lists."""
    return Path(str(files("rpn2t.data")))


def models_dir() -> Path:
    """Folder of the shipped weights."""
    return data_dir() / "models"


def configs_dir() -> Path:
    """Folder of the named configurations (``--config NAME``)."""
    return data_dir() / "configs"


def typed_path(text: str | PathLike[str]) -> Path:
    """A path that a user typed: ``~`` is the home folder. ``~somebody`` whom this machine lacks is a name."""
    return Path(os.path.expanduser(text))
