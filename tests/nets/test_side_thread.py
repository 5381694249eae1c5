"""The second thread of fast mode, and that Caffe lets it work: nets run without Python's lock."""

import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest

from rpn2t import Tracker
from rpn2t.nets import device as nets_device
from rpn2t.nets.caffe import (
    caffe_library,
    caffe_threads,
    load_caffe,
    make_from_message,
    read_message,
    use_threads,
)
from rpn2t.nets.device import Device, choose_device
from rpn2t.nets.side_thread import SideThread, leave_threads
from rpn2t.tracker import loop
from support import ROOT

CPU = choose_device("cpu")
caffe = load_caffe()
needs_two = pytest.mark.skipif(caffe_threads() < 2, reason="Caffe has one thread")


@pytest.fixture(autouse=True)
def threads_as_before():
    yield
    use_threads(None)


def threads_now() -> int:
    return caffe_library().omp_get_max_threads()


AMX = replace(CPU, bf16=True)


@pytest.fixture
def has_amx(monkeypatch):
    monkeypatch.setattr(nets_device, "cpu_flags", lambda: {"avx512f", "amx_bf16"})


def thread_name() -> str:
    return threading.current_thread().name


@needs_two
def test_it_works_in_order_in_a_thread_of_its_own_while_the_caller_goes_on() -> None:
    beside, goes_on, done = SideThread(CPU), threading.Event(), []
    first = beside.do(lambda: goes_on.wait(60) and done.append(1))
    second = beside.do(lambda number: done.append(number), number=2)
    assert not first.done()
    goes_on.set()
    beside.rest()
    assert first.done()
    assert second.done()
    assert done == [1, 2]
    assert beside.do(thread_name).result() != thread_name()


@pytest.mark.parametrize(
    "device", [replace(CPU, threads=caffe_threads()), Device("gpu", 0)], ids=["none left", "gpu"]
)
def test_without_a_thread_to_spare_the_caller_does_it_at_once(device: Device) -> None:
    beside = SideThread(device)
    found = beside.do(thread_name)
    assert found.done()
    assert found.result() == thread_name()


@pytest.mark.parametrize("device", [CPU, replace(CPU, threads=caffe_threads())], ids=["beside", "at once"])
def test_an_error_is_raised_where_the_result_is_asked_for(device: Device) -> None:
    beside = SideThread(device)
    failed: Future[float] = beside.do(lambda: 1 / 0)
    beside.rest()
    with pytest.raises(ZeroDivisionError):
        failed.result()
    assert beside.do(int).result() == 0


@needs_two
def test_with_amx_the_threads_are_shared_out_and_elsewhere_both_have_all(has_amx) -> None:
    def threads_of(device: Device) -> int:
        return SideThread(device).do(threads_now).result()

    mine = leave_threads(AMX)
    assert mine.threads is not None
    assert mine.threads - 1 <= threads_of(mine) == caffe_threads() - mine.threads <= mine.threads
    assert leave_threads(CPU).threads is None
    assert threads_of(leave_threads(CPU)) == caffe_threads()
    assert leave_threads(Device("gpu", 0)).threads is None


@needs_two
def test_a_device_has_the_threads_that_it_says_and_else_those_that_were_there() -> None:
    before = threads_now()
    replace(CPU, threads=1).activate()
    assert (threads_now(), caffe_threads()) == (1, before)
    CPU.activate()
    assert threads_now() == before
    caffe_library().omp_set_num_threads(1)  # by somebody else
    CPU.activate()
    assert threads_now() == 1
    caffe_library().omp_set_num_threads(before)


@needs_two
def test_a_tracker_in_bfloat16_shares_its_threads_and_the_next_one_has_all(has_amx, monkeypatch) -> None:
    monkeypatch.setattr(loop, "suits_bf16", lambda mode: mode == "fast")
    before = threads_now()
    Tracker(mode="fast", device="cpu")
    assert threads_now() == before - before // 2
    Tracker(mode="paper", device="cpu")
    assert threads_now() == before


def test_it_works_on_after_the_main_thread_has_ended() -> None:
    code = """
import threading
from rpn2t.nets.device import choose_device
from rpn2t.nets.side_thread import SideThread

beside, main = SideThread(choose_device("cpu")), threading.main_thread()
def late():
    main.join()
    print([beside.do(int, text).result() for text in ("4", "5")])
threading.Thread(target=late).start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[4, 5]\n"), done.stderr


@pytest.fixture
def head_net():
    net = read_message(ROOT / "prototxt" / "head_map" / "deploy.prototxt", "NetParameter")
    return make_from_message(lambda path: caffe.Net(path, caffe.TEST), net)


def test_a_net_runs_without_the_interpreters_lock(head_net) -> None:
    """Nobody takes the lock from a thread that does not let it go: so the main thread runs only then."""
    head_net.blobs["data"].data[...] = np.random.default_rng(0).normal(size=head_net.blobs["data"].shape)
    inside, seen, before = threading.Event(), False, sys.getswitchinterval()
    number = list(head_net._layer_names).index("conv_proposal1")
    head_net.before_forward(lambda layer: inside.set() if layer == number else None)
    head_net.after_forward(lambda layer: inside.clear() if layer == number else None)
    last = len(head_net.layers) - 1
    thread = threading.Thread(target=lambda: [head_net._forward(0, last) for _ in range(50)])
    sys.setswitchinterval(1000)
    try:
        thread.start()
        while thread.is_alive() and not seen:
            inside.wait(1)
            seen = inside.is_set()  # still
    finally:
        sys.setswitchinterval(before)
        thread.join()
    assert seen


def test_the_interpreter_shuts_down_while_a_daemon_thread_is_in_a_net() -> None:
    code = """
import sys, threading, time
from rpn2t.nets.caffe import load_caffe, make_from_message, read_message
from rpn2t.paths import prototxt_dir

caffe = load_caffe()
message = read_message(prototxt_dir() / "student/deploy.prototxt", "NetParameter")
net = make_from_message(lambda path: caffe.Net(path, caffe.TEST), message)
net.blobs["data"].reshape(16, 3, 107, 107)
net.reshape()
begun = threading.Event()
def work():
    while True:
        begun.set()
        net._forward(0, len(net.layers) - 1)
threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(float(sys.argv[1]))
"""
    for seconds in ("0", "0.1", "0.25"):
        done = subprocess.run(
            [sys.executable, "-c", code, seconds], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr[-2000:]
