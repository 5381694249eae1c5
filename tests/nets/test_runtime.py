"""Loading Caffe, its BLAS and its device. What must happen at load time is looked at in a fresh process."""

import ctypes
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rpn2t.nets import caffe as runtime
from rpn2t.errors import InputError
from rpn2t.nets.caffe import Device

HASWELL = "flags\t\t: fpu sse2 avx fma avx2 bmi2\n"
SKYLAKE = "flags\t\t: fpu sse2 avx fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"


def in_fresh_process(code: str, **environment: str) -> tuple[dict[str, object], str]:
    """What ``code`` leaves in ``result``, and what it wrote to standard error."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("OPENBLAS_CORETYPE", "GLOG_minloglevel")
    }
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import json\n{code}\nprint(json.dumps(result))"],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ran.stdout), ran.stderr


# The BLAS core


def test_core_by_the_processors_flags() -> None:
    assert runtime.choose_core(SKYLAKE, "x86_64") == "SKYLAKEX"
    assert runtime.choose_core(HASWELL, "x86_64") == "HASWELL"
    assert runtime.choose_core(SKYLAKE.replace("avx512vl", ""), "x86_64") == "HASWELL"
    assert runtime.choose_core("flags : fpu sse2 avx\n", "x86_64") is None
    assert runtime.choose_core("", "x86_64") is None
    assert runtime.choose_core(SKYLAKE, "aarch64") is None


def test_a_flag_is_a_whole_word() -> None:
    assert runtime.choose_core("flags : avx2x xfma fma4\n", "x86_64") is None


def test_caffe_takes_the_chosen_core() -> None:
    code = """
import os
from rpn2t.nets.caffe import blas_report, choose_core, load_caffe
load_caffe()
left = [name for name in ("OPENBLAS_CORETYPE", "GLOG_minloglevel") if name in os.environ]
result = {"report": blas_report(), "chosen": choose_core(), "left": left}
"""
    result, errors = in_fresh_process(code)
    report, chosen = result["report"], result["chosen"]
    assert isinstance(report, dict)
    assert chosen is None or report["core"].upper() == chosen
    assert report["threads"] >= 1
    assert report["library"].startswith("OpenBLAS")
    assert result["left"] == []
    assert errors == ""  # OpenBLAS knew the core


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the core named is an x86-64 one")
def test_numpy_and_scipy_keep_their_own_core() -> None:
    # A core that no library takes by itself on a processor of the last ten years.
    code = """
from threadpoolctl import threadpool_info
from rpn2t.nets import caffe as runtime
runtime.choose_core = lambda: "NEHALEM"
runtime.load_caffe()
import numpy, scipy.linalg
blas = [each for each in threadpool_info() if each["internal_api"] == "openblas"]
result = {"caffe": runtime.blas_report()["core"],
          "wheels": [each["architecture"] for each in blas if "site-packages" in each["filepath"]]}
"""
    result, _ = in_fresh_process(code)
    assert result["caffe"] == "Nehalem"
    assert isinstance(result["wheels"], list)
    assert result["wheels"]
    assert "Nehalem" not in result["wheels"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the core named is an x86-64 one")
def test_the_users_core_is_kept() -> None:
    code = """
import os
from rpn2t.nets.caffe import blas_report
result = {"core": blas_report()["core"], "left": os.environ["OPENBLAS_CORETYPE"]}
"""
    result, _ = in_fresh_process(code, OPENBLAS_CORETYPE="Nehalem")
    assert result == {"core": "Nehalem", "left": "Nehalem"}


def test_thread_count_is_the_one_caffe_uses() -> None:
    code = "from rpn2t.nets.caffe import blas_report\nresult = blas_report()"
    result, _ = in_fresh_process(code, OPENBLAS_NUM_THREADS="1")
    assert result["threads"] == 1


# The log


def test_caffes_log_is_quiet_unless_the_user_wants_it(tmp_path: Path) -> None:
    net = tmp_path / "net.prototxt"
    net.write_text('input: "data" input_shape { dim: 1 }\n')
    code = f"""
from rpn2t.nets.caffe import load_caffe
caffe = load_caffe()
caffe.Net({str(net)!r}, caffe.TEST)
result = {{}}
"""
    assert in_fresh_process(code)[1] == ""
    assert "Network initialization done" in in_fresh_process(code, GLOG_minloglevel="0")[1]


def test_without_caffe_one_line_says_what_to_do() -> None:
    code = """
import importlib.machinery
from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
whole = importlib.machinery.PathFinder.find_spec
importlib.machinery.PathFinder.find_spec = lambda name, *more: None if name == "caffe" else whole(name, *more)
try:
    load_caffe()
except InputError as error:
    result = {"message": str(error)}
"""
    message = str(in_fresh_process(code)[0]["message"])
    assert message.startswith("Caffe is not installed for ")
    assert message.endswith(": run `make setup`")


# The device


def test_cpu() -> None:
    device = runtime.choose_device("cpu")
    assert device == Device("cpu")
    assert str(device) == "cpu"
    device.activate()


def test_auto_takes_a_gpu_only_where_one_works() -> None:
    assert str(runtime.choose_device()) == ("gpu:0" if runtime.gpu_problem(0) is None else "cpu")


@pytest.mark.parametrize(
    "spec", ["", "CPU", "gpu", "gpu:", "gpu:x", "gpu:-1", "gpu:0 ", "cuda:0", "gpu:\u0661"]
)
def test_malformed_device(spec: str) -> None:
    with pytest.raises(InputError, match=r"use auto, cpu or gpu:N") as caught:
        runtime.choose_device(spec)
    assert repr(spec) in str(caught.value)


def test_gpu_of_a_caffe_without_cuda() -> None:
    if runtime.has_cuda():
        pytest.skip("this Caffe was built with CUDA")
    for index in (0, 3):
        assert runtime.gpu_problem(index) is not None
        with pytest.raises(InputError) as caught:
            runtime.choose_device(f"gpu:{index}")
        assert str(caught.value) == (
            f"device gpu:{index}: this Caffe was built without CUDA; build it with "
            "`docker/build_caffe.sh --cuda`, or use --device cpu"
        )
    assert runtime.choose_device().notes == ()  # nobody expects a GPU of it


def test_gpu_that_is_not_there() -> None:
    if not runtime.has_cuda():
        pytest.skip("this Caffe was built without CUDA")
    with pytest.raises(InputError, match=r"device gpu:9999: .*, or use --device cpu"):
        runtime.choose_device("gpu:9999")


class FakeCuda:
    """Caffe's library with CUDA in it, on a machine with these GPUs."""

    def __init__(
        self,
        driver: int = 13000,
        capabilities: tuple[tuple[int, int], ...] = ((9, 0),),
        error: int = 0,
        opens: bool = True,
    ) -> None:
        self.opened: list[int] = []

        def number(value: int, status: int = 0) -> Callable[..., int]:
            def function(pointer: Any, *_: object) -> int:
                pointer._obj.value = value
                return status

            return function

        def attribute(pointer: Any, name: ctypes.c_int, index: ctypes.c_int) -> int:
            pointer._obj.value = capabilities[index.value][name.value - 75]
            return 0

        def check(index: ctypes.c_int) -> bool:
            self.opened.append(index.value)
            return opens

        self.cudaDriverGetVersion = number(driver)
        self.cudaRuntimeGetVersion = number(13000)
        self.cudaGetDeviceCount = number(len(capabilities), error)
        self.cudaDeviceGetAttribute = attribute
        self.cudaGetErrorString = lambda status: f"error {status.value}".encode()
        setattr(self, runtime._CUDA_ONLY, None)
        self._functions = {runtime._CHECK_DEVICE: check}

    def __getitem__(self, name: str) -> Callable[..., bool]:
        return self._functions[name]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeCuda]:
    def install(**machine: Any) -> FakeCuda:
        library = FakeCuda(**machine)
        monkeypatch.setattr(runtime, "_caffe_library", lambda: library)
        return library

    return install


@pytest.mark.parametrize(
    ("spec", "machine", "problem"),
    [
        (
            "gpu:0",
            {"driver": 0, "error": 35},
            "there is no NVIDIA driver (no libcuda.so.1); install one, start a container with `--gpus all`",
        ),
        (
            "gpu:0",
            {"driver": 12080, "error": 35},
            "the NVIDIA driver is too old: it is for CUDA 12.8, and this Caffe needs 13; "
            "update it to R580 or newer",
        ),
        (
            "gpu:0",
            {"error": 100},
            "the NVIDIA driver offers no GPU (error 100); see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say",
        ),
        ("gpu:1", {}, "no such GPU: there is 1 GPU, gpu:0; choose one that is there"),
        (
            "gpu:2",
            {"capabilities": ((9, 0), (8, 6))},
            "no such GPU: there are 2 GPUs, gpu:0 to gpu:1; choose one that is there",
        ),
        (
            "gpu:1",
            {"capabilities": ((9, 0), (7, 0))},
            "this GPU is too old: its compute capability is 7.0, CUDA 13 needs 7.5; take another",
        ),
        (
            "gpu:0",
            {"capabilities": ((8, 6),), "opens": False},
            "this GPU does not open: another process holds it or its memory, or this Caffe has no code "
            "for its compute capability 8.6 (docker/build_caffe.sh --arch); try later, take another",
        ),
    ],
)
def test_one_line_says_what_keeps_caffe_from_a_gpu(
    fake: Callable[..., FakeCuda], spec: str, machine: dict[str, Any], problem: str
) -> None:
    library = fake(**machine)
    with pytest.raises(InputError) as caught:
        runtime.choose_device(spec)
    assert str(caught.value) == f"device {spec}: {problem}, or use --device cpu"
    assert not library.opened or not machine["opens"]
    if spec == "gpu:0":
        device = runtime.choose_device("auto")
        assert device == Device("cpu")
        assert device.notes == (f"the CPU is used, no GPU: {problem}",)


def test_a_gpu_that_works_is_taken(fake: Callable[..., FakeCuda]) -> None:
    library = fake(driver=13010, capabilities=((7, 5), (12, 0)))
    for spec, device in (("auto", Device("gpu", 0)), ("gpu:1", Device("gpu", 1))):
        chosen = runtime.choose_device(spec)
        assert (chosen, chosen.notes) == (device, ())
    assert library.opened == [0, 1]


def test_the_cpu_when_asked_for_touches_no_gpu(fake: Callable[..., FakeCuda]) -> None:
    library = fake()
    device = runtime.choose_device("cpu")
    assert (device, device.notes, library.opened) == (Device("cpu"), (), [])


# TF32


def test_tf32_is_off_unless_asked_for(fake: Callable[..., FakeCuda]) -> None:
    fake()
    assert not runtime.choose_device("gpu:0").tf32
    assert runtime.choose_device("gpu:0", tf32=True) == Device("gpu", tf32=True)


def test_the_cpu_has_no_tf32() -> None:
    device = runtime.choose_device("cpu", tf32=True)
    assert device == Device("cpu")
    assert device.notes == ("--tf32 has no effect on the CPU",)


def test_a_gpu_is_activated_with_its_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    caffe = SimpleNamespace(
        set_device=lambda index: calls.append(("device", index)),
        set_mode_gpu=lambda: calls.append(("gpu",)),
        set_tf32=lambda allowed: calls.append(("tf32", allowed)),
    )
    monkeypatch.setattr(runtime, "load_caffe", lambda: caffe)
    Device("gpu", 1, tf32=True).activate()
    Device("gpu", 1).activate()
    assert calls == [("device", 1), ("gpu",), ("tf32", True), ("device", 1), ("gpu",), ("tf32", False)]


def test_caffes_own_switch() -> None:
    caffe = runtime.load_caffe()
    assert not caffe.tf32()
    caffe.set_tf32(True)
    assert caffe.tf32()
    caffe.set_tf32(False)
    assert not caffe.tf32()


def test_gpus_are_named_as_the_option_takes_them() -> None:
    assert str(Device("gpu", 2)) == "gpu:2"
