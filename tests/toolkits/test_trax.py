"""`rpn2t trax`: a real TraX client talks to the command, as the VOT toolkit does; and the entry it writes."""

import configparser
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.toolkits.trax_workspace import write_entry
from support import command

pytest.importorskip("trax", reason="vot-trax has a wheel for x86-64 alone")

from trax import TraxException
from trax.client import Client
from trax.image import BufferImage, FileImage, MemoryImage
from trax.region import Polygon, Rectangle

TRACKERS = '''
"""Trackers for a TraX session."""

import os
import sys


class Pixel:
    """Answers with the colour of the first pixel: blue, green and red as x, y and width."""

    def init(self, image, box):
        assert image.dtype.name == "uint8" and image.shape[2] == 3

    def update(self, image):
        assert image.dtype.name == "uint8" and image.shape[2] == 3
        return (*image[0, 0].tolist(), 1), 0.25


class Loud(Pixel):
    """Prints wherever it can, and leaves lines open."""

    def init(self, image, box):
        print("learning", box)
        os.write(1, b"from C\\n")
        print("half a line", end="", file=sys.stderr)

    def update(self, image):
        print("...", end="")
        return (1 / 3, 2, 30, 40), 1.0


class Seeded(Pixel):
    """Answers with its seed, in parts that a 32-bit float holds; nowhere where that is 7."""

    def __init__(self, seed):
        self.seed = seed

    def update(self, image):
        if self.seed == 7:
            return (float("nan"), 0, 1, 1), 0.0
        return (self.seed >> 16, self.seed & 65535, 1, 1), 1.0


class Broken(Pixel):
    """Fails in its second frame."""

    def update(self, image):
        raise ZeroDivisionError("lost my way\\nand more")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the trackers above and an image whose first pixel is blue 1, green 2, red 3."""
    path = tmp_path_factory.mktemp("trax")
    (path / "mytrackers.py").write_text(TRACKERS)
    cv2.imwrite(str(path / "an image.png"), picture())
    return path


def picture() -> Any:
    image = np.zeros((30, 40, 3), np.uint8)
    image[0, 0] = 1, 2, 3
    return image


@dataclass
class Session:
    """A client's end of a running command.

    Attributes:
        client: speaks to it.
        process: the command.
        said: all that came through its standard output and error, which the toolkit reads as one.
    """

    client: Client
    process: "subprocess.Popen[bytes]"
    said: list[str] = field(default_factory=list)

    def init(self, image: Any, region: Any) -> tuple[float, ...]:
        objects, _ = self.client.initialize({"color": image}, [(region, {})], {})
        return tuple(objects[0][0].bounds())

    def update(self, image: Any) -> tuple[tuple[float, ...], dict[str, str]]:
        objects, _ = self.client.frame({"color": image}, {}, [])
        return tuple(objects[0][0].bounds()), objects[0][1]

    def end(self) -> int:
        """The exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=60)

    def lines(self) -> list[str]:
        """What was said, line by line."""
        return "".join(self.said).splitlines()


@contextmanager
def session(words: list[str], folder: Path, **environment: str) -> Iterator[Session]:
    with subprocess.Popen(
        words, cwd=folder, env={**os.environ, **environment}, bufsize=0,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        said: list[str] = []
        client = Client(stream=(process.stdin.fileno(), process.stdout.fileno()), log=said.append)
        try:
            yield Session(client, process, said)
        finally:
            process.kill()
            client.quit()  # else libtrax does it when the client is gone, and its log as well


def trax(tracker: str, *options: str) -> list[str]:
    return [*command(), "trax", "--tracker", tracker, *options]


def test_every_kind_of_image_and_region_through_the_entry_of_a_workspace(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(folder)
    assert main(["trax", "--workspace", str(tmp_path), "--tracker", "mytrackers:Pixel", "--name", "p"]) == 0
    output = capsys.readouterr().out
    assert f"p is now in {tmp_path}/trackers.ini" in output
    assert "vot initialize" in output
    assert "vot test p" in output
    entries = configparser.ConfigParser()
    entries.read(tmp_path / "trackers.ini")
    entry = entries["p"]
    assert (entry["label"], entry["protocol"]) == ("p", "trax")
    assert int(entry["timeout"]) > 600  # the first frame takes a minute, and the toolkit waits for 30 seconds
    words = shlex.split(entry["command"])
    assert Path(words[0]).is_absolute()
    file = FileImage.create(str(folder / "an image.png"))
    rgb = picture()[:, :, ::-1]
    png = cv2.imencode(".png", picture())[1].tobytes()
    grey = np.full((30, 40), 9, np.uint8)
    with session([*words, "--name", "mine"], tmp_path, PYTHONPATH=entry["env_pythonpath"]) as talk:
        assert talk.client.tracker_name == "mine"
        assert talk.client.region_formats == ["rectangle", "polygon"]
        assert talk.client.image_formats == ["path", "memory", "buffer"]
        assert talk.client.channels == ["color"]
        polygon = Polygon.create([(10.5, 3), (20.25, 5), (18, 17.125), (9, 12)])
        assert talk.init(file, polygon) == (9, 3, 11.25, 14.125)
        for image in (file, MemoryImage.create(rgb), BufferImage.create(png)):
            box, properties = talk.update(image)
            assert box == (1, 2, 3, 1)
            assert properties == {"confidence": "0.25"}
        assert talk.init(MemoryImage.create(rgb), Rectangle.create(1.5, 2, 30, 20)) == (1.5, 2, 30, 20)
        assert talk.update(MemoryImage.create(grey))[0] == (9, 9, 9, 1)
        assert talk.update(MemoryImage.create(grey.astype(np.uint16) << 8))[0] == (9, 9, 9, 1)
        talk.client.quit()
        assert talk.end() == 0
        assert [line for line in talk.lines() if not line.startswith("@@TRAX:")] == []


def test_the_standard_output_holds_the_protocol_alone(folder: Path) -> None:
    file = folder / "an image.png"
    requests = (
        '@@TRAX:initialize "1.0000,2.0000,30.0000,20.0000"\n'
        f'@@TRAX:frame "file://{file}"\n@@TRAX:frame "file://{file}"\n@@TRAX:quit\n'
    )
    done = subprocess.run(
        trax("mytrackers:Loud"), cwd=folder, input=requests, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    hello, *answers = done.stdout.splitlines()
    assert hello.startswith("@@TRAX:hello ")
    assert [line.rstrip() for line in answers] == [
        '@@TRAX:state "1.0000,2.0000,30.0000,20.0000"',
        '@@TRAX:state "0.3333,2.0000,30.0000,40.0000" "confidence=1"',
    ]
    assert done.stderr == "learning (1.0, 2.0, 30.0, 20.0)\nfrom C\nhalf a line\n...\n"


def test_half_a_line_of_the_tracker_s_hides_no_answer(folder: Path) -> None:
    image = FileImage.create(str(folder / "an image.png"))
    with session(trax("mytrackers:Loud"), folder) as talk:
        talk.init(image, Rectangle.create(1, 2, 30, 20))
        assert talk.update(image)[0] == pytest.approx((1 / 3, 2, 30, 40), abs=5e-5)
        talk.client.quit()
        assert talk.end() == 0
    assert "half a line" in talk.lines()


def test_random_seeds_differ_and_are_told(folder: Path) -> None:
    image = FileImage.create(str(folder / "an image.png"))
    seeds = []
    with session(trax("mytrackers:Seeded", "--random-seeds"), folder) as talk:
        for _ in range(3):
            talk.init(image, Rectangle.create(1, 2, 30, 20))
            (high, low, *_), _ = talk.update(image)
            seeds.append(int(high) << 16 | int(low))
        talk.client.quit()
        assert talk.end() == 0
    assert len(set(seeds)) == 3
    for seed in seeds:
        assert f"rpn2t: seed {seed}" in talk.lines()


def test_a_box_that_is_none_is_an_empty_one(folder: Path) -> None:
    image = FileImage.create(str(folder / "an image.png"))
    with session(trax("mytrackers:Seeded", "--seed", "7"), folder) as talk:
        talk.init(image, Rectangle.create(1, 2, 30, 20))
        assert talk.update(image)[0] == (0, 0, 0, 0)


def fail_at_the_start(talk: Session, image: Any) -> None:
    talk.init(image, Rectangle.create(1, 2, 30, 20))


def fail_later(talk: Session, image: Any) -> None:
    talk.init(image, Rectangle.create(1, 2, 30, 20))
    talk.update(image)


def send_no_image(talk: Session, image: Any) -> None:
    talk.init(FileImage.create("/nowhere/1.png"), Rectangle.create(1, 2, 30, 20))


@pytest.mark.parametrize(
    ("tracker", "act", "status", "reason"),
    [
        ("magic", fail_at_the_start, 2, "--tracker magic: there are rpn2t, csrt"),
        ("mytrackers:Broken", fail_later, 1,
         "mytrackers:Broken failed in frame 2 from its start: ZeroDivisionError: lost my way (mytrackers"),
        ("mytrackers:Pixel", send_no_image, 2, "/nowhere/1.png: No such file or directory"),
    ],
)  # fmt: skip
def test_a_failure_is_one_line_and_the_client_is_told(
    folder: Path, tracker: str, act: Callable[[Session, Any], None], status: int, reason: str
) -> None:
    with session(trax(tracker), folder) as talk:
        with pytest.raises(TraxException) as told:
            act(talk, FileImage.create(str(folder / "an image.png")))
        assert str(told.value).startswith(f"Server terminated the session: {reason}")
        assert talk.end() == status
    (line,) = [line for line in talk.lines() if not line.startswith("@@TRAX:")]
    assert line.startswith(f"rpn2t: {reason}")


def test_a_client_that_goes_away_is_a_failure(folder: Path) -> None:
    done = subprocess.run(
        trax("mytrackers:Pixel"),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr == "rpn2t: the TraX client went away without a quit\n"


# trackers.ini

OTHERS = """# mine
[Mine]   ; with love
label = Mine
protocol = trax
command = /bin/mine --now

; the next one is odd
[Odd]
command = odd %%x
"""

ENTRY = {"label": "R", "protocol": "trax", "command": "/a/python -m rpn2t trax --set 'a=50%'"}


def read(folder: Path) -> dict[str, dict[str, str]]:
    entries = configparser.ConfigParser()
    entries.read(folder / "trackers.ini")
    return {name: dict(entries[name]) for name in entries.sections()}


def test_an_entry_joins_the_others(tmp_path: Path) -> None:
    file = tmp_path / "trackers.ini"
    file.write_text(OTHERS)
    assert write_entry(tmp_path, "R", ENTRY)
    text = file.read_text()
    assert text.startswith(OTHERS + "\n[R]\n")
    assert read(tmp_path)["R"] == ENTRY
    assert not write_entry(tmp_path, "R", ENTRY)
    assert file.read_text() == text


@pytest.mark.parametrize("place", ["first", "last"])
def test_another_entry_of_the_same_name_is_replaced_by_force_alone(tmp_path: Path, place: str) -> None:
    file = tmp_path / "trackers.ini"
    old = "[R]\nlabel = R\nprotocol = trax\ncommand = other\n\n"
    file.write_text(old + OTHERS if place == "first" else OTHERS + old)
    before = file.read_text()
    with pytest.raises(InputError, match=r"has another tracker R \(what differs: command\); --force"):
        write_entry(tmp_path, "R", ENTRY)
    assert file.read_text() == before
    assert write_entry(tmp_path, "R", ENTRY, force=True)
    assert OTHERS.strip() in file.read_text()
    assert read(tmp_path)["R"] == ENTRY
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--workspace", "nowhere"], "nowhere: no such folder; `vot initialize STACK --workspace nowhere`"),
        (["--workspace", ".", "--name", "a b"], "--name a b: the VOT toolkit takes only letters, digits"),
        (["--workspace", ".", "--tracker", "magic"], "--tracker magic: there are rpn2t"),
        (["--workspace", ".", "--weights", "nobody"], "weights nobody: no such set or folder"),
        (["--workspace", "broken"], "broken/trackers.ini: the VOT toolkit cannot read this file either"),
        (["--force"], "--force is for an entry of trackers.ini"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(
    options: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "trackers.ini").write_text("command = nobody's\n")
    assert main(["trax", *options]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "trackers.ini").exists()


def test_the_command_works_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my own.toml").write_text("candidates = 64\n")
    options = [
        "--config", "my own.toml", "--set", "iterations_first=10", "--seed", "3", "--random-seeds",
        "--no-bf16",
    ]  # fmt: skip
    assert main(["trax", "--workspace", ".", *options]) == 0
    words = shlex.split(read(tmp_path)["RPN2T"]["command"])
    assert words[1:] == [
        "-m", "rpn2t", "trax", "--seed", "3", "--config", str(tmp_path / "my own.toml"),
        "--set", "iterations_first=10", "--random-seeds", "--no-bf16",
    ]  # fmt: skip
