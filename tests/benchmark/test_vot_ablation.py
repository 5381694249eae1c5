"""`rpn2t ablate` on sequences in VOT's layout: the supervised experiment for each variant."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from rpn2t.benchmark.result_files import ResultFolder
from rpn2t.benchmark.variants import find_variants
from rpn2t.benchmark.vot_supervised import SupervisedRun, run_text
from rpn2t.cli import main
from rpn2t.cli.actions.benchmark import BenchmarkOptions
from rpn2t.eval.vot.ablation import ablation_table
from rpn2t.eval.vot.scores import compute
from rpn2t.system.files import write_whole
from support import make_clip


def make_vot(folder: Path, frames: int) -> Path:
    """A folder of one sequence in VOT's layout."""
    clip = make_clip(folder.parent / "clip", frames)
    (folder / "square").mkdir(parents=True)
    for number, image in enumerate(clip.images, start=1):
        cv2.imwrite(str(folder / "square" / f"{number:08d}.png"), image)
    np.savetxt(folder / "square" / "groundtruth.txt", clip.truth, fmt="%d", delimiter=",")
    return folder


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, BenchmarkOptions]]:
    """What was to be run: instead of that, each variant gets a run that follows the truth."""
    calls = []

    def run_over(options, spec, dataset, sequences, name):  # type: ignore[no-untyped-def]
        calls.append((name, options))
        for sequence in sequences:
            regions = [(1,), *(tuple(box) for box in sequence.truth[1:])]
            file = ResultFolder(options.results, dataset, "vot", name).boxes(sequence.entry, "001")
            write_whole(file, run_text(SupervisedRun(tuple(regions))))

    monkeypatch.setattr("rpn2t.cli.actions.benchmark.run_over", run_over)
    return calls


def test_each_variant_is_run_and_measured_as_vot_does(
    tmp_path: Path, ran: list[tuple[str, BenchmarkOptions]]
) -> None:
    root = make_vot(tmp_path / "vot", 20)
    results = tmp_path / "results"
    arguments = [
        "ablate",
        str(root),
        "--variants",
        "full,term1",
        "--results",
        str(results),
        "--device",
        "cpu",
    ]
    assert main([*arguments, "--repetitions", "2"]) == 0
    assert [(name, options.repetitions) for name, options in ran] == [("ablate-full", 2), ("ablate-term1", 2)]
    header, *rows = (results / "vot-ABLATION" / "ablation.csv").read_text().splitlines()
    assert header == "variant,what is changed,EAO,accuracy,robustness,failures in 100 frames,sequences"
    assert [row.split(",")[0] for row in rows] == ["full", "term1"]
    assert all(row.endswith(",1.000,1.000,0.000,0.000,1") for row in rows)
    title = (results / "vot-ABLATION" / "ablation.md").read_text().splitlines()[0]
    assert "supervised experiment, 1 of 1 sequences" in title
    assert title.endswith("seed 0")


def test_results_of_fewer_frames_are_no_table(
    tmp_path: Path, ran: list[tuple[str, BenchmarkOptions]], capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said why, and nothing that is there is lost."""
    root = make_vot(tmp_path / "vot", 20)
    arguments = ["ablate", str(root), "--variants", "full", "--results", str(tmp_path), "--device", "cpu"]
    assert main([*arguments, "--frames", "10"]) == 0
    table = (tmp_path / "vot-ABLATION" / "ablation.md").read_text()
    file = tmp_path / "vot-ABLATION" / "ablate-full" / "baseline" / "square" / "square_002.txt"
    file.write_text("1\nnothing\n")
    assert main([*arguments, "--frames", "10"]) == 0
    assert "there is no table" in capsys.readouterr().out
    assert (tmp_path / "vot-ABLATION" / "ablation.md").read_text() == table


def test_the_figures_are_those_of_vot_s_evaluation(tmp_path: Path) -> None:
    """A run that fails in frame 10 of 20, and one that never does, with boxes that are known."""
    root = make_vot(tmp_path / "vot", 20)
    truth = np.loadtxt(root / "square" / "groundtruth.txt", delimiter=",")
    whole = [(1,), *(tuple(box) for box in truth[1:])]
    broken = [*whole[:10], (2,), *[(0,)] * 4, (1,), *whole[16:]]
    for name, regions in (("full", whole), ("term1", broken)):
        place = tmp_path / "results" / f"ablate-{name}" / "baseline" / "square"
        place.mkdir(parents=True)
        (place / "square_001.txt").write_text(run_text(SupervisedRun(tuple(regions))))
    variants = {f"ablate-{each.name}": each for each in find_variants("full,term1,term2")}
    evaluation = compute(
        root, tmp_path / "results", dataset=str(root), trackers=["ablate-full", "ablate-term1"]
    )
    table = ablation_table(evaluation, variants, ", seed 7")
    assert table.title.endswith(", seed 7")
    assert [row[0] for row in table.rows] == ["full", "term1"]  # term2 has no results
    full, term1 = table.rows
    assert full[2:] == ("1.000", "1.000", "0.000", "0.000", "1")
    assert term1[4:6] == ("1.000", "5.000")  # one failure in 20 frames
