"""VOT's supervised loop, on trackers that fail where they are told to, and its files."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.benchmark.vot_supervised import (
    SupervisedRun,
    as_written,
    enough,
    ground_truth,
    read_run,
    run_supervised,
    run_text,
    times_table,
)
from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.sequences.target import Entry, Target
from rpn2t.sequences.vot_regions import UNKNOWN, Region

Image = NDArray[np.uint8]


class Replay:
    """Gives the boxes it is told; notes what it is asked."""

    def __init__(self, boxes: dict[int, Box]) -> None:
        self._boxes = boxes
        self.calls: list[tuple[str, int]] = []
        self.started: list[Box] = []

    def init(self, image: Image, box: Box) -> None:
        self.calls.append(("init", int(image[0, 0, 0])))
        self.started.append(box)

    def update(self, image: Image) -> tuple[Box, float]:
        number = int(image[0, 0, 0])
        self.calls.append(("update", number))
        return self._boxes.get(number, (10.0, 10.0, 10.0, 10.0)), 1.0


def target(frames: int, regions: tuple[NDArray[np.float64], ...] = ()) -> Target:
    return Target(
        entry=Entry("toy", "toy", "groundtruth.txt", 1, frames),
        kind="vot",
        truth=np.tile([10.0, 10, 10, 10], (frames, 1)),
        images=(),
        regions=regions,
        attributes=(),
    )


def images(frames: int) -> Iterator[Image]:
    for number in range(frames):
        yield np.full((40, 50, 3), number, dtype=np.uint8)


AWAY = (30.0, 30.0, 5.0, 5.0)


def test_frames_after_the_ground_truth_are_tracked_and_nobody_knows_how_well() -> None:
    entry = Entry("toy", "toy", "groundtruth.txt", 1, None)
    files = tuple(Path(f"{number}.jpg") for number in range(4))
    row = np.array([1.0, 2.0, 3.0, 4.0])
    target = Target(entry, "vot", row[None], files, (row,), ())
    assert ground_truth(target) == [(1, 2, 3, 4), (UNKNOWN,), (UNKNOWN,), (UNKNOWN,)]


def test_starts_again_five_frames_after_a_failure() -> None:
    tracker = Replay({3: AWAY})
    run = run_supervised(tracker, target(12), images(12))
    assert run_text(run).split() == [
        "1", *["10.0000,10.0000,10.0000,10.0000"] * 2, "2", "0", "0", "0", "0", "1",
        *["10.0000,10.0000,10.0000,10.0000"] * 3,
    ]  # fmt: skip
    assert run.failures == [3]
    assert run.starts == [0, 8]
    assert tracker.calls == [
        ("init", 0), ("update", 1), ("update", 2), ("update", 3), ("init", 8),
        ("update", 9), ("update", 10), ("update", 11),
    ]  # fmt: skip
    assert len(run.seconds) == 12
    assert run.seconds[4:8] == [0, 0, 0, 0]
    assert all(run.seconds[index] > 0 for index in (0, 1, 3, 8))


def test_a_failure_near_the_end_is_not_followed_by_a_start() -> None:
    run = run_supervised(Replay({9: AWAY}), target(12), images(12))
    assert [region[0] for region in run.regions[9:]] == [2, 0, 0]


@pytest.mark.parametrize("lost", [(float("nan"), 0, 5, 5), (10, 10, 0, 10), (60, 10, 10, 10), (20, 10, 9, 9)])
def test_what_counts_as_a_failure(lost: Box) -> None:
    """No box, an empty one, one outside the image, one that only touches."""
    assert run_supervised(Replay({2: lost}), target(4), images(4)).failures == [2]


def test_a_pixel_in_common_is_none() -> None:
    assert run_supervised(Replay({2: (19, 19, 9, 9)}), target(4), images(4)).failures == []


def test_starts_from_min_and_max_and_fails_against_the_polygon() -> None:
    diamond = np.array([15.0, 5, 25, 15, 15, 25, 5, 15])
    # In the upright rectangle's corner, outside of the diamond.
    tracker = Replay({1: (5, 5, 20, 20), 2: (5, 5, 4, 4)})
    run = run_supervised(tracker, target(3, (diamond,) * 3), images(3))
    assert tracker.started == [(5, 5, 20, 20)]
    assert run.failures == [2]


def test_frames_without_ground_truth_neither_fail_nor_start() -> None:
    box, none = np.array([10.0, 10, 10, 10]), np.array([np.nan])
    run = run_supervised(Replay({2: AWAY}), target(5, (none, box, none, box, box)), images(5))
    assert run.regions[0] == (0,)
    assert run.regions[1] == (1,)
    assert run.regions[2] == AWAY


def test_too_few_images_are_named() -> None:
    with pytest.raises(InputError, match="toy: there are 3 images and 5 rows"):
        run_supervised(Replay({}), target(5), images(3))


def test_text_comes_back(tmp_path: Path) -> None:
    run = run_supervised(Replay({1: (10.12345, 9.5, 10, 10), 3: AWAY}), target(12), images(12))
    (tmp_path / "toy_001.txt").write_text(run_text(run))
    assert read_run(tmp_path / "toy_001.txt").regions == run.regions


def test_polygons_and_other_toolkits_numbers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a_001.txt"
    path.write_text("1\n1.5,2.5,3,4\n1,2,3,4,5,6,7,8\nNaN\n2.0000\n0\n\n")
    assert read_run(path).regions == [(1,), (1.5, 2.5, 3, 4), (1, 2, 3, 4, 5, 6, 7, 8), (0,), (2,), (0,)]


def test_the_toolkits_binary_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a_001.bin"
    polygon = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0)
    path.write_bytes(
        struct.pack("<hI", 1, 4) + struct.pack("<BI", 0, 1) + struct.pack("<B4f", 1, 1, 2, 3, 4)
        + struct.pack("<BH6f", 2, 3, *polygon) + struct.pack("<BI", 0, 2)
    )  # fmt: skip
    assert read_run(path).regions == [(1,), (1, 2, 3, 4), polygon, (2,)]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match=r"a_001\.bin: not a result of the VOT toolkit"):
        read_run(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("1\n1,2,3\n", "line 2: 3 numbers"),
        ("1\n7\n", "line 2: '7' is no state"),
        ("1\nm0,0,3\n", "line 2: a mask"),
        ("1\nabc\n", "line 2: 'abc' is not a list of numbers"),
        ("1\n1,2,inf,4\n", "line 2: a number is infinite"),
        ("1\n\u00e9\n", "not a text file"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "a_001.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_run(path)
    assert str(path) in str(caught.value)
    with pytest.raises(InputError, match="No such file"):
        read_run(tmp_path / "b_001.txt")


def test_three_runs_that_are_the_same_are_enough() -> None:
    def run(*regions: Region) -> SupervisedRun:
        return SupervisedRun([(1.0,), *regions])

    a, b = run((1.00001, 2, 3, 4)), run((1.0, 2, 3, 4))
    other, failed = run((1.0002, 2, 3, 4)), run((2.0,))
    assert not enough([a, b])
    assert enough([a, b, a])
    assert not enough([a, b, other])
    assert not enough([failed, failed, b])
    assert enough([a, other] * 7 + [a])


def test_a_table_of_times_keeps_the_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "toy_time.txt"
    path.write_text(times_table(path, 2, 3, [0.5, 0.25]))
    path.write_text(times_table(path, 1, 3, [1, 2]))
    assert path.read_text() == "1.000000,0.500000,0.000000\n2.000000,0.250000,0.000000\n"
    assert times_table(path, 1, 2, [1, 2]) == "1.000000,0.000000\n2.000000,0.000000\n"
    path.write_text("broken\n")
    assert times_table(path, 1, 1, [1, 2]) == "1.000000\n2.000000\n"


def test_a_box_that_is_not_finite_is_unknown() -> None:
    assert as_written((1, 2, float("inf"), 4)) == (0,)
    assert as_written((1.00004, 2, 3, 4)) == (1.0, 2, 3, 4)
