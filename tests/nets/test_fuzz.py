"""Damaged files of configurations, networks and weights: at most an InputError of one line comes of them."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import BackboneSpec
from rpn2t.nets.caffe import load_caffe, read_message
from rpn2t.nets.caffemodel import check_zf, find_conv3x3, load_into, read_caffemodel, scale_conv5
from rpn2t.nets.weight_sets import find_set, rpn_conv3x3, verify
from rpn2t.paths import configs_dir, prototxt_dir

SEEDS = 600

PIECES = (
    b"", b"\0", b"\n", b"\r", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"=", b'"', b"[",
    b"]" * 9, b"{", b"}", b"#",
    b"-1", b"nan", b"inf", b"1e999", b"-0.0", b"9" * 30, b"9" * 5000, b"0x1f", b"true", b"[1, 2]", b"{a = 1}",
    b"1979-05-27", b"x = " + b"[" * 3000, b"layer { " * 2000, b"\x08\x96\x01", b"\xff" * 11,
    b"\x80" * 9 + b"\x01",
)  # fmt: skip


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four places changed, doubled, cut out or cut off."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((0, 1, 1, 4, 40)))
        match rng.randrange(4):
            case 0:
                data = data[:start] + rng.choice(PIECES) + data[end:]
            case 1:
                data = data[:start] + rng.randbytes(end - start) + data[end:]
            case 2:
                data = data[:end] + data[start:]
            case 3:
                data = data[:start] if rng.random() < 0.2 else data[:start] + data[end:]
    return data


@contextmanager
def one_line() -> Iterator[None]:
    """A block in which an InputError of one line is no failure."""
    try:
        yield
    except InputError as error:
        if len(str(error).splitlines()) != 1:
            raise AssertionError(repr(error)) from error


def read_config(data: bytes, folder: Path) -> None:
    (folder / "own.toml").write_bytes(data)
    Config.load(folder / "own.toml", "fast")


def read_setting(data: bytes, folder: Path) -> None:
    Config().with_settings([data.decode(errors="surrogateescape")])


def read_backbone(data: bytes, folder: Path) -> None:
    (folder / "backbone.toml").write_bytes(data)
    BackboneSpec.find(str(folder)).weights_file(find_set("shipped"))


def read_prototxt(data: bytes, folder: Path) -> None:
    (folder / "net.prototxt").write_bytes(data)
    read_message(folder / "net.prototxt", "NetParameter")


def read_weights(data: bytes, folder: Path) -> None:
    file = folder / "zf_teacher.caffemodel"
    file.write_bytes(data)
    layers = read_caffemodel(file)
    net = SimpleNamespace(params={"conv1": [SimpleNamespace(data=np.zeros((2, 3, 1, 1), np.float32))]})
    for use in (
        lambda: check_zf(layers, source=file),
        lambda: find_conv3x3(layers, 3, source=file),
        lambda: load_into(net, layers, source=file),
        lambda: scale_conv5(layers, 2.0, source=file),
        lambda: rpn_conv3x3(find_set(folder)),
    ):
        with one_line():
            use()


def read_sums(data: bytes, folder: Path) -> None:
    (folder / "SHA256SUMS").write_bytes(data)
    (folder / "zf_student.caffemodel").write_bytes(b"x")
    verify(find_set(folder))


@cache
def weights(field: str) -> bytes:
    """A file of two layers, in Caffe's format of this field."""
    net = load_caffe().proto.caffe_pb2.NetParameter()
    for name, shape in (("conv1", (2, 3, 1, 1)), ("rpn_conv/3x3", (2,)), ("conv5", (1, 1, 1, 2))):
        layer = getattr(net, field).add(name=name)
        for _ in range(2):
            blob = layer.blobs.add(data=np.arange(np.prod(shape)).tolist())
            if field == "layer":
                blob.shape.dim.extend(shape)
            else:
                blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - len(shape)) + shape
    data: bytes = net.SerializeToString()
    return data


@cache
def committed(path: Path) -> bytes:
    return path.read_bytes()


READERS: tuple[tuple[Callable[[], bytes], Callable[[bytes, Path], None]], ...] = (
    (lambda: committed(configs_dir() / "fast.toml"), read_config),
    (lambda: b"candidates=128", read_setting),
    (lambda: committed(prototxt_dir() / "student/backbone.toml"), read_backbone),
    (lambda: committed(prototxt_dir() / "head/deploy.prototxt"), read_prototxt),
    (lambda: weights("layer"), read_weights),
    (lambda: weights("layers"), read_weights),
    (lambda: b"0" * 64 + b"  zf_student.caffemodel\n", read_sums),
)
"""What each reader is given when nothing is damaged, and the reader."""


def attempt(seed: int, folder: Path) -> None:
    """Let one reader read a damaged file in the folder; only an InputError of one line is let pass."""
    sound, read = READERS[seed % len(READERS)]
    with one_line():
        read(damaged(sound(), random.Random(seed)), folder)


@pytest.mark.parametrize(("sound", "read"), READERS)
def test_undamaged_it_is_read(
    tmp_path: Path, sound: Callable[[], bytes], read: Callable[[bytes, Path], None]
) -> None:
    """Or the test below would show nothing."""
    read(sound(), tmp_path)


def test_damage_ends_in_an_input_error(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        try:
            attempt(seed, tmp_path)
        except Exception as error:
            pytest.fail(f"attempt({seed}, folder): {error!r}")
