"""What every training here has in common: snapshots, a log, signals, the schedule of the learning rate."""

import argparse
import fcntl
import json
import math
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor

SNAPSHOT, LOG = "snapshot.pt", "log.jsonl"


class Training(Protocol):
    """A training that `run` carries on.

    Attributes:
        seen: how far it is: crops, or steps.
        length: where it ends.
        unit: what it counts, in the plural.
        losses: names of what `step` returns.
    """

    seen: int
    length: int
    unit: str
    losses: tuple[str, ...]

    def rate(self) -> float:
        """The learning rate where the run stands."""
        ...

    def step(self) -> Tensor:
        """Train on a batch; returns its losses, still on the device."""
        ...

    def save(self, folder: Path, kept: bool) -> None:
        """Write the snapshot and the weights; `kept` ones for good."""
        ...

    def measure(self) -> dict[str, float]:
        """What is measured on held-out photographs."""
        ...


class Stop:
    """Takes SIGINT and SIGTERM: the batch under way ends, a snapshot is written. The second one kills."""

    def __init__(self) -> None:
        self.signum = 0
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._take)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        signal.signal(signum, signal.SIG_DFL)


def run(
    training: Training, folder: Path, stop: Stop, *, every: float, keep: int, minutes: float = math.inf
) -> None:
    """Train to the end, or to a signal, or as many minutes as given.

    Args:
        training: see there.
        folder: where snapshots, weights and the log lie.
        stop: takes the signals.
        every: minutes between snapshots.
        keep: of the training's units, between weights that are kept for good.
        minutes: see above.
    """
    log(training, folder, None, None)
    ends = time.monotonic() + 60 * minutes
    since, first = time.monotonic(), training.seen
    losses: list[Tensor] = []
    while training.seen < training.length:
        milestone = training.seen // keep
        losses.append(training.step())
        over = training.seen >= training.length or bool(stop.signum) or time.monotonic() > ends
        kept = training.seen // keep > milestone
        if over or kept or time.monotonic() - since > 60 * every:
            means = torch.stack(losses).mean(0).tolist()
            speed = (training.seen - first) / (time.monotonic() - since)
            training.save(folder, kept)
            log(training, folder, speed, dict(zip(training.losses, means, strict=True)))
            since, first, losses = time.monotonic(), training.seen, []
        if over:
            break


def carry_on(training: Training, folder: Path, stop: Stop, options: argparse.Namespace) -> int:
    """Run as the options of `add_options` say; returns the exit status, 128 and the number of a signal."""
    run(training, folder, stop, every=options.every, keep=options.keep, minutes=options.minutes)
    return 128 + stop.signum if stop.signum else 0


def add_options(parser: argparse.ArgumentParser, *, keep: int, kept: str) -> None:
    """Give a training the options that all have.

    Args:
        parser: of its command line.
        keep: how much lies between weights that are kept for good.
        kept: what that is, in words.
    """
    add = parser.add_argument
    add("--threads", type=int, default=2)
    add("--seed", type=int, default=0)
    add("--every", type=float, default=10, help="minutes between snapshots")
    add("--keep", type=int, default=keep, help=f"{kept} that are kept for good")
    add("--minutes", type=float, default=math.inf, help="stop after so many")


def follow(means: Iterable[Tensor], values: Iterable[Tensor], steps: float, most: float) -> None:
    """Move an average towards the weights, in place; at first, when they are worth nothing, faster.

    Args:
        means, values: of the average and of the net.
        steps: that were made.
        most: what is left of the average in a step, in the end.
    """
    share = 1 - min(most, (1 + steps) / (10 + steps))
    with torch.no_grad():
        for mean, value in zip(means, values, strict=True):
            mean.lerp_(value, share)


def log(training: Training, folder: Path, speed: float | None, losses: dict[str, float] | None) -> None:
    """Append a line to the log, and print it."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        training.unit: training.seen,
        f"{training.unit}_per_second": speed,
        "learning_rate": training.rate(),
        "training": losses,
        "held_out": training.measure(),
    }
    text = json.dumps(_rounded(line))
    with (folder / LOG).open("a") as file:
        file.write(text + "\n")
    print(text, flush=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder of snapshots; two runs cannot share one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{folder}: another run trains there") from None
        yield


def check(state: dict[str, Any], *, seed: int, photographs: int) -> None:
    """Refuse a snapshot of other draws."""
    if state["options"]["seed"] != str(seed):
        raise SystemExit(f"the snapshot's seed is {state['options']['seed']}: give it, or another folder")
    if state["photographs"] != photographs:
        raise SystemExit(f"the snapshot's run had {state['photographs']} photographs, not {photographs}")


def schedule(done: float) -> float:
    """Share of the highest learning rate: up over the first fiftieth, then half a cosine down to nothing."""
    rise = 0.02
    if done < rise:
        return 0.01 + 0.99 * done / rise
    return 0.5 + 0.5 * math.cos(math.pi * (done - rise) / (1 - rise))


def write(path: Path, save: Any) -> None:
    """Write a file by `save(file)` so that the old one or the new one is there, whole, at any time."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        save(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load(path: Path) -> Any:
    """A snapshot, or a part of one."""
    return torch.load(path, map_location="cpu", weights_only=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
