"""Ground truth and sequence folders, changed at random: each gives boxes, or an InputError of one line."""

import random
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from rpn2t.errors import InputError
from rpn2t.sequences.box_files import parse_box, read_boxes, read_regions
from rpn2t.sequences.check import check_target
from rpn2t.sequences.registry import find_dataset
from rpn2t.video.sources import open_source

Random = random.Random

SEEDS = 400

_TEXTS = (
    "11,21,30,40\n12,22,31,41\n13,23,32,42\n",
    "11\t21\t30\t40\r\nNaN\tNaN\tNaN\tNaN\r\n",
    "334.02,128.36,438.19,188.78,396.39,260.83,292.23,200.41\n1,2,3,4\n",
    "1,1,100,50,20,30,1,1,0.75\n2,1,103,52,20,31,1,1,0.5\n",
    "1,3,100,50,20,30,1,4,0,1\n2,3,101,50,20,30,1,4,0,1\n",
    "frame,id,x,y,w,h\n1,1,100,50,20,30\n",
    "12,5;30,25;40;50\n",
    "m10,20,5,2,6,3,1\nm1,2,3,4,0,12\n",
    '0 100 50 120 80 0 0 0 0 "ball"\n0 103 52 123 83 1 0 0 1 "ball"\n',
)

_SCRAPS = (
    "", " ", "\n", "\n\n", ",", ";", "\t", "-", ".", "nan", "inf", "1e308", "-1e308", "1e-320", "0", "00",
    "999999", "99999999999999999999", "m", "m0,0,", '"', "#", "x", "é", "\x00", "\ufeff", "\u2028", "\x0c",
    "٣", "1_0", "0x1",
)  # fmt: skip

_TRUTHS = (
    "{}/groundtruth_rect.txt", "{}/groundtruth_rect.1.txt", "{}/groundtruth.txt", "{}/{}_gt.txt",
    "anno/{}.txt", "anno/UAV123/{}_1.txt", "30/{}.txt",
)  # fmt: skip

_IMAGES = ("{}/img", "{}", "{}/color", "frames/{}", "data_seq/UAV123/{}", "30/{}")

_NAMES = ("cup", "David", "Jogging", "GOT-10k_Val_1", "bird1", "a [1]*", "ü", "img", "30", "-x")

_STEMS = ("{:04d}", "{}", "img{:06d}", "{}a", "{0}-{0}", "x", "{:018d}", "٣{}")


def attempt(seed: int, folder: Path) -> None:
    """Make one changed input of a seed in a folder, and read it; nothing but InputError is let pass."""
    rng = Random(seed)
    read: Callable[[Random, Path], None] = rng.choice([_file, _file, _typed, _sequence])
    try:
        read(rng, folder)
    except InputError as error:
        _check_line(error)


def _check_line(error: InputError) -> None:
    assert "\n" not in str(error)


def _file(rng: Random, folder: Path) -> None:
    file = folder / rng.choice(["truth.txt", "groundtruth.txt"])
    file.write_bytes(_data(rng))
    one_based = rng.random() < 0.5
    try:
        boxes = read_boxes(file, one_based=one_based)
    except InputError:
        boxes = None
    try:
        regions = read_regions(file)
    except InputError:
        regions = None
    assert (boxes is None) == (regions is None)
    if boxes is not None and regions is not None:
        assert boxes.shape == (len(regions), 4)
        assert not np.isinf(boxes).any()


def _typed(rng: Random, folder: Path) -> None:
    box = parse_box(_mutated(rng, "11,21,30,40"))
    assert np.isfinite(box).all()
    assert min(box[2:]) > 0


def _sequence(rng: Random, folder: Path) -> None:
    root = folder / "root"
    for _ in range(rng.randint(1, 2)):
        _make_sequence(rng, root)
    for place in (folder, *sorted(path for path in root.rglob("*") if path.is_dir())):
        for reads in (_track, _open):
            try:
                reads(place)
            except InputError as error:
                _check_line(error)


def _track(place: Path) -> None:
    with open_source(str(place)) as source:
        assert source.ground_truth is None or source.ground_truth.shape[1] == 4
        assert source.length


def _open(place: Path) -> None:
    dataset = find_dataset(str(place))
    for entry in dataset.entries:
        assert dataset.entry(entry.name) is not None
        list(check_target(dataset, entry, place, "otb"))
    for target in dataset.open(place).sequences:
        assert target.truth.shape[1] == 4
        assert 0 < len(target.truth) <= len(target.images)


def _make_sequence(rng: Random, root: Path) -> None:
    name, stem = rng.choice(_NAMES), rng.choice(_STEMS)
    images = root / rng.choice(_IMAGES).format(name)
    images.mkdir(parents=True, exist_ok=True)
    _, picture = cv2.imencode(".png", np.zeros((2, 2, 3), np.uint8))
    for number in range(rng.choice([0, 1, 2, 3, 5])):
        (images / f"{stem.format(number + rng.choice([0, 1]))}.png").write_bytes(picture.tobytes())
    for _ in range(rng.randint(1, 2)):
        truth = root / rng.choice(_TRUTHS).format(name, name)
        truth.parent.mkdir(parents=True, exist_ok=True)
        if rng.random() < 0.05 and not truth.exists():
            truth.mkdir()
        elif not truth.is_dir():
            truth.write_bytes(_data(rng) if rng.random() < 0.5 else rng.choice(_TEXTS).encode())


def _data(rng: Random) -> bytes:
    text = _mutated(rng, rng.choice(_TEXTS))
    data = text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]))
    if rng.random() < 0.1 and data:
        at = rng.randrange(len(data))
        data = data[:at] + bytes([rng.randrange(256)]) + data[at + rng.randrange(3) :]
    return data


def _mutated(rng: Random, text: str) -> str:
    for _ in range(rng.choice([0, 1, 1, 2, 3, 8])):
        start = rng.randint(0, len(text))
        end = min(len(text), start + rng.choice([0, 0, 1, 1, 4, 20]))
        part = rng.choice([rng.choice(_SCRAPS), rng.choice(_TEXTS), text[start:end] * 2])
        text = text[:start] + part + text[end:]
    return text


def test_every_input_gives_boxes_or_one_line(tmp_path: Path) -> None:
    for seed in range(SEEDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            attempt(seed, folder)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
