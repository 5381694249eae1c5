"""Training with a Caffe solver: snapshots, log, curve, signals."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.training.solver_loop import CURVE, SETTINGS, TrainingFolder, draw_curve, train

caffe = load_caffe()

SOLVER = """
type: "%s" base_lr: 0.05 lr_policy: "poly" power: 1 max_iter: 50 momentum: 0.9 display: 0
snapshot_after_train: false
net_param {
  layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 4 dim: 3 } } }
  layer { name: "target" type: "Input" top: "target" input_param { shape { dim: 4 dim: 2 } } }
  layer { name: "out" type: "InnerProduct" bottom: "data" top: "out"
          inner_product_param { num_output: 2 weight_filler { type: "constant" value: 0 } } }
  layer { name: "loss" type: "EuclideanLoss" bottom: "out" bottom: "target" top: "loss" }
}
"""


class Line:
    """Learns a linear map; a :class:`rpn2t.training.solver_loop.Task`."""

    def __init__(self, folder: TrainingFolder, kind: str = "SGD", iterations: int = 50) -> None:
        from caffe.proto import caffe_pb2

        self.solver: Any = folder.solver(text_format.Parse(SOLVER % kind, caffe_pb2.SolverParameter()))
        self.iterations, self.measure_every = iterations, 10
        self.spoil_at, self.spoil_with = -1, np.inf

    def feed(self, iteration: int) -> None:
        data = np.random.default_rng(iteration).normal(size=(4, 3))
        blobs = self.solver.net.blobs
        blobs["data"].data[...] = data
        blobs["target"].data[...] = data @ [[1, 2], [3, 4], [5, 6]]
        if iteration == self.spoil_at:
            blobs["target"].data[...] = self.spoil_with

    def weights(self) -> np.ndarray:
        return np.array(self.solver.net.params["out"][0].data)

    def measure(self) -> dict[str, float]:
        return {"error": float(np.abs(self.weights() - [[1, 3, 5], [2, 4, 6]]).max())}

    def publish(self, folder: Path) -> None:
        np.save(folder / "weights.npy", self.weights())


def run(path: Path, kind: str = "SGD", tell: Callable[[int, float], None] | None = None) -> dict[str, float]:
    """Train to the end, in a folder of a lock's own."""
    folder = TrainingFolder(path)
    with folder.opened({}), Interruption() as interruption:
        return train(Line(folder, kind), folder, interruption, tell or (lambda iteration, loss: None))


def interrupt_at(wanted: int, signum: int = signal.SIGINT) -> Callable[[int, float], None]:
    def tell(iteration: int, loss: float) -> None:
        if iteration == wanted:
            os.kill(os.getpid(), signum)

    return tell


def test_it_learns_and_logs_and_publishes(tmp_path: Path) -> None:
    told: list[int] = []
    measured = run(tmp_path, tell=lambda iteration, loss: told.append(iteration))
    log = TrainingFolder(tmp_path).read_log()
    assert told == list(range(1, 51))
    assert [line["iteration"] for line in log] == [0, 10, 20, 30, 40, 50]
    assert log[0] == {"iteration": 0, "held_out": {"error": 6}}
    assert log[-1]["held_out"] == measured
    assert measured["error"] < 3
    assert log[-1]["loss"] < log[1]["loss"]
    assert np.abs(np.load(tmp_path / "weights.npy") - [[1, 3, 5], [2, 4, 6]]).max() == measured["error"]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_after_a_stop_it_goes_on_bit_for_bit(tmp_path: Path, kind: str) -> None:
    run(tmp_path / "whole", kind)
    for stop in (7, 23):
        with pytest.raises(Interrupted):
            run(tmp_path / "stopped", kind, interrupt_at(stop))
        assert TrainingFolder(tmp_path / "stopped").iteration == stop
        snapshots = sorted(each.name for each in (tmp_path / "stopped").glob("snapshot*"))
        assert snapshots == [f"snapshot_iter_{stop}.caffemodel", f"snapshot_iter_{stop}.solverstate"]
        (tmp_path / "stopped").rename(tmp_path / "moved")  # a folder may be moved
        (tmp_path / "moved").rename(tmp_path / "stopped")
    run(tmp_path / "stopped", kind)
    whole, stopped = (np.load(tmp_path / name / "weights.npy") for name in ("whole", "stopped"))
    np.testing.assert_array_equal(stopped, whole)


def test_a_moved_folder_goes_on(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path / "before", tell=interrupt_at(5))
    (tmp_path / "before").rename(tmp_path / "after")
    run(tmp_path / "after")
    run(tmp_path / "whole")
    assert (tmp_path / "after/weights.npy").read_bytes() == (tmp_path / "whole/weights.npy").read_bytes()


def test_what_was_lost_is_not_logged_twice(tmp_path: Path) -> None:
    """A process that was killed, before its first snapshot and after one."""

    class Killed(Exception):
        pass

    def die_at(wanted: int) -> Callable[[int, float], None]:
        def tell(iteration: int, loss: float) -> None:
            if iteration == wanted:
                raise Killed

        return tell

    with pytest.raises(Killed):
        run(tmp_path, tell=die_at(15))
    with pytest.raises(Interrupted):
        run(tmp_path, tell=interrupt_at(12))
    with pytest.raises(Killed):
        run(tmp_path, tell=die_at(45))
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"iteration": 45, "lo')
    run(tmp_path)
    iterations = [line["iteration"] for line in TrainingFolder(tmp_path).read_log()]
    assert iterations == [0, 10, 20, 30, 40, 50]


def test_a_signal_at_the_last_iteration_loses_nothing(tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as stop:
        run(tmp_path, tell=interrupt_at(50, signal.SIGTERM))
    assert stop.value.signum == signal.SIGTERM
    again: list[int] = []
    assert run(tmp_path, tell=lambda iteration, loss: again.append(iteration))["error"] < 3
    assert again == []


def test_snapshots_are_taken_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainingFolder, "snapshot_seconds", 0.0)
    seen: list[int] = []
    run(tmp_path, tell=lambda iteration, loss: seen.append(TrainingFolder(tmp_path).iteration))
    assert seen == list(range(50))
    assert len(list(tmp_path.glob("snapshot*"))) == 2


@pytest.mark.parametrize(("target", "loss"), [(np.inf, "nan|inf"), (1e6, r"\de\+1\d")])
def test_a_diverging_training_stops_and_keeps_its_snapshot(tmp_path: Path, target: float, loss: str) -> None:
    with pytest.raises(Interrupted):
        run(tmp_path, tell=interrupt_at(5))
    kept = (tmp_path / "weights.npy").read_bytes()
    folder = TrainingFolder(tmp_path)
    with folder.opened({}), Interruption() as interruption:
        task = Line(folder)
        task.spoil_at, task.spoil_with = 8, target
        with pytest.raises(InputError, match=rf"loss is .*({loss}) at iteration 9.*smaller --rate"):
            train(task, folder, interruption, lambda iteration, loss: None)
    assert folder.iteration == 5
    assert (tmp_path / "weights.npy").read_bytes() == kept


def test_other_settings_are_refused(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "out")
    with folder.opened({"seed": 0, "passes": None}) as agreed:
        assert agreed == {"seed": 0, "passes": None}
        folder.keep_settings(agreed | {"passes": 3})
    with folder.opened({"seed": 0, "passes": None}) as agreed:
        assert agreed == {"seed": 0, "passes": 3}  # as it was begun
    with pytest.raises(InputError, match="seed = 0, not 1"), folder.opened({"seed": 1}):
        pass
    with pytest.raises(InputError, match="rate = None, not 1"), folder.opened({"seed": 0, "rate": 1}):
        pass
    (tmp_path / "out" / SETTINGS).write_text("{")
    with pytest.raises(InputError, match=r"training\.json: damaged"), folder.opened({}):
        pass


def test_a_folder_of_another_verb_is_refused(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    with folder.opened({"verb": "distill", "passes": 1}) as agreed:
        folder.keep_settings(agreed)
    with (
        pytest.raises(InputError, match="is of rpn2t distill; choose another"),
        folder.opened({"verb": "train-rpn", "backbone": 0}),
    ):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        TrainingFolder(tmp_path).opened({}),
        pytest.raises(InputError, match="another run trains there"),
        TrainingFolder(tmp_path).opened({}),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there"), TrainingFolder(tmp_path / "file").opened({}):
        pass


def test_the_curve_shows_loss_and_measurements(tmp_path: Path) -> None:
    log = [
        {"iteration": 0, "held_out": {"error": 3.0, "recall": 0.1}},
        {"iteration": 20, "loss": 2.0},
        {"iteration": 40, "loss": 1.0, "held_out": {"error": 1.0, "recall": 0.9}},
    ]
    draw_curve(log, tmp_path / CURVE)
    one = cv2.imread(str(tmp_path / CURVE))
    draw_curve([{"iteration": 20, "loss": 2.0}], tmp_path / CURVE)
    assert one is not None
    assert one.shape[0] > 2 * cv2.imread(str(tmp_path / CURVE)).shape[0]  # a plot for each of three
    assert (one < 128).sum() > 100


def test_the_log_is_json(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path)
    folder.log({"iteration": 1, "loss": 0.5})
    assert json.loads((tmp_path / "log.jsonl").read_text()) == {"iteration": 1, "loss": 0.5}
    assert folder.last_measurement() == {}
