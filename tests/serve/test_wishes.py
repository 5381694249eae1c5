"""Which frames a box of the page decides, beside the boxes that are there."""

from typing import Any

import pytest

from rpn2t.errors import InputError
from rpn2t.serve.wishes import Wishes


def wishes(*frames: int, name: str = "a", **more: Any) -> Wishes:
    boxes = [{"object": name, "frame": frame, "box": [1, 2, 3, 4]} for frame in frames]
    return Wishes.read({"boxes": boxes, **more})


def reach(made: Wishes, walls: set[int] | None = None, length: int | None = 20) -> list[tuple[Any, ...]]:
    """Frame, first and last of each pass, and whether it goes backward."""
    plan = made.plan({} if walls is None else {"a": walls}, length)
    return [
        (each.mark.frame, each.first, each.last, each.backward)
        for sweep in plan.sweeps for each in sweep.passes
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "walls", "passes"),
    [
        (wishes(5), None, [(5, 5, 19, False)]),
        (wishes(5), {0, 5, 9}, [(5, 5, 8, False)]),
        (wishes(5, stop=8), {0}, [(5, 5, 7, False)]),
        (wishes(5, 8), {0}, [(5, 5, 7, False), (8, 8, 19, False)]),
        (wishes(5, direction="backward"), {0, 9}, [(5, 1, 5, True)]),
        (wishes(5, direction="backward", start=3), None, [(5, 3, 5, True)]),
        (wishes(5, direction="both"), {2, 9}, [(5, 5, 8, False), (5, 3, 4, True)]),
        # between two new boxes the nearer one counts, but not beyond a box that is there
        (wishes(4, 11, direction="both"), None,
         [(4, 4, 7, False), (11, 11, 19, False), (4, 0, 3, True), (11, 8, 10, True)]),
        (wishes(4, 11, direction="both"), {6},
         [(4, 4, 5, False), (11, 11, 19, False), (4, 0, 3, True), (11, 7, 10, True)]),
        (wishes(19, direction="both"), None, [(19, 0, 19, True)]),
        (wishes(5, direction="both"), {4, 6}, [(5, 5, 5, False)]),
    ],
)  # fmt: skip
def test_a_box_counts_to_the_next_one(
    made: Wishes, walls: set[int] | None, passes: list[tuple[Any, ...]]
) -> None:
    assert reach(made, walls) == passes


def test_without_a_known_length_a_pass_goes_to_the_end() -> None:
    assert reach(wishes(5), length=None) == [(5, 5, None, False)]


def test_the_first_box_of_an_object_is_given_and_others_are_fixed() -> None:
    def statuses(made: Wishes) -> list[str]:
        return [mark.status for mark in made.plan({"a": {0}}, 20).marks]

    assert statuses(wishes(5, 7, name="new")) == ["given", "fixed"]
    assert statuses(wishes(5)) == ["fixed"]


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (wishes(5, 5), "a: has two boxes in frame 5; give one"),
        (wishes(25), "a: frame 25 is not among the frames to track, 0 to 19"),
        (wishes(2, start=3), "a: frame 2 is not among the frames to track, 3 to 19"),
        (wishes(9, stop=8), "a: frame 9 is not among the frames to track, 0 to 7"),
        (wishes(25, start=20), "frames from 20 on: the last one is 19; begin earlier"),
    ],
)
def test_boxes_that_cannot_be_are_refused(made: Wishes, complaint: str) -> None:
    with pytest.raises(InputError) as error:
        reach(made)
    assert str(error.value) == complaint


def test_a_range_without_frames_is_refused_in_numbers_that_both_count() -> None:
    with pytest.raises(InputError) as error:
        wishes(7, start=7, stop=6)
    assert str(error.value) == "frames 7 to 5: the last is before the first; give a later one"
