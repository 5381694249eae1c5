"""`rpn2t trax`, driven by the client that the VOT toolkit uses."""

import json
import os
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from conftest import Clip, command

from rpn2t.cli import main

TRACKER = '''
"""A tracker that says on the standard output what it should not."""


class Loud:
    """Moves a pixel a frame; its score is the image's first blue value."""

    def init(self, image, box):
        print("hello")
        self.box = box

    def update(self, image):
        print("found it")
        x, y, w, h = self.box
        self.box = x + 1, y, w, h
        return self.box, float(image[0, 0, 0]) / 255


class Broken(Loud):
    """Fails."""

    def update(self, image):
        raise RuntimeError("lost my way")
'''


CLIENT = """
import json, os, subprocess, sys
import cv2, numpy as np
from trax.client import Client
from trax.image import BufferImage, FileImage, MemoryImage
from trax.region import Polygon, Rectangle

kind, region, *server = sys.argv[1:]
process = subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
# Without a log the client does not start.
client = Client(stream=(process.stdin.fileno(), process.stdout.fileno()), timeout=60, log=lambda text: None)
region = json.loads(region)
corners = list(zip(region[::2], region[1::2]))
region = Rectangle.create(*region) if len(region) == 4 else Polygon.create(corners)
found = {"name": client.tracker_name, "answers": [], "error": None}
kept = []
try:
    for number, path in enumerate(sorted(os.listdir("img"))[:3]):
        path = os.path.abspath(os.path.join("img", path))
        pixels = cv2.imread(path)
        image = {
            "path": lambda: FileImage.create(path),
            "memory": lambda: MemoryImage.create(np.ascontiguousarray(pixels[:, :, ::-1])),
            "buffer": lambda: BufferImage.create(cv2.imencode(".png", pixels)[1].tobytes()),
        }[kind]()
        kept.append(image)
        if number == 0:
            answer = client.initialize({"color": image}, [(region, {})], {})
        else:
            answer = client.frame({"color": image}, {}, [])
        kept.append(answer)
        found["answers"].append([*answer[0][0][0].bounds(), float(answer[0][0][1]["confidence"])])
    client.quit()
except Exception as error:
    found["error"] = str(error)
found["status"] = process.wait(timeout=60)
found["stderr"] = process.stderr.read().decode()
print(json.dumps(found), flush=True)
os._exit(0)  # the package's own clean-up is not safe
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mytrackers.py").write_text(TRACKER)
    (tmp_path / "client.py").write_text(CLIENT)
    return tmp_path


def drive(folder: Path, clip: Clip, *, tracker: str, kind: str, region: list[float]) -> Any:
    """Start the server from a client, give it three images, and return what the client saw."""
    server = [*command(), "trax", "--tracker", f"mytrackers:{tracker}", "--name", "mine"]
    done = subprocess.run(
        [sys.executable, str(folder / "client.py"), kind, json.dumps(region), *server],
        cwd=clip.folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["path", "memory", "buffer"])
def test_images_come_in_every_form(kind: str, clip: Clip, folder: Path) -> None:
    found = drive(folder, clip, tracker="Loud", kind=kind, region=[50, 40, 40, 34])
    assert found["error"] is None
    assert found["name"] == "mine"
    for step, (*box, confidence) in enumerate(found["answers"]):
        assert box == [50 + step, 40, 40, 34]
        blue = clip.images[step][0, 0, 0] / 255
        assert confidence == pytest.approx(blue if step else 1, abs=1e-6)
    assert len(found["answers"]) == 3
    assert found["status"] == 0
    assert found["stderr"] == "hello\nfound it\nfound it\n"  # the protocol alone is on the standard output


def test_a_polygon_stands_for_the_rectangle_around_it(clip: Clip, folder: Path) -> None:
    corners = [50.0, 40, 90, 45, 85, 74, 55, 70]
    found = drive(folder, clip, tracker="Loud", kind="path", region=corners)
    assert [answer[:4] for answer in found["answers"]] == [[50 + step, 40, 40, 34] for step in range(3)]


def test_a_failure_is_a_line_and_a_status(clip: Clip, folder: Path) -> None:
    found = drive(folder, clip, tracker="Broken", kind="path", region=[50, 40, 40, 34])
    assert "lost my way" in found["error"]
    assert found["status"] == 2
    assert found["stderr"] == "hello\nrpn2t: RuntimeError: lost my way\n"


def test_the_workspace_gets_an_entry_and_keeps_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = "[Other]\nlabel = Other\nprotocol = traxpython\ncommand = other\n"
    (tmp_path / "trackers.ini").write_text(others)
    asked = [
        "trax",
        "--workspace",
        str(tmp_path),
        "--config",
        "quarter",
        "--set",
        "candidates=64",
        "--seed",
        "3",
    ]
    assert main(asked) == 0
    assert f"Next: vot --registry {tmp_path / 'trackers.ini'} test RPN2T" in capsys.readouterr().out
    entries = ConfigParser(interpolation=None)
    entries.read(tmp_path / "trackers.ini")
    assert dict(entries["Other"]) == {"label": "Other", "protocol": "traxpython", "command": "other"}
    assert entries["RPN2T"]["protocol"] == "trax"
    words = entries["RPN2T"]["command"]
    assert words == f"{sys.executable} -m rpn2t trax --set candidates=64 --seed 3 --config quarter"
    assert main(asked) == 0
    assert main([*asked[:-1], "4"]) == 2
    assert "already has a tracker RPN2T, made otherwise" in capsys.readouterr().err
    assert main([*asked[:-1], "4", "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workspace", "nowhere"], "nowhere: no such folder; make it by `vot initialize"),
        (["--workspace", ".", "--tracker", "magic"], "--tracker magic: there are rpn2t"),
        (["--workspace", ".", "--weights", "nobody"], "weights nobody: no such set"),
    ],
)
def test_what_cannot_be_registered_is_one_line(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["trax", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_starts_from_the_numbers_that_were_sent() -> None:
    """Not from their 32-bit floats, so that the same file starts a tracker alike with and without TraX."""
    code = """
import os
from trax.region import Polygon, Rectangle
from rpn2t.trax_server import _box
print(_box([(Polygon.create([(334.02, 128.36), (438.19, 188.78), (396.39, 260.83), (292.23, 200.41)]), {})]))
print(_box([(Rectangle.create(1.1, 2.2, 3.3, 4.4), {})]), flush=True)
os._exit(0)  # the package's own clean-up is not safe
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    polygon, rectangle = done.stdout.splitlines()
    assert polygon == str((292.23, 128.36, 438.19 - 292.23, 260.83 - 128.36))
    assert rectangle == "(1.1, 2.2, 3.3, 4.4)"
