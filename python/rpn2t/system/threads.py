"""How many threads a pool has, and how long its idle ones spin.

A process that tracks holds five pools of threads: the OpenBLAS copies of NumPy, SciPy, OpenCV and Caffe, and
the OpenMP of Caffe. OpenCV has threads of its own besides. A pool with more threads than cores is many times
slower than one thread, because all of its threads wait for the one that does not run. After its work a pool's
threads spin for a while, in case more comes, and hold the cores that the next library needs. With these
settings every pool has at most one thread for each core that the process may use, and its threads sleep at
once.

Each library reads them once, while it is loaded, so they must be in the environment before NumPy is
imported. The command `rpn2t` sees to that. `import rpn2t` does not, as a library should not change the
program it is used in; there only Caffe gets them, while it is loaded (:mod:`rpn2t.nets.caffe`).
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rpn2t.system.cores import usable_cores

SLEEP_AT_ONCE = {
    "OPENBLAS_THREAD_TIMEOUT": "4",  # 2^4 ticks of the processor's clock, the least it takes; 2^26 by default
    "OMP_WAIT_POLICY": "passive",
}

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""The variables that say how many threads a pool has. The first counts for pools without one of their own."""


def sleep_at_once() -> None:
    """Set SLEEP_AT_ONCE in this process's environment, except what the user has set."""
    for name, value in SLEEP_AT_ONCE.items():
        os.environ.setdefault(name, value)


def limit_pools() -> str | None:
    """Set POOLS in this process's environment: what the user wants, but no more than there are cores.

    Returns:
        A line for the user if less was set than was wanted, otherwise None.
    """
    cores = usable_cores()
    over = [f"{name}={os.environ[name]}" for name in POOLS if (_wanted(name) or 0) > cores]
    os.environ.update(pool_sizes(cores))
    if not over:
        return None
    may = f"{cores} core{'s' * (cores > 1)}"
    return f"{', '.join(over)}: this process may use {may}, so it takes {cores} thread{'s' * (cores > 1)}"


def pool_sizes(cores: int) -> dict[str, str]:
    """The values that :func:`limit_pools` sets, on this number of cores."""
    most = thread_limit(cores)
    return {name: str(min(_wanted(name) or most, cores)) for name in POOLS}


def thread_limit(cores: int | None = None) -> int:
    """How many threads this process may run at once: one a core, or ``OMP_NUM_THREADS`` if that is less.

    Args:
        cores: that it may use; by default they are counted.
    """
    cores = usable_cores() if cores is None else cores
    return min(_wanted(POOLS[0]) or cores, cores)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while; then they are as they were."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _wanted(name: str) -> int | None:
    """The number in a variable of POOLS. Like the libraries, it passes over what is no number above 0."""
    first = os.environ.get(name, "").split(",")[0].strip()  # OpenMP takes a list, for nested pools
    return int(first) if re.fullmatch("0*[1-9][0-9]{0,8}", first) else None
