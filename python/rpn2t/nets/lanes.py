"""Equal nets side by side, a thread each: they share the batches of one piece of work between them.

On a CPU that is faster than one net with all threads: what a small batch needs stays in the caches of the
core that computes it, and a layer waits for no other core.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from threading import Event
from typing import Any, Generic, TypeVar

from rpn2t.nets.caffe import caffe_threads
from rpn2t.nets.device import Device
from rpn2t.nets.side_thread import SideThread

Net = TypeVar("Net")


def lane_count(device: Device) -> int:
    """How many nets work side by side: on a CPU as many as the calling thread's Caffe has threads."""
    return 1 if device.kind == "gpu" else device.threads or caffe_threads()


class Lanes(Generic[Net]):
    """A net in the caller's thread, and where there are several lanes a net in a thread for each.

    A net is never run by two threads. So what it does is not a matter of chance.

    Attributes:
        own: the caller's net, with all of the caller's threads.
    """

    def __init__(self, device: Device, make: Callable[[], Net], beside: "Lanes[Any] | None" = None) -> None:
        """Make the caller's net; the others are made when they are first needed.

        Args:
            device: the caller's.
            make: makes a net, in the caller's thread.
            beside: whose threads to use, too.
        """
        self.own = make()
        self._make = make
        self._nets: list[Net] = []
        self._threads: list[SideThread] = beside._threads if beside else _side_threads(device)

    def share(self, count: int, batch: int, work: Callable[[Net, slice], None]) -> None:
        """Have `count` things done, a batch at a time.

        Args:
            count: of the things.
            batch: how many at once, at most. Which things are in a batch is always the same, and so are the
                results: only which lane takes a batch, and when, is a matter of chance. A single batch is
                the caller's.
            work: does a batch of them with a net. With several lanes it is called in other threads.

        Raises:
            Exception: one that `work` raised. Batches that had not begun then are not done.
        """
        parts = batches(count, batch)
        if not self._threads or len(parts) < 2:
            for part in parts:
                work(self.own, part)
            return
        while len(self._nets) < len(self._threads):
            self._nets.append(self._make())
        waiting, ended = iter(parts), Event()
        futures: list[Future[None]] = []
        try:
            for thread, net in zip(self._threads, self._nets, strict=True):
                futures.append(thread.do(_work_through, waiting, ended, work, net))
            wait(futures)
        finally:  # an interruption, too: nobody may go on to work for a caller who is gone
            ended.set()
            wait(futures)
        for future in futures:
            future.result()


def batches(count: int, batch: int) -> list[slice]:
    """Slices of `batch` things, of which the last two share what is left if it is less than half of one.

    A handful of windows is computed otherwise than many where their weights change (Winograd's way), and that
    depends on what a net has seen before.
    """
    starts = list(range(0, count, batch))
    ends = [*starts[1:], count][: len(starts)]
    if len(starts) > 1 and 2 * (count - starts[-1]) < batch:
        starts[-1] = ends[-2] = (starts[-2] + count + 1) // 2
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def _side_threads(device: Device) -> list[SideThread]:
    count = lane_count(device)
    return [SideThread(device, threads=1) for _ in range(count)] if count > 1 else []


def _work_through(parts: Iterator[slice], ended: Event, work: Callable[[Net, slice], None], net: Net) -> None:
    """Do what no other lane has taken."""
    try:
        for part in parts:
            if ended.is_set():
                return
            work(net, part)
    except BaseException:
        ended.set()
        raise
