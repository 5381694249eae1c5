"""Where Caffe computes: the CPU, or a GPU that exists and works."""

import ctypes
import os
import re
from dataclasses import dataclass, field
from typing import Literal

from rpn2t.errors import InputError
from rpn2t.nets.caffe import Blob, caffe_library, load_caffe, use_threads
from rpn2t.system.processor import cpu_flags

# A function that only a build with CUDA defines, and the one that asks whether a GPU can be used
# (both C++: caffe_gpu_memcpy(size_t, const void*, void*) and Caffe::CheckDevice(int)).
_CUDA_ONLY = "_ZN5caffe16caffe_gpu_memcpyEmPKvPv"
_CHECK_DEVICE = "_ZN5caffe5Caffe11CheckDeviceEi"

# CUDA 13: the driver that it needs, the GPUs that it still serves (Turing), and what it calls these two
# numbers (cudaDevAttrComputeCapabilityMajor and Minor).
_OLDEST_DRIVER = "R580"
_OLDEST_CAPABILITY = (7, 5)
_FIRST_TF32 = (8, 0)
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76

_NO_INITIALISATION = 3  # cudaErrorInitializationError
_NO_FORK = (
    "a process that was forked from one with a GPU cannot use it; start it by multiprocessing's `spawn`"
)


@dataclass(frozen=True)
class Device:
    """Where Caffe computes: ``cpu``, or ``gpu`` with the GPU's index (0 is the first).

    ``tf32`` lets a GPU round the factors of convolutions and matrix products to TF32, and ``bf16`` lets a CPU
    round those of convolutions to bfloat16. ``notes`` say what the user should know of the choice, a line
    each. ``process`` is the process that chose it. On a CPU Caffe has ``threads`` in the thread
    that activates it; None: as many as it had there.
    """

    kind: Literal["cpu", "gpu"]
    index: int = 0
    tf32: bool = False
    bf16: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)
    process: int = field(default_factory=os.getpid, compare=False)
    threads: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """As ``--device`` takes it."""
        return self.kind if self.kind == "cpu" else f"gpu:{self.index}"

    @property
    def unit(self) -> Literal["cpu", "amx", "gpu"]:
        """What multiplies there: ``amx`` are a CPU's tiles of bfloat16, many times as fast as its vectors."""
        if self.kind == "cpu" and self.bf16 and "amx_bf16" in cpu_flags():
            return "amx"
        return self.kind

    def activate(self) -> None:
        """Make this the device of the calling thread. Call it before a net is made or run.

        Raises:
            InputError: it is a GPU, and this process was forked after the choice: CUDA does not survive that.
        """
        if self.kind == "gpu" and os.getpid() != self.process:
            raise InputError(f"device {self}: {_NO_FORK}")
        caffe = load_caffe()
        if self.kind == "cpu":
            caffe.set_mode_cpu()
            caffe.set_bf16(self.bf16)
            use_threads(self.threads)
        else:
            caffe.set_device(self.index)
            caffe.set_mode_gpu()
            caffe.set_tf32(self.tf32)

    def set_batch(self, blob: Blob, count: int) -> None:
        """Give a net's input as many rows as are needed.

        On a GPU their number is the next power of two, whatever is in the rest: cuDNN is asked for its
        algorithms for every new shape once.
        """
        rows = count if self.kind == "cpu" else 1 << (count - 1).bit_length()
        if blob.shape[0] != rows:
            blob.reshape(rows, *blob.shape[1:])


def choose_device(spec: str = "auto", tf32: bool = False, bf16: bool = False) -> Device:
    """Device for ``auto`` (the first GPU if it works, else the CPU), ``cpu`` or ``gpu:N``.

    Args:
        spec: one of these.
        tf32, bf16: see :class:`Device`. Its notes say so if one has no effect there.

    Raises:
        InputError: ``spec`` is none of these, or names a GPU that Caffe cannot use.
    """
    match = re.fullmatch(r"gpu:(\d{1,4})", str(spec), re.ASCII)
    if not match and spec not in ("auto", "cpu"):
        raise InputError(f"device {spec!r} is not known: use auto, cpu or gpu:N (gpu:0 is the first GPU)")
    index = int(match[1]) if match else 0
    problem = gpu_problem(index) if spec != "cpu" else None
    if match and problem:
        raise InputError(f"device {spec}: {problem}, or use --device cpu")
    if spec != "cpu" and not problem:
        said = ["--bf16 has no effect on a GPU"] if bf16 else []
        if tf32 and _capability(caffe_library(), index) < _FIRST_TF32:
            said.append("--tf32 has no effect: this GPU is older than Ampere")
        return Device("gpu", index, tf32, notes=tuple(said))
    notes = []
    if problem and has_cuda():
        notes.append(f"the CPU is used, no GPU: {problem}")
    if tf32:
        notes.append("--tf32 has no effect on the CPU")
    if bf16 and not load_caffe().has_bf16():
        bf16 = False
        notes.append("--bf16 has no effect: this CPU has neither AVX512-BF16 nor AMX")
    return Device("cpu", bf16=bf16, notes=tuple(notes))


def has_cuda() -> bool:
    """Whether this Caffe was built with CUDA. Touches no GPU."""
    load_caffe()
    return hasattr(caffe_library(), _CUDA_ONLY)


def gpu_problem(index: int) -> str | None:
    """What keeps Caffe from GPU ``index`` and what helps, as one clause each; None if nothing does.

    Caffe's own ``set_device`` ends the process if there is no such GPU, so CUDA is asked before it.
    Only a GPU to which there is no other objection is opened.
    """
    if not has_cuda():
        return "this Caffe was built without CUDA; build it with `docker/build_caffe.sh --cuda`"
    cuda = caffe_library()
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
        if error.status == _NO_INITIALISATION:
            return f"CUDA does not start ({error}): {_NO_FORK}"
        return (
            f"the NVIDIA driver offers no GPU ({error}); see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say"
        )
    if index >= count:
        there = "is 1 GPU, gpu:0" if count == 1 else f"are {count} GPUs, gpu:0 to gpu:{count - 1}"
        return f"no such GPU: there {there}; choose one that is there"
    return _unusable(cuda, index)


def _unusable(cuda: ctypes.CDLL, index: int) -> str | None:
    """What is wrong with a GPU that is there."""
    capability = _capability(cuda, index)
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


def _capability(cuda: ctypes.CDLL, index: int) -> tuple[int, ...]:
    """A GPU's compute capability, major and minor number."""
    numbers = (_CAPABILITY_MAJOR, _CAPABILITY_MINOR)
    return tuple(_cuda_number(cuda, "cudaDeviceGetAttribute", number, index) for number in numbers)


class _CudaError(Exception):
    """CUDA refused a call; the message is CUDA's, and so is the status."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def _cuda_number(cuda: ctypes.CDLL, function: str, *arguments: int) -> int:
    """The number that a function of the CUDA runtime puts into its first argument."""
    value = ctypes.c_int()
    status = getattr(cuda, function)(ctypes.byref(value), *map(ctypes.c_int, arguments))
    if status != 0:
        cuda.cudaGetErrorString.restype = ctypes.c_char_p
        raise _CudaError(status, cuda.cudaGetErrorString(ctypes.c_int(status)).decode())
    return value.value


def _cuda_version(number: int) -> str:
    """12040 is CUDA 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"
