"""Caffe, loaded as this machine needs it: the right BLAS kernels and a quiet log; its messages and nets.

Caffe ends the process when one of its own checks fails, so whatever reaches it is validated here and
in the modules that use it.
"""

import ctypes
import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from google.protobuf import text_format
from google.protobuf.message import Message

from rpn2t.errors import InputError
from rpn2t.system.processor import choose_core
from rpn2t.system.signal_stack import ensure_signal_stack
from rpn2t.system.threads import SLEEP_AT_ONCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Blob(Protocol):
    """What is used of a blob of Caffe's, which has no type information itself.

    Attributes:
        shape: its axes.
        data: its numbers, brought to the host.
    """

    shape: Sequence[int]
    data: "NDArray[np.float32]"

    def reshape(self, *shape: int) -> None:
        """Give it other axes. What it held is lost if it grows."""


def load_caffe() -> ModuleType:
    """The ``caffe`` module, its OpenBLAS told which kernels suit this processor.

    An OpenBLAS older than the processor takes kernels of 2004 without a word, three times slower.
    It reads its choice from the environment while it is loaded, so the variable is set for that
    moment only: the OpenBLAS copies inside the wheels of NumPy and SciPy keep their own choice. So it
    is with the settings of rpn2t.system.threads. A value of any of these variables, or of
    ``GLOG_minloglevel``, that is already set is left as it is.

    Raises:
        InputError: Caffe is not installed in this Python, or does not load.
    """
    ensure_signal_stack()  # of whichever thread makes nets
    if "caffe" not in sys.modules:
        wanted = {"GLOG_minloglevel": "2", **SLEEP_AT_ONCE}
        if core := choose_core():
            wanted["OPENBLAS_CORETYPE"] = core
        with _defaults(wanted):
            caffe_library()
    try:
        return importlib.import_module("caffe")
    except ImportError as error:
        raise InputError(f"Caffe does not import ({error}): run `make setup`") from error


def blas_report() -> dict[str, str | int | None]:
    """The BLAS that Caffe itself uses: ``core``, ``threads`` and ``library`` (its version and build).

    Looked up through Caffe's own library, since NumPy, SciPy and OpenCV each bring an OpenBLAS of
    their own. All but ``library`` are None if Caffe was linked with another BLAS.
    """
    load_caffe()
    library = caffe_library()
    try:
        library.openblas_get_corename.restype = ctypes.c_char_p
        library.openblas_get_config.restype = ctypes.c_char_p
        core, build = library.openblas_get_corename(), library.openblas_get_config()
        threads = library.openblas_get_num_threads()
    except AttributeError:
        return {"core": None, "threads": None, "library": "not OpenBLAS"}
    return {"core": core.decode(), "threads": threads, "library": build.decode().strip()}


def forward(net: Any) -> None:
    """Run a net and leave its results where they are; pycaffe's own `forward` brings them to the host."""
    net._forward(0, len(net.layers) - 1)


def read_message(path: Path, kind: str) -> Any:
    """A prototxt file as a message of Caffe's, such as ``NetParameter``.

    Caffe itself ends the process on a file that it cannot parse.

    Raises:
        InputError: the file is none.
    """
    load_caffe()
    from caffe.proto import caffe_pb2

    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), getattr(caffe_pb2, kind)())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        name = kind.removesuffix("Parameter").lower()
        raise InputError(f"{path}: not a Caffe {name}: {error}") from None


def make_from_message(constructor: Callable[[str], Any], message: Message) -> Any:
    """A net or solver from its definition: Caffe wants a file, which lives as long as the call."""
    with tempfile.TemporaryDirectory(prefix="rpn2t-") as folder:
        path = Path(folder) / "definition.prototxt"
        path.write_text(text_format.MessageToString(message))
        return constructor(str(path))


def caffe_library() -> ctypes.CDLL:
    """Caffe's compiled part by itself; a name looked up in it is sought in what it links, too."""
    spec = importlib.util.find_spec("caffe")
    folders = (spec.submodule_search_locations if spec else None) or []
    files = [file for folder in folders for file in sorted(Path(folder).glob("_caffe*.so"))]
    if not files:
        raise InputError(f"Caffe is not installed for {sys.executable}: run `make setup`")
    try:
        return ctypes.CDLL(str(files[0]))
    except OSError as error:
        raise InputError(f"Caffe does not load ({error}): run `make setup`") from error


@contextmanager
def _defaults(variables: dict[str, str]) -> Iterator[None]:
    """Environment variables for a while; those already set keep their value."""
    added = {name: value for name, value in variables.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
