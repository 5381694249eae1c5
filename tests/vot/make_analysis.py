"""Make tests/data/vot_analysis.json: a made-up tracker's results, and what the VOT toolkit measures on them.

    build/vot/bin/python tests/vot/make_analysis.py tests/data/vot_analysis.json

The Python is that of an environment with the toolkit (for the committed file, vot-toolkit 0.9.0 with NumPy
2.4.6); only `vot analysis` is used, so the version need not be one that runs trackers. Everything is drawn
from one seed.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 8, 30
SKIP = 5
SIZE = (160, 120)

STACK = f"""
title: Made up
experiments:
  baseline:
    type: supervised
    repetitions: 15
    skip_initialize: {SKIP}
    analyses:
      - type: supervised_average_ar
        sensitivity: 30
      - type: supervised_ar
        sensitivity: 30
      - type: supervised_eao_score
        low: {LOW}
        high: {HIGH}
      - type: supervised_eao_curve
"""

FAILURES: dict[str, list[list[int]]] = {
    "polygons": [[], [], []],  # the runs differ in their boxes alone
    "edges": [[12, 30, 53], [18], [1, 7, 45]],  # also right after a start, and too near the end for another
    "gaps": [[20], [20], [20], [9, 33]],
}
"""Sequence -> the frames in which each repetition fails."""

FRAMES = {"polygons": 48, "edges": 55, "gaps": 40}


Lines = dict[str, dict[str, list[str] | list[list[str]]]]
"""Sequence -> "truth" and "runs": lines of VOT's files."""


def truth_of(name: str) -> list[NDArray[np.float64]]:
    """The ground truth: polygons that turn, upright boxes that leave the image, polygons that are missing."""
    rows = []
    for frame in range(FRAMES[name]):
        x, y = 60 + 0.9 * frame, 55 + 12 * np.sin(frame / 9)
        if name == "edges":
            rows.append(np.array([x + 48 - 3.1 * frame, y - 20, 34, 41.5]))
            continue
        angle = frame / 15
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        corners = np.array([[-17, -11], [17, -11], [17, 11], [-17, 11]]) @ turn.T + (x, y)
        missing = name == "gaps" and 24 <= frame < 28
        rows.append(np.full(8, np.nan) if missing else corners.reshape(-1))
    return rows


def run_of(
    truth: list[NDArray[np.float64]], failures: list[int], rng: np.random.Generator, *, polygons: bool
) -> list[str]:
    """A repetition's lines: what is near the truth, and the states."""
    lines: list[str] = []
    start: int | None = 0  # no earlier than this; the tracker runs where it is None
    drift = np.zeros(2)
    for frame, row in enumerate(truth):
        missing = not np.isfinite(row).all()
        if start is not None:
            waits = frame < start or missing
            lines.append("0" if waits else "1")
            start = start if waits else None
            drift = np.zeros(2)
        elif frame in failures:
            lines.append("2")
            start = frame + SKIP
        elif missing:
            lines.append("0" if frame % 2 else "70.0000,50.0000,30.0000,20.0000")
        else:
            drift += rng.normal(0, 0.8, 2)
            lines.append(",".join(f"{value:.4f}" for value in moved(row, drift, polygons=polygons)))
    return lines


def moved(row: NDArray[np.float64], drift: NDArray[np.float64], *, polygons: bool) -> NDArray[np.float64]:
    """The truth's region, or the upright box around it, elsewhere."""
    if len(row) == 4:
        return row + (*drift, 1.5, -2.5)
    corners = row.reshape(-1, 2) + drift
    if polygons:
        return corners.reshape(-1)
    return np.concatenate([corners.min(axis=0), np.ptp(corners, axis=0)])


def make() -> Lines:
    """Every sequence's ground truth and repetitions."""
    rng = np.random.default_rng(2016)
    found: Lines = {}
    for name, repetitions in FAILURES.items():
        truth = truth_of(name)
        found[name] = {
            "truth": [",".join(f"{value:.2f}" for value in row) for row in truth],
            "runs": [
                run_of(truth, failures, rng, polygons=number == 1)
                for number, failures in enumerate(repetitions)
            ],
        }
    return found


def analyse(sequences: Lines, workspace: Path) -> dict[str, object]:
    """What `vot analysis` says of them: analysis -> its results."""
    for name, lines in sequences.items():
        folder = workspace / "sequences" / name
        results = workspace / "results" / "Made" / "baseline" / name
        folder.mkdir(parents=True)
        results.mkdir(parents=True)
        (folder / "groundtruth.txt").write_text(text(lines["truth"]))
        width, height = SIZE
        (folder / "sequence").write_text(
            f"name={name}\nfps=30\nformat=default\nchannels.color=color/%08d.jpg\n"
            f"length={len(lines['truth'])}\nwidth={width}\nheight={height}\n"
        )
        for number, run in enumerate(lines["runs"], start=1):
            (results / f"{name}_{number:03d}.txt").write_text(text(run))
    (workspace / "sequences" / "list.txt").write_text(text(sequences))
    (workspace / "stack.yaml").write_text(STACK)
    (workspace / "config.yaml").write_text("registry:\n- ./trackers.ini\nstack: ./stack.yaml\n")
    (workspace / "trackers.ini").write_text("[Made]\nlabel = Made\nprotocol = trax\ncommand = true\n")
    subprocess.run(
        [sys.executable, "-m", "vot", "analysis", "--workspace", ".", "--format", "json", "Made"],
        cwd=workspace,
        check=True,
    )
    (file,) = (workspace / "analysis").glob("*.json")
    experiment = json.loads(file.read_text())["results"]["baseline"]
    kinds = [each["type"].rpartition(".")[2] for each in experiment["parameters"]["analyses"]]
    return dict(zip(kinds, experiment["results"], strict=True))


def text(lines: object) -> str:
    """Lines of a file."""
    assert isinstance(lines, list | dict)
    return "".join(f"{line}\n" for line in lines)


def main() -> None:
    """Make the file that the arguments name."""
    sequences = make()
    with TemporaryDirectory() as folder:
        measured = analyse(sequences, Path(folder))
    note = (
        "Made by tests/vot/make_analysis.py: a made-up tracker's results, and `vot analysis` of them by "
        f"vot-toolkit {version('vot-toolkit')} with NumPy {np.__version__}, which sums its curve in single "
        "precision."
    )
    content = {
        "note": note, "size": SIZE, "interval": [LOW, HIGH], "sequences": sequences, "toolkit": measured,
    }  # fmt: skip
    Path(sys.argv[1]).write_text(json.dumps(content, separators=(",", ":")).replace('"],', '"],\n') + "\n")


if __name__ == "__main__":
    main()
