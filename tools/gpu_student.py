"""The student's forward pass on a GPU, by Caffe or by PyTorch: milliseconds for a batch of patches.

    python tools/gpu_student.py caffe|torch [DEVICE]

PyTorch needs itself and NumPy, and benchmarks/ on its path. Each is timed in float and with TF32.
"""

import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

BATCH, ROUNDS, LIMIT = 128, 20, 5.0  # LIMIT in seconds


def best(run: Callable[[], object], wait: Callable[[], object]) -> float:
    """The fastest of some rounds, ms, as many as there is time for; the first is not counted."""
    times: list[float] = []
    while len(times) < 2 or (len(times) <= ROUNDS and sum(times) < 1000 * LIMIT):
        wait()
        started = perf_counter()
        run()
        wait()
        times.append(1000 * (perf_counter() - started))
    return min(times[1:])


def show(engine: str, tf32: bool, milliseconds: float) -> None:
    """Print a timing."""
    print(f"{engine}, {'TF32' if tf32 else 'float'}: {milliseconds:.2f} ms for {BATCH} patches")


def by_caffe(device: str) -> None:
    """The shipped student, as paper mode runs it."""
    from rpn2t.nets.backbone import Backbone, BackboneSpec
    from rpn2t.nets.caffe import caffe_library, forward
    from rpn2t.nets.device import choose_device
    from rpn2t.nets.weight_sets import find_set

    for tf32 in (False, True):
        chosen = choose_device(device, tf32)
        backbone = Backbone(BackboneSpec.find("student"), find_set("shipped"), chosen)
        net, _ = backbone.net_without_rim(1, BATCH)
        forward(net)  # its input is on the device from now on

        def run(net: Any = net) -> None:
            forward(net)

        show(f"Caffe on {chosen}", tf32, best(run, getattr(caffe_library(), "cudaDeviceSynchronize", int)))


def by_torch(device: str) -> None:
    """The same layers by torch.nn, with random weights."""
    import torch
    from helpers.worker_torch import Student

    name = device.replace("gpu", "cuda")
    net = Student().to(name).eval()
    patches = torch.randn(BATCH, 3, 107, 107, device=name)
    wait = torch.cuda.synchronize if name != "cpu" else lambda: None
    for tf32 in (False, True):
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.benchmark = True
        with torch.inference_mode():
            found = best(lambda: net(patches), wait)
        show(f"PyTorch {torch.__version__} on {name}", tf32, found)


if __name__ == "__main__":
    {"caffe": by_caffe, "torch": by_torch}[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else "gpu:0")
