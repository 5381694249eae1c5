"""Nets side by side: what they are given, what becomes of an error, and that the numbers stay the same."""

import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from rpn2t.nets import lanes
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffe import caffe_library, caffe_threads
from rpn2t.nets.device import Device, choose_device
from rpn2t.nets.lanes import Lanes, batches
from rpn2t.nets.weight_sets import find_set
from rpn2t.tracker.features import PatchFeatures

CPU = choose_device("cpu")
needs_two = pytest.mark.skipif(caffe_threads() < 2, reason="Caffe has one thread")


def numbered(device: Device = CPU) -> Lanes[int]:
    """Lanes whose nets are 0, 1, ...; the caller's own is 0."""
    made: list[int] = []
    return Lanes(device, lambda: made.append(len(made)) or made[-1])


def shares(device: Device, count: int, batch: int) -> list[tuple[int, slice, int, str]]:
    """Of each call of the work: the net, the batch, Caffe's threads and the thread's name."""
    found = []

    def work(net: int, part: slice) -> None:
        time.sleep(0.01)
        threads = caffe_library().omp_get_max_threads()
        found.append((net, part, threads, threading.current_thread().name))

    numbered(device).share(count, batch, work)
    return sorted(found, key=lambda each: each[1].start)


@needs_two
def test_each_net_has_a_thread_and_every_batch_is_done_once() -> None:
    found = shares(CPU, 30, 4)
    assert [part for _, part, _, _ in found] == [slice(i, min(i + 4, 30)) for i in range(0, 30, 4)]
    assert {net for net, _, _, _ in found} == set(range(1, 1 + caffe_threads()))
    assert {threads for _, _, threads, _ in found} == {1}
    assert threading.current_thread().name not in {name for _, _, _, name in found}


@pytest.mark.parametrize("device", [replace(CPU, threads=1), Device("gpu", 0)], ids=["one thread", "gpu"])
def test_a_single_net_works_in_the_callers_thread(device: Device) -> None:
    found = shares(device, 10, 4)
    assert [part.start for _, part, _, _ in found] == [0, 4, 8]
    assert {(net, name) for net, _, _, name in found} == {(0, threading.current_thread().name)}


def test_what_is_left_is_shared_by_the_last_two_if_it_is_little() -> None:
    assert [(part.start, part.stop) for part in batches(17, 8)] == [(0, 8), (8, 13), (13, 17)]
    assert [(part.start, part.stop) for part in batches(20, 8)] == [(0, 8), (8, 16), (16, 20)]
    assert [(part.start, part.stop) for part in batches(3, 8)] == [(0, 3)]
    for count in range(80):
        for batch in (1, 2, 3, 4, 16):
            parts = batches(count, batch)
            assert [i for part in parts for i in range(part.start, part.stop)] == list(range(count))
            sizes = [part.stop - part.start for part in parts]
            assert all(0 < size <= batch for size in sizes)
            assert len(sizes) < 2 or 2 * min(sizes) >= batch


def test_one_batch_and_none_are_done_at_once() -> None:
    here = threading.current_thread().name
    assert [(part, name) for _, part, _, name in shares(CPU, 3, 4)] == [(slice(0, 3), here)]
    assert shares(CPU, 0, 4) == []


def test_an_error_is_raised_and_ends_the_others() -> None:
    done = []

    def work(net: int, part: slice) -> None:
        if part.start == 4:
            raise ValueError("the second")
        time.sleep(0.01)
        done.append(part.start)

    all_lanes = numbered()
    with pytest.raises(ValueError, match="the second"):
        all_lanes.share(4000, 4, work)
    count = len(done)
    assert count < 100
    time.sleep(0.05)
    assert len(done) == count
    all_lanes.share(8, 4, lambda net, part: done.append(part.start))
    assert len(done) == count + 2


@needs_two
def test_an_interruption_waits_for_the_batches_that_have_begun(monkeypatch) -> None:
    begun, done, wait = threading.Event(), [], lanes.wait

    def work(net: int, part: slice) -> None:
        begun.set()
        time.sleep(0.05)
        done.append(part.start)

    def interrupted(futures):
        assert begun.wait(60)
        monkeypatch.setattr(lanes, "wait", wait)
        raise KeyboardInterrupt

    monkeypatch.setattr(lanes, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        numbered().share(4000, 4, work)
    count = len(done)
    assert 1 <= count <= 2 * caffe_threads()
    time.sleep(0.1)
    assert len(done) == count


@needs_two
def test_a_process_that_is_forked_from_one_that_has_shared_work_shares_it_too() -> None:
    code = """
import os, signal
from rpn2t.nets.device import choose_device
from rpn2t.nets.lanes import Lanes

lanes = Lanes(choose_device("cpu"), list)

def done():
    found = []
    lanes.share(40, 1, lambda net, part: found.append(part.start))
    return sorted(found)

assert done() == list(range(40))
child = os.fork()
if not child:
    signal.alarm(40)
    os._exit(0 if done() == list(range(40)) else 1)
assert os.waitpid(child, 0)[1] == 0
assert done() == list(range(40))
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


@needs_two
def test_an_interruption_while_work_is_handed_out_waits_for_what_has_begun(monkeypatch) -> None:
    begun, done = threading.Event(), []
    found = numbered()

    def work(net: int, part: slice) -> None:
        begun.set()
        time.sleep(0.02)
        done.append(part.start)

    def interrupted(*_):
        assert begun.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(found._threads[1], "do", interrupted)
    with pytest.raises(KeyboardInterrupt):
        found.share(4000, 4, work)
    count = len(done)
    assert 1 <= count <= 2
    time.sleep(0.1)
    assert len(done) == count


def test_others_may_use_the_same_threads() -> None:
    first = numbered()
    second, done = Lanes(CPU, object, first), []
    assert second._threads is first._threads
    second.share(9, 1, lambda net, part: done.append(part.start))
    assert sorted(done) == list(range(9))


@needs_two
@pytest.mark.parametrize("bf16", [False, True], ids=["float", "bf16"])
def test_patches_have_the_same_numbers_by_one_net_and_by_several(bf16: bool) -> None:
    device = choose_device("cpu", bf16=bf16)
    boxes = np.random.default_rng(1).uniform(10, 40, (37, 4))
    image = np.random.default_rng(2).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    found = []
    for each in (device, replace(device, threads=1)):
        each.activate()
        backbone = Backbone(BackboneSpec.find("student"), find_set("shipped"), each)
        found.append(PatchFeatures(backbone, 1, detail="conv2").maps(image, boxes))
    CPU.activate()
    np.testing.assert_array_equal(found[0], found[1])
