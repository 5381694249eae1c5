"""Processes that are forked from one that has tracked, as multiprocessing makes them by default on Linux."""

import json
import os
import subprocess
import sys

import pytest

from support import TINY, Clip

# Each child says what it found, or is ended by an alarm.
SCRIPT = """
import dataclasses, json, os, signal, sys, threading
import cv2
from rpn2t import Config, Tracker

folder, tiny = sys.argv[1], json.loads(sys.argv[2])
images = [cv2.imread(f"{folder}/img/{number:04d}.png") for number in (1, 2, 3)]
# After every frame something is still being learned.
config = dataclasses.replace(Config.for_mode("fast"), **tiny | {"update_interval": 1})

def make():
    tracker = Tracker(config, mode="fast", device="cpu")
    tracker.init(images[0], (50, 40, 40, 34))
    return tracker, tracker.update(images[1])

def in_child(work):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(40)
        os.write(write, json.dumps(work()).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read) as answer:
        return json.loads(answer.read() or "null")

def in_thread(work):
    found = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]

tracker, second = make()
found = {
    "made before": in_child(lambda: tracker.update(images[2])),
    "made in the child": in_child(lambda: make()[1]),
    "in threads": in_thread(lambda: in_child(lambda: in_thread(lambda: make()[1]))),
}
third = tracker.update(images[2])
print(json.dumps([found, second, third]))
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="one core: no pool has a second thread")
def test_a_forked_process_tracks_as_its_parent_does(clip: Clip) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(clip.folder), json.dumps(TINY)],
        env=os.environ | {"OMP_NUM_THREADS": "2"}, capture_output=True, text=True, check=True, timeout=200,
    )  # fmt: skip
    found, second, third = json.loads(done.stdout)
    assert found.pop("made before") == third
    assert found == dict.fromkeys(found, second)
