"""Signals that wait."""

import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from rpn2t.nets.caffe import step
from rpn2t.system.interruption import Interrupted, Interruption, held_back

STOPPING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def _raising() -> Iterator[None]:
    """Handlers that raise, as Interruption's do."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Interrupted(signum)

    own = {signum: signal.signal(signum, stop) for signum in STOPPING}
    yield
    for signum, handler in own.items():
        signal.signal(signum, handler)


@pytest.mark.usefixtures("_raising")
@pytest.mark.parametrize("signum", STOPPING)
def test_a_signal_waits_for_the_end_of_the_block(signum: int) -> None:
    reached = []

    def block() -> None:
        with held_back():
            signal.raise_signal(signum)
            reached.append(signum)

    with pytest.raises(Interrupted) as error:
        block()
    assert reached == [error.value.signum] == [signum]
    with pytest.raises(Interrupted):  # the handlers are as they were
        signal.raise_signal(signum)


def test_without_a_signal_nothing_changes() -> None:
    before = [signal.getsignal(signum) for signum in STOPPING]
    with held_back():
        pass
    assert [signal.getsignal(signum) for signum in STOPPING] == before


def test_a_thread_other_than_the_main_one_has_nothing_to_hold_back() -> None:
    done: list[bool] = []

    def work() -> None:
        with held_back():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [True]


def test_a_solver_finishes_its_iteration_before_the_run_stops() -> None:
    class Solver:
        finished = False

        def step(self, count: int) -> None:
            signal.raise_signal(signal.SIGTERM)  # as if one came while a layer in Python runs
            self.finished = True

    solver: Any = Solver()
    with Interruption() as interruption, pytest.raises(Interrupted), interruption.allowed():
        step(solver)
    assert solver.finished
