"""What an evaluation writes: tables for a paper, and a page that can be read on any screen."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from browser import CHROMIUM, Browser
from rpn2t.eval.otb.evaluation import evaluate
from rpn2t.eval.report.published import published, published_rows
from rpn2t.eval.report.strips import Scene, box_corners, picture
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table, best_in_columns, best_in_rows
from rpn2t.eval.vot.evaluation import evaluate as evaluate_vot
from rpn2t.eval.vot.page import region_corners
from support import make_clip

ODD = r"a_b & 50% #1 {x} $2 ^~\<|>"


def test_tex_has_rules_the_best_in_bold_and_names_that_compile() -> None:
    rows = ((ODD, "0.500 ± 0.010", "3"), ("other", "0.500", ""), ("third", "0.498 ± 0.002", "2"))
    best = best_in_columns(rows, {1: "higher", 2: "lower"})
    table = Table(
        "t", "Title 50%", ("Tracker", "Success", "Failures"), rows, ("A note\nof two lines.",), best=best
    )
    lines = table.latex().splitlines()
    assert lines[:3] == ["% Needs \\usepackage{booktabs}.", "% Title 50%", "% A note of two lines."]
    assert lines[3:7] == [
        r"\begin{tabular}{lrr}", r"\toprule", r"Tracker & Success & Failures \\", r"\midrule"
    ]  # fmt: skip
    name = r"a\_b \& 50\% \#1 \{x\} \$2 \textasciicircum{}\textasciitilde{}\textbackslash{}\textless{}"
    assert lines[7] == rf"{name}\textbar{{}}\textgreater{{}} & \textbf{{0.500 $\pm$ 0.010}} & 3 \\"
    assert lines[8:] == [
        r"other & \textbf{0.500} & -- \\", r"third & 0.498 $\pm$ 0.002 & \textbf{2} \\", r"\bottomrule",
        r"\end{tabular}",
    ]  # fmt: skip
    assert table.csv().splitlines()[0] == "Tracker,Success,Success: deviation,Failures"
    assert table.csv().splitlines()[2] == "other,0.500,,"
    assert r"\<\|>" in table.markdown()


def test_the_best_is_among_those_that_were_measured_and_a_single_one_is_not() -> None:
    assert best_in_columns([("a", "1.0")], {1: "higher"}) == frozenset()
    assert best_in_columns([("a", ""), ("b", "1")], {1: "higher"}) == frozenset()
    assert best_in_rows([("x", "9", "1", "2"), ("y", "9", "3", "3")], [2, 3]) == {(0, 3), (1, 2), (1, 3)}
    assert best_in_rows([("x", "1", "2")], [1, 2], "lower") == {(0, 1)}


def test_published_rows_have_a_figure() -> None:
    assert all(each.success or each.precision for each in published("otb100"))
    assert {row["tracker"] for row in published_rows("vot_published.csv", "vot2016")} == {
        "C-COT", "TCNN", "SSAT", "Staple"
    }  # fmt: skip


def test_a_scene_is_drawn_with_the_last_outline_above(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip", 2)
    image = sorted((clip.folder / "img").iterdir())[0]
    red, blue = (style_of(number) for number in (1, 0))
    corners = box_corners((20.0, 20.0, 60.0, 50.0))
    both = picture(Scene(image, 0, ((corners, red, 3), (corners, blue, 3))))
    assert both == picture(Scene(image, 0, ((corners, blue, 3),)))
    assert both != picture(Scene(image, 0, ((corners, blue, 3), (corners, red, 3))))
    assert box_corners((1.0, 1.0, 0.0, 5.0)) == box_corners((float("nan"), 1.0, 2.0, 5.0)) == ()
    assert region_corners((2.0,)) == ()
    assert region_corners((1.0, 2.0, 3.0, 4.0, 5.0, 6.0)) == ((1, 2), (3, 4), (5, 6))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each evaluation: five trackers with long names, and a sequence that is left out."""
    place = tmp_path_factory.mktemp("pages")
    for name, rows in (("One", 8), ("Two", 8), ("Lacking", 8)):
        make_clip(place / "own" / name, rows)
    rng = np.random.default_rng(0)
    truth = np.loadtxt(place / "own" / "One" / "groundtruth_rect.txt", delimiter=",")
    vot = place / "vot" / "one"
    vot.mkdir(parents=True)
    for image in (place / "own" / "One" / "img").iterdir():
        (vot / f"0000{image.name}").hardlink_to(image)
    np.savetxt(vot / "groundtruth.txt", truth, fmt="%d", delimiter=",")
    for number in range(5):
        tracker = f"A_tracker_with_a_name_that_is_quite_long_{number}"
        folder = place / "results" / "own" / tracker
        (folder / "times").mkdir(parents=True)
        for name in ("One", "Two"):
            boxes = truth + rng.normal(0, 2 + number, truth.shape) * (1, 1, 0.1, 0.1)
            np.savetxt(folder / f"{name}.txt", boxes, fmt="%.3f", delimiter=",")
            np.savetxt(folder / "times" / f"{name}_time.txt", np.full(len(boxes), 0.01 * (number + 1)))
        baseline = place / "results" / "vot" / tracker / "baseline" / "one"
        baseline.mkdir(parents=True)
        lines = ["1", *(",".join(f"{value:.4f}" for value in box) for box in truth[1:])]
        (baseline / "one_001.txt").write_text("\n".join(lines) + "\n")
    quiet: dict[str, Any] = {"say": lambda line: None}
    evaluate(place / "own", place / "results", place / "otb", dataset=str(place / "own"), **quiet)
    evaluate_vot(place / "vot", place / "results", place / "report", dataset=str(place / "vot"), **quiet)
    return {"otb": place / "otb" / "index.html", "vot": place / "report" / "index.html"}


@pytest.mark.parametrize("kind", ["otb", "vot"])
def test_no_heading_stands_twice_and_what_is_left_out_is_closed(pages: dict[str, Path], kind: str) -> None:
    text = pages[kind].read_text()
    headings = re.findall(r"<(?:h1|h2|h3|summary)[^>]*>(.*?)(?: <small|</)", text)
    assert len(headings) == len(set(headings)), headings
    assert "<details open" not in text
    if kind == "otb":
        assert "<summary>Left out, or odd: 1 sequence</summary>" in text


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("kind", ["otb", "vot"])
def test_nothing_is_wider_than_the_window_and_no_column_is_hidden(
    pages: dict[str, Path], kind: str, width: int
) -> None:
    with Browser(width=width, height=800, touch=width < 700) as browser:
        browser.open(pages[kind].as_uri())
        browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true })")
        edges = "[...document.querySelectorAll('body *')].map((each) => each.getBoundingClientRect().right)"
        browser.wait(f"Math.max(...{edges}) <= {width}", limit=30)  # the tables have been fitted
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(
            "[...document.querySelectorAll('.scroll')].every((e) => e.scrollWidth <= e.clientWidth)"
        )
        flowing = browser.run("document.querySelectorAll('.scroll.flow').length")
        tables = browser.run("document.querySelectorAll('.scroll').length")
        assert flowing == tables if width < 700 else flowing < tables
        browser.click(".enlarge")
        browser.wait("document.querySelector('dialog').open")
        shown, own = (
            browser.run(f"document.querySelector('{image}').getBoundingClientRect().width")
            for image in ("dialog img", ".plots img")
        )
        assert shown > 1.2 * own
        browser.click("dialog img", 0.1, 0.1)
        browser.wait("!document.querySelector('dialog').open")
        assert browser.troubles == []
