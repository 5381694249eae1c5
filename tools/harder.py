"""Make other sequences out of real ones: backwards, with a picture that jumps, or with one that is zoomed.

python tools/harder.py FOLDER backward OUTPUT
python tools/harder.py FOLDER jump OUTPUT --frames 120
python tools/harder.py FOLDER zoom OUTPUT --frames 150

FOLDER holds sequences in a layout that `rpn2t benchmark` knows. OUTPUT gets a sequence in OTB's layout for
each target, to be benchmarked and evaluated like any other. Backwards, another frame is the first, and the
target moves otherwise. With jumps the picture is moved by .8 to 2 sides of the target every thirty frames, as
by a camera that is pushed. Zoomed, it is made larger and smaller around the target, 2.7 times from one end to
the other within sixty frames, and back. What comes into the picture repeats its edge. Where it jumps to, and
where the zoom begins, comes from the target's name, so it is the same in every run.
"""

import argparse
import shutil
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats, to_one_based
from rpn2t.errors import InputError
from rpn2t.sequences.registry import describe_absent, find_dataset
from rpn2t.sequences.target import Target

EVERY = 30  # frames between jumps
NEAREST, FARTHEST = 0.8, 2.0  # length of a jump, in sides of the target
PERIOD = 120  # frames from one end of the zoom to the other and back
ZOOM = 0.5  # its size's logarithm goes as far to either side of the mean
QUALITY = 95  # of JPEGs


def backward(target: Target, folder: Path, frames: int) -> Floats:
    """Write the first frames in reverse order; returns the boxes."""
    files = target.images[: min(frames, len(target.truth))]
    for number, file in enumerate(reversed(files), 1):
        shutil.copyfile(file, folder / f"{number:04d}{file.suffix}")
    return target.truth[: len(files)][::-1]


def jump(target: Target, folder: Path, frames: int) -> Floats:
    """Write the first frames, moved otherwise every thirty frames; returns the boxes."""
    random = _random(target)
    moved = np.zeros(2)
    boxes = []
    for index, (file, box) in enumerate(zip(target.images[:frames], target.truth, strict=False)):
        image = _read(file)
        height, width = image.shape[:2]
        size = np.array([width, height])
        if index and index % EVERY == 0:
            moved = _jumped(moved, box, size, random)
        if not _middle_inside(box, moved, size):
            moved = np.zeros(2)
        _write(image, 1, moved, cv2.INTER_NEAREST, folder / f"{index + 1:04d}.jpg")
        boxes.append(np.concatenate([box[:2] + moved, box[2:]]))
    return np.array(boxes)


def zoom(target: Target, folder: Path, frames: int) -> Floats:
    """Write the first frames, larger and smaller in turn around the target's middle; returns the boxes."""
    begin = _random(target).uniform(0, 2 * np.pi)
    boxes = []
    for index, (file, box) in enumerate(zip(target.images[:frames], target.truth, strict=False)):
        larger = np.exp(ZOOM * (np.sin(2 * np.pi * index / PERIOD + begin) - np.sin(begin)))
        middle = box[:2] + box[2:] / 2
        moved = middle - larger * middle
        _write(_read(file), larger, moved, cv2.INTER_LINEAR, folder / f"{index + 1:04d}.jpg")
        boxes.append(np.concatenate([middle - larger * box[2:] / 2, larger * box[2:]]))
    return np.array(boxes)


def _random(target: Target) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(target.entry.name.encode()))


def _read(file: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(file))
    if image is None:
        raise InputError(f"{file}: cannot be read")
    return np.asarray(image, np.uint8)


def _write(image: NDArray[np.uint8], larger: float, moved: Floats, between: int, file: Path) -> None:
    """Write an image that is made larger and then moved."""
    height, width = image.shape[:2]
    move = np.array([[larger, 0, moved[0]], [0, larger, moved[1]]], dtype=np.float64)
    there = cv2.warpAffine(image, move, (width, height), flags=between, borderMode=cv2.BORDER_REPLICATE)
    cv2.imwrite(str(file), there, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def _jumped(moved: Floats, box: Floats, size: NDArray[np.intp], random: np.random.Generator) -> Floats:
    """By how much the picture is moved after a jump that leaves the target in it; no jump if none does."""
    for _ in range(200):
        angle, length = random.uniform(0, 2 * np.pi), random.uniform(NEAREST, FARTHEST) * box[2:].mean()
        there: Floats = moved + np.round(length * np.array([np.cos(angle), np.sin(angle)]))
        if (box[:2] + there >= 0).all() and (box[:2] + there + box[2:] <= size).all():
            return there
    return moved


def _middle_inside(box: Floats, moved: Floats, size: NDArray[np.intp]) -> bool:
    middle = box[:2] + box[2:] / 2 + moved
    return bool(((middle >= 0) & (middle < size)).all())


KINDS = {"backward": backward, "jump": jump, "zoom": zoom}


def main() -> int:
    """Write every target's sequence; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", help="sequences")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("output", type=Path, help="a folder that is empty or not there yet")
    parser.add_argument("--frames", type=int, default=sys.maxsize, help="of every sequence, at most [all]")
    options = parser.parse_args()
    try:
        if options.output.exists() and (not options.output.is_dir() or any(options.output.iterdir())):
            raise InputError(f"{options.output}: is there already; name an empty folder or a new one")
        if options.frames < 1:
            raise InputError(f"--frames {options.frames}: must be at least 1")
        opened = find_dataset(options.folder).open(options.folder)
        for line in describe_absent(opened.absent):
            print(f"left out, {line}", file=sys.stderr)
        for target in opened.sequences:
            folder = options.output / target.entry.name
            (folder / "img").mkdir(parents=True)
            boxes = KINDS[options.kind](target, folder / "img", options.frames)
            np.savetxt(folder / "groundtruth_rect.txt", to_one_based(boxes), fmt="%.2f", delimiter=",")
            print(f"{folder}: {len(boxes)} frames", flush=True)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
