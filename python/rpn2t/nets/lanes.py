"""Equal nets side by side, a thread each: they share the batches of one piece of work between them.

On a CPU that is faster than one net with all threads: what a small batch needs stays in the caches of the
core that computes it, and a layer waits for no other core.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import wait
from threading import Event
from typing import Generic, TypeVar

from rpn2t.nets.caffe import caffe_threads
from rpn2t.nets.device import Device
from rpn2t.nets.side_thread import SideThread

Net = TypeVar("Net")


class Lanes(Generic[Net]):
    """As many nets as Caffe has threads; on a GPU, or with one thread, a single net in the caller's.

    Attributes:
        nets: equal ones.
    """

    def __init__(self, device: Device, make: Callable[[], Net]) -> None:
        """Make the nets.

        Args:
            device: the caller's.
            make: makes one of them. It is called so many times, in this thread.
        """
        count = 1 if device.kind == "gpu" else device.threads or caffe_threads()
        self.nets = [make() for _ in range(count)]
        self._threads = [SideThread(device, threads=1) for _ in self.nets] if count > 1 else []

    def share(self, count: int, batch: int, work: Callable[[Net, slice], None]) -> None:
        """Have `count` things done, a batch at a time.

        Args:
            count: of the things.
            batch: how many at once, at most. Which things are in a batch is always the same, and so are the
                results: only which net takes a batch, and when, is a matter of chance.
            work: does a batch of them with a net. With several nets it is called in other threads.

        Raises:
            Exception: what `work` raised first. Batches that had not begun then are not done.
        """
        parts = iter([slice(start, min(start + batch, count)) for start in range(0, count, batch)])
        if not self._threads or count <= batch:
            for part in parts:
                work(self.nets[0], part)
            return
        ended = Event()
        lanes = zip(self._threads, self.nets, strict=True)
        futures = [thread.do(_work_through, parts, ended, work, net) for thread, net in lanes]
        try:
            wait(futures)
        finally:  # an interruption, too: nobody may go on to work for a caller who is gone
            ended.set()
            wait(futures)
        for future in futures:
            future.result()


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
