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
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

from rpn2t.errors import InputError, one_line
from rpn2t.system.cores import usable_cores
from rpn2t.system.foreign import complaint, is_foreign
from rpn2t.system.processor import choose_core
from rpn2t.system.signal_stack import ensure_signal_stack
from rpn2t.system.threads import SLEEP_AT_ONCE, environment, pool_sizes

if TYPE_CHECKING:
    import numpy as np
    from google.protobuf.message import Message
    from numpy.typing import NDArray


class Blob(Protocol):
    """What is used of a blob of Caffe's, which has no type information itself.

    Attributes:
        shape: its axes.
        data: its numbers, brought to the host. A GPU gets them back before it goes on, as they may have been
            written.
        values: likewise, to be read only; they stay on the GPU, too.
    """

    shape: Sequence[int]
    data: "NDArray[np.float32]"
    values: "NDArray[np.float32]"

    def reshape(self, *shape: int) -> None:
        """Give it other axes. What it held is lost if it grows."""


_OMP_PAUSE_HARD = 2
_OURS = ("Blob", "copy_rows", "resize_crops", "set_bf16", "set_tf32")
"""What our build of Caffe has and others have not."""

_PROTOBUF_CHOICE = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"


def load_caffe() -> ModuleType:
    """The ``caffe`` module, its pools of threads and its OpenBLAS told what suits this machine.

    An OpenBLAS older than the processor takes kernels of 2004 without a word, three times slower.
    It reads its choice from the environment while it is loaded, so the variable is set for that
    moment only: the OpenBLAS copies inside the wheels of NumPy and SciPy keep their own choice. So it
    is with the settings of rpn2t.system.threads. A value of any of these variables, or of
    ``GLOG_minloglevel``, that is already set is left as it is. Only more threads than cores are not.

    Raises:
        InputError: Caffe is not installed in this Python, does not load, or is not ours. The line says which
            file was found, and what it hides.
    """
    ensure_signal_stack()  # of whichever thread makes nets
    if "caffe" in sys.modules:
        return _require_ours(sys.modules["caffe"])
    _require_protobuf()
    wanted = {"GLOG_minloglevel": "2", **SLEEP_AT_ONCE}
    if core := choose_core():
        wanted["OPENBLAS_CORETYPE"] = core
    missing = {name: value for name, value in wanted.items() if name not in os.environ}
    sizes = pool_sizes(usable_cores())
    with environment(missing | sizes):
        library = caffe_library()
    _limit_loaded_pools(library, sizes)
    _rest_before_forks(library)
    try:
        caffe = importlib.import_module("caffe")
    except Exception as error:  # code of another protobuf's raises TypeErrors
        _require_our_protobuf(error)
        raise InputError(complaint("caffe", _found_caffe(), one_line(error))) from error
    return _require_ours(caffe)


def _require_ours(caffe: ModuleType) -> ModuleType:
    """The module, if it is our build."""
    lacking = [name for name in _OURS if not hasattr(caffe, name)]
    if lacking:
        raise InputError(complaint("caffe", _found_caffe(), f"it has no {lacking[0]}"))
    return caffe


def _require_protobuf() -> None:
    """Import protobuf, or say in a line why it does not import."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the error says it again
            importlib.import_module("google.protobuf.text_format")
    except Exception as error:  # a ValueError, if the environment chooses a part that there is not
        _require_our_protobuf(error)
        if chosen := os.environ.get(_PROTOBUF_CHOICE):
            cure = f"{_PROTOBUF_CHOICE}={chosen} asks for what it does not have: unset that variable"
        else:
            cure = "run `make setup`"
        raise InputError(f"protobuf does not import ({one_line(error)}): {cure}") from error


def _require_our_protobuf(error: Exception) -> None:
    """Blame the protobuf for an error if it is not the one that was installed with us."""
    for package in ("google.protobuf", "google"):
        found = _found(package)
        if found is not None and is_foreign(found):
            raise InputError(complaint("google.protobuf", found, one_line(error))) from error


def _found(package: str) -> Path | None:
    """The file of the package that Python has loaded, or would load. A folder without a file is none."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):
            return None
        file = spec.origin if spec and spec.has_location else None
    return Path(file) if file else None


def _found_caffe() -> Path:
    """The file of the Caffe that Python finds.

    Raises:
        InputError: it finds none.
    """
    if (found := _found("caffe")) is None:
        raise InputError(f"Caffe is not installed for {sys.executable}: run `make setup`")
    return found


def _limit_loaded_pools(library: ctypes.CDLL, sizes: dict[str, str]) -> None:
    """Take threads from pools that another library of the program had loaded before Caffe."""
    for variable, count, change in (
        ("OMP_NUM_THREADS", "omp_get_max_threads", "omp_set_num_threads"),
        ("OPENBLAS_NUM_THREADS", "openblas_get_num_threads", "openblas_set_num_threads"),
    ):
        most = int(sizes[variable])
        if hasattr(library, count) and library[count]() > most:
            library[change](ctypes.c_int(most))


_given = threading.local()
"""`count`: the threads that Caffe had in a thread before :func:`use_threads` changed it there."""


def caffe_threads() -> int:
    """How many threads Caffe has in the calling thread, if :func:`use_threads` says nothing else."""
    if hasattr(_given, "count"):
        return int(_given.count)
    load_caffe()
    library = caffe_library()
    return int(library.omp_get_max_threads()) if hasattr(library, "omp_get_max_threads") else 1


def use_threads(count: int | None) -> None:
    """How many threads Caffe's nets have that are made and run by the calling thread.

    Args:
        count: so many; None: what they had before they were given a number here.
    """
    if count is not None:
        _given.count = caffe_threads()
    elif hasattr(_given, "count"):
        count = _given.count
        del _given.count
    else:
        return
    if hasattr(caffe_library(), "omp_set_num_threads"):
        caffe_library().omp_set_num_threads(ctypes.c_int(count))


def _rest_before_forks(library: ctypes.CDLL) -> None:
    """End the calling thread's OpenMP pool before the process forks; the next work makes a new one.

    A child has only the thread that forked. It would wait for ever for the rest of that thread's pool.
    OpenBLAS does this by itself.
    """
    if hasattr(library, "omp_pause_resource_all"):  # OpenMP 5
        os.register_at_fork(before=lambda: library.omp_pause_resource_all(_OMP_PAUSE_HARD))


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


def forward(net: Any, first: int = 0, last: int | None = None) -> None:
    """Run a net and leave its results where they are; pycaffe's own `forward` brings them to the host.

    Args:
        net: a pycaffe net.
        first: number of the layer to begin with; what those before it made is still there.
        last: number of the layer to end with; None: that of the net.
    """
    net._forward(first, len(net.layers) - 1 if last is None else last)


def read_message(path: Path, kind: str) -> Any:
    """A prototxt file as a message of Caffe's, such as ``NetParameter``.

    Caffe itself ends the process on a file that it cannot parse.

    Raises:
        InputError: the file is none, or cannot be read.
    """
    load_caffe()
    from caffe.proto import caffe_pb2
    from google.protobuf import text_format

    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), getattr(caffe_pb2, kind)())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        name = kind.removesuffix("Parameter").lower()
        raise InputError(f"{path}: not a Caffe {name}: {error}") from None


def make_from_message(constructor: Callable[[str], Any], message: "Message") -> Any:
    """A net or solver from its definition: Caffe wants a file, which lives as long as the call."""
    from google.protobuf import text_format

    with tempfile.TemporaryDirectory(prefix="rpn2t-") as folder:
        path = Path(folder) / "definition.prototxt"
        path.write_text(text_format.MessageToString(message))
        return constructor(str(path))


@cache
def caffe_library() -> ctypes.CDLL:
    """Caffe's compiled part by itself; a name looked up in it is sought in what it links, too.

    Raises:
        InputError: it is not there, or does not load.
    """
    file = _found_caffe()
    compiled = sorted(file.parent.glob("_caffe*.so")) if file.name == "__init__.py" else []
    if not compiled:
        raise InputError(complaint("caffe", file, "it has no compiled part"))
    try:
        return ctypes.CDLL(str(compiled[0]))
    except OSError as error:
        raise InputError(complaint("caffe", file, str(error))) from error
