"""Caffe, loaded as this machine needs it: the right BLAS kernels, a quiet log, a device that exists.

Caffe ends the process when one of its own checks fails, so whatever reaches it is validated here and
in the modules that use it.
"""

import ctypes
import importlib
import importlib.util
import os
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from google.protobuf import text_format
from google.protobuf.message import Message

from rpn2t.errors import InputError
from rpn2t.system.threads import SLEEP_AT_ONCE

# Best first: an OpenBLAS core, and the flags of /proc/cpuinfo that its kernels need.
_CORES = (
    ("SKYLAKEX", {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "fma"}),
    ("HASWELL", {"avx2", "fma"}),
)

# A function that only a build with CUDA defines, and the one that asks whether a GPU can be used
# (both C++: caffe_gpu_memcpy(size_t, const void*, void*) and Caffe::CheckDevice(int)).
_CUDA_ONLY = "_ZN5caffe16caffe_gpu_memcpyEmPKvPv"
_CHECK_DEVICE = "_ZN5caffe5Caffe11CheckDeviceEi"

# CUDA 13: the driver that it needs, the GPUs that it still serves (Turing), and what it calls these two
# numbers (cudaDevAttrComputeCapabilityMajor and Minor).
_OLDEST_DRIVER = "R580"
_OLDEST_CAPABILITY = (7, 5)
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76


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
    if "caffe" not in sys.modules:
        wanted = {"GLOG_minloglevel": "2", **SLEEP_AT_ONCE}
        if core := choose_core():
            wanted["OPENBLAS_CORETYPE"] = core
        with _defaults(wanted):
            _caffe_library()
    try:
        return importlib.import_module("caffe")
    except ImportError as error:
        raise InputError(f"Caffe does not import ({error}): run `make setup`") from error


def choose_core(cpuinfo: str | None = None, machine: str | None = None) -> str | None:
    """OpenBLAS core for a processor, or None to leave the choice to OpenBLAS.

    Args:
        cpuinfo: text of /proc/cpuinfo; read where not given.
        machine: architecture as ``platform.machine()`` says it; asked where not given.
    """
    if (machine or platform.machine()) != "x86_64":
        return None
    flags = cpu_flags(cpuinfo)
    return next((core for core, needs in _CORES if needs <= flags), None)


def cpu_flags(cpuinfo: str | None = None) -> set[str]:
    """The first processor's features, such as ``avx2``, by the text of /proc/cpuinfo; x86 alone has them."""
    line = re.search(r"^flags\s*:(.*)$", _cpuinfo() if cpuinfo is None else cpuinfo, re.MULTILINE)
    return set(line[1].split()) if line else set()


def cpu_name() -> str:
    """The processor's name, as /proc/cpuinfo has it, or the architecture."""
    name = re.search(r"^model name\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    return name[1] if name else platform.machine()


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def blas_report() -> dict[str, str | int | None]:
    """The BLAS that Caffe itself uses: ``core``, ``threads`` and ``library`` (its version and build).

    Looked up through Caffe's own library, since NumPy, SciPy and OpenCV each bring an OpenBLAS of
    their own. All but ``library`` are None where Caffe was linked with another BLAS.
    """
    load_caffe()
    library = _caffe_library()
    try:
        library.openblas_get_corename.restype = ctypes.c_char_p
        library.openblas_get_config.restype = ctypes.c_char_p
        core, build = library.openblas_get_corename(), library.openblas_get_config()
        threads = library.openblas_get_num_threads()
    except AttributeError:
        return {"core": None, "threads": None, "library": "not OpenBLAS"}
    return {"core": core.decode(), "threads": threads, "library": build.decode().strip()}


@dataclass(frozen=True)
class Device:
    """Where Caffe computes: ``cpu``, or ``gpu`` with the GPU's index (0 is the first).

    ``tf32`` lets a GPU round the factors of convolutions and matrix products to TF32. ``notes`` say what
    the user should know of the choice, a line each.
    """

    kind: Literal["cpu", "gpu"]
    index: int = 0
    tf32: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        """As ``--device`` takes it."""
        return self.kind if self.kind == "cpu" else f"gpu:{self.index}"

    def activate(self) -> None:
        """Make this the device of the calling thread. Call it before a net is made or run."""
        caffe = load_caffe()
        if self.kind == "cpu":
            caffe.set_mode_cpu()
        else:
            caffe.set_device(self.index)
            caffe.set_mode_gpu()
            caffe.set_tf32(self.tf32)

    def set_batch(self, blob: Any, count: int) -> None:
        """Give a net's input as many rows as are needed.

        On a GPU it keeps those it has, whatever is in the rest: cuDNN chooses its algorithms anew for a
        new shape.
        """
        if self.kind == "cpu" and blob.shape[0] != count:
            blob.reshape(count, *blob.shape[1:])


def choose_device(spec: str = "auto", tf32: bool = False) -> Device:
    """Device for ``auto`` (the first GPU if it works, else the CPU), ``cpu`` or ``gpu:N``.

    Args:
        spec: one of these.
        tf32: see :class:`Device`; the CPU knows no TF32, which its notes then say.

    Raises:
        InputError: ``spec`` is none of these, or names a GPU that Caffe cannot use.
    """
    match = re.fullmatch(r"gpu:(\d{1,4})", spec, re.ASCII)
    if not match and spec not in ("auto", "cpu"):
        raise InputError(f"device {spec!r} is not known: use auto, cpu or gpu:N (gpu:0 is the first GPU)")
    index = int(match[1]) if match else 0
    problem = gpu_problem(index) if spec != "cpu" else None
    if match and problem:
        raise InputError(f"device {spec}: {problem}, or use --device cpu")
    if spec != "cpu" and not problem:
        return Device("gpu", index, tf32)
    notes = []
    if problem and has_cuda():
        notes.append(f"the CPU is used, no GPU: {problem}")
    if tf32:
        notes.append("--tf32 has no effect on the CPU")
    return Device("cpu", notes=tuple(notes))


def has_cuda() -> bool:
    """Whether this Caffe was built with CUDA. Touches no GPU."""
    load_caffe()
    return hasattr(_caffe_library(), _CUDA_ONLY)


def gpu_problem(index: int) -> str | None:
    """What keeps Caffe from GPU ``index`` and what helps, as one clause each; None where nothing does.

    Caffe's own ``set_device`` ends the process where there is no such GPU, so CUDA is asked before it.
    Only a GPU to which there is no other objection is opened.
    """
    if not has_cuda():
        return "this Caffe was built without CUDA; build it with `docker/build_caffe.sh --cuda`"
    cuda = _caffe_library()
    driver = _cuda_number(cuda, "cudaDriverGetVersion")
    wanted = _cuda_number(cuda, "cudaRuntimeGetVersion")
    if driver == 0:
        return "there is no NVIDIA driver (no libcuda.so.1); install one, start a container with `--gpus all`"
    if driver // 1000 < wanted // 1000:
        return (
            f"the NVIDIA driver is too old: it is for CUDA {_cuda_version(driver)}, and this Caffe needs "
            f"{wanted // 1000}; update it to {_OLDEST_DRIVER} or newer"
        )
    try:
        count = _cuda_number(cuda, "cudaGetDeviceCount")
    except _CudaError as error:
        return (
            f"the NVIDIA driver offers no GPU ({error}); see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say"
        )
    if index >= count:
        there = "is 1 GPU, gpu:0" if count == 1 else f"are {count} GPUs, gpu:0 to gpu:{count - 1}"
        return f"no such GPU: there {there}; choose one that is there"
    return _unusable(cuda, index)


def _unusable(cuda: ctypes.CDLL, index: int) -> str | None:
    """What is wrong with a GPU that is there."""
    numbers = (_CAPABILITY_MAJOR, _CAPABILITY_MINOR)
    capability = tuple(_cuda_number(cuda, "cudaDeviceGetAttribute", number, index) for number in numbers)
    shown = ".".join(map(str, capability))
    if capability < _OLDEST_CAPABILITY:
        oldest = ".".join(map(str, _OLDEST_CAPABILITY))
        return f"this GPU is too old: its compute capability is {shown}, CUDA 13 needs {oldest}; take another"
    check = cuda[_CHECK_DEVICE]
    check.restype = ctypes.c_bool
    if check(ctypes.c_int(index)):
        return None
    return (
        "this GPU does not open: another process holds it or its memory, or this Caffe has no code for its "
        f"compute capability {shown} (docker/build_caffe.sh --arch); try later, take another"
    )


class _CudaError(Exception):
    """CUDA refused a call; the message is CUDA's."""


def _cuda_number(cuda: ctypes.CDLL, function: str, *arguments: int) -> int:
    """The number that a function of the CUDA runtime puts into its first argument."""
    value = ctypes.c_int()
    status = getattr(cuda, function)(ctypes.byref(value), *map(ctypes.c_int, arguments))
    if status != 0:
        cuda.cudaGetErrorString.restype = ctypes.c_char_p
        raise _CudaError(cuda.cudaGetErrorString(ctypes.c_int(status)).decode())
    return value.value


def _cuda_version(number: int) -> str:
    """12040 is CUDA 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"


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


def _caffe_library() -> ctypes.CDLL:
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
