"""The pools of threads of a tracking process, looked at in processes of their own."""

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

import pytest

from rpn2t.system import threads
from rpn2t.system.threads import POOLS, SLEEP_AT_ONCE, limit_pools, thread_limit

LOAD = """
import json, os, sys, time
def load_all():
    import cv2, numpy, scipy.linalg
    from rpn2t.nets.caffe import load_caffe
    return load_caffe()
"""

# Milliseconds of processor time that go by while this thread sleeps: threads that spin after a product.
# Five tries, sorted: on a busy machine some show nothing.
BURNED = """
def burned(work):
    spent = []
    for _ in range(5):
        work()
        start = time.process_time()
        time.sleep(0.05)
        spent.append(time.process_time() - start)
    return sorted(1000 * each for each in spent)
def burned_by_pool(caffe):
    import cv2, numpy
    from scipy.linalg.blas import sgemm
    from rpn2t.paths import prototxt_dir
    a = numpy.ones((400, 400), numpy.float32)
    net = caffe.Net(str(prototxt_dir() / "student/deploy.prototxt"), caffe.TEST)
    return {
        "numpy": burned(lambda: a @ a),
        "scipy": burned(lambda: sgemm(1, a, a)),
        "cv2": burned(lambda: cv2.gemm(a, a, 1, None, 0)),
        "caffe": burned(net.forward),
    }
"""

AS_COMMAND = "from rpn2t.cli import main; main(['--version'])\ncaffe = load_all()\n"
AS_LIBRARY = "caffe = load_all()\n"

several_cores = pytest.mark.skipif(os.cpu_count() == 1, reason="one core: no pool has a second thread")


def run(code: str, **environment: str) -> tuple[Any, str]:
    """What `code` leaves in `result`, and the standard error."""
    clean = {name: value for name, value in os.environ.items() if name not in {*SLEEP_AT_ONCE, *POOLS}}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{LOAD}{BURNED}{code}\nprint(json.dumps(result))"],
        env=clean | environment, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1]), done.stderr


def test_the_pools_of_a_tracking_process() -> None:
    code = """
from threadpoolctl import threadpool_info
result = [[pool["internal_api"], pool["filepath"], pool["num_threads"]] for pool in threadpool_info()]
"""
    pools, _ = run(AS_COMMAND + code)
    openblas = [path for kind, path, _ in pools if kind == "openblas"]
    assert len(openblas) == len(set(openblas)) >= 3
    for wheel in ("numpy.libs", "scipy.libs", "opencv"):
        assert any(wheel in path for path in openblas), wheel
    assert any("gomp" in path for kind, path, _ in pools if kind == "openmp")
    assert len({threads for _, _, threads in pools}) == 1


@several_cores
def test_no_pool_of_the_command_spins() -> None:
    spun, errors = run(AS_COMMAND + "result = burned_by_pool(caffe)", OMP_DISPLAY_ENV="true")
    assert all(median(tries) < 2 for tries in spun.values()), spun
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in errors


@several_cores
def test_without_the_settings_they_spin() -> None:
    """Or the test above could not fail."""
    spun, _ = run(AS_COMMAND + "result = burned_by_pool(caffe)", OPENBLAS_THREAD_TIMEOUT="26")
    assert max(spun["numpy"]) > 2, spun
    assert max(spun["scipy"]) > 2, spun


@several_cores
def test_as_a_library_only_caffe_gets_them() -> None:
    code = AS_LIBRARY + "result = [burned_by_pool(caffe)['caffe'], dict(os.environ)]"
    (spun, environment), errors = run(code, OMP_DISPLAY_ENV="true")
    assert median(spun) < 2, spun
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in errors
    assert not set(SLEEP_AT_ONCE) & set(environment)


def test_the_command_keeps_what_the_user_set() -> None:
    code = "from rpn2t.cli import main; main(['--version'])\nresult = {k: os.environ[k] for k in %s}"
    found, _ = run(code % list(SLEEP_AT_ONCE))
    assert found == SLEEP_AT_ONCE
    found, _ = run(code % list(SLEEP_AT_ONCE), OMP_WAIT_POLICY="active")
    assert found == SLEEP_AT_ONCE | {"OMP_WAIT_POLICY": "active"}


def test_they_are_set_before_a_verb_loads_anything() -> None:
    code = """
from rpn2t.cli import main
import rpn2t.cli
heavy = {"numpy", "scipy", "cv2", "caffe"}
seen = []
real = rpn2t.cli.sleep_at_once
rpn2t.cli.sleep_at_once = lambda: (seen.append(sorted(heavy & set(sys.modules))), real())
main(["track", "nowhere.mp4"])
result = [seen, sorted(heavy & set(sys.modules))]
"""
    (before, after), _ = run(code)
    assert before == [[]]
    assert "numpy" in after


# The number of threads


@pytest.mark.parametrize(
    ("wanted", "sizes"),
    [
        ({}, "4 4 4 4"),
        ({"OMP_NUM_THREADS": "2"}, "2 2 2 2"),
        ({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "1"}, "3 1 3 3"),
        ({"OMP_NUM_THREADS": "16,2"}, "4 4 4 4"),
        ({"OPENCV_FOR_THREADS_NUM": "9"}, "4 4 4 4"),
        ({"OMP_NUM_THREADS": "many", "MKL_NUM_THREADS": "0"}, "4 4 4 4"),
    ],
)
def test_pools_get_what_is_wanted_down_to_the_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str], sizes: str
) -> None:
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    monkeypatch.setattr(os, "environ", dict(wanted))
    over = [f"{name}={value}" for name, value in wanted.items() if value in ("16,2", "9")]
    line = f"{over[0]}: this process may use 4 cores, so it takes 4 threads" if over else None
    assert limit_pools() == line
    assert " ".join(os.environ[name] for name in POOLS) == sizes
    assert thread_limit() == int(sizes[0])


POOL_SIZES = """
import cv2
from threadpoolctl import threadpool_info
def sizes():
    found = {("caffe " if "x86_64" in p["filepath"] or "gomp" in p["filepath"] else "") + p["internal_api"]:
             p["num_threads"] for p in threadpool_info()}
    return found | {"cv2": cv2.getNumThreads()}
"""


def test_more_threads_than_cores_are_refused_in_a_line() -> None:
    cores = len(os.sched_getaffinity(0))
    sizes, errors = run(
        f"{AS_COMMAND}{POOL_SIZES}result = [sizes(), dict(os.environ)]",
        OMP_NUM_THREADS="77", OPENBLAS_NUM_THREADS="1", OPENCV_FOR_THREADS_NUM="99",
    )  # fmt: skip
    assert max(sizes[0].values()) <= cores
    assert sizes[1]["OMP_NUM_THREADS"] == str(thread_limit(cores)) or thread_limit() < cores
    assert errors.startswith("note: OMP_NUM_THREADS=77, OPENCV_FOR_THREADS_NUM=99: this process may use ")


def test_as_a_library_only_caffe_is_limited() -> None:
    code = f"""
import cv2
before = dict(os.environ)
caffe = load_all()
same = before == dict(os.environ)
{POOL_SIZES}
result = [sizes(), same]
"""
    (sizes, same), errors = run(code, OMP_NUM_THREADS="77", OPENCV_FOR_THREADS_NUM="99")
    assert same
    assert errors == ""
    assert sizes["cv2"] == 99
    assert sizes["caffe openmp"] <= len(os.sched_getaffinity(0))


def test_pools_that_were_loaded_before_are_limited_too() -> None:
    code = f"""
import ctypes
ctypes.CDLL("libgomp.so.1")
caffe = load_all()
{POOL_SIZES}
result = sizes()
"""
    sizes, _ = run(code, OMP_NUM_THREADS="77")
    assert sizes["caffe openmp"] <= len(os.sched_getaffinity(0))
