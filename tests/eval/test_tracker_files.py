"""Result files beyond the plain ones: MATLAB's types, late beginnings, TRE and SRE, other lists."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from numpy.typing import NDArray

from rpn2t.benchmark.experiments import OtbExperiment
from rpn2t.benchmark.otb_robustness import SHIFTS, tre_starts
from rpn2t.benchmark.result_files import ResultFolder, ablations_of
from rpn2t.errors import InputError
from rpn2t.eval.otb import metrics
from rpn2t.eval.otb.scores import compute
from rpn2t.eval.otb.tracker_files import choose_trackers, find_trackers
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import DataSet, find_dataset

Boxes = NDArray[np.float64]

TIGER = 354


def truth_of(rows: int) -> Boxes:
    """1-based boxes on a slow path."""
    steps = np.arange(rows)
    return np.stack([20 + steps // 4, 30 + steps // 7, np.full(rows, 40), np.full(rows, 30)], axis=1).astype(
        float
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Annotations alone, as the MATLAB toolkit's anno/ has them."""
    folder = tmp_path / "anno"
    folder.mkdir()
    for name, rows in (("deer", 71), ("tiger1", TIGER)):
        np.savetxt(folder / f"{name}.txt", truth_of(rows), fmt="%d", delimiter="\t")
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


def save_text(path: Path, boxes: Boxes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, boxes, fmt="%.3f", delimiter=",")


def save_mat(path: Path, *runs: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = np.empty((1, len(runs)), dtype=object)
    for index, run in enumerate(runs):
        cell[0, index] = run
    scipy.io.savemat(path, {"results": cell})


@pytest.mark.parametrize(
    ("protocol", "rows", "compared"),
    [
        ("otb", 349, True),
        ("otb", 354, True),  # got10k's file: the first five rows are dropped
        ("pysot", 354, True),
        ("got10k", 354, True),
        ("got10k", 349, False),  # begins later than the protocol does
    ],
)
def test_tiger1_begins_where_the_protocol_says(
    root: Path, results: Path, protocol: Protocol, rows: int, compared: bool
) -> None:
    save_text(results / "T" / "Tiger1.txt", truth_of(TIGER)[-rows:])
    save_text(results / "T" / "Deer.txt", truth_of(71))
    found = compute(root, results, protocol=protocol)
    assert ("Tiger1" in found.names) == compared
    if compared:
        assert found.trackers[0].scores["Tiger1"].auc == pytest.approx(20 / 21)
    else:
        assert found.absent["Tiger1"] == "T: begins 5 frames later, as protocol otb"


def corners_of(boxes: Boxes) -> Boxes:
    """Two rows a frame: x and y of the four corners, clockwise."""
    x, y, w, h = boxes.T
    across = np.stack([x, x + w, x + w, x], axis=1)
    down = np.stack([y, y, y + h, y + h], axis=1)
    return np.stack([across, down], axis=1).reshape(-1, 4)


def affine_of(boxes: Boxes, template: tuple[int, int]) -> Boxes:
    """IVT's six numbers: the centre, then the template's map."""
    x, y, w, h = boxes.T
    zero = np.zeros(len(boxes))
    return np.stack([x + w / 2, y + h / 2, w / template[0], zero, zero, h / template[1]], axis=1)


@pytest.mark.parametrize("kind", ["rect", "4corner", "affine", "ivtAff"])
def test_matlab_types(root: Path, results: Path, kind: str) -> None:
    boxes = truth_of(71) + (2, 1, 0, 0)
    run: dict[str, object] = {"type": kind, "res": boxes, "len": 71.0, "annoBegin": 1.0, "startFrame": 1.0}
    if kind in ("4corner", "affine"):
        run["res"] = corners_of(boxes)
    if kind == "ivtAff":
        run |= {"res": affine_of(boxes, (32, 24)), "tmplsize": np.array([32.0, 24.0])}
    save_mat(results / "results_OPE" / "deer_IVT.mat", run)
    (tracker,) = compute(root, results).trackers
    np.testing.assert_allclose(tracker.boxes["Deer"][1:], (boxes - (1, 1, 0, 0))[1:])


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (
            {"type": "L1Aff", "res": np.ones((71, 6))},
            "results of type L1Aff are not read; export them .* as 'rect'",
        ),
        ({"type": "rect", "res": np.ones((71, 3))}, "type rect wants 4 numbers a frame"),
        ({"type": "4corner", "res": np.ones((71, 4))}, "wants two rows of four corners a frame"),
        ({"type": "ivtAff", "res": np.ones((71, 6))}, "wants a tmplsize"),
        ({"type": "rect", "res": np.empty((0, 4))}, "its results are empty"),
    ],
)
def test_matlab_files_that_cannot_be_used(
    root: Path, results: Path, run: dict[str, object], words: str
) -> None:
    save_mat(results / "results_OPE" / "deer_X.mat", run)
    with pytest.raises(InputError, match=rf"deer_X\.mat: .*{words}"):
        compute(root, results)


@pytest.mark.parametrize(("name", "words"), [("deer_X.mat", "no MATLAB file"), ("X/Deer.json", "not JSON")])
def test_damaged_files(root: Path, results: Path, name: str, words: str) -> None:
    (results / name).parent.mkdir(exist_ok=True)
    (results / name).write_bytes(b"\x00damaged")
    with pytest.raises(InputError, match=words):
        compute(root, results)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        ({"res": [[10**400, 1, 4, 3]]}, "its boxes are not rows of numbers"),
        ({"res": [[1, 1, 4, {}]]}, "its boxes are not rows of numbers"),
        ({"res": [[1] * 6] * 71, "resType": "ivtAff", "tmplsize": [10**400, 2]}, "not rows of numbers"),
        ({"res": [[1, 1, 4, 3]] * 70, "fps": 10**400, "startFrame": 10**400}, "has 70 boxes"),
    ],
)
def test_json_files_that_cannot_be_used(
    root: Path, results: Path, run: dict[str, object], words: str
) -> None:
    (results / "X").mkdir()
    (results / "X" / "Deer.json").write_text(json.dumps([run]))
    with pytest.raises(InputError, match=rf"Deer\.json: .*{words}"):
        compute(root, results)


def test_json_without_end_is_damaged(root: Path, results: Path) -> None:
    (results / "X").mkdir()
    (results / "X" / "Deer.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"Deer\.json: not JSON"):
        compute(root, results)


def test_boxes_that_are_none_follow_the_toolkits_rule_where_its_own_files_have_them(
    root: Path, results: Path
) -> None:
    boxes = truth_of(71)
    boxes[5] = np.nan
    save_mat(results / "results_OPE" / "deer_X.mat", {"type": "rect", "res": boxes, "len": 71.0})
    found = compute(root, results)
    assert found.notes == ("X: 1 boxes of Deer are none (NaN, or without area)",)
    np.testing.assert_array_equal(found.trackers[0].boxes["Deer"][5], found.trackers[0].boxes["Deer"][4])


def test_names_with_underscores_fall_apart_rightly(results: Path) -> None:
    for name in (
        "jogging_1_KCF_Gauss.mat",
        "Human4.2_KCF_Gauss.mat",
        "David_KCF_Gauss.mat",
        "David2_KCF_Gauss.mat",
    ):
        save_mat(results / name, {"type": "rect", "res": np.ones((3, 4))})
    found = find_trackers(results, find_dataset("otb100"), "ope")
    assert set(found) == {"KCF_Gauss"}
    assert set(found["KCF_Gauss"].files) == {"Jogging-1", "Human4-2", "David", "David2"}


def test_sequences_of_another_list_are_passed_over(results: Path) -> None:
    save_text(results / "T" / "Deer.txt", truth_of(71))
    save_text(results / "T" / "Bird2.txt", truth_of(99))  # not of TB-50
    (tracker,), notes = choose_trackers(find_trackers(results, find_dataset("otb50"), "ope"), [])
    assert set(tracker.files) == {"Deer"}
    assert notes == []


def test_one_name_for_two_folders_is_compared_under_neither(results: Path) -> None:
    for place in ("OTB2015/T", "OTB100/T", "U"):
        save_text(results / place / "Deer.txt", truth_of(71))
    found = find_trackers(results, find_dataset("otb100"), "ope")
    doubled = r"T: has results in .*OTB100.* and in .*OTB2015.*; keep one of them"
    chosen, (note,) = choose_trackers(found, [])
    assert [each.name for each in chosen] == ["U"]
    assert re.fullmatch(f"T is left out: {doubled}", note)
    with pytest.raises(InputError, match=doubled):
        choose_trackers(found, ["U", "T"])


def test_trackers_are_chosen_in_order_and_unknown_ones_named(results: Path) -> None:
    for name in ("A", "b", "C"):
        save_text(results / name / "Deer.txt", truth_of(71))
    found = find_trackers(results, find_dataset("otb100"), "ope")
    assert [each.name for each in choose_trackers(found, ["c", "A"])[0]] == ["C", "A"]
    with pytest.raises(InputError, match="Z: no results of such a tracker; there are A, b, C"):
        choose_trackers(found, ["Z"])


@pytest.mark.parametrize(
    ("missing", "words"), [("no", "no such folder"), (".", "holds no tracker's OPE results")]
)
def test_folders_without_results(root: Path, results: Path, missing: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compute(root, results / missing)


def runs_of(experiment: OtbExperiment) -> dict[str, Boxes]:
    """Run -> boxes over Deer: perfect, but for one run that is off from its second frame on."""
    truth = truth_of(71)
    if experiment == "sre":
        return {shift: truth + (400 * (shift == "up"), 0, 0, 0) for shift in SHIFTS}
    starts = tre_starts(truth - (1, 1, 0, 0))
    return {
        f"{number:02d}": truth[start:] + (400 * (number == 3), 0, 0, 0)
        for number, start in enumerate(starts, 1)
    }


@pytest.mark.parametrize("experiment", ["tre", "sre"])
@pytest.mark.parametrize("layout", ["text", "mat", "json"])
def test_the_frames_of_all_runs_are_counted_together(
    root: Path, results: Path, experiment: OtbExperiment, layout: str
) -> None:
    runs = runs_of(experiment)
    if layout == "text":
        for run, boxes in runs.items():
            save_text(results / f"OTB2015-{experiment.upper()}" / "T" / f"Deer_{run}.txt", boxes)
    elif layout == "mat":
        save_mat(
            results / f"results_{experiment.upper()}" / "deer_T.mat",
            *({"type": "rect", "res": boxes, "len": float(len(boxes))} for boxes in runs.values()),
        )
    else:
        place = results / experiment.upper() / "T"
        place.mkdir(parents=True)
        (place / "Deer.json").write_text(json.dumps([{"res": boxes.tolist()} for boxes in runs.values()]))
    lost = len(runs["up" if experiment == "sre" else "03"]) - 1  # its first frame is given
    frames = sum(len(boxes) for boxes in runs.values())
    (tracker,) = compute(root, results, experiment=experiment).trackers
    assert tracker.scores["Deer"].precision_20 == pytest.approx(1 - lost / frames)
    assert tracker.scores["Deer"].auc == pytest.approx((1 - lost / frames) * 20 / 21)


@pytest.mark.parametrize("experiment", ["tre", "sre"])
def test_rows_beyond_the_truth_are_cut_if_it_is_known_where_the_run_began(
    root: Path, results: Path, experiment: OtbExperiment
) -> None:
    for run, boxes in runs_of(experiment).items():
        more = np.concatenate([boxes, np.ones((2, 4))])
        save_text(results / f"OTB2015-{experiment.upper()}" / "T" / f"Deer_{run}.txt", more)
    if experiment == "tre":
        with pytest.raises(
            InputError, match=r"has 73 boxes, .* from frame 0 \(from 0\) on has 71; run it again"
        ):
            compute(root, results, experiment="tre")
        return
    found = compute(root, results, experiment="sre")
    assert found.trackers[0].scores["Deer"].precision_20 == pytest.approx(1 - 70 / (12 * 71))
    (note,) = found.notes
    assert note.endswith(
        "Deer_left.txt: has 73 boxes for 71 frames; the last 2 are cut, and so in 11 more runs"
    )


def test_experiments_do_not_mix(root: Path, results: Path) -> None:
    save_text(results / "OTB2015" / "T" / "Deer.txt", truth_of(71))
    for run, boxes in runs_of("tre").items():
        save_text(results / "OTB2015-TRE" / "T" / f"Deer_{run}.txt", boxes + (100, 0, 0, 0))
    (tracker,) = compute(root, results).trackers
    assert tracker.scores["Deer"].precision_20 == 1
    with pytest.raises(InputError, match="no tracker's SRE results"):
        compute(root, results, experiment="sre")


def own_folder(parent: Path, name: str) -> DataSet:
    """A data set of the user's own: one sequence that no list has."""
    sequence = parent / name / "Kite"
    (sequence / "img").mkdir(parents=True)
    for number in range(1, 31):
        (sequence / "img" / f"{number:04d}.jpg").touch()
    np.savetxt(sequence / "groundtruth_rect.txt", truth_of(30), fmt="%d", delimiter=",")
    return find_dataset(str(parent / name))


def save_benchmarked(results: Path, dataset: DataSet, tracker: str, boxes: Boxes) -> None:
    """What `rpn2t benchmark` leaves."""
    folder = ResultFolder(results, dataset, "ope", tracker)
    save_text(folder.boxes(dataset.entries[0]), boxes)
    folder.manifest.write_text("{}")


def test_benchmarks_of_several_data_sets_share_a_folder(tmp_path: Path, results: Path) -> None:
    mine, other = own_folder(tmp_path, "votlike"), own_folder(tmp_path, "other")
    save_benchmarked(results, mine, "tb50", truth_of(30))
    save_benchmarked(results, other, "tb50", truth_of(30) + (100, 0, 0, 0))
    save_benchmarked(results, other, "KCF", truth_of(20))
    (tracker,) = compute(mine.name, results, dataset=mine.name).trackers
    assert tracker.name == "tb50"
    assert tracker.scores["Kite"].precision_20 == 1
    third = own_folder(tmp_path, "third")
    with pytest.raises(
        InputError, match=f"on .*third; .* another data set's, say --results {results}/other$"
    ):
        compute(third.name, results, dataset=third.name)
    names = [each.name for each in compute(third.name, results / "votlike", dataset=third.name).trackers]
    assert names == ["tb50"]


def test_ablations_are_compared_only_by_name(tmp_path: Path, results: Path) -> None:
    mine = own_folder(tmp_path, "mine")
    save_benchmarked(results, ablations_of(mine), "ablate-full", truth_of(30))
    with pytest.raises(InputError, match="there are only ablations; name them: --trackers ablate-full"):
        compute(mine.name, results, dataset=mine.name)
    save_benchmarked(results, mine, "KCF", truth_of(30))
    for named in ([], ["ablate-full", "KCF"]):
        found = compute(mine.name, results, dataset=mine.name, trackers=named)
        assert [each.name for each in found.trackers] == (named or ["KCF"])
        assert found.notes == ()
    inside = compute(mine.name, results / "mine-ABLATION", dataset=mine.name)
    assert [each.name for each in inside.trackers] == ["ablate-full"]


def test_results_on_another_folder_of_the_same_name_are_noted(tmp_path: Path, results: Path) -> None:
    mine = own_folder(tmp_path, "mine")
    save_benchmarked(results, mine, "KCF", truth_of(30))
    manifest = ResultFolder(results, mine, "ope", "KCF").manifest
    for folder, notes in ((mine.folder, ()), ("/d2/mine", ("KCF: its results were made on /d2/mine",))):
        manifest.write_text(json.dumps({"folder": str(folder)}))
        assert compute(mine.name, results, dataset=mine.name).notes == notes


def test_a_run_that_is_missing_leaves_the_sequence_out(root: Path, results: Path) -> None:
    for run, boxes in runs_of("tre").items():
        if run != "07":
            save_text(results / "OTB2015-TRE" / "T" / f"Deer_{run}.txt", boxes)
    with pytest.raises(InputError, match=r"of every tracker \(T is left out: no file of run 07\)"):
        compute(root, results, experiment="tre")


@pytest.mark.parametrize("layout", ["text", "mat"])
def test_other_runs_than_the_compared_frames_ask_for_leave_the_sequence_out(
    root: Path, results: Path, layout: str
) -> None:
    """Runs over all 71 frames are twenty; of the first 30 frames there would be nineteen."""
    if layout == "text":
        for run, boxes in runs_of("tre").items():
            save_text(results / "OTB2015-TRE" / "T" / f"Deer_{run}.txt", boxes)
    else:
        save_mat(
            results / "results_TRE" / "deer_T.mat",
            *({"type": "rect", "res": boxes, "len": float(len(boxes))} for boxes in runs_of("tre").values()),
        )
    with pytest.raises(InputError, match=r"of every tracker \(T is left out: 20 runs of 19\)"):
        compute(root, results, experiment="tre", frames=30)


def test_speed_is_by_the_clock_and_as_got10k_has_it(root: Path, results: Path) -> None:
    save_text(results / "T" / "Deer.txt", truth_of(71))
    (results / "T" / "times").mkdir()
    np.savetxt(results / "T" / "times" / "Deer_time.txt", [0, 0.1, 0.5])
    save_text(results / "U" / "Deer.txt", truth_of(71))
    found = {each.name: each.mean(["Deer"]).speed for each in compute(root, results).trackers}
    assert found["U"] is None
    assert found["T"] is not None
    assert found["T"].fps == pytest.approx(2 / 0.6)  # the frame of 0 s was not measured
    assert found["T"].got10k_fps == pytest.approx((1 / 0.1 + 1 / 0.5) / 2)
    assert found["T"].median_ms == pytest.approx(300)
    assert found["T"].p95_ms == pytest.approx(100 + 0.95 * 400)


def test_curves_equal_the_metrics(root: Path, results: Path) -> None:
    boxes = truth_of(71) + np.random.default_rng(0).normal(0, 6, (71, 4)) * (1, 1, 0, 0)
    save_text(results / "T" / "Deer.txt", boxes.round(3))
    (tracker,) = compute(root, results).trackers
    result = metrics.one_pass_score(boxes.round(3) - (1, 1, 0, 0), truth_of(71) - (1, 1, 0, 0))
    assert tracker.scores["Deer"].auc == pytest.approx(result.success_auc)
    assert tracker.scores["Deer"].precision_20 == pytest.approx(result.precision_20)


def own_sequence(root: Path, name: str, images: int, truth: Boxes) -> None:
    """A sequence in OTB's layout that no list has."""
    (root / name / "img").mkdir(parents=True)
    for number in range(1, images + 1):
        (root / name / "img" / f"{number:04d}.jpg").write_bytes(b"not read")
    np.savetxt(root / name / "groundtruth_rect.txt", truth, fmt="%d", delimiter=",")


@pytest.mark.parametrize("experiment", ["ope", "tre"])
def test_only_frames_with_a_ground_truth_are_measured(
    tmp_path: Path, results: Path, experiment: OtbExperiment
) -> None:
    """A run is right for the 30 frames that have a ground truth, and elsewhere for the other 10."""
    root = tmp_path / "mine"
    own_sequence(root, "part", 40, truth_of(30))
    boxes = truth_of(40)
    boxes[30:] += 500
    runs = {"part": 0}
    if experiment == "tre":
        starts = tre_starts(truth_of(30) - (1, 1, 0, 0))
        runs = {f"part_{number:02}": start for number, start in enumerate(starts, start=1)}
    for name, start in runs.items():
        save_text(results / "T" / f"{name}.txt", boxes[start:])
    found = compute(root, results, dataset=str(root), experiment=experiment)
    assert found.trackers[0].scores["part"].auc == pytest.approx(20 / 21)
    assert [len(sequence) for sequence in found.sequences] == [30]


def test_a_first_box_alone_is_nothing_to_measure_by(tmp_path: Path, results: Path) -> None:
    root = tmp_path / "mine"
    own_sequence(root, "secret", 5, truth_of(1))
    own_sequence(root, "known", 5, truth_of(5))
    for name in ("secret", "known"):
        save_text(results / "T" / f"{name}.txt", truth_of(5))
    found = compute(root, results, dataset=str(root))
    assert found.names == ("known",)
    assert found.absent == {"secret": "its ground truth has only the first frame's box"}


def test_py_mdnet_s_results_are_in_folders_called_after_the_sequences(root: Path, results: Path) -> None:
    for name, rows in (("Deer", 71), ("Tiger1", TIGER)):
        (results / "py-MDNet" / name).mkdir(parents=True)
        content = {"res": truth_of(rows).tolist(), "type": "rect", "fps": 1.5}
        (results / "py-MDNet" / name / "result.json").write_text(json.dumps(content))
    (tracker,) = compute(root, results, dataset="otb100").trackers
    assert tracker.name == "py-MDNet"
    for name in ("Deer", "Tiger1"):
        assert tracker.scores[name].auc == pytest.approx(20 / 21)
        measured = tracker.scores[name].speed
        assert measured is not None
        # The file says one number for all frames: what a single frame takes is not known.
        assert (measured.fps, measured.got10k_fps) == (pytest.approx(1.5), pytest.approx(1.5))
        assert (measured.median_ms, measured.p95_ms) == (None, None)
