import os
import subprocess
from pathlib import Path

import export
import numpy as np
import pretrain
import pytest
import runs
import torch
from zf import ZF, folded, plain

ROOT = Path(__file__).parents[3]
CAFFE_PYTHON = Path(os.environ.get("CAFFE_PYTHON", ROOT / ".venv/bin/python"))
AS_IT_IS = ("--conv5-scale", "1")


@pytest.fixture(scope="module")
def trained(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot after some batches."""
    folder = tmp_path_factory.mktemp("trained")
    small = ["--size", "64", "--batch", "16", "--crops", "160"]
    pretrain.main(["--images", str(photographs), "--snapshots", str(folder), *small])
    return folder / runs.SNAPSHOT


def test_npz_is_the_averaged_net_folded(trained: Path, tmp_path: Path) -> None:
    export.main([str(trained), str(tmp_path / "zf.npz")])
    found, wanted = export.read(tmp_path / "zf.npz"), folded(torch.load(trained)["average"], "zf.")
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    export.main([str(trained), str(tmp_path / "half.npz"), "--float16"])
    half = export.read(tmp_path / "half.npz")
    assert half["conv1_w"] == pytest.approx(wanted["conv1_w"], rel=1e-3, abs=1e-6)


def test_the_factor_is_conv5_s_alone() -> None:
    arrays = folded(ZF().state_dict())
    layers = export.layers(arrays, 4)
    for name, (kernel, bias) in layers.items():
        factor = 4 if name == "conv5" else 1
        assert np.array_equal(kernel, factor * arrays[f"{name}_w"])
        assert np.array_equal(bias, factor * arrays[f"{name}_b"])


@pytest.mark.skipif(not CAFFE_PYTHON.exists(), reason="no Python with Caffe (make setup, or CAFFE_PYTHON)")
def test_caffe_computes_what_pytorch_does(trained: Path, tmp_path: Path) -> None:
    export.main([str(trained), str(tmp_path / "zf.npz")])
    images = np.random.default_rng(0).uniform(-128, 127, (2, 3, 203, 203)).astype(np.float32)
    np.savez(tmp_path / "images.npz", images=images)
    model = str(tmp_path / "zf.caffemodel")
    _with_caffe(export.__file__, str(tmp_path / "zf.npz"), model, "--conv5-scale", "4")
    deploy = ROOT / "prototxt/teacher/deploy.prototxt"
    script = Path(__file__).with_name("caffe_conv5.py")
    _with_caffe(str(script), str(deploy), model, str(tmp_path / "images.npz"), str(tmp_path / "result.npz"))
    _with_caffe(export.__file__, model, str(tmp_path / "back.npz"), "--conv5-scale", "4")
    back, there = export.read(tmp_path / "back.npz"), export.read(tmp_path / "zf.npz")
    assert back.keys() == there.keys()
    assert all(np.array_equal(back[name], there[name]) for name in there)
    net = ZF()
    state = torch.load(trained)["average"]
    own = {name: each for name, each in state.items() if name.startswith("zf.")}
    net.load_state_dict({name.removeprefix("zf."): each for name, each in own.items()})
    with torch.no_grad():
        wanted = 4 * net.eval()(torch.from_numpy(images)).numpy()
        again = 4 * plain(export.read(tmp_path / "zf.npz"))(torch.from_numpy(images)).numpy()
    scale = float(np.sqrt((wanted**2).mean()))
    with np.load(tmp_path / "result.npz") as result:
        assert result["without"].shape == (2, 256, 14, 14)
        assert result["without"] == pytest.approx(wanted, abs=1e-4 * scale)
        assert np.sqrt(((result["lrn"] - wanted) ** 2).mean()) < 0.02 * scale
    assert again == pytest.approx(wanted, abs=1e-4 * scale)


@pytest.mark.skipif(not CAFFE_PYTHON.exists(), reason="no Python with Caffe (make setup, or CAFFE_PYTHON)")
def test_a_set_is_carried_over_to_another_backbone_and_back(trained: Path, tmp_path: Path) -> None:
    shipped, there, back = ROOT / "data/models", tmp_path / "there", tmp_path / "back"
    export.main([str(trained), str(tmp_path / "zf.npz")])
    _with_caffe(export.__file__, str(tmp_path / "zf.npz"), str(tmp_path / "zf.caffemodel"), *AS_IT_IS)
    carry = str(Path(export.__file__).with_name("carry.py"))
    _with_caffe(carry, str(tmp_path / "zf.caffemodel"), str(shipped), str(there))
    _with_caffe(carry, str(shipped / "zf_teacher.caffemodel"), str(there), str(back))
    old, new = (
        [_arrays(folder, part, tmp_path) for part in ("teacher", "student")] for folder in (shipped, there)
    )
    given = export.read(tmp_path / "zf.npz")
    for name in given:
        assert np.array_equal(new[0][name], given[name])
        changed, wanted = new[1][name] - new[0][name], old[1][name] - old[0][name]
        assert np.abs(wanted).max() > 1e-4
        assert changed == pytest.approx(wanted, abs=1e-6 * max(1, float(np.abs(given[name]).max())))
    teacher = "zf_teacher.caffemodel"
    assert (back / teacher).read_bytes() == (shipped / teacher).read_bytes()
    assert (there / teacher).stat().st_size == (shipped / teacher).stat().st_size
    assert not (there / "zf_refiner.caffemodel").exists()


@pytest.mark.skipif(not CAFFE_PYTHON.exists(), reason="no Python with Caffe (make setup, or CAFFE_PYTHON)")
def test_frozen_layers_are_the_old_students(trained: Path, tmp_path: Path) -> None:
    shipped, there = ROOT / "data/models", tmp_path / "there"
    export.main([str(trained), str(tmp_path / "zf.npz")])
    _with_caffe(export.__file__, str(tmp_path / "zf.npz"), str(tmp_path / "zf.caffemodel"), *AS_IT_IS)
    carry = str(Path(export.__file__).with_name("carry.py"))
    _with_caffe(
        carry, str(tmp_path / "zf.caffemodel"), str(shipped), str(there), "--frozen", "conv1", "conv2"
    )
    old, new = (_arrays(folder, "student", tmp_path) for folder in (shipped, there))
    for name in old:
        assert np.array_equal(old[name], new[name]) == (name[:5] in ("conv1", "conv2")), name
    refiner = "zf_refiner.caffemodel"  # it reads conv2
    assert (there / refiner).read_bytes() == (shipped / refiner).read_bytes()


def _arrays(folder: Path, part: str, scratch: Path) -> export.Arrays:
    _with_caffe(export.__file__, str(folder / f"zf_{part}.caffemodel"), str(scratch / "part.npz"), *AS_IT_IS)
    return export.read(scratch / "part.npz")


def _with_caffe(*command: str) -> None:
    subprocess.run([str(CAFFE_PYTHON), *command], check=True, capture_output=True, cwd=ROOT)
