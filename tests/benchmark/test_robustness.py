"""TRE's starts and SRE's boxes, against the MATLAB toolkit's rules worked out by hand."""

import math

import numpy as np
import pytest

from rpn2t.benchmark.otb_robustness import SHIFTS, sre_box, tre_starts
from rpn2t.benchmark.result_files import run_labels, run_starts
from rpn2t.errors import InputError


def boxes(rows: int) -> np.ndarray:
    return np.tile([4.0, 5, 30, 40], (rows, 1))


def test_twenty_starts_end_with_a_run_of_twenty_frames() -> None:
    starts = tre_starts(boxes(71))  # Deer: floor(1 : 52/19 : 52) and 52, 1-based
    assert starts == [0, 2, 5, 8, 10, 13, 16, 19, 21, 24, 27, 30, 32, 35, 38, 41, 43, 46, 49, 51]


def test_steps_that_are_whole_numbers_are_not_rounded_down() -> None:
    starts = tre_starts(boxes(19 * 7 + 19))
    assert starts == [*range(0, 19 * 7, 7), 19 * 7 - 1]


def test_starts_pass_over_rows_that_are_no_box() -> None:
    truth = boxes(100)
    truth[0] = math.nan
    truth[1] = [-1, 3, 5, 5]  # 0 in OTB's pixels
    truth[2] = [3, 3, 0, 5]
    truth[80:] = [-1, -1, 0, 0]
    starts = tre_starts(truth)
    assert starts[0] == 3
    assert starts[-1] == 79
    assert len(starts) == 20


@pytest.mark.parametrize(
    ("rows", "starts"), [(1, [0]), (19, [0]), (20, [0, 0]), (21, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])]
)
def test_short_sequences_begin_less_often(rows: int, starts: list[int]) -> None:
    assert tre_starts(boxes(rows)) == starts


def test_a_sequence_without_a_box_has_no_start() -> None:
    assert tre_starts([[math.nan] * 4] * 30) == []


def test_runs_are_called_by_their_number_or_shift() -> None:
    assert run_starts("ope", boxes(71)) == {"": 0}
    assert list(run_starts("tre", boxes(71)).items())[:3] == [("01", 0), ("02", 2), ("03", 5)]
    assert run_starts("sre", boxes(71)) == dict.fromkeys(SHIFTS, 0)
    assert run_labels("vot") == (
        *(f"00{number}" for number in range(1, 10)),
        *(f"0{n}" for n in range(10, 16)),
    )


@pytest.mark.parametrize(("rows", "runs"), [(1, 1), (20, 2), (30, 19), (37, 19), (38, 20), (500, 20)])
def test_a_short_sequence_has_fewer_runs_than_there_are_labels(rows: int, runs: int) -> None:
    assert tuple(run_starts("tre", boxes(rows))) == run_labels("tre")[:runs]


BOX = (99, 49, 34, 55)  # 1-based 100, 50 to 133, 104


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        ("left", (95, 49, 34, 55)),  # 3.4 + 0.5, rounded
        ("right", (103, 49, 34, 55)),
        ("up", (99, 43, 34, 55)),  # 5.5 + 0.5
        ("down", (99, 55, 34, 55)),
        ("topLeft", (96, 44, 37, 60)),  # 96.6 and 44.5 become 97 and 45
        ("topRight", (99, 44, 37, 60)),
        ("bottomLeft", (96, 49, 37, 61)),  # 104 + 5.5 becomes 110
        ("bottomRight", (99, 49, 37, 61)),
        ("scale_8", (102, 55, 27, 44)),  # 103.4, 55.5; 27.2, 44
        ("scale_9", (101, 52, 31, 50)),  # 101.7, 52.75; 30.6, 49.5
        ("scale_11", (97, 46, 37, 61)),  # 98.3, 47.25; 37.4, 60.5
        ("scale_12", (96, 44, 41, 66)),  # 96.6, 44.5; 40.8, 66
    ],
)
def test_every_shift(shift: str, expected: tuple[int, ...]) -> None:
    assert sre_box(BOX, shift, 640, 480) == expected


def test_twelve_shifts() -> None:
    assert len(SHIFTS) == len(set(SHIFTS)) == 12


def test_boxes_stay_in_the_image() -> None:
    # Moved to the edge on the left and above, cut on the right and below: as the toolkit does.
    assert sre_box((1, 0, 34, 55), "left", 640, 480) == (0, 0, 34, 55)
    assert sre_box((1, 0, 34, 55), "up", 640, 480) == (1, 0, 34, 55)
    assert sre_box((600, 420, 40, 60), "right", 640, 480) == (605, 420, 35, 60)
    assert sre_box((600, 420, 40, 60), "bottomRight", 640, 480) == (600, 420, 40, 60)


def test_another_shift_is_refused() -> None:
    with pytest.raises(InputError, match="sideways: no shift of SRE; there are left, right"):
        sre_box(BOX, "sideways", 640, 480)
