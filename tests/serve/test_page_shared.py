"""The page beside other pages of the same runs, and what it keeps; the tracker only counts.

The other page is a client that sends requests.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import serving
from serving import FRAMES, CounterMaker, make_video, served

from browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium; `make test-page` installs it")

LAST = FRAMES - 1
FOLLOWS = "document.querySelector('#follow').checked"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_video(tmp_path / "clip.mp4")
    return tmp_path


@pytest.fixture
def other(folder: Path) -> Iterator[serving.Browser]:
    """Whoever else works there. An update takes long enough for a pause before the video's end."""
    with served(folder, CounterMaker(pace=0.05)) as other:
        yield other


def open_page(browser: Browser, other: serving.Browser) -> None:
    """Opens the clip, in a tab that has kept nothing."""
    browser.troubles.clear()
    browser.open(f"http://127.0.0.1:{other.port}/?token={serving.TOKEN}")
    browser.run("sessionStorage.clear(), location.hash = '#video=clip.mp4'")
    browser.wait("document.querySelector('#title').innerText.includes('clip.mp4 (')")


def make_run(other: serving.Browser) -> None:
    other.json("POST", "/api/projects", {"path": "clip.mp4"})
    other.track("clip", ("a", 0), stop=2)
    other.done("clip")


def value(browser: Browser, field: str) -> str:
    return str(browser.run(f"document.querySelector('#{field}').value"))


def go(browser: Browser, frame: int) -> None:
    browser.write("#frame", str(frame))
    browser.wait(f"document.querySelector('#timeline').getAttribute('aria-valuenow') === '{frame}'")


def says(browser: Browser, text: str, place: str = "#status") -> None:
    browser.wait(f"document.querySelector('{place}').innerText.includes({text!r})")


def test_a_run_that_is_deleted_elsewhere_is_told_and_drawn_boxes_begin_a_new_one(
    browser: Browser, other: serving.Browser, folder: Path
) -> None:
    make_run(other)
    open_page(browser, other)
    browser.wait("document.querySelectorAll('.object').length === 1")
    go(browser, 4)
    browser.drag("#picture", (0.3, 0.3), (0.4, 0.4))
    browser.wait("document.querySelector('#objects').innerText.includes('1 to be tracked')")
    assert other.json("DELETE", "/api/projects/clip")[0] == 200
    says(browser, "The run clip was deleted elsewhere. The boxes that you drew are kept", "#error")
    assert browser.text(".object span") == "1 to be tracked"
    browser.wait("document.querySelector('#run').options.length === 1")
    browser.click("#track")
    says(browser, "Tracking is done.")
    assert [row[1] for row in other.project("clip")["rows"]] == list(range(4, FRAMES))

    browser.click("#new")
    browser.drag("#picture", (0.3, 0.3), (0.4, 0.4))
    browser.wait("document.querySelectorAll('.object').length === 2")
    browser.run("location.hash = ''")
    browser.wait("!document.querySelector('#chooser').hidden")
    assert other.json("DELETE", "/api/projects/clip")[0] == 200
    browser.run("location.hash = '#video=clip.mp4&run=clip'")  # so does a page that was away
    says(browser, "The run clip was deleted elsewhere. The boxes", "#error")
    assert browser.text(".object b") == "object 1"
    assert not browser.troubles


def test_only_work_of_this_page_moves_the_picture_unless_it_is_wanted(
    browser: Browser, other: serving.Browser
) -> None:
    other.json("POST", "/api/projects", {"path": "clip.mp4"})
    open_page(browser, other)
    go(browser, 3)
    other.track("clip", ("a", 0))
    says(browser, "begun on another page")
    assert not browser.run(FOLLOWS)
    other.done("clip")
    says(browser, "Tracking is done.")
    assert value(browser, "frame") == "3"
    other.track("clip", ("b", 0))
    says(browser, "begun on another page")
    other.json("POST", "/api/projects/clip/job", {"do": "pause"})
    browser.click("#follow")
    other.json("POST", "/api/projects/clip/job", {"do": "resume"})
    says(browser, "Tracking is done.")
    browser.wait(f"document.querySelector('#frame').value === '{LAST}'", 10)

    go(browser, 1)
    browser.click("#track")
    says(browser, "The objects are being tracked.")
    assert browser.run(FOLLOWS)
    browser.key("p")
    says(browser, "Tracking is paused.")
    browser.reload()  # it is this page's work still
    says(browser, "Tracking is paused.")
    assert browser.run(FOLLOWS)
    browser.key("p")
    says(browser, "Tracking is done.")
    browser.wait(f"document.querySelector('#frame').value === '{LAST}'", 10)  # and not a few before
    assert not browser.troubles


def test_a_refused_track_leaves_no_run_and_a_paused_one_is_called_paused(
    browser: Browser, other: serving.Browser, folder: Path
) -> None:
    open_page(browser, other)
    go(browser, 5)
    browser.drag("#picture", (0.3, 0.3), (0.4, 0.4))
    browser.write("#start", "5")
    browser.write("#stop", "3")
    browser.click("#track")
    says(browser, "frames 5 to 3: the last is before the first", "#error")
    assert not (folder / "runs").exists()
    assert browser.run("document.querySelector('#run').options.length") == 1
    browser.write("#stop", "")
    browser.click("#track")
    says(browser, "being tracked")
    browser.key("p")
    says(browser, "Tracking is paused.")
    browser.key("t")
    says(browser, "This run is paused; stop it first.", "#error")
    browser.key("p")
    says(browser, "being tracked")
    says(browser, "Tracking is done.")
    assert [row[1] for row in other.project("clip")["rows"]] == list(range(5, FRAMES))
    assert not browser.troubles


def test_numbers_beyond_the_picture_and_the_video_are_said(browser: Browser, other: serving.Browser) -> None:
    open_page(browser, other)
    browser.drag("#picture", (0.3, 0.3), (0.4, 0.4))
    browser.wait("document.querySelectorAll('.object').length === 1")
    browser.write("#w", "20")
    assert "picture" not in browser.text("#status")
    browser.write("#x", "500")
    says(browser, "The picture has 160 x 120 px: the box of object 1 is now 140,")
    assert value(browser, "x") == "140"
    browser.write("#h", "-3")
    says(browser, "A box is at least 1 px wide and high")
    for field in ("frame", "start", "stop"):
        browser.write(f"#{field}", "99")
        says(browser, f"There is no frame 99; the nearest one is {LAST}.")
        assert value(browser, field) == str(LAST)
    go(browser, 2)
    browser.write("#frame", "")
    browser.wait("document.querySelector('#frame').value === '2'")
    for field, number in zip("xywh", (10, 20, 30, 40), strict=True):  # in a frame without a box
        browser.write(f"#{field}", str(number))
    says(browser, "object 1 has a box in frame 2")
    assert not browser.troubles


def test_a_reload_and_a_look_elsewhere_lose_nothing(browser: Browser, other: serving.Browser) -> None:
    make_run(other)
    open_page(browser, other)
    go(browser, 7)
    browser.choose("#direction", "backward")
    browser.write("#start", "2")
    browser.drag("#picture", (0.3, 0.6), (0.4, 0.8))
    browser.wait("document.querySelector('#objects').innerText.includes('1 to be tracked')")
    browser.reload()
    says(browser, "A box was drawn before; Track goes on from there.")
    kept = [value(browser, each) for each in ("frame", "direction", "start", "stop")]
    assert kept == ["7", "backward", "2", ""]
    assert "1 to be tracked" in browser.text("#objects")
    browser.choose("#run", "")  # another run is another start
    browser.wait("document.querySelectorAll('.object').length === 0")
    assert value(browser, "direction") == "forward"
    browser.choose("#run", "clip")
    browser.wait("document.querySelector('#objects').innerText.includes('1 to be tracked')")
    browser.run("location.hash = ''")
    says(browser, "clip.mp4: 1 drawn box waits there to be tracked.")
    browser.click(".card")
    says(browser, "A box was drawn before")
    assert value(browser, "frame") == "7"
    assert not browser.troubles
