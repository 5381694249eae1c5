"""How long a pool's idle threads spin.

A process that tracks holds five pools of threads: the OpenBLAS copies of NumPy, SciPy, OpenCV and Caffe, and
the OpenMP of Caffe. After its work a pool's threads spin for a while, in case more comes, and hold the cores
that the next library needs. With these settings they sleep at once.

Each library reads them once, while it is loaded, so they must be in the environment before NumPy is
imported. The command `rpn2t` sees to that. `import rpn2t` does not, as a library should not change the
program it is used in; there only Caffe gets them, while it is loaded (:mod:`rpn2t.nets.caffe`).
"""

import os

SLEEP_AT_ONCE = {
    "OPENBLAS_THREAD_TIMEOUT": "4",  # 2^4 ticks of the processor's clock, the least it takes; 2^26 by default
    "OMP_WAIT_POLICY": "passive",
}


def sleep_at_once() -> None:
    """Set them in this process's environment, unless the user has set them."""
    for name, value in SLEEP_AT_ONCE.items():
        os.environ.setdefault(name, value)
