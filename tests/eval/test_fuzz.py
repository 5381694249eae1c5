"""Damaged result files of every format: an evaluation takes them or refuses them in one line, always."""

import atexit
import io
import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from rpn2t.benchmark.manifest import Manifest
from rpn2t.cli.actions.results import list_results
from rpn2t.errors import InputError
from rpn2t.eval.otb.mat_files import MatReader
from rpn2t.eval.otb.result_formats import runs_in
from rpn2t.eval.otb.scores import compute as compute_otb
from rpn2t.eval.report.output import write
from rpn2t.eval.vot.scores import compute as compute_vot

ROWS = 6
BOXES = np.array([[20 + row, 30, 40, 24] for row in range(ROWS)], dtype=np.float64)
NUMBERS = (
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e400",
    b"-1e300",
    b"1e38",
    b"1e19",
    b"9" * 400,
    b"9" * 5000,
    b"1_0",
)
TOKENS = (
    *NUMBERS, b",", b"\n", b"\r", b"\t", b";", b" ", b"\x00", b"\xff", b"\xef\xbb\xbf", b"m0,0,1", b"[", b"{",
    b"[" * 3000, b"null", b"true", b'"', b'"\\ud800"', b"\xd9\xa3", b"0x1",
)  # fmt: skip
"""What stands in damaged files more often than any byte."""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """The data with up to four things changed."""
    for _ in range(rng.randint(1, 4)):
        at, end = sorted(rng.randrange(len(data) + 1) for _ in range(2))
        few = min(end, at + 8)
        number = rng.choice(list(re.finditer(rb"[-+.0-9e]+", data)) or [re.match(b"", data)])
        assert number is not None
        data = rng.choice((
            data[:at], data[:at] + data[end:], data[:at] + data[few:], data[:few] + data[at:],
            data[:at] + rng.choice(TOKENS) + data[at:], data[:at] + rng.choice(TOKENS) + data[few:],
            data[:at] + rng.randbytes(1) + data[at + 1 :], data[:at] + rng.randbytes(1) + data[at + 1 :],
            *(data[: number.start()] + rng.choice(NUMBERS) + data[number.end() :] for _ in range(4)),
        ))  # fmt: skip
    return data


@cache
def matlab() -> MatReader:
    """One reader for all seeds: starting its child takes longest."""
    reader = MatReader(patience=1)
    atexit.register(reader.close)
    return reader


@cache
def mat_bytes(compressed: bool) -> bytes:
    """A MATLAB result file of two runs."""
    cell = np.empty((1, 2), dtype=object)
    for index in range(2):
        cell[0, index] = {
            "res": BOXES, "type": "rect", "len": 6.0, "fps": 12.0, "startFrame": 1.0,
            "tmplsize": np.array([32.0, 24.0]),
        }  # fmt: skip
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"results": cell}, do_compression=compressed)
    return stream.getvalue()


def lines(rows: np.ndarray, separator: str = ",") -> bytes:
    return "".join(separator.join(f"{number:g}" for number in row) + "\n" for row in rows).encode()


def otb(folder: Path, rng: random.Random) -> None:
    """A text file, a JSON file or a file of times, in an evaluation."""
    sequence, tracker = folder / "otb" / "Kite", folder / "results" / "T"
    (sequence / "img").mkdir(parents=True)
    (tracker / "times").mkdir(parents=True)
    for number in range(1, ROWS + 1):
        (sequence / "img" / f"{number:04d}.jpg").touch()
    (sequence / "groundtruth_rect.txt").write_bytes(lines(BOXES))
    run = {
        "res": BOXES.tolist(),
        "resType": rng.choice(["rect", "ivtAff", "4corner"]),
        "fps": 3,
        "startFrame": 1,
    }
    files = {"Kite.txt": lines(BOXES, rng.choice(",\t ;")), "times/Kite_time.txt": b"0.1\n" * ROWS}
    if rng.random() < 0.5:
        files = {"Kite.json": json.dumps([run]).encode()}
    spoiled = rng.choice(list(files))
    for name, data in files.items():
        (tracker / name).write_bytes(mutated(data, rng) if name == spoiled else data)
    compute_otb(folder / "otb", folder / "results", dataset=str(folder / "otb"))


def mat(folder: Path, rng: random.Random) -> None:
    """A MATLAB file. Its head is left alone: without it nothing is read at all."""
    data = mat_bytes(rng.random() < 0.3)
    path = folder / "deer_T.mat"
    path.write_bytes(data[:128] + mutated(data[128:], rng))
    runs_in(path, matlab())


def vot(folder: Path, rng: random.Random) -> None:
    """A run as text or in the toolkit's binary form, or a table of times, in an evaluation."""
    sequence, place = folder / "vot" / "box", folder / "results" / "T" / "baseline" / "box"
    sequence.mkdir(parents=True)
    place.mkdir(parents=True)
    Image.new("L", (90, 70)).save(sequence / "1.png")
    for number in range(2, ROWS + 1):
        (sequence / f"{number}.png").touch()
    (sequence / "groundtruth.txt").write_bytes(lines(BOXES))
    binary = b"\x01\x00" + (6).to_bytes(4, "little") + b"\x00\x01\x00\x00\x00"
    binary += b"".join(b"\x01" + row.astype("<f4").tobytes() for row in BOXES[1:])
    name, data = rng.choice([("box_001.txt", b"1\n" + lines(BOXES[1:])), ("box_001.bin", binary)])
    files = {name: data, "box_time.txt": b"0.1\n" * ROWS}
    spoiled = rng.choice([name, name, "box_time.txt"])
    for name, data in files.items():
        (place / name).write_bytes(mutated(data, rng) if name == spoiled else data)
    compute_vot(folder / "vot", folder / "results", dataset=str(folder / "vot"))


def records(folder: Path, rng: random.Random) -> None:
    """manifest.json, which is continued and listed, and evaluation.json, whose files are replaced."""
    identity = {"tracker": "kcf", "protocol": "otb", "seed": 0, "frames": None, "configuration": {"a": 1}}
    manifest = {"identity": identity, "folder": "/d/clips", "runs": {"Deer": {"frames": 3, "seconds": 0.5}}}
    path = folder / "results" / "clips" / "T" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(mutated(json.dumps(manifest).encode(), rng))
    record = {"dataset": "clips", "files": ["index.html", "tables/overall.md", "evaluation.json"]}
    (folder / "out").mkdir()
    (folder / "out" / "evaluation.json").write_bytes(mutated(json.dumps(record).encode(), rng))
    write({"index.html": b"new"}, folder / "out")
    list_results(str(folder / "results"))
    Manifest(path, identity, Path("/d/clips"))


KINDS: tuple[Callable[[Path, random.Random], None], ...] = (otb, mat, vot, records)


def attempt(seed: int, folder: Path) -> None:
    """Make a damaged input from the seed in an empty folder, and read it. InputError may pass."""
    with suppress(InputError):
        KINDS[seed % len(KINDS)](folder, random.Random(seed))


@pytest.mark.parametrize("block", range(8))
def test_damaged_results_are_read_or_refused(block: int, tmp_path: Path) -> None:
    for seed in range(50 * block, 50 * (block + 1)):
        (tmp_path / str(seed)).mkdir()
        attempt(seed, tmp_path / str(seed))


def test_a_file_that_ends_its_reader_is_a_damaged_file(tmp_path: Path) -> None:
    """SciPy 1.16 ends the process that reads the first of them, and never comes back from the second."""
    good, bad = tmp_path / "good.mat", tmp_path / "bad.mat"
    good.write_bytes(mat_bytes(False))
    with MatReader(patience=0.5) as reader:
        for offset, value in ((368, 0), (167, 127)):
            data = bytearray(mat_bytes(False))
            data[offset] = value
            bad.write_bytes(data)
            with pytest.raises(InputError, match=r"bad\.mat: no MATLAB file with a cell `results`"):
                reader.read(bad)
            assert [run["type"] for run in reader.read(good)] == ["rect", "rect"]
