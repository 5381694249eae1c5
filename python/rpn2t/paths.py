"""Where the package's own files lie: prototxt/, data/ and what is below them.

They are installed beneath ``rpn2t``, so everything works from any folder.
"""

from importlib.resources import files
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
