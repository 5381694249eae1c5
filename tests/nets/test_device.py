"""The device that Caffe computes on; GPUs are made up here."""

import ctypes
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from rpn2t.errors import InputError
from rpn2t.nets import device as device_module
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.device import Device, choose_device, gpu_problem, has_cuda


def test_cpu() -> None:
    device = choose_device("cpu")
    assert device == Device("cpu")
    assert str(device) == "cpu"
    device.activate()


def test_auto_takes_a_gpu_only_where_one_works() -> None:
    assert str(choose_device()) == ("gpu:0" if gpu_problem(0) is None else "cpu")


@pytest.mark.parametrize(
    "spec", ["", "CPU", "gpu", "gpu:", "gpu:x", "gpu:-1", "gpu:0 ", "cuda:0", "gpu:\u0661"]
)
def test_malformed_device(spec: str) -> None:
    with pytest.raises(InputError, match=r"use auto, cpu or gpu:N") as caught:
        choose_device(spec)
    assert repr(spec) in str(caught.value)


def test_gpu_of_a_caffe_without_cuda() -> None:
    if has_cuda():
        pytest.skip("this Caffe was built with CUDA")
    for index in (0, 3):
        assert gpu_problem(index) is not None
        with pytest.raises(InputError) as caught:
            choose_device(f"gpu:{index}")
        assert str(caught.value) == (
            f"device gpu:{index}: this Caffe was built without CUDA; build it with "
            "`docker/build_caffe.sh --cuda`, or use --device cpu"
        )
    assert choose_device().notes == ()  # nobody expects a GPU of it


def test_gpu_that_is_not_there() -> None:
    if not has_cuda():
        pytest.skip("this Caffe was built without CUDA")
    with pytest.raises(InputError, match=r"device gpu:9999: .*, or use --device cpu"):
        choose_device("gpu:9999")


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
        setattr(self, device_module._CUDA_ONLY, None)
        self._functions = {device_module._CHECK_DEVICE: check}

    def __getitem__(self, name: str) -> Callable[..., bool]:
        return self._functions[name]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeCuda]:
    def install(**machine: Any) -> FakeCuda:
        library = FakeCuda(**machine)
        monkeypatch.setattr(device_module, "caffe_library", lambda: library)
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
        (
            "gpu:0",
            {"error": 3},
            "CUDA does not start (error 3): a process that was forked from one with a GPU cannot use it; "
            "start it by multiprocessing's `spawn`",
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
        choose_device(spec)
    assert str(caught.value) == f"device {spec}: {problem}, or use --device cpu"
    assert not library.opened or not machine["opens"]
    if spec == "gpu:0":
        device = choose_device("auto")
        assert device == Device("cpu")
        assert device.notes == (f"the CPU is used, no GPU: {problem}",)


def test_a_gpu_that_works_is_taken(fake: Callable[..., FakeCuda]) -> None:
    library = fake(driver=13010, capabilities=((7, 5), (12, 0)))
    for spec, device in (("auto", Device("gpu", 0)), ("gpu:1", Device("gpu", 1))):
        chosen = choose_device(spec)
        assert (chosen, chosen.notes) == (device, ())
    assert library.opened == [0, 1]


def test_the_cpu_when_asked_for_touches_no_gpu(fake: Callable[..., FakeCuda]) -> None:
    library = fake()
    device = choose_device("cpu")
    assert (device, device.notes, library.opened) == (Device("cpu"), (), [])


# TF32


def test_tf32_is_off_unless_asked_for(fake: Callable[..., FakeCuda]) -> None:
    fake()
    assert not choose_device("gpu:0").tf32
    assert choose_device("gpu:0", tf32=True) == Device("gpu", tf32=True)


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((12, 0), True)])
def test_tf32_is_of_ampere_and_newer(
    fake: Callable[..., FakeCuda], capability: tuple[int, int], has: bool
) -> None:
    fake(capabilities=(capability,))
    notes = choose_device("gpu:0", tf32=True).notes
    assert notes == (() if has else ("--tf32 has no effect: this GPU is older than Ampere",))


def test_a_gpus_batches_have_few_sizes() -> None:
    blob = load_caffe().Blob((3, 2))
    for count, cpu, gpu in ((1, 1, 1), (3, 3, 4), (125, 125, 128), (128, 128, 128), (129, 129, 256)):
        Device("cpu").set_batch(blob, count)
        assert tuple(blob.shape) == (cpu, 2)
        Device("gpu").set_batch(blob, count)
        assert tuple(blob.shape) == (gpu, 2)


def test_a_gpu_is_not_used_after_a_fork() -> None:
    with pytest.raises(InputError, match="device gpu:1: a process that was forked"):
        Device("gpu", 1, process=1).activate()


def test_the_cpu_has_no_tf32() -> None:
    device = choose_device("cpu", tf32=True)
    assert device == Device("cpu")
    assert device.notes == ("--tf32 has no effect on the CPU",)


@pytest.mark.parametrize("able", [True, False])
def test_bf16_is_for_cpus_that_have_it(monkeypatch: pytest.MonkeyPatch, able: bool) -> None:
    calls: list[bool] = []
    caffe = SimpleNamespace(has_bf16=lambda: able, set_mode_cpu=lambda: None, set_bf16=calls.append)
    monkeypatch.setattr(device_module, "load_caffe", lambda: caffe)
    device = choose_device("cpu", bf16=True)
    assert device == Device("cpu", bf16=able)
    words = "--bf16 has no effect: this CPU has neither AVX512-BF16 nor AMX"
    assert device.notes == (() if able else (words,))
    device.activate()
    choose_device("cpu").activate()
    assert calls == [able, False]


def test_a_gpu_has_no_bf16(fake: Callable[..., FakeCuda]) -> None:
    fake()
    device = choose_device("gpu:0", bf16=True)
    assert device == Device("gpu")
    assert device.notes == ("--bf16 has no effect on a GPU",)


def test_a_gpu_is_activated_with_its_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []
    caffe = SimpleNamespace(
        set_device=lambda index: calls.append(("device", index)),
        set_mode_gpu=lambda: calls.append(("gpu",)),
        set_tf32=lambda allowed: calls.append(("tf32", allowed)),
    )
    monkeypatch.setattr(device_module, "load_caffe", lambda: caffe)
    Device("gpu", 1, tf32=True).activate()
    Device("gpu", 1).activate()
    assert calls == [("device", 1), ("gpu",), ("tf32", True), ("device", 1), ("gpu",), ("tf32", False)]


def test_caffes_own_switch() -> None:
    caffe = load_caffe()
    assert not caffe.tf32()
    caffe.set_tf32(True)
    assert caffe.tf32()
    caffe.set_tf32(False)
    assert not caffe.tf32()


def test_gpus_are_named_as_the_option_takes_them() -> None:
    assert str(Device("gpu", 2)) == "gpu:2"
