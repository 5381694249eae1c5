"""VOT's supervised experiment, as a loop over a tracker and frames, and its result files.

A tracker is started from the ground truth. As soon as its region and the ground truth have no pixel of the
image in common it has failed; it is started again five frames after the failure, from the ground truth
there.

    run = run_supervised(tracker, sequence, images)
    write_whole(folder.boxes(entry, "001"), run_text(run))

The rules are the VOT toolkit's. Overlap is counted on pixels and within the image
(:mod:`rpn2t.sequences.vot_regions`), against the annotated polygon if there is one, and a failure is an
overlap of 0. (Counting pixels and computing areas differ here only if regions touch by less than a pixel.)
A tracker starts from the smallest upright rectangle around the polygon. The analysis leaves out the frames
after a start; this loop does not. A sequence is repeated 15 times, or only three times if these runs are the
same (:func:`enough`).

In a frame whose ground truth has no region no failure can be seen and no start is made: the start waits for
the next frame that has one. (VOT2016 has a region in every frame.)
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.run.session import FrameTracker
from rpn2t.sequences.target import Target
from rpn2t.sequences.vot_regions import (
    FAILED,
    INITIALIZED,
    UNKNOWN,
    Region,
    as_region,
    is_state,
    overlap,
    upright_box,
)

REPETITIONS = 15
"""Runs of each sequence, as VOT has them."""

SAME_RUNS = 3
"""A sequence is not repeated more often if its first runs are the same."""

SKIP = 5
"""Frames from a failure to the next start."""


@dataclass(frozen=True)
class SupervisedRun:
    """One run through a sequence.

    Attributes:
        regions: one for each frame: (INITIALIZED,) if the tracker was started there, (FAILED,), (UNKNOWN,) if
            nothing was tracked, else the tracker's x, y, w, h. A run that was read from a file may have
            polygons.
        seconds: wall time of `init` or `update` for each frame; 0 if nothing was tracked. Empty if unknown.
    """

    regions: list[Region]
    seconds: list[float] = field(default_factory=list)

    @property
    def failures(self) -> list[int]:
        """The frames of failures."""
        return [index for index, region in enumerate(self.regions) if region == (FAILED,)]

    @property
    def starts(self) -> list[int]:
        """The frames in which the tracker was started."""
        return [index for index, region in enumerate(self.regions) if region == (INITIALIZED,)]


def run_supervised(
    tracker: FrameTracker, target: Target, images: Iterable[NDArray[np.uint8]], skip: int = SKIP
) -> SupervisedRun:
    """Track a target through its sequence, with a new start after each failure.

    Args:
        tracker: what tracks; `init` is called again for every start.
        target: what is tracked, with its ground truth.
        images: the frames in order, uint8 BGR; each is asked for when the loop comes to it.
        skip: frames from a failure to the next start.

    Raises:
        InputError: there are fewer images than rows of ground truth, or the tracker raised it.
    """
    truth = ground_truth(target)
    regions: list[Region] = []
    seconds: list[float] = []
    start: int | None = 0  # the next start is not before this frame; None while the tracker runs
    for image, wanted in _paired(target.name, images, truth):
        index = len(regions)
        began = perf_counter()
        found: Region = (float(UNKNOWN),)
        if start is None:
            box, _ = tracker.update(image)
            spent = perf_counter() - began
            found = as_written(box)
            if has_failed(found, wanted, image):
                found, start = (float(FAILED),), index + skip
        elif index >= start and not is_state(wanted):
            tracker.init(image, upright_box(wanted))
            spent = perf_counter() - began
            found, start = (float(INITIALIZED),), None
        else:
            spent = 0.0
        regions.append(found)
        seconds.append(spent)
    return SupervisedRun(regions, seconds)


def ground_truth(target: Target) -> list[Region]:
    """A target's regions as they were annotated, one for each frame; UNKNOWN in a frame that has none."""
    rows: Iterable[NDArray[np.float64]] = target.regions or list(target.truth)
    regions = [as_region(row) for row in rows]
    return [*regions, *[(float(UNKNOWN),)] * (len(target) - len(regions))]


def as_written(box: Box) -> Region:
    """A tracker's box as a result file has it, with four decimals; a box that is not finite is UNKNOWN."""
    if not all(math.isfinite(number) for number in box):
        return (float(UNKNOWN),)
    return tuple(round(float(number), 4) for number in box)


def has_failed(found: Region, wanted: Region, image: NDArray[np.uint8]) -> bool:
    """Whether the tracker has lost the target: no pixel in common, or no box at all."""
    if is_state(found):
        return True
    size = (image.shape[1], image.shape[0])
    return not is_state(wanted) and overlap(found, wanted, size) <= 0


def enough(runs: Sequence[SupervisedRun]) -> bool:
    """Whether a sequence needs no further repetition: there are all 15, or three and all are the same.

    Runs are the same if all states are the same, and all regions to the four decimals of a file. So it does
    not matter whether a run was read or just made. (The toolkit allows regions to differ by a pixel in
    100,000.)
    """
    if len(runs) >= REPETITIONS:
        return True
    return len(runs) >= SAME_RUNS and all(_lines(run) == _lines(runs[0]) for run in runs)


def run_text(run: SupervisedRun) -> str:
    """The text of a file SEQUENCE_001.txt: for each frame a state, or numbers with four decimals."""
    return "".join(f"{line}\n" for line in _lines(run))


def read_run(path: str | Path) -> SupervisedRun:
    """Read a result file: text, or the toolkit's binary form (.bin).

    Raises:
        InputError: it cannot be read, or has neither form.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; name a result file of VOT, such as bag_001.txt"
        ) from error
    if path.suffix == ".bin":
        return SupervisedRun(_read_binary(path, data))
    return SupervisedRun(_read_text(path, data))


def times_table(path: str | Path, repetition: int, repetitions: int, seconds: Sequence[float]) -> str:
    """The table of times SEQUENCE_time.txt with one repetition's column in it: frames x repetitions.

    Args:
        path: the old table; a new one is made if there is none, or if it has another shape.
        repetition: number of the column, from 1.
        repetitions: how many columns there are; those of runs that were not made hold 0.
        seconds: what goes into the column.

    Returns:
        The whole file's text.
    """
    table = np.zeros((len(seconds), repetitions))
    if Path(path).exists():
        try:
            old = np.loadtxt(path, delimiter=",", ndmin=2)
        except (OSError, ValueError):
            old = np.zeros((0, 0))
        if old.shape == table.shape:
            table = old
    table[:, repetition - 1] = seconds
    return "".join(",".join(f"{value:.6f}" for value in row) + "\n" for row in table)


def _paired(
    name: str, images: Iterable[NDArray[np.uint8]], truth: Sequence[Region]
) -> Iterator[tuple[NDArray[np.uint8], Region]]:
    coming = iter(images)
    for index, wanted in enumerate(truth):
        image = next(coming, None)
        if image is None:
            raise InputError(
                f"{name}: there are {index} images and {len(truth)} rows of ground truth; "
                "get the sequence again"
            )
        yield image, wanted


def _lines(run: SupervisedRun) -> list[str]:
    return [_line(region) for region in run.regions]


def _line(region: Region) -> str:
    return f"{region[0]:.0f}" if is_state(region) else ",".join(f"{number:.4f}" for number in region)


def _read_text(path: Path, data: bytes) -> list[Region]:
    regions = []
    try:
        lines = data.decode("ascii").rstrip().splitlines()
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; a binary result's name ends in .bin") from None
    if not lines:
        raise InputError(f"{path}: the file is empty; run this repetition again")
    for number, line in enumerate(lines, start=1):
        try:
            regions.append(_parse(line))
        except ValueError as error:
            raise InputError(f"{path}: line {number}: {error}; run this repetition again") from None
    return regions


def _parse(line: str) -> Region:
    if line.startswith("m"):
        raise ValueError("a mask; only rectangles and polygons are read")
    try:
        region = as_region([float(word) for word in line.split(",")])
    except ValueError as error:
        if "could not convert" in str(error):
            raise ValueError(f"'{line.strip()[:60]}' is not a list of numbers") from None
        raise
    if is_state(region) and region[0] not in (UNKNOWN, INITIALIZED, FAILED):
        raise ValueError(f"'{line.strip()[:60]}' is no state; there are 0, 1 and 2")
    return region


def _read_binary(path: Path, data: bytes) -> list[Region]:
    """The toolkit's form, little endian: 1 (16 bits), frames (32 bits), then kind (8) and numbers of each."""
    try:
        version, length = struct.unpack_from("<hI", data)
        if version != 1:
            raise InputError(f"{path}: format {version} of the toolkit's results is not known; only 1 is")
        offset = struct.calcsize("<hI")
        regions = []
        for _ in range(length):
            region, offset = _unpack(path, data, offset)
            regions.append(region)
    except (struct.error, ValueError) as error:
        raise InputError(f"{path}: not a result of the VOT toolkit ({error}); run it again") from None
    if not regions:
        raise InputError(f"{path}: the file holds no frame; run this repetition again")
    return regions


def _unpack(path: Path, data: bytes, offset: int) -> tuple[Region, int]:
    (kind,) = struct.unpack_from("<B", data, offset)
    offset += 1
    if kind == 0:
        form = "<I"
    elif kind == 1:
        form = "<4f"
    elif kind == 2:
        (corners,) = struct.unpack_from("<H", data, offset)
        offset += 2
        form = f"<{2 * corners}f"
    else:
        raise InputError(f"{path}: holds masks or points; only rectangles and polygons are read")
    return as_region(struct.unpack_from(form, data, offset)), offset + struct.calcsize(form)
