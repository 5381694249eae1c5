"""Several objects, corrections and passes backwards, with trackers whose boxes say what they were asked."""

from collections.abc import Iterator

import numpy as np
import pytest

from rpn2t import Config, Row, Tracker, track_video
from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.run.given import read_end, read_fix, read_given
from rpn2t.run.plan import Direction, Plan, Sweep, make_plan
from rpn2t.run.rows import Status
from rpn2t.run.session import Moment, follow
from rpn2t.video.frames import Frame
from support import TINY, Clip


class Counter:
    """Its boxes' x counts the frames since the box that it learned; every third one is not trusted."""

    def __init__(self) -> None:
        self.calls = 0

    def init(self, image: Image, box: Box) -> None:
        self.calls += 1
        self.box, self.steps = box, 0

    def update(self, image: Image) -> tuple[Box, float]:
        self.calls += 1
        self.steps += 1
        return (self.box[0] + self.steps, *self.box[1:]), 0.5

    @property
    def found(self) -> bool:
        return self.steps % 3 != 0 or self.steps == 0

    def another(self) -> "Counter":
        return Counter()


def frames(sweep: Sweep, count: int = 10, without: tuple[int, ...] = ()) -> Iterator[Frame]:
    indices = range(sweep.start, min(count, sweep.stop or count))
    for index in reversed(indices) if sweep.backward else indices:
        if index not in without:
            yield Frame(index, np.zeros((100, 200, 3), np.uint8), f"frame {index}", index / 10)


def plan(
    inits: list[str], fixes: list[str], ends: list[str] | None = None, direction: Direction = "forward"
) -> Plan:
    return make_plan(
        [read_given(text, "--init") for text in inits],
        [read_fix(text) for text in fixes],
        [read_end(text) for text in ends or []],
        direction=direction,
        begin=9 if direction == "backward" else 0,
    )


def tracked(what: Plan, without: tuple[int, ...] = ()) -> Iterator[Moment]:
    trackers = {name: Counter() for name in what.objects}
    return follow(trackers, what, lambda sweep: frames(sweep, without=without))


def shown(moments: Iterator[Moment]) -> list[tuple[str, int, float, Status]]:
    return [
        (row.object, row.frame, row.box[0], row.status)
        for moment in moments
        for row in (step.row for step in moment.steps)
    ]


def test_objects_begin_and_end_and_are_corrected() -> None:
    moments = list(tracked(plan(["a=0,0,9,9", "2:b=50,0,9,9"], ["4:a=20,0,9,9"], ["5:a", "3:b"])))
    assert shown(iter(moments)) == [
        ("a", 0, 0, "given"), ("a", 1, 1, "found"),
        ("a", 2, 2, "found"), ("b", 2, 50, "given"),
        ("a", 3, 3, "lost"), ("b", 3, 51, "found"),
        ("a", 4, 20, "fixed"), ("a", 5, 21, "found"),
    ]  # fmt: skip
    assert [moment.frame.index for moment in moments] == [0, 1, 2, 3, 4, 5]  # and no frame after the last
    row = moments[3].steps[0].row
    assert row == Row("a", 3, 0.3, (3.0, 0.0, 9.0, 9.0), 0.5, "lost")
    assert [step.score for step in moments[4].steps] == [None]


def test_frames_without_an_object_are_handed_on() -> None:
    moments = list(tracked(plan(["a=0,0,9,9", "4:b=50,0,9,9"], [], ["1:a"])))
    assert [(moment.frame.index, len(moment.steps)) for moment in moments] == [
        (0, 1), (1, 1), (2, 0), (3, 0), *((index, 1) for index in range(4, 10))
    ]  # fmt: skip


def test_backward_the_boxes_count_from_the_last_frame() -> None:
    rows = shown(tracked(plan(["100,0,9,9"], ["6:50,0,9,9"], ["4"], "backward")))
    assert rows == [
        ("object", 9, 100, "given"), ("object", 8, 101, "found"), ("object", 7, 102, "found"),
        ("object", 6, 50, "fixed"), ("object", 5, 51, "found"), ("object", 4, 52, "found"),
    ]  # fmt: skip


def test_in_both_directions_each_frame_comes_from_the_nearer_box() -> None:
    what = plan(["2:0,0,9,9"], ["7:50,0,9,9"], ["8"], "both")
    trackers = {"object": Counter()}
    rows = shown(follow(trackers, what, frames))
    assert {frame: x for _, frame, x, _ in rows} == {
        0: 2, 1: 1, 2: 0, 3: 1, 4: 2, 5: 52, 6: 51, 7: 50, 8: 51
    }  # fmt: skip
    assert len(rows) == 9
    assert trackers["object"].calls == 9 + 2  # each box is learned twice, and nothing else is done twice


def test_a_box_outside_is_refused_before_anything_is_learned() -> None:
    what = plan(["0,0,9,9"], ["7:300,0,9,9"])
    tracker = Counter()
    with pytest.raises(InputError, match="--fix 7:300,0,9,9: lies outside the frame of 200 x 100 px"):
        list(follow({"object": tracker}, what, frames))
    assert tracker.calls == 0


@pytest.mark.parametrize(
    ("inits", "fixes", "direction", "without", "rows", "said"),
    [
        (["0,0,9,9"], ["12:0,0,9,9"], "forward", (), 10, "--fix 12:0,0,9,9: frame 12 has not come"),
        (["0,0,9,9"], ["4:0,0,9,9"], "forward", (4,), 4, "--fix 4:0,0,9,9: frame 4 has not come"),
        (["0,0,9,9"], ["4:0,0,9,9", "5:9,0,9,9"], "forward", (4,), 4, "--fix 4:0,0,9,9: frame 4"),
        (["0,0,9,9"], ["4:0,0,9,9"], "backward", (4,), 5, "--fix 4:0,0,9,9: frame 4 has not come"),
    ],
)
def test_a_box_whose_frame_does_not_come_is_named(
    inits: list[str], fixes: list[str], direction: Direction, without: tuple[int, ...], rows: int, said: str
) -> None:
    moments: list[Moment] = []
    with pytest.raises(InputError, match=said):
        moments.extend(tracked(plan(inits, fixes, direction=direction), without))
    assert len(moments) == rows  # what came before stands


# The real tracker


def test_a_box_that_cannot_be_learned_is_named_as_it_was_typed() -> None:
    class Choosy(Counter):
        def init(self, image: Image, box: Box) -> None:
            raise InputError("box 1,2,30,40: cannot be learned")

    what = plan(["a=1,2,30,40"], [])
    with pytest.raises(InputError, match=r"^--init a=1,2,30,40: box 1,2,30,40: cannot be learned$"):
        next(follow({"a": Choosy()}, what, frames))


def test_a_tracker_says_whether_it_has_found_its_object(clip: Clip) -> None:
    config = Config.for_mode("fast").with_settings([f"{name}={value}" for name, value in TINY.items()])
    for threshold, found in ((0.0, True), (1.0, False)):
        numbers = [f"success_score_early={threshold}", f"success_score_late={threshold}"]
        tracker = Tracker(config.with_settings(numbers), mode="fast", device="cpu")
        assert not tracker.found
        tracker.init(clip.images[0], clip.truth[0])
        assert tracker.found
        tracker.update(clip.images[1])
        assert tracker.found == found
        tracker.init(clip.images[0], clip.truth[0])
        assert tracker.found


def test_a_video_from_python_has_each_objects_boxes_as_alone(clip: Clip) -> None:
    """Two objects and a correction in one pass give, bit for bit, what each gives by itself."""
    settings = {"config": Config.for_mode("fast").with_settings([f"{n}={v}" for n, v in TINY.items()])}
    options = {**settings, "mode": "fast", "device": "cpu", "seed": 3}
    first, other, fix = (tuple(map(float, box)) for box in (clip.truth[0], (20, 30, 30, 40), clip.truth[3]))
    source = str(clip.folder)
    together = list(
        track_video(
            source, {"square": first, "ground": other}, fixes=[(3, "square", fix)], begins={"ground": 1},
            ends={"ground": 3}, stop=5, **options,
        )
    )  # fmt: skip
    alone = [
        *track_video(source, {"square": first}, stop=3, **options),
        *track_video(source, {"square": fix}, start=3, stop=5, **options),
        *track_video(source, {"ground": other}, start=1, stop=4, **options),
    ]

    def key(row: Row) -> tuple[str, int]:
        return row.object, row.frame

    pairs = list(zip(sorted(together, key=key), sorted(alone, key=key), strict=True))
    assert len(pairs) == 8
    for one, by_itself in pairs:
        assert (one.frame, one.box, one.score) == (by_itself.frame, by_itself.box, by_itself.score)
    assert [row.status for row in together if row.score is None] == ["given", "given", "fixed"]
    assert [row.frame for row in together] == [0, 1, 1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"boxes": {"a/b": (1, 2, 3, 4)}}, "boxes a/b: an object's name"),
        ({"boxes": (1, 2, 3)}, "four finite numbers"),
        ({"boxes": {"a": (1, 2, 3, 4)}, "begins": {"b": 3}}, "begins b: there is no such object"),
        ({"boxes": (1, 2, 3, 4), "fixes": [(3, "b", (1, 2, 3, 4))]}, "fixes 3, b: there is no object b"),
        ({"boxes": (1, 2, 3, 4), "ends": {"object": 90}}, "ends object: frame 90 is not among"),
        ({"boxes": (1, 2, 3, 4), "direction": "back"}, "direction back: choose"),
        ({"boxes": (1, 2, 3, 4), "mode": "slow"}, "slow"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_given(
    clip: Clip, options: dict[str, object], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        track_video(str(clip.folder), **{"device": "cpu", **options})  # type: ignore[arg-type]
