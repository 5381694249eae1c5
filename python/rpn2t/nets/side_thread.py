"""A second thread that computes with Caffe while the first one goes on.

Small nets do not fill several cores. Done beside each other, the head's iterations and the passes over a
frame take less time than one after the other with all cores each (docs/history/fast.md).
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

from rpn2t.nets.caffe import caffe_threads
from rpn2t.nets.device import Device

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SideThread:
    """Does one thing after the other, in the order in which they are given.

    On a GPU, and where Caffe has one thread, the caller does it at once. The results are the same.
    """

    def __init__(self, device: Device, threads: int | None = None) -> None:
        """Begin with nothing to do.

        Args:
            device: the caller's.
            threads: of Caffe's, for this thread. None: those that the caller's ``threads`` leave, or like
                the caller all of them.
        """
        own, threads = threads, caffe_threads()
        if own is None:
            own = threads - device.threads if device.threads else threads
        is_alone = device.kind == "gpu" or threads == 1 or own == 0
        self._device = None if is_alone else replace(device, threads=own)
        self._executor: ThreadPoolExecutor | None = None
        self._process = os.getpid()
        self._last: Future[Any] = _done(int)
        _ALL.add(self)

    def do(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """Have something done; the future has its result, or what it raised."""
        if self._device is None:
            return _done(work, *args, **kwargs)
        if self._executor is None or self._process != os.getpid():  # a forked process has no other threads
            self._executor = ThreadPoolExecutor(1, "rpn2t-side", self._device.activate)
            self._process = os.getpid()
        try:
            self._last = future = self._executor.submit(work, *args, **kwargs)
        except RuntimeError:  # the main thread has ended: no thread begins any more
            self.rest()
            return _done(work, *args, **kwargs)
        return future

    def rest(self) -> None:
        """Wait until nothing is left to do. So it is before a fork: a child would wait for it for ever."""
        wait([self._last])


_ALL: WeakSet[SideThread] = WeakSet()


def _rest_all() -> None:
    for each in list(_ALL):
        each.rest()


os.register_at_fork(before=_rest_all)


def leave_threads(device: Device) -> Device:
    """The device of a thread that has a :class:`SideThread` beside it.

    It has half of Caffe's threads where it computes in bfloat16 by AMX: there nets as small as a tracker's
    are hardly faster on two threads than on one. Elsewhere they are, and both threads have all.
    """
    if device.unit != "amx":
        return device
    return replace(device, threads=caffe_threads() - caffe_threads() // 2)


def _done(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Future[Result]:
    future: Future[Result] = Future()
    try:
        future.set_result(work(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future
