"""Workers that track: processes on this machine, or a cluster that is already there.

Every worker runs one task at a time and has its share of the cores. Pools of threads that share the same
cores slow each other down tenfold and more. The pools of BLAS, OpenMP and OpenCV read their sizes while they
are loaded, so a worker's environment is set before it starts.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import dask
from distributed import Client, LocalCluster

from rpn2t.errors import InputError
from rpn2t.system.cores import usable_cores
from rpn2t.system.threads import POOLS, SLEEP_AT_ONCE, environment, thread_limit

_ATTEMPTS = 4  # of a task whose worker dies under it


def worker_threads(workers: int, wanted: int | None) -> int:
    """How many threads each worker on this machine gets.

    Args:
        workers: how many there are.
        wanted: threads of each; None for its share of the cores.

    Returns:
        At most as many as there are cores.
    """
    if wanted is None:
        return max(1, thread_limit() // workers)
    return min(wanted, usable_cores())


def worker_environment(threads: int) -> dict[str, str]:
    """The environment variables of a worker with this number of threads."""
    return {**SLEEP_AT_ONCE, **dict.fromkeys(POOLS, str(threads))}


@contextmanager
def connected(workers: int, threads: int, scheduler: str | None) -> Iterator[Client]:
    """A client of workers on this machine, or of the scheduler at an address.

    Args:
        workers: processes to start here.
        threads: of each, see :func:`worker_threads`.
        scheduler: address of a scheduler that runs, as tcp://host:8786. Its workers keep their own threads.

    Raises:
        InputError: nothing answers at that address.
    """
    with ExitStack() as stack:
        # dask.distributed logs every worker that comes and goes.
        for name in ("distributed", "distributed.nanny", "distributed.scheduler", "distributed.worker"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        stack.enter_context(dask.config.set({
            "distributed.scheduler.allowed-failures": _ATTEMPTS - 1,
            "distributed.nanny.pre-spawn-environ": worker_environment(threads),
            "distributed.comm.timeouts.connect": "5s",
        }))  # fmt: skip
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout=5)
            except (OSError, ValueError, TimeoutError) as error:
                raise InputError(f"--scheduler {scheduler}: nothing answers there; start one with "
                                 "`dask scheduler` and workers with `dask worker`") from error  # fmt: skip
            yield stack.enter_context(client)
            return
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rpn2t-", ignore_cleanup_errors=True))
        # Where this process has such a variable itself, dask gives its value to the workers.
        with environment(worker_environment(threads)):
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # Caffe's memory is not Python's; the system guards it
                dashboard_address="127.0.0.1:0",
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
        stack.enter_context(cluster)
        yield stack.enter_context(Client(cluster))
