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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from .errors import InputError
from .threads import SLEEP_AT_ONCE

# Best first: an OpenBLAS core, and the flags of /proc/cpuinfo that its kernels need.
_CORES = (
    ("SKYLAKEX", {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "fma"}),
    ("HASWELL", {"avx2", "fma"}),
)

# A function that only a build with CUDA defines, and the one that asks whether a GPU can be used
# (both C++: caffe_gpu_memcpy(size_t, const void*, void*) and Caffe::CheckDevice(int)).
_CUDA_ONLY = "_ZN5caffe16caffe_gpu_memcpyEmPKvPv"
_CHECK_DEVICE = "_ZN5caffe5Caffe11CheckDeviceEi"


def load_caffe() -> ModuleType:
    """The ``caffe`` module, its OpenBLAS told which kernels suit this processor.

    An OpenBLAS older than the processor takes kernels of 2004 without a word, three times slower.
    It reads its choice from the environment while it is loaded, so the variable is set for that
    moment only: the OpenBLAS copies inside the wheels of NumPy and SciPy keep their own choice. So it
    is with the settings of rpn2t.threads. A value of any of these variables, or of
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
    if cpuinfo is None:
        path = Path("/proc/cpuinfo")
        cpuinfo = path.read_text() if path.exists() else ""
    line = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    flags = set(line[1].split()) if line else set()
    return next((core for core, needs in _CORES if needs <= flags), None)


def cpu_name() -> str:
    """The processor's name, as /proc/cpuinfo has it, or the architecture."""
    path = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.*)$", path.read_text() if path.exists() else "", re.MULTILINE)
    return name[1] if name else platform.machine()


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
    """Where Caffe computes: ``cpu``, or ``gpu`` with the GPU's index (0 is the first)."""

    kind: Literal["cpu", "gpu"]
    index: int = 0

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


def choose_device(spec: str = "auto") -> Device:
    """Device for ``auto`` (the first GPU if it works, else the CPU), ``cpu`` or ``gpu:N``.

    Raises:
        InputError: ``spec`` is none of these, or names a GPU that Caffe cannot use.
    """
    if spec == "cpu":
        return Device("cpu")
    if spec == "auto":
        return Device("gpu") if gpu_works(0) else Device("cpu")
    match = re.fullmatch(r"gpu:(\d{1,4})", spec, re.ASCII)
    if not match:
        raise InputError(f"device {spec!r} is not known: use auto, cpu or gpu:N (gpu:0 is the first GPU)")
    if not has_cuda():
        raise InputError(f"device {spec}: this Caffe was built without CUDA; use --device cpu")
    index = int(match[1])
    if not gpu_works(index):
        raise InputError(f"device {spec}: no such GPU, or it cannot be used now; use --device cpu")
    return Device("gpu", index)


def has_cuda() -> bool:
    """Whether this Caffe was built with CUDA. Touches no GPU."""
    load_caffe()
    return hasattr(_caffe_library(), _CUDA_ONLY)


def gpu_works(index: int) -> bool:
    """Whether Caffe can open GPU ``index``; False too for a Caffe without CUDA.

    Caffe's own ``set_device`` ends the process where there is no such GPU. Its CheckDevice answers
    instead, but not in a build without CUDA, so that is asked first.
    """
    if not has_cuda():
        return False
    check = _caffe_library()[_CHECK_DEVICE]
    check.restype = ctypes.c_bool
    return bool(check(ctypes.c_int(index)))


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
