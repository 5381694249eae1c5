"""The real VOT toolkit runs our trackers through TraX, and finds what our own loop and measures find.

`make test-vot` runs these: the toolkit lives in an environment of its own, whose Python is RPN2T_VOT_PYTHON,
and only its command line is used. What agrees with what goes into agreement.json in its environment's folder.

Versions 0.8 and 0.9 of the toolkit cannot run the supervised experiment with any tracker (their experiment
hands one object over where their runtime wants a list of them), so that one is run by 0.7.4, whose package
lies in the same folder; everything else, the analysis included, is done by the newest.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.benchmark.vot_supervised import SupervisedRun, as_written, ground_truth, read_run
from rpn2t.boxes import as_box
from rpn2t.eval.vot.metrics import score_dataset, score_sequence
from rpn2t.eval.vot.scores import compute
from rpn2t.run.session import run
from rpn2t.sequences.registry import find_dataset
from rpn2t.sequences.target import Target
from rpn2t.sequences.vot_regions import INITIALIZED, is_state
from rpn2t.video.images import ImageSource
from support import command, make_clip, set_options

PYTHON = Path(os.environ.get("RPN2T_VOT_PYTHON", ""))

REAL = Path(os.environ.get("RPN2T_SEQUENCES", ""))

INTERVAL = (5, 25)
"""Of the expected average overlap, for sequences of some 40 frames."""

STACK = """
title: Ours
experiments:
  baseline:
    type: supervised
    repetitions: {repetitions}
    skip_initialize: 5
    analyses:
      - type: supervised_average_ar
        sensitivity: 30
      - type: supervised_eao_score
        low: {low}
        high: {high}
      - type: supervised_eao_curve
  unsupervised:
    type: unsupervised
    repetitions: 1
"""

TRACKERS = '''
"""A tracker that loses its target again and again, through boxes that no short number writes."""


class Drifting:
    """Drifts, grows, and leaves the image; now and then its box is none."""

    def init(self, image, box):
        self.box, self.frame = box, 0

    def update(self, image):
        self.frame += 1
        x, y, w, h = self.box
        if self.frame == 11:
            return (float("nan"), y, w, h), 0.0
        growth = 1 + self.frame / 29
        return (x + self.frame * 11 / 3, y - self.frame / 7, w * growth, h * growth), 1 / self.frame
'''


SEEDED = '''
"""A tracker that leaves the box by a distance of its seed's."""


class Seeded:
    def __init__(self, seed):
        # Whole pixels, as the toolkit compares repetitions by these.
        self.right, self.down = seed % 32, seed // 32 % 32

    def init(self, image, box):
        self.box = box

    def update(self, image):
        x, y, w, h = self.box
        return (x + self.right, y + self.down, w, h), 1.0
'''


@dataclass(frozen=True)
class Workspace:
    """A workspace of the toolkit's.

    Attributes:
        path: its folder.
    """

    path: Path

    def vot(self, *words: str, supervised: bool = False) -> str:
        """Runs `vot`, the newest or that with a working supervised experiment; what it printed."""
        environment = dict(os.environ, HTTPS_PROXY="http://127.0.0.1:9")  # it looks for a newer version first
        if supervised:
            environment["PYTHONPATH"] = str(PYTHON.parents[1] / "supervised")
        done = subprocess.run(
            [str(PYTHON), "-m", "vot", *words],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def runs(self, tracker: str, sequence: str, experiment: str = "baseline") -> list[SupervisedRun]:
        """The repetitions that the toolkit made."""
        folder = self.path / "results" / tracker / experiment / sequence
        return [read_run(file) for file in sorted(folder.glob(f"{sequence}_[0-9][0-9][0-9].bin"))]

    def analysis(self, tracker: str, supervised: bool = False) -> dict[str, Any]:
        """What the toolkit measured."""
        name = f"{tracker}-{supervised}"
        shutil.rmtree(self.path / "cache", ignore_errors=True)  # what the other version has found
        self.vot("analysis", tracker, "--format", "json", "--name", name, supervised=supervised)
        found = json.loads((self.path / "analysis" / f"{name}.json").read_text())
        ((average,),), ((score,),), ((curve,),) = (
            [result] for result in found["results"]["baseline"]["results"]
        )
        accuracy, robustness, (reliability, _), _ = average
        return {
            "accuracy": accuracy,
            "robustness": robustness,
            "reliability": reliability,
            "eao": score[0],
            "curve": curve[0],
        }


@pytest.fixture(autouse=True, scope="session")
def toolkit() -> None:
    """Fails at once where the toolkit is not there."""
    if "RPN2T_VOT_PYTHON" not in os.environ:
        pytest.fail("`make test-vot` installs the toolkit and runs these tests")


@pytest.fixture(scope="session")
def agreement() -> Iterator[dict[str, Any]]:
    """What agrees with what; it is written when all is done."""
    found: dict[str, Any] = {}
    yield found
    (PYTHON.parents[1] / "agreement.json").write_text(json.dumps(found, indent=1) + "\n")


def make_workspace(folder: Path, sequences: list[Path], repetitions: int = 15) -> Workspace:
    """A workspace with these sequences, which stay where they are."""
    workspace = Workspace(folder)
    folder.mkdir()
    (folder / "stack.yaml").write_text(
        STACK.format(repetitions=repetitions, low=INTERVAL[0], high=INTERVAL[1])
    )
    workspace.vot("initialize", str(folder / "stack.yaml"), "--workspace", str(folder), "--nodownload")
    for sequence in sequences:
        (folder / "sequences" / sequence.name).symlink_to(sequence)
    (folder / "sequences" / "list.txt").write_text("".join(f"{each.name}\n" for each in sequences))
    return workspace


def write_sequence(folder: Path, images: list[NDArray[np.uint8]], regions: list[str]) -> None:
    """A sequence in VOT's layout."""
    (folder / "color").mkdir(parents=True)
    for number, image in enumerate(images, start=1):
        cv2.imwrite(str(folder / "color" / f"{number:08d}.png"), image)
    (folder / "groundtruth.txt").write_text("".join(f"{region}\n" for region in regions))
    (folder / "sequence").write_text("channels.color=color/%08d.png\nfps=30\n")


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sequences: `smooth`, `leap`, in which the target leaps away, and `tilted`, with polygons."""
    root = tmp_path_factory.mktemp("synthetic")
    clip = make_clip(tmp_path_factory.mktemp("clip") / "clip", 40)
    rectangles = [",".join(f"{number:.0f}" for number in box) for box in clip.truth]
    write_sequence(root / "smooth", clip.images, rectangles)

    images, regions = [], []
    square = clip.images[0][40:74, 50:90]
    for index in range(40):
        image = cv2.flip(clip.images[20], 1)
        x, y = (4 + index, 5) if index < 15 else (118 - index, 80)
        image[y : y + 34, x : x + 40] = square
        images.append(image)
        regions.append(f"{x},{y},40,34")
    write_sequence(root / "leap", images, regions)

    corners = np.array([(-3.217, 17.5), (20.125, -4.0), (43.333, 16.8), (19.002, 38.625)])
    polygons = [",".join(f"{number:.3f}" for number in (box[:2] + corners).ravel()) for box in clip.truth]
    write_sequence(root / "tilted", clip.images, polygons)
    return root


@pytest.fixture(scope="session")
def trackers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the trackers above."""
    folder = tmp_path_factory.mktemp("trackers")
    (folder / "votrackers.py").write_text(TRACKERS)
    return folder


def rpn2t(*words: str, path: Path) -> str:
    """Runs our command, where PYTHONPATH is this path; what it printed."""
    done = subprocess.run(
        [*command(), *words],
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Both:
    """One tracker, run by the toolkit through `rpn2t trax`, and by `rpn2t benchmark`.

    Attributes:
        workspace: the toolkit's.
        sequences: as we read them.
        results: the folder of our runs.
        name: of the tracker.
    """

    workspace: Workspace
    sequences: tuple[Target, ...]
    results: Path
    name: str

    def ours(self, sequence: str) -> list[SupervisedRun]:
        """Our repetitions."""
        files = sorted((self.results / "baseline" / sequence).glob(f"{sequence}_[0-9][0-9][0-9].txt"))
        return [read_run(file) for file in files]

    def theirs(self, sequence: str) -> list[SupervisedRun]:
        """The toolkit's."""
        return self.workspace.runs(self.name, sequence)


def run_both(
    folder: Path, root: Path, names: list[str], tracker: str, path: Path, *options: str, repetitions: int = 15
) -> Both:
    """Run a tracker by the toolkit and by us.

    Args:
        folder: for the workspace and our results.
        root: of the sequences.
        names: of them.
        tracker: which.
        path: where its module is.
        options: more of them, for both.
        repetitions: at most.
    """
    workspace = make_workspace(folder / "workspace", [root / name for name in names], repetitions)
    name = tracker.rpartition(":")[2].upper()
    words = ["--tracker", tracker, "--name", name, *options]
    rpn2t("trax", "--workspace", str(workspace.path), *words, path=path)
    output = workspace.vot("evaluate", name, "--experiments", "baseline", supervised=True)
    assert "Evaluation concluded successfuly" in output, output
    rpn2t(
        "benchmark", str(root), "--results", str(folder), "--sequences", ",".join(names),
        "--repetitions", str(repetitions), *words, path=path,
    )  # fmt: skip
    dataset = find_dataset(str(root)).select(names)
    (results,) = [found.parent for found in folder.glob(f"*/{name}/manifest.json")]
    return Both(workspace, dataset.open(root).sequences, results, name)


def largest_difference(ours: SupervisedRun, theirs: SupervisedRun) -> float:
    """In pixels; every state must be the same."""
    assert len(ours.regions) == len(theirs.regions)
    largest = 0.0
    for frame, (mine, other) in enumerate(zip(ours.regions, theirs.regions, strict=True)):
        if is_state(mine) or is_state(other):
            assert mine == other, f"frame {frame}: {mine} and {other}"
        else:
            largest = max(largest, *np.abs(np.subtract(mine, other)).tolist())
    return largest


def same_runs(both: Both) -> dict[str, Any]:
    """Compares every repetition; how far they are apart, and how often the target was lost."""
    found = {}
    for sequence in both.sequences:
        ours, theirs = both.ours(sequence.name), both.theirs(sequence.name)
        apart = max(largest_difference(*pair) for pair in zip(ours, theirs, strict=True))
        found[sequence.name] = {
            "frames": len(sequence),
            "repetitions": len(theirs),
            "failures": [len(run.failures) for run in theirs],
            "largest_difference": apart,
        }
        assert apart < 1e-4
    return found


def our_measures(both: Both) -> dict[str, Any]:
    """Accuracy, robustness, reliability, curve and eao of our runs by our own code."""
    scores = []
    for target in both.sequences:
        height, width = cv2.imread(str(target.images[0])).shape[:2]
        scores.append(score_sequence(both.ours(target.name), ground_truth(target), (width, height), None))
    found = score_dataset(scores, INTERVAL)
    return {
        "accuracy": found.accuracy,
        "robustness": found.robustness,
        "reliability": found.reliability,
        "eao": found.eao,
        "curve": found.curve.tolist(),
    }


def same_measures(both: Both) -> dict[str, Any]:
    """Compares our measures with the toolkit's own, of both versions."""
    ours = our_measures(both)
    theirs = {version: both.workspace.analysis(both.name, version) for version in (False, True)}
    for measured in theirs.values():
        for key, value in measured.items():
            np.testing.assert_allclose(ours[key], value, rtol=0, atol=1e-6, err_msg=key)
    # The report reads the toolkit's own results.
    root = both.sequences[0].images[0].parents[2 if both.sequences[0].images[0].parent.name == "color" else 1]
    report = compute(root, both.workspace.path / "results", dataset=str(root), interval=INTERVAL)
    found = report.overall[both.name]
    for key in ("accuracy", "robustness", "reliability", "eao"):
        assert getattr(found, key) == pytest.approx(theirs[False][key], abs=1e-6)
    return {"toolkit": theirs[False], "ours": ours}


def test_the_toolkit_s_own_test_of_an_integration(tmp_path: Path, tiny: dict[str, int]) -> None:
    workspace = Workspace(tmp_path)
    rpn2t("trax", "--workspace", str(tmp_path), *set_options(tiny), path=tmp_path)
    output = workspace.vot("test", "RPN2T")
    assert "Test concluded successfuly" in output, output
    assert output.count("@@TRAX:state") == 50


def test_the_toolkit_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "votrackers.py").write_text(TRACKERS)
    rpn2t(
        "trax", "--workspace", str(tmp_path), "--tracker", "votrackers:Drifting", "--name", "D", path=tmp_path
    )
    (tmp_path / "votrackers.py").write_text(TRACKERS.replace("self.frame += 1", "self.frame += 1 / 0"))
    output = Workspace(tmp_path).vot("test", "D")
    assert "Test concluded" not in output
    why = "votrackers:Drifting failed in frame 2 from its start: ZeroDivisionError: division by zero"
    assert f"rpn2t: {why} (votrackers.py:" in output
    assert f"Server terminated the session: {why}" in output


@pytest.mark.parametrize("tracker", ["kcf", "mosse", "votrackers:Drifting"])
def test_the_supervised_experiment(
    tracker: str, tmp_path: Path, synthetic: Path, trackers: Path, agreement: dict[str, Any]
) -> None:
    both = run_both(tmp_path, synthetic, ["smooth", "leap", "tilted"], tracker, trackers)
    runs = same_runs(both)
    assert all(run["repetitions"] == 3 for run in runs.values())
    assert runs["leap"]["failures"][0] >= 1
    agreement[tracker] = {"runs": runs, **same_measures(both)}


def test_rpn2t_itself(
    tmp_path: Path, synthetic: Path, tiny: dict[str, int], agreement: dict[str, Any]
) -> None:
    root = tmp_path / "root"
    (root / "short" / "color").mkdir(parents=True)
    for number in range(1, 8):
        image = f"color/{number:08d}.png"
        (root / "short" / image).symlink_to(synthetic / "tilted" / image)
    (root / "short" / "sequence").symlink_to(synthetic / "tilted" / "sequence")
    lines = (synthetic / "tilted" / "groundtruth.txt").read_text().splitlines(keepends=True)
    (root / "short" / "groundtruth.txt").write_text("".join(lines[:7]))
    both = run_both(
        tmp_path, root, ["short"], "rpn2t", tmp_path, *set_options(tiny), "--seed", "5", repetitions=1
    )
    agreement["rpn2t"] = {"runs": same_runs(both)}


@pytest.mark.skipif("RPN2T_SEQUENCES" not in os.environ, reason="RPN2T_SEQUENCES is not set")
@pytest.mark.parametrize("place", ["VOT2016/bag", "VOT2018/book"])
def test_real_sequences(place: str, tmp_path: Path, agreement: dict[str, Any]) -> None:
    folder = REAL / place
    both = run_both(tmp_path, folder.parent, [folder.name], "kcf", tmp_path)
    runs = same_runs(both)
    agreement[f"kcf on {folder.name}"] = {"runs": runs, **same_measures(both)}


def test_repetitions_differ_with_random_seeds(tmp_path: Path, synthetic: Path) -> None:
    (tmp_path / "seeded.py").write_text(SEEDED)
    workspace = make_workspace(tmp_path / "workspace", [synthetic / "smooth"])
    words = ["--tracker", "seeded:Seeded", "--name", "S", "--random-seeds"]
    rpn2t("trax", "--workspace", str(workspace.path), *words, path=tmp_path)
    workspace.vot("evaluate", "S", "--experiments", "baseline", supervised=True)
    runs = workspace.runs("S", "smooth")
    assert len(runs) == 15
    assert len({run.regions[1] for run in runs}) > 10


def test_the_newest_toolkit_runs_an_experiment_without_restarts(
    tmp_path: Path, synthetic: Path, trackers: Path
) -> None:
    workspace = make_workspace(tmp_path / "workspace", [synthetic / "tilted"])
    rpn2t("trax", "--workspace", str(workspace.path), "--tracker", "mosse", path=trackers)
    output = workspace.vot("evaluate", "MOSSE", "--experiments", "unsupervised")
    assert "Evaluation concluded successfuly" in output, output
    ((sequence,),) = [find_dataset(str(synthetic)).select(["tilted"]).open(synthetic).sequences]
    images = (frame for frame in ImageSource("tilted", "tilted", list(sequence.images)).frames())
    steps = list(run(TrackerSpec(tracker="mosse").make(0), images, as_box(sequence.truth[0])))
    ours = SupervisedRun([(float(INITIALIZED),), *(as_written(step.box) for step in steps[1:])])
    (theirs,) = workspace.runs("MOSSE", "tilted", "unsupervised")
    assert largest_difference(ours, theirs) < 1e-4


def test_the_newest_toolkit_still_cannot_run_the_supervised_experiment(
    tmp_path: Path, synthetic: Path, trackers: Path
) -> None:
    workspace = make_workspace(tmp_path / "workspace", [synthetic / "smooth"])
    rpn2t("trax", "--workspace", str(workspace.path), "--tracker", "mosse", path=trackers)
    output = workspace.vot("evaluate", "MOSSE", "--experiments", "baseline")
    assert "Tracker does not support multiple objects" in output, "it can: 0.7.4 is not needed any more"
