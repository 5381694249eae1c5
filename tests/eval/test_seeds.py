"""Several seeds of one tracker: which results are seeds, their mean and spread, and how fast they were."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rpn2t.benchmark.result_files import seeds_of
from rpn2t.benchmark.variants import find_variants
from rpn2t.benchmark.vot_supervised import SupervisedRun, run_text
from rpn2t.boxes import Floats
from rpn2t.eval.otb.ablation import Measured, ablation_table
from rpn2t.eval.otb.box_growth import BoxGrowth
from rpn2t.eval.otb.curves import breakdown_plot, plot
from rpn2t.eval.otb.evaluation import evaluate
from rpn2t.eval.otb.metrics import OnePassScore
from rpn2t.eval.otb.scores import OtbEvaluation, compute
from rpn2t.eval.report.speed import joined, measured_times, speed, times_at
from rpn2t.eval.report.spread import band, figure_text
from rpn2t.eval.report.styles import style_of, tint
from rpn2t.eval.seeds import find_seeds
from rpn2t.eval.vot.evaluation import evaluate as evaluate_vot
from rpn2t.eval.vot.scores import compute as compute_vot

ROWS = {"near": 20, "far": 30}
SHIFTS = {"RPN2T-seed0": 2.0, "RPN2T-seed1": 4.0, "RPN2T-seed2": 9.0, "Aaa": 6.0, "Zzz": 1.0}
"""Name of the results -> how many pixels their boxes lie beside the truth."""


def truth(name: str) -> Floats:
    """A straight path, 1-based."""
    steps = np.arange(ROWS[name], dtype=np.float64)
    return np.stack([20 + steps, 30 + steps, np.full_like(steps, 40), np.full_like(steps, 30)], axis=1)


def write_manifest(folder: Path, seed: int, seed_of: str | None, **identity: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = {"tracker": "rpn2t", "seed": seed, **identity}
    content = {"identity": made, "seed_of": seed_of, "runs": {}}
    (folder / "manifest.json").write_text(json.dumps(content))


def write_results(folder: Path, shift: float, seconds: float) -> None:
    (folder / "times").mkdir(parents=True, exist_ok=True)
    for name in ROWS:
        boxes = truth(name) + (shift, 0, 0, 0)
        np.savetxt(folder / f"{name}.txt", boxes, fmt="%.3f", delimiter=",")
        np.savetxt(folder / "times" / f"{name}_time.txt", np.full(len(boxes), seconds))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two sequences; three seeds of RPN2T and two trackers without seeds, one before it in the alphabet."""
    for name in ROWS:
        folder = tmp_path / "own" / name
        (folder / "img").mkdir(parents=True)
        for number in range(1, ROWS[name] + 1):
            (folder / "img" / f"{number:04d}.jpg").touch()
        np.savetxt(folder / "groundtruth_rect.txt", truth(name), fmt="%d", delimiter=",")
    for name, shift in SHIFTS.items():
        folder = tmp_path / "results" / "own" / name
        write_results(folder, shift, 0.1)
        if name.startswith("RPN2T"):
            write_manifest(folder, int(name[-1]), "RPN2T", candidates=256)
        else:
            write_manifest(folder, 0, None, tracker="kcf")
    return tmp_path


def measured(place: Path, **settings: Any) -> OtbEvaluation:
    return compute(place / "own", place / "results", dataset=str(place / "own"), **settings)


def test_the_manifest_says_what_is_a_seed_and_no_name_does(tmp_path: Path) -> None:
    for seed in (10, 2):
        write_manifest(tmp_path / f"any-{seed}", seed, "T", candidates=256)
    write_manifest(tmp_path / "T-seed7", 7, None, candidates=256)  # called so, and none
    (tmp_path / "T-seed8").mkdir()
    found = find_seeds({folder.name: folder for folder in sorted(tmp_path.iterdir())})
    assert found.groups == {"T": ("any-2", "any-10")}  # by seed
    assert found.notes_on(found.groups) == []
    assert found.expand(["t", "T-seed7"]) == ["any-2", "any-10", "T-seed7"]
    everything = ["T-seed7", "T-seed8", "any-10", "any-2"]
    ours_first = {"T-seed7": ("T-seed7",), "T": ("any-2", "any-10"), "T-seed8": ("T-seed8",)}
    assert list(found.collect(everything, []).items()) == list(ours_first.items())
    assert found.collect(["any-2", "any-10"], ["any-2", "T"]) == {
        "any-2": ("any-2",),
        "T": ("any-2", "any-10"),
    }


def test_results_that_differ_in_more_than_the_seed_are_not_averaged(tmp_path: Path) -> None:
    write_manifest(tmp_path / "T-seed0", 0, "T", candidates=256)
    write_manifest(tmp_path / "T-seed1", 1, "T", candidates=64)
    write_manifest(tmp_path / "T-copy", 0, "T", candidates=256)
    write_manifest(tmp_path / "T", 0, None, candidates=256)
    found = find_seeds({name: tmp_path / name for name in ("T", "T-seed0", "T-seed1", "T-copy")})
    assert found.groups == {"T": ("T-copy",)}
    assert found.apart == {"T-seed0", "T-seed1"}
    same, differing, single = found.notes_on(["T", "U"])
    assert (
        differing == "T-seed1 is left out: its manifest differs from that of T-copy: candidates 256, now 64"
    )
    assert same == "T-seed0 is left out: it has the seed 0, as other results of this tracker"
    assert single == f"T: {tmp_path / 'T'} is left out; T-copy are this tracker's seeds"
    assert found.collect(["T", "T-copy", "T-seed0", "T-seed1"], []) == {"T": ("T-copy",)}


def test_figures_are_means_over_the_seeds_with_their_deviation(place: Path) -> None:
    found = measured(place)
    # RPN2T is in front, though another name comes before it; its seeds are one tracker.
    assert [tracker.name for tracker in found.trackers] == ["RPN2T", "Aaa", "Zzz"]
    alone = measured(place, trackers=[name for name in SHIFTS if name.startswith("RPN2T")])
    aucs = [tracker.mean(alone.names).auc for tracker in alone.trackers]
    assert len(set(aucs)) == 3
    ours = found.trackers[0]
    assert ours.mean(found.names).auc == pytest.approx(np.mean(aucs))
    assert ours.values(found.names, lambda score: score.auc) == pytest.approx(aucs)
    for name in ROWS:
        expected = np.mean([tracker.scores[name].auc for tracker in alone.trackers])
        assert ours.scores[name].auc == pytest.approx(expected)


def test_every_table_and_the_record_have_the_spread(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(
        place / "own", place / "results", place / "out", dataset=str(place / "own"), strips=False
    )
    aucs = found.trackers[0].values(found.names, lambda score: score.auc)
    text = f"{np.mean(aucs):.3f} ± {np.std(aucs, ddof=1):.3f}"
    assert f"RPN2T (3 seeds)  success {text}, precision " in capsys.readouterr().out
    for file in (place / "out" / "tables").glob("*.md"):
        assert " ± " in file.read_text(), file
        assert "standard deviation (n - 1 in the denominator)" in file.read_text()
    assert f"| RPN2T (3 seeds) | {text} |" in (place / "out" / "tables" / "overall.md").read_text()
    with (place / "out" / "tables" / "overall.csv").open() as file:
        rows = {row["Tracker"]: row for row in csv.DictReader(file)}
    ours = rows["RPN2T (3 seeds)"]
    assert [ours["Success (AUC)"], ours["Success (AUC): deviation"]] == text.split(" ± ")
    assert rows["Aaa"]["Success (AUC): deviation"] == ""
    assert text.replace("±", r"$\pm$") in (place / "out" / "tables" / "overall.tex").read_text()
    record = json.loads((place / "out" / "evaluation.json").read_text())["trackers"]["RPN2T"]
    assert record["seeds"] == 3
    overall = record["overall"]
    assert overall["deviations"]["success_auc"] == pytest.approx(np.std(aucs, ddof=1), abs=1e-8)
    assert [seed["success_auc"] for seed in overall["by_seed"]] == pytest.approx(aucs, abs=1e-8)
    assert overall["speed"]["frames"] == 3 * sum(ROWS.values())


def test_a_seed_that_cannot_be_used_is_left_out_by_name(place: Path) -> None:
    for name in ROWS:
        (place / "results" / "own" / "RPN2T-seed1" / f"{name}.txt").write_text("1,2,3\n")
    found = measured(place)
    assert (found.trackers[0].name, len(found.trackers[0].seeds)) == ("RPN2T", 2)
    assert found.notes[0].startswith("RPN2T-seed1 is left out: 2 of its 2 results cannot be used; ")


def test_seeds_are_a_band_and_each_tracker_has_one_colour(place: Path) -> None:
    found = measured(place, trackers=["Zzz", "RPN2T", "Aaa"])
    colours = {tracker.name: style_of(number).colour for number, tracker in enumerate(found.trackers)}
    (axes,) = plot(found, "success").axes
    lines = {line.get_label().partition(" [")[0]: line for line in axes.get_lines()}
    assert {name: line.get_color() for name, line in lines.items()} == colours
    # The chosen one is drawn last and stands first in the legend; the others are ranked.
    assert max(lines, key=lambda name: lines[name].get_zorder()) == "Zzz"
    legend = [text.get_text().partition(" [")[0] for text in axes.get_legend().get_texts()]
    assert legend == ["Zzz", "RPN2T", "Aaa"]
    assert legend[1:] == sorted(legend[1:], key=lambda name: -by_name(found, name))
    (shaded,) = axes.collections
    curves = np.stack([score.success for score in found.trackers[1].by_seed(found.names)])
    edges = shaded.get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == pytest.approx((curves.min(), curves.max()))
    (axes,) = breakdown_plot(found).axes
    bars = {bar.get_facecolor() for container in axes.containers for bar in container}
    assert len(bars) == 4 * 3  # shades of the trackers' three colours
    assert tint("#0072B2", 1.0) == "#0072b2"


def by_name(found: OtbEvaluation, name: str) -> float:
    (tracker,) = (each for each in found.trackers if each.name == name)
    return tracker.mean(found.names).auc


def test_mean_deviation_and_band_by_hand() -> None:
    assert figure_text([0.5]) == "0.500"
    assert figure_text([0.5, 0.7]) == "0.600 ± 0.141"
    assert band([np.zeros(2)]) is None
    low, high = band([np.array([0.1, 0.9]), np.array([0.3, 0.2])]) or ([], [])
    assert ([*low], [*high]) == ([0.1, 0.2], [0.3, 0.9])


def test_speed_by_the_clock_is_not_got10k_s() -> None:
    one, other = measured_times(np.array([1.0, 0.1, 0.1])), measured_times(np.array([0.0, 0.2, np.nan]))
    found = speed([one, other, None])
    assert found is not None
    assert found.fps == pytest.approx(4 / 1.4)
    assert found.got10k_fps == pytest.approx(((1 + 10 + 10) / 3 + 5) / 2)
    assert found.median_ms == pytest.approx(150)
    assert found.p95_ms == pytest.approx(1000 * np.percentile([0.1, 0.1, 0.2, 1.0], 95))
    assert found.frames == 4
    assert measured_times(np.array([0.0, np.nan])) is None
    assert speed([None]) is None
    both = speed([joined([one, times_at(10, 5), None])])
    assert both is not None
    assert (both.fps, both.median_ms) == (pytest.approx(8 / 1.7), None)


def test_no_two_runs_of_vot_share_a_seed() -> None:
    """A run's repetitions have fifteen seeds of their own, one after the other."""
    assert seeds_of("ope", 4, 3) == (4, 5, 6)
    assert seeds_of("vot", 4, 3) == (4, 19, 34)


def test_the_ablation_table_has_means_over_seeds() -> None:
    growth = BoxGrowth(1.0, 2.0)
    scores = [
        {
            name: Measured(OnePassScore(0, auc, right, 9), 0.1, growth)
            for name, right in (("a", 0.5), ("b", 0.7))
        }
        for auc in (0.4, 0.6)
    ]
    full, term = find_variants("full,term1")
    table = ablation_table({full: scores, term: [{"b": scores[0]["b"]}] * 2}, "own", "")
    assert table is not None
    figures = ("0.500 ± 0.141", "0.700 ± 0.000", "0.100 ± 0.000", "1.000 ± 0.000", "2.000 ± 0.000")
    assert table.rows[0][2:] == (*figures, "1")
    assert "deviation" in table.notes[-1]


@pytest.fixture
def vot(tmp_path: Path) -> Path:
    """A sequence of 40 frames of a polygon, two seeds of a tracker, and another tracker."""
    folder = tmp_path / "vot" / "box"
    folder.mkdir(parents=True)
    for number in range(1, 41):
        cv2.imwrite(str(folder / f"{number:08d}.jpg"), np.zeros((60, 100, 3), np.uint8))
    (folder / "groundtruth.txt").write_text("10,10,30,10,30,20,10,20\n" * 40)
    for name, shift, seed in (("T-seed0", 0.0, 0), ("T-seed15", 10.0, 15), ("U", 5.0, None)):
        results = tmp_path / "results" / "vot" / name
        (results / "baseline" / "box").mkdir(parents=True)
        run = SupervisedRun([(1.0,), *[(10.0 + shift, 10.0, 20.0, 10.0)] * 39])
        (results / "baseline" / "box" / "box_001.txt").write_text(run_text(run))
        (results / "baseline" / "box" / "box_time.txt").write_text("0.05\n" * 40)
        if seed is not None:
            write_manifest(results, seed, "T")
    return tmp_path


def test_vot_s_figures_are_means_over_the_seeds(vot: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings: dict[str, Any] = {"dataset": str(vot / "vot"), "interval": (1, 40)}
    alone = compute_vot(vot / "vot", vot / "results", trackers=["T-seed0", "T-seed15"], **settings).overall
    found = evaluate_vot(vot / "vot", vot / "results", vot / "out", **settings)
    assert list(found.trackers) == ["T", "U"]
    first, second = alone.values()
    assert first.accuracy != second.accuracy
    mean = found.overall["T"]
    assert mean.accuracy == pytest.approx((first.accuracy + second.accuracy) / 2)
    assert first.eao is not None
    assert second.eao is not None
    assert mean.eao == pytest.approx((first.eao + second.eao) / 2)
    np.testing.assert_allclose(mean.curve, (first.curve + second.curve) / 2)
    assert mean.speed is not None
    assert (mean.speed.frames, mean.speed.fps) == (80, pytest.approx(20))
    eao = figure_text([first.eao, second.eao])
    assert " ± " in eao
    assert f"T (2 seeds): EAO {eao}, accuracy " in capsys.readouterr().out
    for file in (vot / "out" / "tables").glob("*.md"):
        assert " ± " in file.read_text(), file
    record = json.loads((vot / "out" / "evaluation.json").read_text())["trackers"]["T"]
    assert record["seeds"] == 2
    spread = np.std([first.accuracy, second.accuracy], ddof=1)
    assert record["overall"]["deviations"]["accuracy"] == pytest.approx(spread, abs=1e-8)
    assert [each["eao"] for each in record["overall"]["by_seed"]] == pytest.approx([first.eao, second.eao])


def test_vot_s_sequences_are_shown_with_polygons(vot: Path) -> None:
    evaluate_vot(vot / "vot", vot / "results", vot / "out", dataset=str(vot / "vot"))
    assert (vot / "out" / "strips.pdf").read_bytes().startswith(b"%PDF")
    page = (vot / "out" / "index.html").read_text()
    assert page.count("data:image/jpeg;base64") == 6
    evaluate_vot(vot / "vot", vot / "results", vot / "out", dataset=str(vot / "vot"), strips=False)
    assert not (vot / "out" / "strips.pdf").exists()
    assert "data:image/jpeg" not in (vot / "out" / "index.html").read_text()
