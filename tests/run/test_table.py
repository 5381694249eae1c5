"""boxes.csv's lines are tested with the folder; here is what is said of lost frames."""

from rpn2t.run.rows import Row
from rpn2t.run.table import lost_lines


def rows(name: str, lost: set[int], frames: range = range(100)) -> list[Row]:
    return [
        Row(name, frame, None, (0, 0, 1, 1), 0.1, "lost" if frame in lost else "found") for frame in frames
    ]


def test_lost_frames_are_named_in_a_line() -> None:
    for lost, said in (
        ({59, 60, 81}, "score below the threshold in frames 59-60 and 81: look there"),
        ({7}, "score below the threshold in frame 7: look there"),
        ({0, 1}, "score below the threshold in frames 0-1: look there"),
        ({1, 5, 98, 99}, "score below the threshold in frames 1, 5 and 98-99: look there"),
    ):
        assert list(lost_lines(rows("object", lost), ["object"])) == [said]
    assert list(lost_lines(rows("object", set()), ["object"])) == []


def test_several_objects_are_named() -> None:
    both = sorted(
        [*rows("crane", {3}), *rows("chick", {4, 5}), *rows("hen", set())], key=lambda row: row.frame
    )
    assert list(lost_lines(both, ["hen", "chick", "crane"])) == [
        "chick: score below the threshold in frames 4-5: look there",
        "crane: score below the threshold in frame 3: look there",
    ]


def test_frames_that_were_dropped_do_not_part_a_stretch() -> None:
    some = rows("object", {20, 25, 30}, range(0, 100, 5))
    (line,) = lost_lines(some, ["object"])
    assert "frames 20-30:" in line


def test_a_line_stays_short() -> None:
    (line,) = lost_lines(rows("object", set(range(0, 100, 2))), ["object"])
    assert line.endswith("16, 18 and 40 more places: look there")
