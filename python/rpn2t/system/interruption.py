"""Ctrl-C and SIGTERM, which stop the work only when nothing can be lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupted(BaseException):
    """A signal asked the run to stop. Not an Exception, as KeyboardInterrupt is none.

    Attributes:
        signum: the signal.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        name = "Ctrl-C" if signum == signal.SIGINT else signal.Signals(signum).name
        super().__init__(f"stopped by {name}")


class Interruption:
    """Takes SIGINT, SIGTERM and SIGHUP, and raises Interrupted only when nothing can be lost.

    In an `allowed` block, in which frames are read and tracked, a signal raises at once. Outside of
    one, while results are written, it waits for the next such block. After the first signal others
    are ignored, because the results are being completed. Use it as a context manager, in the main
    thread. At the end the former handlers are put back.
    """

    def __init__(self) -> None:
        self._signum: int | None = None
        self._allowed = False
        self._found: dict[int, Any] = {}

    def __enter__(self) -> Self:
        signals = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup's wish is kept
            signals.append(signal.SIGHUP)
        self._found = {signum: signal.signal(signum, self._handle) for signum in signals}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self._found.items():
            signal.signal(signum, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """A block in which a signal raises Interrupted at once, even one that came before it."""
        self._allowed = True
        try:
            if self._signum is not None:
                raise Interrupted(self._signum)
            yield
        finally:
            self._allowed = False

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._signum is not None:
            return
        self._signum = signum
        if self._allowed:
            raise Interrupted(signum)
