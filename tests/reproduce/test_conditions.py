"""What every page says of the conditions, and what a quick look takes a quarter of."""

from pathlib import Path

import pytest

from rpn2t.cli.commands import reproduce as command
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.eval.report.tables import Table
from rpn2t.reproduce.conditions import Conditions, best_weights, quarter_of
from rpn2t.reproduce.drawings import _rank, published_table
from rpn2t.reproduce.exhibits import EXHIBITS, find_exhibits
from support import ROOT


def test_the_command_names_the_parts_of_the_table_in_the_paper_s_order() -> None:
    assert (*(each.name for each in EXHIBITS), "all") == command._PARTS
    assert find_exhibits("all") == EXHIBITS
    assert [each.name for each in find_exhibits("fig4")] == ["fig4"]
    with pytest.raises(InputError, match="fig7: no such part of the paper; there are section"):
        find_exhibits("fig7")
    assert all(each.quotes and each.title and each.place for each in EXHIBITS)


def test_a_quarter_of_paper_mode_s_numbers_is_the_configuration_quarter() -> None:
    paper = Config.for_mode("paper")
    assert paper.with_settings(quarter_of(paper)) == Config.load("quarter", "paper")


def test_a_quarter_of_fast_mode_s_numbers_is_a_configuration_of_its_own() -> None:
    fast = Config.for_mode("fast")
    quarter = fast.with_settings(quarter_of(fast))
    assert (quarter.negatives_first, quarter.mining_pool) == (250, 96)
    assert quarter.centre_follows == fast.centre_follows


def test_a_number_that_is_set_by_hand_is_not_quartered() -> None:
    conditions = Conditions(mode="paper", weights="shipped", quick=True, changed=("candidates=16", "alpha=2"))
    config = Config.for_mode("paper").with_settings(conditions.settings)
    assert (config.candidates, config.alpha, config.negatives_first) == (16, 2, 1250)


def test_the_banner_says_what_a_reader_must_not_overlook() -> None:
    quick = Conditions(mode="fast", weights="shipped", quick=True, sequences=("Deer",))
    for words in ("QUICK LOOK: first 40 frames", "fast mode, which is ours", "shipped weights", "only Deer"):
        assert words in quick.banner
    plain = Conditions(mode="paper", weights="authors")
    assert plain.banner == "paper mode; the authors' weights"
    assert plain.differences == ["One seed, 0; the paper names none."]
    assert any("not the authors'" in line for line in quick.differences)


def test_other_conditions_have_another_folder() -> None:
    names = {
        Conditions(mode=mode, weights="shipped", quick=quick, seed=seed, changed=changed).name
        for mode in ("paper", "fast")
        for quick in (False, True)
        for seed in (0, 3)
        for changed in ((), ("alpha=2",))
    }
    assert len(names) == 16
    assert Conditions(mode="paper", weights="sets/mine").name == "paper-mine"


def test_the_authors_weights_are_taken_as_soon_as_they_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path))
    assert best_weights() == "shipped"
    (tmp_path / "weights" / "authors").mkdir(parents=True)
    assert best_weights() == "shipped"  # an empty folder is no set
    (tmp_path / "weights" / "authors" / "zf_student.caffemodel").touch()
    assert best_weights() == "authors"


@pytest.mark.parametrize("file", ["Dockerfile", "docker/build_caffe.sh"])
def test_the_set_up_and_the_image_bring_what_the_pdf_needs(file: str) -> None:
    assert {"libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"} <= set(
        (ROOT / file).read_text().split()
    )


def test_a_finding_compares_ours_with_published_figures_only_if_all_was_run() -> None:
    rows = (
        ("RPN2T", "0.550 ± 0.003"),
        ("RPN2T", ""),
        ("MDNet", "0.678"),
        ("SRDCF", "0.598"),
        ("KCF", "0.477"),
    )
    table = Table("overall", "Overall", ("Tracker", "Success (AUC)"), rows, reference=4)
    assert "nothing can be said" in _rank("otb100", table, False)
    assert _rank("otb100", table, True).startswith(
        "otb100: Success (AUC) 0.550 ± 0.003 is below the published figures of SRDCF."
    )
    best = Table("overall", "Overall", table.header, (("RPN2T", "0.600"), *rows[1:]), reference=4)
    assert "above the published figures of all 2 others" in _rank("otb100", best, True)


def test_published_figures_are_at_hand_for_every_data_set() -> None:
    tables = {name: published_table(name) for name in ("otb50", "otb100", "vot2016")}
    assert all(len(table.rows) > 3 for table in tables.values())
    assert tables["otb100"].rows[1] == ("SRDCF", "0.598", "0.789", "github.com/foolwood/benchmark_results")
    assert ("C-COT", "0.331", "0.539", "0.238", "VOT2016 challenge") in tables["vot2016"].rows
