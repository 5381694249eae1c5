"""A second thread that computes with Caffe while the first one goes on.

Small nets do not fill several cores: the head's iterations, and the passes over a frame, are hardly faster on
two threads than on one. Done beside each other they are.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar
from weakref import WeakMethod

from rpn2t.nets.caffe import caffe_threads
from rpn2t.nets.device import Device

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SideThread:
    """Does one thing after the other, in the order in which they are given.

    On a GPU, and where Caffe has one thread, the caller does it at once. The results are the same.
    """

    def __init__(self, device: Device) -> None:
        """Begin with nothing to do.

        Args:
            device: the caller's. Of Caffe's threads this one gets what is left of the caller's ``threads``.
        """
        left = caffe_threads() - (device.threads or caffe_threads())
        self._device = replace(device, threads=left) if device.kind == "cpu" and left > 0 else None
        self._executor: ThreadPoolExecutor | None = None
        self._process = os.getpid()
        self._last: Future[Any] = _done(int)
        this = WeakMethod(self.rest)
        os.register_at_fork(before=lambda: (rest := this()) and rest())

    def do(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Have something done; the future has its result, or what it raised."""
        if self._device is None:
            return _done(work, *args, **kwargs)
        if self._executor is None or self._process != os.getpid():  # a forked process has no other threads
            self._executor = ThreadPoolExecutor(1, "rpn2t-side", self._device.activate)
            self._process = os.getpid()
        self._last = future = self._executor.submit(work, *args, **kwargs)
        return future

    def rest(self) -> None:
        """Wait until nothing is left to do. So it is before a fork: a child would wait for it for ever."""
        wait([self._last])


def half_of_the_threads(device: Device) -> Device:
    """The same, but of Caffe's threads a :class:`SideThread` gets the other half. A GPU stays as it is."""
    threads = caffe_threads()
    return device if device.kind == "gpu" else replace(device, threads=threads - threads // 2)


def _done(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Future[Result]:
    future: Future[Result] = Future()
    try:
        future.set_result(work(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future
