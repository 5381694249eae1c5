"""Signals that arrive while Caffe computes."""

import os
import signal
import subprocess
import sys
import time

PROGRAM = """
import os, signal, time
import numpy as np
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.device import choose_device
from rpn2t.nets.weight_sets import find_set

signal.signal(signal.SIGUSR1, lambda signum, frame: None)
backbone = Backbone(BackboneSpec.find("student"), find_set("shipped"), choose_device("cpu"))
patches = np.random.default_rng(0).uniform(-100, 100, (16, 3, 107, 107)).astype(np.float32)
first = backbone.conv5(patches).copy()
print("ready", flush=True)
ends = time.monotonic() + 2
while time.monotonic() < ends:
    assert np.array_equal(backbone.conv5(patches), first)
os._exit(0)
"""


def test_signals_during_a_forward_pass_do_no_harm() -> None:
    """Without a stack of their own for signals, oneDNN's kernels for AVX-512 end within the first second."""
    # faulthandler would give the program such a stack by itself
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONFAULTHANDLER"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        while process.poll() is None:
            process.send_signal(signal.SIGUSR1)
            time.sleep(0.002)
        assert process.returncode == 0, process.stderr.read()
