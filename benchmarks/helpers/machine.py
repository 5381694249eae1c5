"""The machine and the Caffe that were measured."""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

from rpn2t.system.processor import choose_core, cpu_flags, cpu_name

FLAGS = ("sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512bw", "avx512_vnni", "amx_tile")


def describe_machine(threads: int) -> dict[str, Any]:
    """The processor, its features, and what runs on it."""
    flags = cpu_flags()
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "threads": threads,
        "flags": [flag for flag in FLAGS if flag in flags],
        "openblas_core": choose_core(),
        "system": system,
        "kernel": os.uname().release,
        "numpy": np.__version__,
        "load_at_start": os.getloadavg()[0],
    }


def headline(machine: dict[str, Any]) -> str:
    """The machine in a line."""
    counts = f"{machine['cores']} cores, {machine['threads']} threads"
    return f"{machine['cpu']}, {counts}, {' '.join(machine['flags'])}"


def describe_caffe() -> dict[str, Any]:
    """This process's Python, and how the Caffe that it has loaded was built."""
    caffe = sys.modules["caffe"]  # stock Caffe, too
    build = Path(caffe.__file__ or "").with_name("BUILD")
    return {
        "python": sys.version.split()[0],
        "build": build.read_text().splitlines() if build.exists() else [],
        "onednn": hasattr(caffe, "has_onednn") and caffe.has_onednn(),
    }


def memory(field: str) -> float:
    """This process's resident memory in MB (10^6 bytes): ``VmRSS``, now, or ``VmHWM``, the highest.

    Not by `getrusage`: its highest is that of the process which started this one, if that had more.
    """
    found = re.search(rf"^{field}:\s*(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")
