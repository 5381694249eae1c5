"""What a user says of objects, and the passes that are made of it."""

from pathlib import Path

import pytest

from rpn2t.errors import InputError
from rpn2t.run.given import End, Given, note_beyond, read_end, read_fix, read_fixes, read_given
from rpn2t.run.plan import Direction, Plan, make_plan

BOX = (1.0, 2.0, 30.0, 40.0)


def inits(*lines: str) -> list[Given]:
    return [read_given(f"{line}1,2,30,40", "--init") for line in lines]


def fixes(*lines: str) -> list[Given]:
    return [read_fix(f"{line}1,2,30,40") for line in lines]


def ends(*lines: str) -> list[End]:
    return [read_end(line) for line in lines]


def passes(plan: Plan) -> list[tuple[str, int, int, int | None, str]]:
    """Object, frame of the box, first and last frame, direction."""
    return [
        (each.mark.object, each.mark.frame, each.first, each.last, "back" if each.backward else "on")
        for sweep in plan.sweeps
        for each in sweep.passes
    ]


def test_lines_are_read() -> None:
    box = "1,2,30,40"
    for text, frame, name in (
        (box, None, None), (f"7:{box}", 7, None), (f"crane={box}", None, "crane"),
        (f" 120 : small chick = [{box}]", 120, "small chick"), (f"3:küken-2.a={box}", 3, "küken-2.a"),
    ):  # fmt: skip
        assert read_given(text, "--init") == Given(f"--init {text.strip()}", BOX, frame, name)
    assert (read_end("300").frame, read_end("300").name) == (300, None)
    assert (read_end("300:5").frame, read_end("300:5").name) == (300, "5")


BEYOND = "--init: reaches {} px beyond the frame of 320 x 240 px; a box is x,y,w,h."
CORNER = " If its last two numbers are a corner, give the width and the height instead."


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ((10.0, 10.0, 40.0, 48.0), None),
        ((-5.0, 50.0, 40.0, 48.0), None),
        ((-15.0, 50.0, 40.0, 48.0), BEYOND.format(15)),
        ((30.0, 50.0, 400.0, 48.0), BEYOND.format(110)),
        ((240.0, 162.0, 296.0, 202.0), BEYOND.format(216) + CORNER),
        ((147.0, 53.0, 187.0, 101.0), BEYOND.format(14) + CORNER),
    ],
)
def test_a_box_far_beyond_the_frame_is_noted(
    box: tuple[float, float, float, float], said: str | None
) -> None:
    assert note_beyond("--init", box, (320, 240)) == said


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "a:b", "a,b", "x" * 101, "a\nb", 'a"b'])
def test_a_name_that_cannot_be_a_files_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"^--init .*an object's name becomes a file's"):
        read_given(f"{name}=1,2,30,40", "--init")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,30,40", "in which frame.*60:1,2,30,40"),
        ("crane=1,2,30,40", "in which frame.*60:crane=1,2,30,40"),
        ("60:crane=1,2,30", "'1,2,30'"),
        ("60:crane=1,2,30,0", "above 0"),
        ("-5:1,2,30,40", "-5:1"),
    ],
)
def test_what_is_no_correction_is_refused(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read_fix(text)
    file = tmp_path / "fixes.txt"
    file.write_text(f"# mine\n\n60:1,2,30,40\n{text}\n")
    with pytest.raises(InputError, match=rf"^{file} line 4: .*{said}") as refused:
        read_fixes(str(file))
    assert str(refused.value).count("line 4") == 1


def test_of_several_boxes_the_wrong_one_is_named() -> None:
    for text, said in (
        ("crane=1,2,3", "--init crane=1,2,3: box '1,2,3': give four numbers"),
        ("1,2,3", "--init 1,2,3: box '1,2,3': give four numbers"),
    ):
        with pytest.raises(InputError, match=f"^{said}"):
            read_given(text, "--init")


def test_a_file_holds_corrections(tmp_path: Path) -> None:
    file = tmp_path / "fixes.txt"
    file.write_text("# mine\n60:crane=1,2,30,40\n\n 7:1,2,30,40\n")
    assert [(fix.frame, fix.name, fix.box) for fix in read_fixes(str(file))] == [
        (60, "crane", BOX), (7, None, BOX)
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"nowhere\.txt"):
        read_fixes("nowhere.txt")


@pytest.mark.parametrize("text", ["", "crane", "crane:300", "300:", "300:a/b", "-3"])
def test_what_is_no_end_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"--until {text}"):
        read_end(text)


def test_objects_without_names_are_numbered() -> None:
    assert make_plan(inits("")).objects == ("object",)
    assert make_plan(inits("", "", "")).objects == ("object", "object-2", "object-3")
    assert make_plan(inits("", "object=", "crane=", "")).objects == (
        "object-2", "object", "crane", "object-3"
    )  # fmt: skip


def test_forward_a_pass_runs_to_the_next_box() -> None:
    plan = make_plan(
        inits("crane=", "120:chick="), fixes("60:crane=", "90:crane="), ends("300:crane"), start=10, stop=500
    )
    assert passes(plan) == [
        ("crane", 10, 10, 59, "on"), ("crane", 60, 60, 89, "on"), ("crane", 90, 90, 300, "on"),
        ("chick", 120, 120, None, "on"),
    ]  # fmt: skip
    (sweep,) = plan.sweeps
    assert (sweep.start, sweep.stop, sweep.end(None)) == (10, 500, 500)
    assert [mark.status for mark in plan.marks] == ["given", "fixed", "fixed", "given"]
    assert not plan.goes_backward
    assert not plan.is_plain
    assert make_plan(inits("120:")).is_plain


def test_a_run_ends_with_its_last_object() -> None:
    (sweep,) = make_plan(inits("a=", "b="), (), ends("5:a", "9:b")).sweeps
    assert (sweep.end(None), sweep.end(8)) == (10, 8)


def test_backward_a_pass_runs_to_the_box_before() -> None:
    plan = make_plan(inits(""), fixes("60:"), ends("20"), direction="backward", stop=100, begin=99)
    assert passes(plan) == [("object", 60, 20, 60, "back"), ("object", 99, 61, 99, "back")]
    (sweep,) = plan.sweeps
    assert (sweep.start, sweep.stop, sweep.end(100)) == (20, 100, 100)
    assert plan.goes_backward


def test_between_two_boxes_the_nearer_one_counts() -> None:
    plan = make_plan(inits("10:"), fixes("20:", "21:", "31:"), direction="both", start=3, stop=50)
    given: dict[int, int] = {}
    for sweep in plan.sweeps:
        for each in sweep.passes:
            for index in filter(each.gives, range(3, 50)):
                assert index not in given, "a frame has one box"
                given[index] = each.mark.frame
    assert given == {
        index: min((10, 20, 21, 31), key=lambda mark: (abs(mark - index), mark)) for index in range(3, 50)
    }
    assert [sweep.backward for sweep in plan.sweeps] == [False, True]


def test_in_both_directions_no_object_is_learned_for_nothing() -> None:
    def of(line: str, *ends_: str) -> list[tuple[str, int, int, int | None, str]]:
        return passes(make_plan(inits(line), (), ends(*ends_), direction="both", start=0, stop=100))

    assert of("") == [("object", 0, 0, None, "on")]
    assert of("99:") == [("object", 99, 0, 99, "back")]
    assert of("50:", "50") == [("object", 50, 0, 50, "back")]
    assert of("50:") == [("object", 50, 50, None, "on"), ("object", 50, 0, 49, "back")]


REFUSED = [
    (["crane=", "crane="], [], [], "forward", "--init crane=.*crane is given twice.*--fix FRAME:crane="),
    (["crane=", "chick="], ["60:"], [], "forward", "--fix 60:.*which object.*crane, chick"),
    (["crane=", "chick="], ["60:crow="], [], "forward", "no object crow; the objects are crane, chick"),
    ([""], ["60:crane="], [], "forward", "no object crane; the object is object"),
    (["a=", "b="], [], ["60"], "forward", "--until 60: which object"),
    ([""], ["100:"], [], "forward", "--fix 100:.*frame 100 is not among the frames to track, 5 to 99"),
    ([""], ["4:"], [], "forward", "frame 4 is not among the frames to track, 5 to 99"),
    (["100:"], [], [], "forward", "--init 100:.*frame 100"),
    ([""], [], ["100"], "forward", "--until 100: frame 100"),
    (["50:"], [], ["49"], "forward", "--until 49: object ends there, but begins in frame 50"),
    ([""], ["50:"], ["49"], "forward", "--until 49: object ends there, but is corrected in frame 50"),
    (["50:"], [], ["51"], "backward", "--until 51: object ends there, but begins in frame 50"),
    (["50:"], [], ["49"], "both", "--until 49: object ends there"),
    (["50:"], ["50:"], [], "forward", "--fix 50:.*two boxes in frame 50"),
    ([""], ["50:", "50:"], [], "forward", "--fix 50:.*two boxes in frame 50"),
    (["50:"], ["40:"], [], "forward", "begins only in frame 50"),
    (["50:"], ["60:"], [], "backward", "backward from frame 50"),
    ([""], [], ["60", "70"], "forward", "--until 70: the end of object is given twice"),
    ([""], [], [], "sideways", "direction sideways: choose one of forward, backward, both"),
]


@pytest.mark.parametrize(("boxes", "corrected", "ended", "direction", "said"), REFUSED)
def test_what_does_not_fit_together_is_refused(
    boxes: list[str], corrected: list[str], ended: list[str], direction: Direction, said: str
) -> None:
    with pytest.raises(InputError, match=said) as refused:
        make_plan(
            inits(*boxes), fixes(*corrected), ends(*ended), direction=direction, start=5, stop=200, length=100
        )
    assert "\n" not in str(refused.value)


def test_boxes_lie_in_the_frame() -> None:
    plan = make_plan(inits(""), [Given("--fix 60:500,2,30,40", (500, 2, 30, 40), 60)])
    plan.require_inside((480, 640))
    with pytest.raises(InputError, match="--fix 60:500,2,30,40: lies outside the frame of 320 x 240 px"):
        plan.require_inside((240, 320))
    for box in ((1.0, 2.0, 0.0, 40.0), (float("nan"), 2.0, 30.0, 40.0)):
        with pytest.raises(InputError, match="boxes crane: give four finite numbers"):
            make_plan([Given("boxes crane", box)]).require_inside((240, 320))
