"""Give damaged inputs to every reader that has a fuzz test, for longer than the tests do.

    python tools/fuzz.py 10000
    python tools/fuzz.py 1 --seed 484 --only tests/eval    # the one that failed

A file tests/PACKAGE/test_fuzz.py has a function attempt(seed, folder): it makes one damaged input from the
seed in the empty folder and reads it, and lets only InputError pass. Each file runs in a process of its own,
so that a seed that ends the process, or never ends itself, is found and named. The exit status is 1 if a seed
failed.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tqdm import tqdm

TESTS = Path(__file__).resolve().parents[1] / "tests"

PATIENCE = 60.0
"""Seconds after which a seed hangs."""


def main() -> None:
    """Run every file's seeds, and say which failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("number", type=int, metavar="NUMBER", help="seeds for each file")
    parser.add_argument("--seed", type=int, default=1000, metavar="N", help="the first of them [1000]")
    parser.add_argument("--only", metavar="FOLDER", help="only the test_fuzz.py in this folder")
    parser.add_argument("--child", nargs=2, metavar=("FILE", "DESCRIPTOR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.number)
    if options.child:
        work(Path(options.child[0]), Connection(int(options.child[1])), seeds)
        return
    files = sorted(Path(options.only or TESTS).rglob("test_fuzz.py"))
    if not files:
        parser.error(f"--only {options.only}: there is no test_fuzz.py in it")
    failed = 0
    for file in files:
        failed += fuzz(file, seeds)
    raise SystemExit(1 if failed else 0)


def fuzz(file: Path, seeds: range) -> int:
    """Run a file's seeds in child processes; returns how many failed."""
    failed = 0
    left = seeds
    with tqdm(total=len(seeds), desc=file.parent.name, unit="seed") as bar:
        while left:
            for seed, fault in outcomes(file, left):
                bar.update()
                left = range(seed + 1, seeds.stop)
                if fault is not None:
                    failed += 1
                    bar.write(f"{file}: seed {seed}: {fault}")
    return failed


def outcomes(file: Path, seeds: range) -> Iterator[tuple[int, str | None]]:
    """What comes of the seeds in a child: each with its fault, or None. The last may have ended the child."""
    line, theirs = Pipe()
    with theirs:
        child = subprocess.Popen(
            [
                sys.executable, __file__, str(len(seeds)), "--seed", str(seeds.start),
                "--child", str(file), str(theirs.fileno()),
            ],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        with line:
            if not _loaded(line):
                raise SystemExit(f"{file}: cannot be loaded; pytest says why")
            for seed in seeds:
                if not line.poll(PATIENCE):
                    yield seed, f"no answer in {PATIENCE:.0f} s"
                    return
                try:
                    fault = line.recv()
                except EOFError:
                    yield seed, f"the process ended with status {child.wait()}"
                    return
                yield seed, fault
    finally:
        child.kill()
        child.wait()


def _loaded(line: "Connection[Any, Any]") -> bool:
    try:
        line.recv()
    except EOFError:
        return False
    return True


def work(file: Path, parent: "Connection[Any, Any]", seeds: range) -> None:
    """In the child: make the attempts, and tell the parent what came of each."""
    sys.path.insert(0, str(TESTS))  # for support.py
    spec = importlib.util.spec_from_file_location("test_fuzz", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    warnings.simplefilter("error")  # as in the tests
    parent.send(None)  # loaded
    for seed in seeds:
        with tempfile.TemporaryDirectory(prefix="rpn2t-fuzz-") as folder:
            parent.send(fault_of(module, seed, Path(folder)))


def fault_of(module: Any, seed: int, folder: Path) -> str | None:
    """What an attempt raised, and where, in a line; None if it raised nothing."""
    try:
        module.attempt(seed, folder)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = (str(error).splitlines() or [""])[0][:200]
        return f"{type(error).__name__}: {text} ({last.filename}:{last.lineno})"
    return None


if __name__ == "__main__":
    main()
