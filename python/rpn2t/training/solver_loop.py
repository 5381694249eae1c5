"""Training with a Caffe solver: snapshots to go on from, a log, a curve, and weights for use at any time."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe, make_from_message
from rpn2t.system.files import exclusive, write_whole
from rpn2t.system.interruption import Interrupted, Interruption

LOG, CURVE, SETTINGS, LATEST = "log.jsonl", "loss.png", "training.json", "latest.json"
_SNAPSHOT = "snapshot"

_DIVERGED = 1e9
"""No loss of ours begins near it: the distillation's is a sum over all of conv5, some ten thousand."""


class Task(Protocol):
    """What is trained.

    Attributes:
        solver: Caffe's; its net has a blob ``loss``.
        iterations: of the whole training.
        measure_every: iterations between two measurements on what is held out.
    """

    solver: Any
    iterations: int
    measure_every: int

    def feed(self, iteration: int) -> None:
        """Fill the net's inputs for an iteration. The same number always gives the same inputs."""

    def measure(self) -> dict[str, float]:
        """How good the net is now, on what is held out."""

    def publish(self, folder: Path) -> None:
        """Write the weights as they are now, for use."""


class TrainingFolder:
    """The folder of a training, which goes on from its last snapshot, and only under the same settings."""

    snapshot_seconds = 600.0

    def __init__(self, path: str | Path) -> None:
        """Know the folder. Nothing is written before `opened`."""
        self.path = Path(path)

    @contextmanager
    def opened(self, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Lock the folder and compare the settings with those that it was begun with.

        Args:
            settings: of this training. A setting that is None is taken from the folder. ``verb`` says which
                of rpn2t's verbs trains.

        Yields:
            The settings that hold.

        Raises:
            InputError: the folder cannot be written, another process trains there, or it was begun otherwise.
        """
        busy = f"{self.path}: another run trains there; choose another --output"
        with exclusive(self.path / "lock", "--output", busy):
            yield self._agreed(dict(settings))

    def keep_settings(self, settings: Mapping[str, Any]) -> None:
        """Note what this training was begun with."""
        write_whole(self.path / SETTINGS, json.dumps(dict(settings), indent=2) + "\n")

    def _agreed(self, settings: dict[str, Any]) -> dict[str, Any]:
        try:
            begun = json.loads((self.path / SETTINGS).read_text())
        except OSError:
            return settings
        except ValueError:
            raise InputError(f"{self.path / SETTINGS}: damaged; choose another --output") from None
        verb = settings.get("verb")
        if begun.get("verb", verb) != verb:
            raise InputError(f"{self.path}: is of rpn2t {begun['verb']}; choose another --output")
        for name in sorted((set(settings) | set(begun)) - {"verb"}):
            if settings.get(name) is not None and settings[name] != begun.get(name):
                raise InputError(
                    f"{self.path}: was begun with {name} = {begun.get(name)}, not {settings[name]}; "
                    "give the same, or another --output"
                )
        return {**settings, **begun}

    def solver(self, parameter: Any) -> Any:
        """A solver of Caffe's, made from its SolverParameter. Its snapshots lie here."""
        parameter.snapshot_prefix = str(self.path.absolute() / _SNAPSHOT)
        return make_from_message(load_caffe().get_solver, parameter)

    @property
    def iteration(self) -> int:
        """The iteration of the last snapshot; 0 without one."""
        try:
            return int(json.loads((self.path / LATEST).read_text())["iteration"])
        except OSError:
            return 0

    def restore(self, solver: Any) -> None:
        """Bring the solver to where the last snapshot stood."""
        iteration = self.iteration
        if not iteration:
            self._cut_log(-1)
            return
        state = load_caffe().proto.caffe_pb2.SolverState()
        model, kept = self._snapshot(iteration)
        state.ParseFromString(kept.read_bytes())
        state.learned_net = str(model)  # the folder may have been moved
        here = self.path / "restoring.solverstate"
        here.write_bytes(state.SerializeToString())
        solver.restore(str(here))
        here.unlink()
        self._cut_log(iteration)

    def save(self, task: Task) -> None:
        """Take a snapshot, and publish what a user can use. The old snapshot goes last."""
        before, iteration = self.iteration, int(task.solver.iter)
        task.solver.snapshot()
        task.publish(self.path)
        write_whole(self.path / LATEST, json.dumps({"iteration": iteration}))
        if before and before != iteration:
            for path in self._snapshot(before):
                path.unlink(missing_ok=True)
        draw_curve(self.read_log(), self.path / CURVE)

    def log(self, line: Mapping[str, Any]) -> None:
        """Append a line to the log."""
        with (self.path / LOG).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of the log. One that a power cut left half written is left out."""
        lines = (self.path / LOG).read_text().splitlines() if (self.path / LOG).exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def last_measurement(self) -> dict[str, float]:
        """What was measured last on what is held out."""
        measured = [line["held_out"] for line in self.read_log() if "held_out" in line]
        return dict(measured[-1]) if measured else {}

    def _cut_log(self, iteration: int) -> None:
        """Drop what was logged after the snapshot: it is about to happen again."""
        kept = [line for line in self.read_log() if line["iteration"] <= iteration]
        write_whole(self.path / LOG, "".join(json.dumps(line) + "\n" for line in kept))

    def _snapshot(self, iteration: int) -> tuple[Path, Path]:
        stem = self.path / f"{_SNAPSHOT}_iter_{iteration}"
        return stem.with_suffix(".caffemodel"), stem.with_suffix(".solverstate")


def train(
    task: Task,
    folder: TrainingFolder,
    interruption: Interruption,
    tell: Callable[[int, float], None],
    log_every: int = 20,
) -> dict[str, float]:
    """Train to the end, from the folder's last snapshot.

    After a signal the current iteration is finished and a snapshot taken.

    Args:
        task: what is trained.
        folder: opened, with its settings kept.
        interruption: entered.
        tell: called after every iteration with its number, from 1, and its loss.
        log_every: iterations between two lines of the log.

    Returns:
        The last measurement.

    Raises:
        Interrupted: after a signal.
        InputError: the training diverged; the last snapshot stays.
    """
    solver = task.solver
    folder.restore(solver)
    losses: list[float] = []
    saved = monotonic()
    if solver.iter == 0:
        folder.log({"iteration": 0, "held_out": task.measure()})
    try:
        while solver.iter < task.iterations:
            task.feed(solver.iter)
            solver.step(1)
            losses.append(float(solver.net.blobs["loss"].data.ravel()[0]))
            if not losses[-1] < _DIVERGED:
                raise InputError(
                    f"{folder.path}: the training diverged, its loss is {losses[-1]:.3g} at iteration "
                    f"{solver.iter}; begin with a smaller --rate and another --output"
                )
            tell(solver.iter, losses[-1])
            over = solver.iter >= task.iterations
            measured = over or solver.iter % task.measure_every == 0
            if measured or solver.iter % log_every == 0:
                line: dict[str, Any] = {"iteration": solver.iter, "loss": sum(losses) / len(losses)}
                folder.log(line | ({"held_out": task.measure()} if measured else {}))
                losses = []
            if over or monotonic() - saved > folder.snapshot_seconds:
                folder.save(task)
                saved = monotonic()
            with interruption.allowed():  # an exception must not cross Caffe's own stack
                pass
    except Interrupted:
        if solver.iter != folder.iteration:
            folder.save(task)
        raise
    return folder.last_measurement()


def draw_curve(log: list[dict[str, Any]], path: Path) -> None:
    """A picture of the loss and of each measurement on what is held out, over the iterations."""
    from rpn2t.system.plotting import Figure, plain

    names = list(dict.fromkeys(name for line in log for name in line.get("held_out", {})))
    with plain():
        figure = Figure(figsize=(7, 2.2 * (1 + len(names))), layout="constrained")
        axes = figure.subplots(1 + len(names), sharex=True, squeeze=False)[:, 0]
        rows = [("training loss", [(line["iteration"], line["loss"]) for line in log if "loss" in line])]
        for name in names:
            points = [(line["iteration"], line["held_out"][name]) for line in log if "held_out" in line]
            rows.append((f"held out: {name}", points))
        for axis, (title, points) in zip(axes, rows, strict=True):
            axis.plot(
                [x for x, _ in points], [y for _, y in points], marker="." if len(points) < 50 else None
            )
            axis.set_title(title, fontsize=9, loc="left")
            axis.grid(alpha=0.3)
        axes[-1].set_xlabel("iteration")
        figure.savefig(path, dpi=120)
