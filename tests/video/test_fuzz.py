"""Broken inputs of every kind: each gives frames or an InputError, and nothing else."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.sources import open_source

SEEDS = 400
Bytes = NDArray[np.uint8]


def picture(value: int, depth: type = np.uint8) -> NDArray[np.generic]:
    pixels = np.random.default_rng(value).integers(0, 256, (40, 48, 3))
    return np.asarray(pixels * (np.iinfo(depth).max // 255), depth)


def encoded(suffix: str, depth: type = np.uint8) -> bytes:
    done, data = cv2.imencode(suffix, picture(1, depth)[..., 0] if suffix == ".pgm" else picture(1, depth))
    assert done
    return data.tobytes()


def animated(path: Path) -> bytes:
    first, *others = (PIL.Image.fromarray(picture(value)) for value in range(3))
    first.save(path, save_all=True, append_images=others, duration=40)
    return path.read_bytes()


def stack(path: Path) -> bytes:
    assert cv2.imwritemulti(str(path), [picture(value, np.uint16)[..., 0] for value in range(3)])
    return path.read_bytes()


def video(path: Path, codec: str) -> bytes:
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "a title"
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 40, "yuv420p"
        for value in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(value), format="bgr24")))
        container.mux(stream.encode(None))
    return path.read_bytes()


@cache
def samples() -> list[tuple[str, bytes]]:
    """Whole files of every kind, by what their names end in."""
    with TemporaryDirectory() as folder:
        return make_samples(Path(folder))


def make_samples(folder: Path) -> list[tuple[str, bytes]]:
    stills = [".avif", ".bmp", ".jp2", ".jpg", ".pgm", ".png", ".tif", ".webp"]
    videos = {".avi": "mpeg4", ".mkv": "libx264", ".mp4": "libx264", ".ts": "libx264", ".webm": "libvpx"}
    return [
        *((suffix, encoded(suffix)) for suffix in stills),
        *((suffix, encoded(suffix, np.uint16)) for suffix in (".png", ".tif")),
        *((suffix, animated(folder / f"whole{suffix}")) for suffix in (".gif", ".mpo", ".png", ".webp")),
        (".tif", stack(folder / "whole.tif")),
        *((suffix, video(folder / f"whole{suffix}", codec)) for suffix, codec in videos.items()),
    ]


def flipped(data: Bytes, rng: np.random.Generator) -> Bytes:
    places = rng.integers(0, len(data), rng.integers(1, 9))
    data[places] = rng.integers(0, 256, len(places))
    return data


def flipped_in_front(data: Bytes, rng: np.random.Generator) -> Bytes:
    return np.concatenate([flipped(data[:400], rng), data[400:]])


def cut_off(data: Bytes, rng: np.random.Generator) -> Bytes:
    return data[: rng.integers(0, len(data))]


def cut_out(data: Bytes, rng: np.random.Generator) -> Bytes:
    first, last = np.sort(rng.integers(0, len(data), 2))
    return np.concatenate([data[:first], data[last:]])


def zeroed(data: Bytes, rng: np.random.Generator) -> Bytes:
    first = rng.integers(0, len(data))
    data[first : first + rng.integers(1, 500)] = 0
    return data


def followed(data: Bytes, rng: np.random.Generator) -> Bytes:
    return np.concatenate([data, rng.integers(0, 256, rng.integers(1, 500), np.uint8)])


MUTATIONS: list[Callable[[Bytes, np.random.Generator], Bytes]] = [
    flipped, flipped_in_front, cut_off, cut_out, zeroed, followed,
]  # fmt: skip
LETTERS = [*"01289.-_%d*?[]{}~:# aä\n", "\udcff", "\u0661", ".png", ".jpg", "img", "0" * 30]


def name(rng: np.random.Generator) -> str:
    return "".join(rng.choice(LETTERS, rng.integers(1, 8))).strip("/")


def broken_file(rng: np.random.Generator, folder: Path) -> str:
    known = samples()
    suffix, data = known[rng.integers(len(known))]
    if rng.random() < 0.05:
        suffix = known[rng.integers(len(known))][0]
    path = folder / f"broken{suffix}"
    path.write_bytes(
        MUTATIONS[rng.integers(len(MUTATIONS))](np.frombuffer(data, np.uint8).copy(), rng).tobytes()
    )
    return str(path)


def odd_names(rng: np.random.Generator, folder: Path) -> str:
    """A folder of odd names with images of odd names, or a pattern that names some of them."""
    inner = folder / name(rng)
    with suppress(FileExistsError):
        inner.mkdir()
    for _ in range(rng.integers(0, 5)):
        with suppress(IsADirectoryError, NotADirectoryError):
            (inner / f"{name(rng)}.png").write_bytes(encoded(".png"))
    return str(rng.choice([str(inner), str(inner / name(rng)), f"{inner}/%0{rng.integers(12)}d.png"]))


def attempt(seed: int, folder: Path) -> None:
    """Read one broken input.

    Args:
        seed: of what it is.
        folder: for its files.
    """
    rng = np.random.default_rng(seed)
    make = broken_file if rng.random() < 0.8 else odd_names
    with suppress(InputError), open_source(make(rng, folder)) as source:
        for frame in islice(source.frames(int(rng.integers(0, 2))), 20):
            assert (frame.image.dtype, frame.image.shape[2]) == (np.uint8, 3)
        os.fspath(source.name)


@pytest.mark.parametrize("begin", range(0, SEEDS, 50))
def test_a_broken_input_gives_frames_or_an_input_error(begin: int, tmp_path: Path) -> None:
    for seed in range(begin, begin + 50):
        try:
            attempt(seed, tmp_path)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
