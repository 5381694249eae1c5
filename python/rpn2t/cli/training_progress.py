"""How a training is shown while it runs: the progress, the signals, and what came of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Self

from rpn2t.cli.console import Meter, say
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.training.solver_loop import Task, TrainingFolder, train


class TrainingProgress(Meter):
    """How far a training is."""

    _seconds_between_lines = 15.0

    def __init__(self, iterations: int, done: int) -> None:
        """Know what is to be done, and what was done before."""
        super().__init__()
        self._iterations, self._done = iterations, done
        self._mean: float | None = None

    def __enter__(self) -> Self:
        self._tell(self._done, self._iterations)
        return self

    def show(self, iteration: int, loss: float) -> None:
        """Count an iteration. The loss that is shown is the mean of the recent ones."""
        if self._mean is None:
            self._begin(iteration)
            self._mean = loss
        self._mean = 0.95 * self._mean + 0.05 * loss
        state = f"loss {self._mean:.4g}{self._left(iteration, self._iterations)}"
        line = f"iteration {iteration} of {self._iterations}: {state}"
        self._tell(iteration, self._iterations, state, line, now=iteration in (self._first, self._iterations))


@contextmanager
def interruptible(folder: TrainingFolder) -> Iterator[Interruption]:
    """A block that takes signals. If one stops it, the user is told what is left.

    Raises:
        SystemExit: 128 + that signal.
    """
    try:
        with Interruption() as interruption:
            yield interruption
    except Interrupted as stop:
        say(f"{stop}; {folder.path} can be used as it is, and the same command goes on", error=True)
        raise SystemExit(128 + stop.signum) from None


def run_training(task: Task, folder: TrainingFolder) -> None:
    """Train, show how it goes, and say what came of it.

    Raises:
        SystemExit: 128 + the signal that stopped it.
    """
    with (
        interruptible(folder) as interruption,
        TrainingProgress(task.iterations, folder.iteration) as progress,
    ):
        measured = train(task, folder, interruption, progress.show)
    before = folder.read_log()[0].get("held_out", {})
    say(f"held out, before: {_told(before)}")
    say(f"held out, now:    {_told(measured)}")
    say(f"written: {folder.path}; use it with --weights {folder.path}")


def _told(measured: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
