"""`rpn2t reproduce` on small made data sets: what runs, what is drawn, what is said."""

import json
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from pypdf import PdfReader

from rpn2t.benchmark.result_files import ResultFolder, boxes_text, run_labels, times_text
from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.vot_supervised import SupervisedRun, run_text
from rpn2t.cli import main
from rpn2t.cli.actions import reproduce as action
from rpn2t.cli.actions.benchmark import BenchmarkOptions
from rpn2t.errors import InputError
from rpn2t.eval.otb.box_growth import area_ratio
from rpn2t.reproduce.drawings import evenly
from rpn2t.reproduce.pace import Pace, made_box, made_frame, time_of
from rpn2t.reproduce.pdf import as_pdf
from rpn2t.reproduce.places import look
from rpn2t.sequences.registry import DataSet
from rpn2t.sequences.target import Target
from rpn2t.system.files import write_whole
from support import ROOT, make_clip, set_options

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with two of OTB's sequences and one of VOT's, as long as the lists have them."""
    root = tmp_path_factory.mktemp("data")
    make_clip(root / "otb" / "Deer", 71)
    make_clip(root / "otb" / "Skiing", 81)
    clip = make_clip(root / "vot2016" / "ball2", 41)
    for image in sorted((clip.folder / "img").iterdir()):
        image.rename(clip.folder / f"{int(image.stem):08}.png")
    np.savetxt(clip.folder / "groundtruth.txt", clip.truth, fmt="%d", delimiter=",")
    (clip.folder / "groundtruth_rect.txt").unlink()
    (clip.folder / "img").rmdir()
    return root


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home without weights of the user's own."""
    return tmp_path_factory.mktemp("home")


Call = tuple[str, str, list[str]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, bare: Path, tmp_path: Path) -> list[Call]:
    """The runs that were asked for: name, data set, targets. Their results are the truth, a pixel off."""
    asked: list[Call] = []

    def run_over(
        options: BenchmarkOptions, spec: TrackerSpec, dataset: DataSet, targets: tuple[Target, ...], name: str
    ) -> None:
        asked.append((name, dataset.name, [target.name for target in targets]))
        kind = "vot" if dataset.kind == "vot" else "ope"
        folder = ResultFolder(options.results, dataset, kind, name)
        for target in targets:
            boxes = target.truth + (1, 0, 0, 0)
            if kind == "ope":
                write_whole(folder.times(target.entry), times_text([0.1] * len(boxes)))
                write_whole(folder.boxes(target.entry), boxes_text(boxes))
                continue
            run = SupervisedRun([(1.0,), *(tuple(box) for box in boxes[1:])])
            for label in run_labels("vot")[: options.repetitions]:
                write_whole(folder.boxes(target.entry, label), run_text(run))

    monkeypatch.setattr("rpn2t.cli.actions.benchmark.run_over", run_over)
    monkeypatch.setattr(
        action, "as_pdf", lambda html: b"%PDF"
    )  # seconds each; two tests put the real one back
    monkeypatch.setenv("RPN2T_HOME", str(bare))
    monkeypatch.chdir(tmp_path)
    return asked


def reproduce(*words: object) -> int:
    return main(["reproduce", *map(str, words)])


def reproduce_here(*words: object) -> int:
    """Without fetching anything."""
    return reproduce(*words, "--no-fetch")


def text_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text()).split())


# Running and drawing


def test_all_parts_are_run_once_and_drawn_in_the_paper_s_order(
    data: Path, tmp_path: Path, calls: list[Call], capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("all", "--root", data, "--quick", "--mode", "fast") == 0
    assert ("RPN2T", "otb100", ["Deer", "Skiing"]) in calls
    assert ("RPN2T", "vot2016", ["ball2"]) in calls
    folder = tmp_path / "reproduction" / "fast-shipped-quick"
    html = (folder / "index.html").read_text()
    places = [
        html.index(f'id="{name}"')
        for name in ("section3.1", "fig2", "fig3", "fig4", "fig5", "fig6", "table1")
    ]
    assert places == sorted(places)
    assert "Not made" not in html
    text = text_of(folder / "index.html")
    for words in (
        "QUICK LOOK", "fast mode, which is ours", "the shipped weights, which are our own", "2 of 100",
        "not there: Basketball", "ublished, not measured here", "SRDCF",
        "Term 1 uses 12 of the 196 positions",
        "Not shown, alexnet, caffenet, zf, vgg16, vgg19: the network", "Not shown, term1-box: not for fast",
        "our approach not only outperformed", "1 of 60 sequences", "Deer, Skiing",
    ):  # fmt: skip
        assert words in text, words
    assert "http" not in re.sub(r'"data:[^"]*"', "", html).replace("http://www.w3.org", "")
    said = capsys.readouterr().out
    assert "section3.1: vgg16 is left out" in said
    assert "index.html and report.pdf" in said


def test_the_pdf_has_pages_with_the_banner_and_text(
    data: Path, tmp_path: Path, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "as_pdf", as_pdf)
    assert reproduce_here("fig4", "--root", data, "--mode", "fast") == 0
    pages = PdfReader(tmp_path / "reproduction" / "fast-shipped" / "report.pdf").pages
    texts = [" ".join(page.extract_text().split()) for page in pages]
    assert len(texts) >= 2
    assert all("fast mode, which is ours and not the paper's" in text for text in texts)
    assert all("the shipped weights" in text for text in texts)
    assert "Figure 4, section 4.1" in texts[1]
    assert any("MDNet" in text and "published" in text for text in texts)
    assert not any("QUICK" in text for text in texts)


def test_a_later_report_keeps_the_parts_that_were_made_before(
    data: Path, tmp_path: Path, calls: list[Call]
) -> None:
    folder = tmp_path / "reproduction" / "fast-shipped"
    assert reproduce_here("table1", "--root", data, "--mode", "fast") == 0
    assert reproduce_here("fig2", "--root", data, "--mode", "fast") == 0
    html = (folder / "index.html").read_text()
    assert html.index('id="fig2"') < html.index('id="table1"')
    assert 'id="fig4"' not in html
    assert json.loads((folder / "reproduction.json").read_text()) == {"parts": ["fig2", "table1"]}
    assert [name for name, _, _ in calls] == ["RPN2T"]


def test_only_the_sequences_that_are_asked_for_are_run(data: Path, tmp_path: Path, calls: list[Call]) -> None:
    assert reproduce("all", "--root", data, "--mode", "fast", "--sequences", "Deer", "--no-fetch") == 0
    assert {tuple(targets) for _, _, targets in calls} == {("Deer",)}
    text = text_of(tmp_path / "reproduction" / "fast-shipped" / "index.html")
    assert "only Deer" in text
    assert "Not made: vot2016: none of its sequences" in text
    assert "Not all of otb100 was run, so nothing can be said" in text


def test_without_weasyprint_the_page_is_written_and_a_line_says_the_cure(
    data: Path, tmp_path: Path, calls: list[Call], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(action, "as_pdf", as_pdf)
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert reproduce_here("fig2", "--root", data) == 0
    folder = tmp_path / "reproduction" / "paper-shipped"
    assert (folder / "index.html").exists()
    assert not (folder / "report.pdf").exists()
    told = capsys.readouterr().err
    assert "report.pdf: cannot be made" in told
    assert "libpango-1.0-0" in told
    assert len(told.splitlines()) == 1


def test_a_part_whose_runs_failed_is_said_on_the_page_and_in_the_status(
    data: Path, tmp_path: Path, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SystemExit(1)

    monkeypatch.setattr("rpn2t.cli.actions.benchmark.run_over", fail)
    with pytest.raises(SystemExit) as stop:
        reproduce_here("fig4", "--root", data, "--mode", "fast")
    assert stop.value.code == 1
    assert "Not made: otb50 is not shown" in text_of(
        tmp_path / "reproduction" / "fast-shipped" / "index.html"
    )


# What is there, and what is not


def test_a_root_may_be_the_data_set_s_own_folder_and_names_may_be_in_capitals(
    data: Path, tmp_path: Path
) -> None:
    assert look(data / "otb", "otb100").count == "2 of 100 sequences"
    assert look(data / "vot2016", "vot2016").count == "1 of 60 sequences"
    (tmp_path / "OTB").symlink_to(data / "otb")
    assert look(tmp_path, "otb50").root == tmp_path / "OTB"
    empty = look(tmp_path, "vot2016")
    assert (empty.root, empty.targets, empty.left_out) == (
        tmp_path / "vot2016", (), ["all of it: nothing is there"]
    )  # fmt: skip


@pytest.mark.parametrize("words", [["--no-fetch"], ["--quick"]])
def test_nothing_to_run_is_a_line_that_says_where_it_was_looked_for(
    words: list[str], tmp_path: Path, calls: list[Call], capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("fig4", "--root", "empty", *words) == 2
    told = capsys.readouterr().err
    assert "--root empty: there is no sequence to run, looked for otb100 in empty/otb" in told
    assert not calls
    assert not (tmp_path / "reproduction").exists()


def test_an_unknown_sequence_is_named(
    data: Path, calls: list[Call], capsys: pytest.CaptureFixture[str]
) -> None:
    assert reproduce("fig4", "--root", data, "--sequences", "Deer,Dear") == 2
    assert "--sequences Dear: no sequence of otb100 or vot2016" in capsys.readouterr().err


def test_without_a_terminal_it_says_what_yes_would_fetch(
    data: Path, calls: list[Call], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", BytesIO())
    monkeypatch.setattr(action.sys.stdin, "isatty", lambda: False, raising=False)
    assert reproduce("fig4", "--root", data) == 2
    told = capsys.readouterr().err
    assert re.search(r"96 sequences are missing, about [\d.]+ GB to fetch into .*: --yes fetches them", told)
    assert not calls


def test_what_is_fetched_is_run(
    data: Path, tmp_path: Path, calls: list[Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    def fetch_plan(plan: action.FetchPlan, jobs: int) -> None:
        fetched.extend(item.name for item in plan.items)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "otb").symlink_to(data / "otb")

    monkeypatch.setattr(action, "fetch_plan", fetch_plan)
    assert reproduce("fig6", "--root", "new", "--sequences", "Deer,Skiing", "--yes", "--mode", "fast") == 0
    assert fetched == ["Deer", "Skiing"]
    assert calls == [("RPN2T", "otb100", ["Deer", "Skiing"])]


# What would run


def test_a_dry_run_counts_times_and_changes_nothing(
    data: Path, tmp_path: Path, calls: list[Call], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from distributed import Client

    class Future:
        def result(self) -> Pace:
            return Pace(10, 2)

    monkeypatch.setattr(Client, "submit", lambda *_, **__: Future())
    words = ("table1", "--root", data, "--no-fetch", "--workers", "2", "--threads", "1", "--dry-run")
    assert reproduce(*words) == 0
    said = capsys.readouterr().out
    assert "RPN2T on vot2016: at most 15 runs to do, 615 frames" in said
    assert "first frame 10.0 s, a later one 2.00 s" in said
    assert "about 22:30 with 1 worker that has 1 core of this kind" in said
    assert "about 12:00 with 2 workers, if each has 1 core of this kind to itself" in said
    assert not calls
    assert not (tmp_path / "reproduction").exists()


def test_a_dry_run_counts_what_would_be_fetched(
    data: Path, calls: list[Call], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(action, "_say_time", lambda *_: None)
    words = ("fig4", "--root", data, "--sequences", "Deer,Jumping", "--dry-run", "--mode", "fast")
    assert reproduce(*words) == 0
    said = capsys.readouterr().out
    assert "otb100: 1 sequences would be fetched, about" in said
    assert "RPN2T on otb100: 2 runs to do, 384 frames" in said  # 71 that are there, and 313


def test_the_longest_run_bounds_the_time_of_many_workers() -> None:
    pace = Pace(first=10, later=1)
    assert pace.seconds(11) == 20
    assert time_of([11, 11, 31], pace, 1) == 80
    assert time_of([11, 11, 31], pace, 2) == 40
    assert time_of([11, 11, 31], pace, 9) == 40


def test_the_timed_frames_show_the_target_where_its_box_is() -> None:
    first, later = made_frame(0), made_frame(5)
    (x, y, w, h), (u, v, _, _) = (tuple(map(int, made_box(index))) for index in (0, 5))
    np.testing.assert_array_equal(first[y : y + h, x : x + w], later[v : v + h, u : u + w])
    assert (first != later).any()


# Parts


def test_few_sequences_are_spread_evenly() -> None:
    assert evenly(list("abcdefgh"), 4) == list("aceg")  # type: ignore[arg-type, comparison-overlap]
    assert evenly(list("ab"), 4) == list("ab")  # type: ignore[arg-type, comparison-overlap]


def test_the_box_s_area_is_compared_where_both_are_boxes() -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4, [5, 5, 4, 4]], dtype=float)
    boxes = np.array([[0, 0, 10, 10], [0, 0, 20, 10], [0, 0, 5, 5], [5, 5, 0, 4]], dtype=float)
    np.testing.assert_array_equal(area_ratio(boxes, truth), [1, 2, np.nan, np.nan])


def test_a_page_s_pdf_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("x")
    found = as_pdf(f'<p>Words</p><img src="file://{tmp_path}/secret.png" alt="">')
    assert "Words" in PdfReader(BytesIO(found)).pages[0].extract_text()


def test_pictures_may_lie_across_the_end_of_a_page_of_the_pdf() -> None:
    """WeasyPrint 70 stops in a grid of pictures there."""
    template = (ROOT / "python/rpn2t/reproduce/report.html").read_text()
    style = template[template.index("<style>") : template.index("</style>") + len("</style>")]
    png = b64encode(cv2.imencode(".png", np.zeros((330, 440, 3), np.uint8))[1].tobytes()).decode()
    picture = f'<button type="button" class="enlarge"><img src="data:image/png;base64,{png}" alt=""></button>'
    for lines in range(0, 40, 4):
        words = "<p>Words</p>" * lines
        grids = f'<div class="plots">{picture * 8}</div><div class="strip">{picture * 5}</div>'
        assert len(PdfReader(BytesIO(as_pdf(f"{style}{words}{grids}{words}{grids}"))).pages) > 1


def test_a_fault_of_the_pdf_s_maker_costs_the_pdf_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr("weasyprint.HTML.write_pdf", fail)
    with pytest.raises(InputError, match=r"cannot lay it out \(AssertionError\); index\.html is whole"):
        as_pdf("<p>Words</p>")


def test_the_command_runs_goes_on_and_refuses_what_was_made_otherwise(
    data: Path, tmp_path: Path, rpn2t: Run, tiny: dict[str, int], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The real thing: a worker that tracks 40 frames, and a second command that tracks none."""
    words = (
        "reproduce", "fig6", "--root", str(data), "--quick", "--mode", "fast", "--sequences", "Deer",
        "--no-fetch", "--name", "mine", "--device", "cpu", *set_options(tiny),
    )  # fmt: skip
    done = rpn2t(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "index.html and report.pdf" in done.stdout
    assert done.stderr == ""
    folder = tmp_path / "reproduction" / "mine"
    boxes = folder / "results" / "OTB2015" / "RPN2T" / "Deer.txt"
    assert len(boxes.read_text().splitlines()) == 40
    assert "candidates=16" in text_of(folder / "index.html")
    made = boxes.stat().st_mtime_ns
    monkeypatch.setattr(action, "as_pdf", lambda html: b"%PDF")
    monkeypatch.chdir(tmp_path)
    assert main(words) == 0
    assert "1 runs are there, 0 to do" in capsys.readouterr().out
    assert boxes.stat().st_mtime_ns == made
    assert main((*words, "--seed", "7")) == 2
    assert "holds results made with seed 0, now 7; give another --name" in capsys.readouterr().err


def test_pdf_without_its_library_is_an_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(InputError, match=r"index\.html is whole, and a browser prints it too"):
        as_pdf("<p>Words</p>")
