"""This machine's processor: its name, its features, and the OpenBLAS kernels that suit it."""

import platform
import re
from functools import cache
from pathlib import Path

# Best first: an OpenBLAS core, and the flags of /proc/cpuinfo that its kernels need.
_CORES = (
    ("SKYLAKEX", {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd", "fma"}),
    ("HASWELL", {"avx2", "fma"}),
)


def choose_core(cpuinfo: str | None = None, machine: str | None = None) -> str | None:
    """OpenBLAS core for a processor, or None to leave the choice to OpenBLAS.

    Args:
        cpuinfo: text of /proc/cpuinfo; by default this machine's.
        machine: architecture, as ``platform.machine()`` names it; by default this machine's.
    """
    if (machine or platform.machine()) != "x86_64":
        return None
    flags = cpu_flags(cpuinfo)
    return next((core for core, needs in _CORES if needs <= flags), None)


@cache
def cpu_flags(cpuinfo: str | None = None) -> set[str]:
    """The first processor's features, such as ``avx2``, by the text of /proc/cpuinfo; only x86 has them."""
    line = re.search(r"^flags\s*:(.*)$", _cpuinfo() if cpuinfo is None else cpuinfo, re.MULTILINE)
    return set(line[1].split()) if line else set()


def cpu_name() -> str:
    """The processor's name, as /proc/cpuinfo has it, or the architecture."""
    name = re.search(r"^model name\s*:\s*(.*)$", _cpuinfo(), re.MULTILINE)
    return name[1] if name else platform.machine()


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
