"""Caffe and PyTorch on this machine's CPU: the student and the head, forward and backward.

    python benchmarks/cpu.py --stock STOCK/bin/python --torch TORCH/bin/python --output FILE.json

Every engine is a process of its own that lives for the whole run (helpers/worker_caffe.py,
helpers/worker_torch.py). It is asked in turn for a timing, round after round, so that all see the same
machine. All compute the same numbers from the same weights and inputs, which is checked. README.md says what
is timed.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from rpn2t.system.threads import SLEEP_AT_ONCE, sleep_at_once

sleep_at_once()

import numpy as np  # noqa: E402
from helpers.machine import describe_machine, headline  # noqa: E402
from helpers.reports import add_output_option, check_output, table, write_json  # noqa: E402
from helpers.workers import Engine, Worker, pools  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from rpn2t.config import Config  # noqa: E402
from rpn2t.errors import InputError  # noqa: E402
from rpn2t.nets.backbone import BackboneSpec  # noqa: E402
from rpn2t.nets.caffe import load_caffe  # noqa: E402
from rpn2t.nets.caffemodel import Layers, load_into, read_caffemodel  # noqa: E402
from rpn2t.nets.weight_sets import find_set  # noqa: E402
from rpn2t.paths import prototxt_dir  # noqa: E402
from rpn2t.system.processor import choose_core  # noqa: E402
from rpn2t.tracker.head import HeadGeometry  # noqa: E402
from rpn2t.tracker.matching import label_map  # noqa: E402

BF16 = ", bf16"
"""What the names of engines that compute in bfloat16 end with."""
LARGEST_ERROR = 1e-4
LARGEST_ERROR_BF16 = 0.3
"""Of their gradients: a ReLU's input that is 0 but for rounding is let through by one and not by another."""
ROUNDING = 5e-6
"""More than the engines' sums differ by, relative to the mean."""

CASES = {
    "student_1_forward": ("student, 1 patch: forward", 20),
    "student_1_training": ("student, 1 patch: forward and backward", 10),
    "student_32_forward": ("student, 32 patches: forward", 3),
    "student_32_training": ("student, 32 patches: forward and backward", 2),
    "head_forward": ("head's training net, 128 windows: forward", 3),
    "head_training": ("head's training net, 128 windows: forward and backward", 2),
    "head_scoring": ("head's scoring net, 256 windows: forward", 3),
}
"""What the table calls them, and how many passes a timing averages."""


def find_engines(stock: str | None, torch: str | None, folder: Path, threads: int) -> list[Engine]:
    """The engines at hand, each with its command."""
    quiet = {**SLEEP_AT_ONCE, "GLOG_minloglevel": "2", "PYTHONWARNINGS": "ignore"}
    core = {"OPENBLAS_CORETYPE": core} if (core := choose_core()) else {}

    def caffe(name: str, python: str, factors: str = "float", **switches: str) -> Engine:
        command = [python, "-m", "helpers.worker_caffe", str(folder), factors]
        return Engine(name, command, pools(threads) | quiet | core | switches)

    def pytorch(name: str, python: str, factors: str = "float") -> Engine:
        command = [python, "-m", "helpers.worker_torch", str(folder), factors, str(threads)]
        return Engine(name, command, pools(threads))

    engines = [caffe("stock Caffe", stock)] if stock else []
    engines += [
        caffe("Caffe, CAFFE_ONEDNN=0", sys.executable, CAFFE_ONEDNN="0"),
        caffe("Caffe, CAFFE_WINOGRAD=0", sys.executable, CAFFE_WINOGRAD="0"),
        caffe("Caffe", sys.executable),
    ]
    has_bf16 = load_caffe().has_bf16()
    if torch:
        engines.append(pytorch("PyTorch", torch))
    if has_bf16:
        engines.append(caffe("Caffe" + BF16, sys.executable, "bf16"))
    if torch and has_bf16:
        engines.append(pytorch("PyTorch" + BF16, torch, "bf16"))
    return engines


def largest_error(engine: str) -> float:
    """Above this an engine's results are wrong."""
    return LARGEST_ERROR_BF16 if engine.endswith(BF16) else LARGEST_ERROR


def write_problem(folder: Path) -> None:
    """The nets as prototxt files, and problem.npz with their weights and inputs."""
    nets = prototxt_dir()
    student = (nets / "student/deploy.prototxt").read_text()
    (folder / "student.prototxt").write_text(student)
    # With a loss on its last layer Caffe computes what learning needs: every gradient but the patches'.
    end = student.rstrip().removesuffix("}")
    (folder / "student_training.prototxt").write_text(f"{end}  loss_weight: 1\n}}\n")
    (folder / "head_training.prototxt").write_text((nets / "head/train.prototxt").read_text())
    (folder / "head_scoring.prototxt").write_text((nets / "head/deploy.prototxt").read_text())

    rng, config = np.random.default_rng(0), Config()
    weights = read_caffemodel(BackboneSpec.find("student").weights_file(find_set("shipped")))
    for name, outputs, side in (("conv_proposal1", 256, 3), ("score_anchor", 2, 1), ("score_quality", 2, 1)):
        shapes = (outputs, 256, side, side), (outputs,)
        weights[name] = [rng.normal(0, 0.01, shape).astype(np.float32) for shape in shapes]

    def patches(count: int) -> NDArray[np.float64]:
        return rng.uniform(-128, 127, (count, 3, 107, 107))

    def windows(count: int) -> NDArray[np.float64]:
        return np.maximum(rng.standard_normal((count, 256, 12, 12)), 0)  # conv5 is not negative

    matching = HeadGeometry(config, 14).matching
    flags = np.repeat([1, 0], [config.batch_positives, config.batch_negatives])
    arrays: dict[str, NDArray[Any]] = {
        "patches": draw_clear(folder / "student.prototxt", weights, 32, patches),
        "windows": draw_clear(folder / "head_scoring.prototxt", weights, 256, windows),
        "conv5_gradient": rng.standard_normal((32, 256, 14, 14)),
        "flags": flags,
        "anchor_labels": label_map(matching.anchor, flags == 1)[:, 0],
        "quality_labels": label_map(matching.quality, flags == 1)[:, 0],
    }
    for name, blobs in weights.items():
        arrays |= {f"{name}.{part}": values for part, values in zip(("weight", "bias"), blobs, strict=True)}
    problem: Any = {key: value.astype(np.float32) for key, value in arrays.items()}
    np.savez(folder / "problem.npz", **problem)


def draw_clear(
    prototxt: Path, weights: Layers, count: int, draw: Callable[[int], NDArray[np.float64]]
) -> NDArray[np.float32]:
    """`count` inputs for which no ReLU's input is 0 but for rounding.

    Such a one is let through by one engine and not by another, and its gradient with it: engines that
    are both right would differ by a thousandth.
    """
    caffe = load_caffe()
    net = caffe.Net(str(prototxt), caffe.TEST)
    load_into(net, weights, source=prototxt)
    names = list(net._layer_names)
    kept: list[NDArray[np.float32]] = []
    while sum(map(len, kept)) < count:
        inputs = draw(64).astype(np.float32)
        net.blobs["data"].reshape(*inputs.shape)
        net.blobs["data"].data[...] = inputs
        clear, start = np.ones(len(inputs), dtype=bool), names[0]
        for number, name in enumerate(names):
            if net.layers[number].type == "ReLU":  # in place: its input is there until it runs
                net.forward(start=start, end=names[number - 1])
                values = np.abs(net.blobs[net.bottom_names[name][0]].data.reshape(len(inputs), -1))
                clear &= values.min(axis=1) > ROUNDING * values.mean()
                start = name
        kept.append(inputs[clear])
    return np.concatenate(kept)[:count]


def check(workers: list[Worker], folder: Path) -> dict[tuple[str, str], float]:
    """By case and engine, the largest relative error of its results against the first engine's."""
    errors = {}
    for case in CASES:
        wanted: dict[str, NDArray[np.float32]] = {}
        for worker in workers:
            worker.ask(case=case, outputs=str(folder / "outputs.npz"))
            with np.load(folder / "outputs.npz") as file:
                found = dict(file)
            wanted = wanted or found
            if shapes(found) != shapes(wanted):
                raise InputError(f"{worker.engine.name}, {case}: results of other names or shapes")
            errors[case, worker.engine.name] = max(relative_error(found[key], wanted[key]) for key in wanted)
    return errors


def shapes(arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, tuple[int, ...]]:
    """The arrays' shapes by name."""
    return {name: values.shape for name, values in arrays.items()}


def relative_error(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference, relative to the largest value; infinite if one is not a number."""
    if not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def measure(workers: list[Worker], rounds: int) -> dict[tuple[str, str], list[float]]:
    """By case and engine, the mean milliseconds of each round."""
    found: dict[tuple[str, str], list[float]] = {}
    order, shuffled = list(workers), random.Random(0)
    for number in range(rounds):
        for case, (_, passes) in CASES.items():
            shuffled.shuffle(order)
            for worker in order:
                time.sleep(0.05)  # the one before may still spin
                timed = worker.ask(case=case, passes=passes)
                found.setdefault((case, worker.engine.name), []).append(mean(timed))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


def compared_table(
    names: list[str], times: Mapping[tuple[str, str], list[float]], errors: Mapping[tuple[str, str], float]
) -> str:
    """Markdown: best (median) milliseconds of the rounds, and the largest error."""
    compared = [end for end in ("", BF16) if "Caffe" + end in names and "PyTorch" + end in names]
    rows = [["milliseconds: best (median)", *names, *(f"Caffe / PyTorch{end}" for end in compared)]]
    for case, (title, _) in CASES.items():
        row = [title, *(f"{min(times[case, n]):.1f} ({median(times[case, n]):.1f})" for n in names)]
        for end in compared:
            row.append(f"{min(times[case, 'Caffe' + end]) / min(times[case, 'PyTorch' + end]):.2f}")
        rows.append(row)
    worst = [max(errors[case, name] for case in CASES) for name in names]
    rows.append([f"largest error against {names[0]}", *(f"{e:.0e}" for e in worst), *[""] * len(compared)])
    return table(rows)


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stock", metavar="PYTHON", help="of an environment with stock Caffe and rpn2t")
    parser.add_argument("--torch", metavar="PYTHON", help="of an environment with PyTorch")
    parser.add_argument("--rounds", metavar="N", type=int, default=10, help="timings of a case (default: 10)")
    add_output_option(parser, "cpu")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: give 1 or more")
    return options


def compare(options: argparse.Namespace) -> int:
    """Check, measure, print and write; returns the exit status."""
    threads = os.cpu_count() or 1
    machine = describe_machine(threads)
    with tempfile.TemporaryDirectory(prefix="rpn2t-") as name, ExitStack() as stack:
        folder = Path(name)
        write_problem(folder)
        engines = find_engines(options.stock, options.torch, folder, threads)
        workers = [stack.enter_context(Worker(engine)) for engine in engines]
        about = {worker.engine.name: worker.ask(about=True) for worker in workers}
        errors = check(workers, folder)
        times = measure(workers, options.rounds)

    names = [engine.name for engine in engines]
    print(headline(machine))
    print(f"{options.rounds} rounds\n")
    print(compared_table(names, times, errors))
    for engine, option in (("stock Caffe", "stock"), ("PyTorch", "torch")):
        if not getattr(options, option):
            print(f"left out: {engine} (no --{option})")
    if "Caffe" + BF16 not in names:
        print("left out: bf16 (this CPU or this Caffe has none)")
    if not about["Caffe"]["onednn"]:
        print("this Caffe was built without oneDNN: its three columns are one engine")
    results = [
        {"case": case, "engine": n, "milliseconds": times[case, n], "error": errors[case, n]}
        for case in CASES
        for n in names
    ]
    switches = {engine.name: asdict(engine)["environment"] for engine in engines}
    report = {
        "machine": machine, "rounds": options.rounds, "cases": CASES, "engines": about,
        "environment": switches, "results": results,
    }  # fmt: skip
    write_json(options.output, report)
    wrong = [(n, case, e) for (case, n), e in errors.items() if not e < largest_error(n)]
    for n, case, e in wrong:
        print(f"cpu.py: wrong results: {n}, {case}: {e:.1e}, above {largest_error(n):g}", file=sys.stderr)
    return 1 if wrong else 0


def main() -> int:
    """Runs the command line."""
    options = parse_options()
    for option in (options.stock, options.torch):
        if option and not os.access(option, os.X_OK):
            print(f"cpu.py: {option}: no interpreter; see benchmarks/README.md", file=sys.stderr)
            return 2
    try:
        check_output(options.output)
        return compare(options)
    except InputError as error:
        print(f"cpu.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
