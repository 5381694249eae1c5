"""What the user sees while a verb works."""

import os
import shutil
import sys
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rpn2t.session import Step

_SECONDS_BETWEEN_LINES = 5.0


def say(text: str, *, error: bool = False) -> None:
    """Prints one line to the standard output, or to the standard error.

    A reader that has gone (`rpn2t track ... | head -1`) ends the printing and nothing else.
    """
    stream = sys.stderr if error else sys.stdout
    encoding = stream.encoding or "utf-8"
    try:
        # A file name need not be text in the terminal's encoding.
        print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Progress:
    """Progress: a bar where the standard error is a terminal, otherwise a line every few seconds.

    Use it as a context manager; nothing is shown before `start`.
    """

    def __init__(self) -> None:
        self._total: int | None = None
        self._count = 0
        self._began = self._said = 0.0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self, total: int | None) -> None:
        """Begins with the first frame, of so many, or None where nobody knows how many."""
        self._total = total
        state = "learning the object in the first frame"
        if sys.stderr.isatty():
            from tqdm import tqdm

            width = shutil.get_terminal_size().columns  # 80 where a terminal does not know
            form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
            self._bar = tqdm(total=total, file=sys.stderr, bar_format=form, ncols=width)
            self._bar.set_postfix_str(state)
        else:
            say(state)

    def close(self) -> None:
        """Leaves the bar as it stands; a second call does nothing."""
        if self._bar is not None:
            self._bar.close()

    def show(self, step: "Step") -> None:
        """Counts a frame and says where the run stands."""
        self._count += 1
        now = perf_counter()
        if step.score is None:
            self._began = now  # learning the first frame is no measure of the others
            state = f"learned in {step.seconds:.1f} s"
        else:
            state = f"score {step.score:.2f}, {self._pace(now)}"
        if self._bar is not None:
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update()
        elif step.score is None or self._count == self._total or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            of = f"{self._count} of {self._total}" if self._total else f"{self._count}"
            say(f"frame {step.frame.index} ({of}): {state}")

    def _pace(self, now: float) -> str:
        seconds = max(now - self._began, 1e-9) / (self._count - 1)
        pace = f"{1 / seconds:.3g} frames/s"
        if self._total is None:
            return pace
        left = round(seconds * max(self._total - self._count, 0))
        return f"{pace}, {left // 60}:{left % 60:02d} left"
