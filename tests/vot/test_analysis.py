"""The VOT toolkit's overlaps and analysis, and ours, on random regions and on published trackers' results."""

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rpn2t.benchmark.vot_supervised import SupervisedRun
from rpn2t.eval.vot.metrics import INTERVALS, overlaps_of, score_dataset, score_sequence
from rpn2t.eval.vot.tracker_files import read_runs
from rpn2t.sequences.vot_regions import Region, as_region, overlap

SCRIPT = Path(__file__).with_name("toolkit_scores.py")
PUBLISHED = Path(os.environ.get("RPN2T_PUBLISHED", ""))
"""A folder with annotations/vot-otb.json and results/VOT2015."""

Case = tuple[list[SupervisedRun], list[Region], tuple[int, int]]


def toolkit(cases: list[Case], interval: tuple[int, int]) -> Any:
    sequences = [
        {"size": size, "truth": truth, "runs": [run.regions for run in runs]} for runs, truth, size in cases
    ]
    done = subprocess.run(
        [os.environ["RPN2T_VOT_PYTHON"], SCRIPT],
        input=json.dumps({"low": interval[0], "high": interval[1], "sequences": sequences}),
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def compare(cases: list[Case], interval: tuple[int, int]) -> None:
    """Overlaps are the same to the last bit, measures to 1e-6: the toolkit sums EAO in single precision."""
    theirs = toolkit(cases, interval)
    for (runs, truth, size), overlaps in zip(cases, theirs["overlaps"], strict=True):
        for run, wanted in zip(runs, overlaps, strict=True):
            found = overlaps_of(run, truth, size)
            tracked = [index for index, region in enumerate(run.regions) if len(region) > 1]
            assert found[tracked].tolist() == [wanted[index] for index in tracked]
    scores = [score_sequence(runs, truth, size, None) for runs, truth, size in cases]
    ours = score_dataset(scores, interval)
    for mine, (accuracy, failures) in zip(scores, theirs["sequences"], strict=True):
        assert mine.accuracy == pytest.approx(accuracy, abs=1e-9)
        assert mine.failures == failures
    assert ours.accuracy == pytest.approx(theirs["accuracy"], abs=1e-9)
    assert ours.robustness == pytest.approx(theirs["robustness"], abs=1e-9)
    assert ours.reliability == pytest.approx(theirs["reliability"], abs=1e-9)
    assert ours.curve[1:].tolist() == pytest.approx(theirs["curve"][1:], abs=1e-6)
    assert ours.eao == pytest.approx(theirs["eao"], abs=1e-6)


def a_region(rng: random.Random) -> Region:
    """A rectangle or a polygon, at times outside of 320 x 240 pixels, or of whole numbers."""
    x, y, w, h = rng.uniform(-60, 330), rng.uniform(-60, 250), rng.uniform(-2, 150), rng.uniform(-2, 150)
    if rng.random() < 0.4:
        return tuple(round(value, rng.choice([0, 1, 4])) for value in (x, y, w, h))
    corners = rng.choice([3, 4, 4, 4, 7])
    points = [(x + rng.uniform(-80, 80), y + rng.uniform(-80, 80)) for _ in range(corners)]
    if corners == 4 and rng.random() < 0.7:
        skew = rng.uniform(-20, 20)
        points = [(x, y), (x + w, y + skew), (x + w - skew, y + h), (x - skew, y + h - skew)]
    return tuple(round(value, rng.choice([0, 2])) for point in points for value in point)


def test_random_regions_overlap_alike() -> None:
    rng = random.Random(5)
    first = [a_region(rng) for _ in range(3000)]
    second = [
        tuple(v + rng.uniform(-5, 5) for v in a) if rng.random() < 0.5 else a_region(rng) for a in first
    ]
    size = (320, 240)
    theirs = toolkit([([SupervisedRun(first)], second, size)], (1, 2))["overlaps"][0][0]
    assert [overlap(a, b, size) for a, b in zip(first, second, strict=True)] == theirs


def test_random_runs_score_alike() -> None:
    rng = random.Random(6)
    cases: list[Case] = []
    for _ in range(12):
        frames = rng.randint(25, 120)
        truth = [(100 + index / 3, 80.0, 60.0, 50.0) for index in range(frames)]
        runs = [a_run(rng, truth) for _ in range(rng.choice([1, 3]))]
        cases.append((runs, truth, (320, 240)))
    compare(cases, (15, 60))


def a_run(rng: random.Random, truth: list[Region]) -> SupervisedRun:
    """Boxes near the truth, with failures now and then, and at the very end."""
    regions: list[Region] = []
    while len(regions) < len(truth):
        regions.append((1.0,))
        while len(regions) < len(truth):
            if rng.random() < 0.03:
                regions += [(2.0,), *[(0.0,)] * 4]
                break
            regions.append(tuple(value + rng.uniform(-15, 15) for value in truth[len(regions)]))
    return SupervisedRun(regions[: len(truth)])


@pytest.mark.skipif("RPN2T_PUBLISHED" not in os.environ, reason="RPN2T_PUBLISHED is not set")
@pytest.mark.parametrize("tracker", ["srdcf", "DSST"])
def test_published_results_score_alike(tracker: str) -> None:
    """On the sequences of VOT2015 whose upright boxes are at hand."""
    listed = json.loads((PUBLISHED / "annotations" / "vot-otb.json").read_text())
    cases: list[Case] = []
    for path, sequence in listed.items():
        year, name = path.split("/")
        if year == "vot2015":
            runs = read_runs(PUBLISHED / "results" / "VOT2015" / tracker / "baseline", name)
            truth = [as_region(box) for box in sequence["gt"]]
            cases.append((list(runs.values()), truth, (4000, 4000)))
    assert len(cases) > 40
    compare(cases, INTERVALS["vot2015"])
