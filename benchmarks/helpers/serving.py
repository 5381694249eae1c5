"""The worker's end of workers.py: an engine in a process of its own, asked in turn for a timing.

Runs in any Python with NumPy. Requests and replies are lines of JSON on the standard input and output.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.float32]]


def nothing() -> None:
    """No preparation."""


@dataclass(frozen=True)
class Case:
    """One kind of pass.

    Attributes:
        run: the pass; it returns when its results are there.
        outputs: the last pass's results by name; arrays of the same names and shapes in every engine.
        prepare: runs before each pass and is not timed.
    """

    run: Callable[[], object]
    outputs: Callable[[], Arrays]
    prepare: Callable[[], None] = nothing


def answer(reply_to: Callable[[Any], Any]) -> None:
    """Answers every request until the standard input ends."""
    replies = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no reply
    for line in sys.stdin:
        print(json.dumps(reply_to(json.loads(line))), file=replies, flush=True)


def serve(cases: Mapping[str, Case], about: Mapping[str, Any]) -> None:
    """Answers cpu.py.

    {"about": true} gives `about`; {"case": NAME, "outputs": FILE} runs one pass and writes its results to
    a .npz file; {"case": NAME, "passes": N} gives the milliseconds of each of N passes, after one that is
    not counted: other engines have had the caches in between.
    """

    def reply_to(request: Any) -> Any:
        if "case" not in request:
            return dict(about)
        case = cases[request["case"]]
        timed = [_time(case) for _ in range(1 + request.get("passes", 0))][1:]
        if "outputs" in request:
            outputs: Any = case.outputs()
            np.savez(request["outputs"], **outputs)
        return timed

    answer(reply_to)


def read_problem(folder: Path) -> Arrays:
    """Inputs and weights, as cpu.py wrote them."""
    with np.load(folder / "problem.npz") as file:
        return dict(file)


def _time(case: Case) -> float:
    case.prepare()
    started = perf_counter()
    case.run()
    return 1000 * (perf_counter() - started)
