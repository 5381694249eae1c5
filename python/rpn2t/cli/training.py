"""What ``rpn2t train-rpn`` does, and how a training is shown."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from rpn2t.cli.console import duration, say
from rpn2t.errors import InputError
from rpn2t.interruption import Interrupted, Interruption
from rpn2t.photographs import find_photographs, fingerprint, hold_out
from rpn2t.rpn_training import RPNSettings, RPNTraining, start_from
from rpn2t.runtime import choose_device
from rpn2t.training import Task, TrainingFolder, train
from rpn2t.weights import find_set, sha256

_SECONDS_BETWEEN_LINES = 15.0


class TrainingProgress:
    """How far a training is: a bar on a terminal, otherwise a line every few seconds."""

    def __init__(self, iterations: int, done: int) -> None:
        """Know what is to be done, and what was done before."""
        self._iterations, self._done = iterations, done
        self._began = self._said = perf_counter()
        self._first: int | None = None
        self._mean: float | None = None
        self._bar: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from tqdm import tqdm

            form = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix}"
            self._bar = tqdm(
                total=self._iterations,
                initial=self._done,
                file=sys.stderr,
                bar_format=form,
                ncols=shutil.get_terminal_size().columns,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, iteration: int, loss: float) -> None:
        """An iteration is over; what is shown of the loss is its recent mean."""
        self._mean = loss if self._mean is None else 0.95 * self._mean + 0.05 * loss
        now = perf_counter()
        if self._first is None:  # what came before it, measuring the start, is no measure of the rest
            self._first, self._began = iteration, now
        left = (now - self._began) / max(iteration - self._first, 1) * (self._iterations - iteration)
        state = f"loss {self._mean:.4g}" + (f", {duration(left)} left" if iteration > self._first else "")
        if self._bar is not None:
            self._bar.set_postfix_str(state, refresh=False)
            self._bar.update(iteration - self._bar.n)
        elif iteration in (self._first, self._iterations) or now - self._said >= _SECONDS_BETWEEN_LINES:
            self._said = now
            say(f"iteration {iteration} of {self._iterations}: {state}")


@contextmanager
def interruptible(folder: TrainingFolder) -> Iterator[Interruption]:
    """A block that takes signals, and says what is left when one stopped it.

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


def run_train_rpn(
    *,
    images: str,
    annotations: str | None,
    start: str,
    output: str,
    held_out_source: str | None,
    measure_every: int,
    device: str,
    **numbers: Any,
) -> None:
    """Train the teacher.

    Raises:
        InputError: an input cannot be used.
        SystemExit: 128 + the signal that stopped it.
    """
    settings = RPNSettings(**numbers)
    file = _start_file(start)
    layers = start_from(file)
    training, held_out = hold_out(find_photographs(images, annotations), held_out_source)
    chosen = choose_device(device)
    folder = TrainingFolder(output)
    inputs = {
        "photographs": fingerprint(images, training, held_out),
        "start": "random" if file is None else sha256(file)[:12],
    }
    with folder.opened(asdict(settings) | inputs) as agreed:
        folder.keep_settings(agreed)
        task = RPNTraining(settings, training, held_out, layers, chosen, folder, measure_every)
        for note in chosen.notes:
            say(note)
        say(f"training on {chosen}: {len(training)} photographs, {len(held_out)} held out, from {start}")
        if not folder.iteration:
            task.publish(folder.path)
        run_training(task, folder)


def _start_file(start: str) -> Path | None:
    if start == "random":
        return None
    if Path(start).is_file():
        return Path(start)
    try:
        return find_set(start).file("teacher")
    except InputError as error:
        raise InputError(f"--start {start}: no such file, and {error}") from None


def _told(measured: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in measured.items())
