"""Caffe as an engine of cpu.py: python -m helpers.worker_caffe FOLDER float|bf16.

It needs Caffe, and rpn2t for its layers in Python.
"""

import sys
from pathlib import Path
from typing import Any

import caffe

import rpn2t.layers  # noqa: F401  the head's training net uses them
from helpers.machine import describe_caffe
from helpers.serving import Arrays, Case, read_problem, serve

PARTS = ("weight", "bias")


def load(folder: Path, name: str, phase: int, problem: Arrays, inputs: Arrays) -> Any:
    """The net of FOLDER/NAME.prototxt with the problem's weights and these inputs."""
    net = caffe.Net(str(folder / f"{name}.prototxt"), phase)
    for layer, blobs in net.params.items():
        for blob, part in zip(blobs, PARTS, strict=True):
            blob.data[...] = problem[f"{layer}.{part}"]
    for blob_name, values in inputs.items():
        blob = net.blobs[blob_name]
        blob.reshape(*values.shape)
        blob.data[...] = values
    net.reshape()
    return net


def forward(net: Any, outputs: tuple[str, ...]) -> Case:
    """A forward pass, with weights that stay as they are."""
    return Case(net.forward, lambda: {name: net.blobs[name].data.copy() for name in outputs})


def training(net: Any, outputs: tuple[str, ...], backward: bool = True) -> Case:
    """What a solver's step computes: gradients start at 0, and the weights have just been changed."""

    def prepare() -> None:
        net.clear_param_diffs()
        for blobs in net.params.values():
            for blob in blobs:
                _ = blob.data  # to Caffe, who asks for the array may write to it

    def run() -> None:
        net.forward()
        if backward:
            net.backward()

    def results() -> Arrays:
        found = {name: net.blobs[name].data.copy() for name in outputs}
        if backward:
            for layer, blobs in net.params.items():
                for blob, part in zip(blobs, PARTS, strict=True):
                    found[f"{layer}.{part}"] = blob.diff.copy()
        return found

    return Case(run, results, prepare)


def student(folder: Path, problem: Arrays, batch: int) -> tuple[Case, Case]:
    """Forward; and forward and backward from a given gradient of conv5."""
    data = {"data": problem["patches"][:batch]}
    net = load(folder, "student", caffe.TEST, problem, data)
    learning = load(folder, "student_training", caffe.TRAIN, problem, data)
    learning.blobs["relu5"].diff[...] = problem["conv5_gradient"][:batch]
    return forward(net, ("relu5",)), training(learning, ("relu5",))


def main() -> None:
    """Build every net and answer."""
    folder = Path(sys.argv[1])
    problem = read_problem(folder)
    caffe.set_mode_cpu()
    if sys.argv[2] == "bf16":  # stock Caffe knows nothing of it
        caffe.set_bf16(True)
    learned = {"data": problem["windows"][: len(problem["flags"])], "flag": problem["flags"]}
    head = load(folder, "head_training", caffe.TRAIN, problem, learned)
    scoring = load(folder, "head_scoring", caffe.TEST, problem, {"data": problem["windows"]})
    cases = {
        "head_forward": training(head, ("loss",), backward=False),
        "head_training": training(head, ("loss",)),
        "head_scoring": forward(scoring, ("prob_anchor", "prob_quality")),
    }
    for batch in (1, 32):
        plain, learning = student(folder, problem, batch)
        cases |= {f"student_{batch}_forward": plain, f"student_{batch}_training": learning}
    serve(cases, describe_caffe())


main()
