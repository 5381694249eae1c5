"""The table of hyper-parameters: the paper's values, and what it refuses."""

import dataclasses
from pathlib import Path

import pytest

from rpn2t import Config
from rpn2t.errors import InputError


def test_defaults_are_the_papers() -> None:
    config = Config()
    assert (config.anchor_size, config.anchor_stride, config.matching_iou) == (171, 16, 0.7)
    assert (config.alpha, config.beta) == (1, 10)
    assert (config.positives_first, config.negatives_first, config.iterations_first) == (500, 5000, 30)
    assert (config.learning_rate, config.momentum, config.weight_decay) == (0.0005, 0.9, 0.0005)


def test_unknown_name_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("candidate = 3\n")
    with pytest.raises(
        InputError, match=r"mine\.toml: candidate: no such setting; did you mean candidates\?$"
    ):
        Config.load(file)
    with pytest.raises(InputError, match="did you mean matching_iou"):
        Config().with_settings(["matching_iuo=0.5"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("candidates", "write name=value"),
        ("candidates=many", "expected a whole number"),
        ("candidates=2.5", "expected a whole number"),
        ("candidates=3", "best_candidates = 5: there are only 3 candidates"),
        ("mining_pool=10", "mining_pool has only 10"),
        ("matching_iou=1", "lies in"),
        ("rounding=2", "rounding = 2: must be at most 1"),
        ("regressor_views=5", "regressor_views = 5: must be at most 4"),
        ("regressor_views=0", "must be at least 1"),
        ("score_std=0", "must be positive"),
        ("alpha=-1", "must not be negative"),
        ("alpha=nan", "must not be negative, infinite or NaN"),
        ("update_interval=0", "at least 1"),
        ("candidates=100000000000000000000", "at most 1000000"),
    ],
)
def test_refused_settings(setting: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Config().with_settings([setting])


def test_settings_change_only_what_they_name() -> None:
    changed = Config().with_settings(["candidates=64", "alpha = 2"])
    assert changed == dataclasses.replace(Config(), candidates=64, alpha=2.0)


def test_load_by_path_and_by_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("candidates = 32\n")
    assert Config.load(file) == Config(candidates=32)
    file.write_text("candidates = 'x'\n")
    with pytest.raises(InputError, match=r"mine\.toml: candidates = 'x': expected a whole number"):
        Config.load(file)
    file.write_text("candidates = = 1\n")
    with pytest.raises(InputError, match="not a TOML file"):
        Config.load(file)
    with pytest.raises(InputError, match=r"nowhere: no such configuration file; named ones are: .*quarter"):
        Config.load("nowhere")


def test_quarter_takes_a_quarter_of_every_sample_number_and_nothing_else() -> None:
    full, quarter = Config().to_dict(), Config.load("quarter").to_dict()
    changed = {name for name in full if full[name] != quarter[name]}
    assert changed == {
        "positives_first", "positives_first_drawn", "negatives_first", "regressor_samples",
        "regressor_positives", "candidates", "positives_later", "positives_later_drawn",
        "negatives_later", "negatives_later_drawn", "batch_positives", "batch_negatives", "mining_pool",
    }  # fmt: skip
    for name in changed:
        assert quarter[name] == full[name] // 4


def test_fast_mode_has_numbers_of_its_own_and_a_file_changes_them(tmp_path: Path) -> None:
    assert Config.for_mode("paper") == Config()
    fast = Config.for_mode("fast")
    assert fast.iterations_later < Config().iterations_later
    file = tmp_path / "mine.toml"
    file.write_text("candidates = 64\n")
    mine = Config.load(file, "fast")
    assert mine.candidates == Config.load(file).candidates == 64
    assert mine.iterations_later == fast.iterations_later


def test_a_file_says_which_mode_it_is_made_for(tmp_path: Path) -> None:
    message = r"^--config quarter: is made for paper mode; add --mode paper$"
    with pytest.raises(InputError, match=message):
        Config.load("quarter", "fast")
    with pytest.raises(InputError, match=r"^--config fast: is made for fast mode; add --mode fast$"):
        Config.load("fast")
    assert Config.load("fast", "fast") == Config.for_mode("fast")
    file = tmp_path / "mine.toml"
    file.write_text('mode = "fast"\ncandidates = 64\n')
    assert Config.load(file, "fast").candidates == 64
    with pytest.raises(InputError, match=r"mine\.toml: is made for fast mode; add --mode fast$"):
        Config.load(file)
    file.write_text('mode = "slow"\n')
    with pytest.raises(InputError, match=r"mine\.toml: mode = 'slow': there are paper and fast$"):
        Config.load(file)


def test_to_dict_round_trips() -> None:
    config = Config(candidates=17, beta=3)
    assert Config(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("candidates = 128\n".encode("utf-16"), "not a TOML file: it is no text in UTF-8"),
        (b"candidates = " + b"9" * 5000, "not a TOML file: "),
        (b"candidates = " + b"[" * 3000, "nested too deeply"),
        (b"alpha = 1" + b"0" * 400, "must not be negative, infinite or NaN"),
    ],
)
def test_a_file_that_is_no_toml_is_refused_in_a_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Config.load(tmp_path / "own.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'own.toml'}: ")


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("candidates = 128\n", encoding="utf-8-sig")
    assert Config.load(tmp_path / "own.toml").candidates == 128
