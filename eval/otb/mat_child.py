"""The child process of :mod:`rpn2t.eval.otb.mat_files`: it reads MATLAB's result files, one after another.

    python mat_child.py DESCRIPTOR    of a connection: a path comes in, a list of structs or None goes out

It needs only NumPy and SciPy, so that it starts fast.
"""

import resource
import sys
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from scipy.io import loadmat

_MEMORY = 2 << 30  # bytes: a damaged file may ask for any number of them
_FIELDS = ("res", "type", "transformType", "tmplsize", "fps", "startFrame")


def main() -> None:
    """Answer until the parent closes the connection."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    memory = _MEMORY if most == resource.RLIM_INFINITY else min(_MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))
    parent: Connection[Any, Any] = Connection(int(sys.argv[1]))
    parent.send(None)  # ready
    while True:
        try:
            path = parent.recv()
        except EOFError:
            return
        parent.send(_structs(path))


def _structs(path: str) -> list[dict[str, Any]] | None:
    """The structs of a file's cell `results`, as fields; None if it has none."""
    try:
        cell = loadmat(path, squeeze_me=True, struct_as_record=False)["results"]
        return [_fields(item) for item in np.atleast_1d(cell).ravel() if hasattr(item, "res")]
    except Exception:  # scipy raises many kinds
        return None


def _fields(struct: Any) -> dict[str, Any]:
    """Numbers and texts; whatever else a field holds becomes None."""
    found = {name: getattr(struct, name) for name in _FIELDS if hasattr(struct, name)}
    return {name: value if _is_plain(value) else None for name, value in found.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, str | int | float)


if __name__ == "__main__":
    main()
