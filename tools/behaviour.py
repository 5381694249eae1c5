"""What RPN2T computes, as a folder of files without times and versions, to show that a change kept it.

    python tools/behaviour.py SEQUENCES before      # with the code as it was
    python tools/behaviour.py SEQUENCES after       # with the code as it is now, on the same machine
    diff -r before after                            # says nothing if no behaviour has changed

SEQUENCES holds OTB/ and VOT2016/ with real sequences: OTB's Crossing and Deer, VOT's bag. Only the command
line is used, so the script runs with any version. It takes four minutes on two cores.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SMALL = (
    "positives_first=32", "negatives_first=128", "regressor_samples=256", "regressor_positives=32",
    "candidates=64", "mining_pool=128", "iterations_first=6", "iterations_later=3",
)  # fmt: skip
_SEQUENCES = ("Crossing", "Deer")
_MACHINE = ("seconds", "finished", "system", "cpu", "python", "numpy", "opencv", "blas", "version", "folder")
"""Keys of a manifest, its runs and its identity that tell of the machine, the day or the version."""


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sequences", type=Path, metavar="SEQUENCES")
    parser.add_argument("output", type=Path, metavar="OUTPUT")
    options = parser.parse_args()
    if options.output.exists():
        parser.error(f"{options.output}: is there already; choose another")
    sequences, output = options.sequences.resolve(), options.output.resolve()
    work = output.with_name(f".{output.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for step in (track, benchmark, evaluate, ablate, export, train):
        print(f"{step.__name__} ...", flush=True)
        for name, content in step(sequences, work):
            path = output / step.__name__ / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    shutil.rmtree(work)


def track(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """Boxes and scores of both modes on two sequences, and pictures of why."""
    for mode, frames, numbers in (("paper", "0:12", _small()), ("fast", "0:24", ())):
        for name in _SEQUENCES:
            folder = work / f"{mode}-{name}"
            rpn2t(
                work, "track", sequences / "OTB" / name, "--frames", frames, "--mode", mode, "--seed", "3",
                *numbers, "--no-video", "--output", folder, "--explain", folder / "why",
                "--explain-frames", "5,11",
            )  # fmt: skip
            yield f"{folder.name}/boxes.txt", (folder / "boxes.txt").read_bytes()
            report = json.loads((folder / "run.json").read_text())
            kept = {
                key: report[key] for key in ("configuration", "weights", "conv_proposal1_start", "first_box")
            }
            kept["frames"] = [[frame["index"], frame["box"], frame["score"]] for frame in report["frames"]]
            kept["first_box"] = kept["first_box"].replace(str(sequences), "")
            yield f"{folder.name}/run.json", as_json(kept)
            for picture in sorted((folder / "why").glob("*.png")):
                yield f"{folder.name}/{picture.name}.sha256", digest(picture)


def benchmark(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """Result files and manifests: RPN2T, and OpenCV's KCF in every experiment."""
    otb = ("benchmark", sequences / "OTB", "--results", "results", "--sequences", ",".join(_SEQUENCES))
    rpn2t(work, *otb, "--frames", "40", "--mode", "fast", "--seed", "1")
    for experiment in ("ope", "tre", "sre"):
        rpn2t(work, *otb, "--frames", "40", "--tracker", "kcf", "--experiment", experiment)
    vot = ("benchmark", sequences / "VOT2016", "--results", "results", "--frames", "60")
    rpn2t(work, *vot, "--tracker", "kcf", "--repetitions", "3")
    for path in sorted((work / "results").rglob("*")):
        name = str(path.relative_to(work / "results"))
        if path.name == "manifest.json":
            yield name, as_json(without_machine(json.loads(path.read_text())))
        elif path.name.endswith("_time.txt"):
            yield f"{name}.lines", str(len(path.read_text().splitlines())).encode()
            path.unlink()  # so that evaluation knows of no speeds
        elif path.suffix == ".txt":
            yield name, path.read_bytes()


def evaluate(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """Pages, tables and plots of OTB's experiments and of VOT."""
    shared = ("--results", "results", "--no-strips", "--frames", "40")
    for experiment in ("ope", "tre", "sre"):
        rpn2t(
            work, "evaluate", sequences / "OTB", *shared, "--experiment", experiment, "--output", experiment
        )
    script = Path(__file__).parents[1] / "eval" / "vot_report.py"
    cut = work / "cut" / "VOT2016"
    for folder in (sequences / "VOT2016").iterdir():
        if not folder.is_dir():
            continue
        (cut / folder.name).mkdir(parents=True)
        truth = (folder / "groundtruth.txt").read_text().splitlines()[:60]
        (cut / folder.name / "groundtruth.txt").write_text("\n".join(truth) + "\n")
        images = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png", ".webp"))
        for image in images[:60]:
            shutil.copy(image, cut / folder.name / image.name)
    run(
        work,
        sys.executable,
        script,
        "--root",
        cut,
        "--dataset",
        cut,
        "--results",
        "results",
        "--output",
        "vot",
    )
    for experiment in ("ope", "tre", "sre", "vot"):
        for path in sorted((work / experiment).rglob("*")):
            if path.is_file():
                text = (
                    path.read_bytes().replace(str(sequences).encode(), b"").replace(str(work).encode(), b"")
                )
                yield f"{experiment}/{path.relative_to(work / experiment)}", text


def ablate(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """The table of two variants."""
    rpn2t(
        work, "ablate", sequences / "OTB", "--results", "ablation", "--sequences", "Crossing",
        "--frames", "8", "--variants", "full,term1", *_small(),
    )  # fmt: skip
    for path in sorted((work / "ablation").rglob("ablation.*")):
        yield path.name, path.read_bytes().replace(str(sequences).encode(), b"")


def export(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """Results in every toolkit's layout, and scaled weights."""
    for toolkit in ("otb", "got10k", "pysot", "pytracking"):
        rpn2t(
            work, "results", "export", sequences / "OTB", "KCF", "--for", toolkit, "--results", "results",
            "--output", f"for-{toolkit}",
        )  # fmt: skip
        for path in sorted((work / f"for-{toolkit}").rglob("*")):
            if path.is_file():
                head = 128 if path.suffix == ".mat" else 0  # MATLAB's header has the day in it
                yield f"{toolkit}/{path.relative_to(work / f'for-{toolkit}')}", path.read_bytes()[head:]
    rpn2t(work, "weights", "scale", "shipped", "2", "--half", "--output", "scaled")
    for path in sorted((work / "scaled").iterdir()):
        yield f"weights/{path.name}.sha256", digest(path)


def train(sequences: Path, work: Path) -> Iterator[tuple[str, bytes]]:
    """A few iterations of both trainings, on frames."""
    images = sequences / "OTB" / "Deer" / "img"
    files = sorted(path.name for path in images.iterdir())[:24]
    boxes = (sequences / "OTB" / "Deer" / "groundtruth_rect.txt").read_text().replace("\t", ",").splitlines()
    rows = [
        {"file": file, "boxes": [[float(number) for number in box.split(",")]]}
        for file, box in zip(files, boxes, strict=False)
    ]
    (work / "frames.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    photographs = ("--images", images, "--annotations", "frames.jsonl")
    rpn2t(work, "train-rpn", *photographs, "--iterations", "4", "--side", "240", "--output", "rpn")
    rpn2t(
        work,
        "distill",
        *photographs,
        "--passes",
        "1",
        "--images-per-pass",
        "16",
        "--crops",
        "4",
        "--output",
        "student",
    )
    for folder in ("rpn", "student"):
        for path in sorted((work / folder).glob("zf_*.caffemodel")):
            yield f"{folder}/{path.name}.sha256", digest(path)
        yield f"{folder}/log.jsonl", (work / folder / "log.jsonl").read_bytes()


def rpn2t(work: Path, verb: str, *words: object) -> None:
    """Run a verb of the command, on the CPU if that can be chosen."""
    ours = verb in ("track", "benchmark", "ablate", "train-rpn", "distill") and "--tracker" not in words
    device = ("--device", "cpu") if ours else ()
    run(work, sys.executable, "-m", "rpn2t", verb, *words, *device)


def run(work: Path, *words: object) -> None:
    """Run a program in the folder; its complaint ends this one."""
    done = subprocess.run(list(map(str, words)), cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}")


def without_machine(value: Any) -> Any:
    """A manifest without what tells of the machine, the day or the version."""
    if isinstance(value, dict):
        return {key: without_machine(item) for key, item in value.items() if key not in _MACHINE}
    return value


def as_json(value: Any) -> bytes:
    """Readable, and in one order."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def digest(path: Path) -> bytes:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest().encode()


def _small() -> list[str]:
    return [word for setting in _SMALL for word in ("--set", setting)]


if __name__ == "__main__":
    main()
