"""The page of `rpn2t serve`, in a browser: what a person does there, by mouse, by keys and by a finger."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from browser import CHROMIUM, Browser
from rpn2t.video.writer import VideoWriter
from support import TINY, command, make_clip, set_options

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; `make test-page` installs it")

FRAMES = 24
DONE = "document.querySelector('#job-text').innerText.startsWith('Done')"
BUSY = "!document.querySelector('#pause').disabled"


class Server:
    """`rpn2t serve` over a folder, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Starts it, and returns the address that it prints."""
        options = ["--port", "0", "--mode", "fast", *set_options(TINY)]
        self.process = subprocess.Popen(
            [*command(), "serve", ".", *options],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"open (http://\S+)", line):
                self.address = found[1]
                return self.address
        raise AssertionError("rpn2t serve has ended")

    def kill(self) -> None:
        """Ends it, and its workers, without a chance to tidy up."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
        self.process = None


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a folder with a clip for each test, and a file that is no video."""
    folder = tmp_path_factory.mktemp("videos")
    clip = make_clip(tmp_path_factory.mktemp("clip") / "Square", FRAMES)
    with VideoWriter(folder / "mouse.mp4", Fraction(25)) as video:
        for image in clip.images:
            video.write(cv2.resize(image, (160, 120)))
    for name in ("keys.mp4", "finger.mp4"):
        shutil.copy(folder / "mouse.mp4", folder / name)
    (folder / "broken.mp4").write_bytes(b"no video")
    made = Server(folder)
    made.start()
    yield made
    made.kill()


def open_clip(browser: Browser, address: str, name: str) -> None:
    """Chooses a clip from the list."""
    browser.open(address)
    browser.wait("[...document.querySelectorAll('.card')].some(e => e.innerText.includes('24 frames'))")
    browser.click(f".card[href*={name}]")
    browser.wait("document.querySelector('#frame-of').innerText.startsWith('of 0 to 23')")
    browser.wait("document.querySelector('#status').innerText.startsWith('Draw')")


def box_fields(browser: Browser) -> list[float]:
    """The numbers of the selected object's box."""
    return [float(browser.run(f"document.querySelector('#{name}').value") or "nan") for name in "xywh"]


def objects(browser: Browser) -> list[list[str]]:
    """What the list of objects says: name and counts."""
    texts = (
        "[...document.querySelectorAll('.object')].map(e => [...e.children].slice(1).map(c => c.innerText))"
    )
    return [list(map(str, each)) for each in browser.run(texts)]


def go(browser: Browser, frame: int) -> None:
    browser.write("#frame", str(frame))
    browser.wait(f"document.querySelector('#timeline').getAttribute('aria-valuenow') === '{frame}'")


def track(browser: Browser) -> None:
    """Presses Track and waits until the work has ended."""
    browser.click("#track")
    browser.wait("document.querySelector('#status').innerText.includes('being tracked') && " + BUSY)
    browser.wait(f"{DONE} && !({BUSY})")


def exported(browser: Browser, folder: Path) -> list[dict[str, str]]:
    """The rows of the exported table."""
    folder.mkdir()
    browser.download_to(folder)
    browser.click("#export summary")
    browser.click("#export button[data-format=csv]")
    end = time.monotonic() + 30
    while not (found := list(folder.glob("*.csv"))) and time.monotonic() < end:
        time.sleep(0.05)
    assert found, browser.text("#error")
    with found[0].open() as file:
        return list(csv.DictReader(file))


def test_the_whole_task_and_a_server_that_is_killed(server: Server, tmp_path: Path) -> None:
    with Browser() as browser:
        open_clip(browser, server.address, "mouse")
        browser.drag("#picture", (0.4, 0.34), (0.6, 0.6))
        browser.wait("document.querySelectorAll('.object').length === 1")
        before = box_fields(browser)
        place, scale = _corner(browser, before)
        browser.drag_points(place, (place[0] + 10 * scale, place[1] + 5 * scale))
        browser.wait(f"document.querySelector('#w').value != '{before[2]:g}'")
        assert box_fields(browser) == pytest.approx([*before[:2], before[2] + 10, before[3] + 5], abs=0.2)
        for name, number in zip("xywh", (50, 40, 40, 34), strict=True):
            browser.write(f"#{name}", str(number))
        browser.write("#name", "crane")
        browser.wait("document.querySelector('.object b').innerText === 'crane'")
        browser.click("#new")
        browser.wait("document.querySelector('#hint').innerText.includes('new object')")
        browser.drag("#picture", (0.25, 0.7), (0.4, 0.9))
        browser.wait("document.querySelectorAll('.object').length === 2")
        track(browser)
        assert [name for name, _ in objects(browser)] == ["crane", "object 1"]
        assert all(text.startswith("24 boxes") for _, text in objects(browser))
        assert "to be tracked" not in browser.text("#objects")

        browser.click("#timeline", 12 / 23 * (926 - 24) / 926 + 12 / 926)
        browser.wait("document.querySelector('#frame').value === '12'")
        browser.click(".object[data-name=crane]")
        browser.write("#x", "83")
        browser.wait("document.querySelector('#track').innerText === 'Track'")
        track(browser)
        go(browser, 8)
        browser.write("#y", "44")
        browser.choose("#direction", "backward")
        track(browser)
        rows = exported(browser, tmp_path / "exported")
        assert len(rows) == 2 * FRAMES
        statuses = {int(row["frame"]): row["status"] for row in rows if row["object"] == "crane"}
        assert [statuses[0], statuses[8], statuses[12]] == ["given", "fixed", "fixed"]

        server.kill()
        browser.wait("document.querySelector('#error').innerText.includes('does not answer')")
        browser.open(server.start())
        browser.click("#recent-list a[href*=mouse]")
        browser.wait("document.querySelectorAll('.object').length === 2")
        assert [text.split(",")[0] for _, text in objects(browser)] == ["24 boxes", "24 boxes"]
        go(browser, 8)
        browser.click(".object[data-name=crane]")
        browser.wait("document.querySelector('#box-status').innerText.includes('corrected')")
        assert box_fields(browser)[1] == 44
        browser.reload()
        browser.wait("document.querySelectorAll('.object').length === 2")
        assert not browser.troubles


def _corner(browser: Browser, box: list[float]) -> tuple[tuple[float, float], float]:
    """Where the lower right corner of a box is in the window, and how many CSS pixels a frame pixel has."""
    left, top, width, height = browser.run(
        "(() => { const r = document.querySelector('#picture').getBoundingClientRect();"
        "return [r.left, r.top, r.width, r.height] })()"
    )
    scale = min(width / 160, height / 120)
    x = left + (width - 160 * scale) / 2 + (box[0] + box[2]) * scale
    return (x, top + (height - 120 * scale) / 2 + (box[1] + box[3]) * scale), scale


def test_by_keyboard_alone(server: Server) -> None:
    with Browser() as browser:
        browser.open(server.address)
        browser.wait("document.querySelectorAll('.card').length >= 4")
        for _ in range(12):
            browser.key("Tab")
            if browser.run("document.activeElement.matches('.card[href*=keys]')"):
                break
        browser.key("Enter")
        browser.wait("document.querySelector('#status').innerText.startsWith('Draw')")
        browser.key("?")
        assert browser.run("document.querySelector('#help').open")
        browser.key("Escape")
        browser.key("ArrowRight")
        browser.key("ArrowRight", shift=True)
        browser.wait("document.querySelector('#frame').value === '11'")
        browser.key("Home", "b", "ArrowRight", "ArrowRight", "ArrowDown")
        browser.key("b", "ArrowLeft")
        browser.key("ArrowUp", shift=True)
        browser.key("Enter")
        browser.wait("document.querySelectorAll('.object').length === 1")
        assert box_fields(browser) == [62, 46, 39, 20]
        browser.key("t")
        browser.wait(BUSY)
        browser.key("p")
        browser.wait("document.querySelector('#job-text').innerText.startsWith('Paused')")
        browser.key("p")
        browser.wait(f"{DONE} && !({BUSY})")
        assert objects(browser)[0][1].startswith("24 boxes")
        browser.key("End")
        browser.wait("document.querySelector('#frame').value === '23'")
        browser.key(" ")
        browser.wait("document.querySelector('#play').innerText === 'Halt'")
        browser.wait("document.querySelector('#play').innerText === 'Play'")
        assert not browser.troubles


def test_at_390_pixels_by_a_finger(server: Server) -> None:
    with Browser(390, 844, touch=True) as browser:
        open_clip(browser, server.address, "finger")
        browser.drag("#picture", (0.35, 0.34), (0.6, 0.62))
        browser.wait("document.querySelectorAll('.object').length === 1")
        drawn = box_fields(browser)
        assert drawn[2] > 10
        assert drawn[3] > 10
        browser.drag("#picture", (0.48, 0.48), (0.5, 0.5))  # its inside: it moves
        browser.wait(f"document.querySelector('#x').value != '{drawn[0]:g}'")
        assert box_fields(browser)[2:] == drawn[2:]
        browser.write("#stop", "15")
        track(browser)
        assert objects(browser)[0][1].startswith("16 boxes")
        assert browser.run("document.documentElement.scrollWidth") == 390
        zoom, picture = (browser.run(f"document.querySelector('{each}').getBoundingClientRect().toJSON()")
                         for each in (".zoom", "#picture"))  # fmt: skip
        assert zoom["top"] >= picture["bottom"]  # no corner of the picture is below the buttons
        browser.run("scrollTo(0, 300), location.hash = '#video=mouse.mp4'")
        browser.wait("document.querySelector('#title').innerText.includes('mouse.mp4 (')")
        assert browser.run("scrollY") == 0  # what is opened is seen from its top
        assert not browser.troubles


def test_what_goes_wrong_is_said_and_the_page_stays_usable(server: Server, tmp_path: Path) -> None:
    with Browser() as browser:
        browser.open(server.address)
        browser.wait("document.querySelectorAll('.card').length >= 4")
        browser.click(".card[href*=broken]")
        assert "broken.mp4" in browser.wait("document.querySelector('#error').innerText")
        browser.wait("!document.querySelector('#chooser').hidden")
        shutil.copy(server.folder / "keys.mp4", tmp_path / "other.mp4")
        browser.give_file("#file", tmp_path / "other.mp4")
        browser.wait("document.querySelector('#title').innerText.includes('other.mp4')")
        browser.wait("document.querySelector('#status').innerText.startsWith('Draw')")
        browser.key("t")
        browser.wait("document.querySelector('#error').innerText.includes('Draw a box')")
        browser.drag("#picture", (0.4, 0.4), (0.6, 0.6))
        browser.wait("document.querySelectorAll('.object').length === 1")
        first = box_fields(browser)
        browser.drag("#picture", (0.1, 0.1), (0.25, 0.3))  # beside it: another object's
        browser.wait("document.querySelectorAll('.object').length === 2")
        browser.click("#draw")
        browser.drag("#picture", (0.7, 0.7), (0.8, 0.9))  # the same object's, drawn anew
        browser.wait("+document.querySelector('#x').value > 100")
        assert len(objects(browser)) == 2
        browser.click("#discard")
        browser.wait("document.querySelectorAll('.object').length === 1")
        assert box_fields(browser) == first
        browser.write("#name", "a/b:*?")
        browser.click("#track")
        assert "a/b:*?" in browser.wait("document.querySelector('#error').innerText")
        browser.write("#name", "bird")
        track(browser)
        browser.click("#hide")
        browser.wait("document.querySelector('.object span').innerText.includes('hidden')")
        browser.click("#delete-rows")
        browser.wait("document.querySelector('#ask').open")
        browser.write("#ask-from", "10")
        browser.click("#ask-yes")
        browser.wait("document.querySelector('.object span').innerText.startsWith('10 boxes')")
        browser.click("#delete")
        browser.wait("document.querySelector('#ask').open")
        browser.click("#ask-yes")
        browser.wait("document.querySelectorAll('.object').length === 0")
        assert not browser.troubles


@pytest.mark.parametrize(
    ("module", "call", "value"),
    [
        ("geometry", "partOf([10, 10, 40, 30], {x: 11, y: 39}, 3)", "sw"),
        ("geometry", "partOf([10, 10, 40, 30], {x: 30, y: 25}, 3)", "move"),
        ("geometry", "partOf([10, 10, 3, 3], {x: 11.5, y: 11.5}, 8)", "move"),
        ("geometry", "partOf([10, 10, 40, 30], {x: 60, y: 25}, 3)", ""),
        ("geometry", "dragged([10, 10, 40, 30], 'nw', 50, 5)", [50, 15, 10, 25]),
        ("geometry", "tidy([150, -5, 40, 30], {width: 160, height: 120})", [120, 0, 40, 30]),
        ("geometry", "zoomed({scale: 1, x: .5, y: .5}, 2, {x: 80, y: 60}, {width: 160, height: 120})",
         {"scale": 2, "x": 0.5, "y": 0.5}),
        ("model", "halted({follow: true, job: {state: 'running'}})", {"playing": False, "follow": False}),
        ("model", "halted({follow: true, job: {state: 'done'}})", {"playing": False, "follow": True}),
        ("panels", "clock(3725)", "1:02:05"),
        ("panels", "clock(0.96)", "1.0 s"),
    ],
)  # fmt: skip
def test_functions_of_the_page(page: Browser, module: str, call: str, value: object) -> None:
    assert page.run(f"import('/page/{module}.js').then(m => m.{call})") == value


def test_rows_are_counted_and_replaced(page: Browser) -> None:
    lines = [["a", 300, 12, 1.1, 2, 3, 4, 0.2, "lost"], ["a", 300, 12, 80.1, 2, 3, 4, None, "fixed"]]
    call = f"const t = new Map(); m.putRows(t, {json.dumps(lines)}); const a = t.get('a');"
    value = page.run(
        f"import('/page/rows.js').then(m => {{ {call} return [a.count, a.lost, a.row(300), a.row(299)] }})"
    )
    assert value == [1, 0, {"box": [80.1, 2, 3, 4], "score": None, "status": "fixed"}, None]


def test_rows_that_come_while_a_run_is_read_are_not_lost(page: Browser) -> None:
    """The answer was made before the event, and must not undo it. A drawn box that is a row is forgotten."""
    value = page.run(
        "Promise.all([import('/page/live.js'), import('/page/store.js')]).then(async ([{Live}, {Store}]) => {"
        "const store = new Store(); const live = new Live(store, () => {});"
        "store.set({drafts: new Map([['a', new Map([[0, [1, 2, 3, 4]], [9, [5, 6, 7, 8]]])]])});"
        "const given = ['a', 0, 0, 1, 2, 3, 4, null, 'given'], found = ['a', 1, 0, 1, 2, 3, 4, .9, 'found'];"
        "const body = {id: 'r', objects: [{name: 'a', colour: '#ffd700'}], rows: [given], job: null};"
        "const fetched = window.fetch;"
        "window.fetch = async () => { live.rows([found]); return new Response(JSON.stringify(body)) };"
        "try { await live.read('r') } finally { window.fetch = fetched }"
        "const {tracks, drafts} = store.state;"
        "return [tracks.get('a').count, [...drafts.get('a').keys()]] })"
    )
    assert value == [2, [9]]


def test_many_frames_share_a_column_of_the_curve(page: Browser) -> None:
    """The lowest score and lost frames are seen, and two hours of video are no more points than pixels."""
    value = page.run(
        "Promise.all([import('/page/rows.js'), import('/page/timeline.js')]).then(([{Track}, {columns}]) => {"
        "const track = new Track();"
        "for (let f = 0; f < 200000; f += 1) {"
        "  const low = f === 100; const gap = f === 1000 || f === 1999;"
        "  const score = low ? .1 : f ? .9 : null;"
        "  if (!gap) track.put(['a', f, null, 1, 2, 3, 4, score, low ? 'lost' : 'found']) }"
        "const all = columns(track, 200000, frame => frame / 250);"
        "return [all.length, all[0].lost, all[1].lost, all[0].low, all[1].joined, all[4].joined, track.lost]"
        "})"
    )
    assert value == [800, True, False, pytest.approx(0.1), True, False, 1]


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[Browser]:
    """The page as it opens."""
    with Browser() as browser:
        browser.open(server.address)
        yield browser
