"""What the page asks of `rpn2t serve`: sources, frames, projects, jobs; the tracker only counts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import serving
from serving import FRAMES, Browser, CounterMaker, make_video, served

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.run.formats.rows_file import read_rows
from rpn2t.run.rows import Row
from rpn2t.serve.projects import Projects
from rpn2t.serve.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_video(tmp_path / "clip.mp4")
    return tmp_path


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    with served(folder) as browser:
        yield browser


def short(project: Any) -> list[tuple[str, int, float, str]]:
    """Object, frame, x and status of each row."""
    return [(row[0], row[1], row[3], row[8]) for row in project["rows"]]


def on_disk(folder: Path) -> list[tuple[str, int, float, str]]:
    return [(row.object, row.frame, row.box[0], row.status) for row in read_rows(folder / "boxes.csv")]


def test_sources_and_their_frames(browser: Browser, folder: Path) -> None:
    assert browser.json("POST", "/api/projects", {"path": "clip.mp4"})[1]["id"] == "clip"
    (source,) = browser.json("GET", "/api/sources")[1]["sources"]
    size = (folder / "clip.mp4").stat().st_size
    assert source == {"path": "clip.mp4", "name": "clip.mp4", "kind": "video", "bytes": size, "runs": 1}
    about = browser.json("GET", "/api/source?path=clip.mp4")[1]
    assert about == {
        "path": "clip.mp4", "name": "clip.mp4", "frames": FRAMES, "width": 160, "height": 120, "fps": 10.0,
        "has_truth": False, "notes": [],
    }  # fmt: skip
    for index in (7, 3, 11, 10, 0):
        status, headers, data = browser.ask("GET", f"/api/frame?path=clip.mp4&index={index}")
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert (status, image.shape, round(image.mean() / 20)) == (200, (120, 160, 3), index)
        known = {**serving.HEADERS, "If-None-Match": headers["etag"]}
        assert browser.ask("GET", f"/api/frame?path=clip.mp4&index={index}", headers=known)[0] == 304
    assert browser.json("GET", f"/api/frame?path=clip.mp4&index={FRAMES}")[0] == 404
    assert browser.json("GET", "/api/frame?path=clip.mp4&index=-1")[0] == 400
    assert browser.ask("GET", "/api/thumbnail?path=clip.mp4")[1]["content-type"] == "image/jpeg"


def test_a_thumbnail_is_small_and_of_the_file_that_is_there_now(browser: Browser, folder: Path) -> None:
    def mean() -> float:
        data = browser.ask("GET", "/api/thumbnail?path=wide.png")[2]
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        assert image.shape == (60, 240, 3)
        return float(image.mean())

    cv2.imwrite(str(folder / "wide.png"), np.zeros((120, 480, 3), np.uint8))
    assert mean() < 1
    cv2.imwrite(str(folder / "wide.png"), np.full((120, 480, 3), 255, np.uint8))
    os.utime(folder / "wide.png", (1, 1))
    assert mean() > 254


def test_a_correction_replaces_what_comes_after_it_and_the_folder_is_that_of_a_run(
    browser: Browser, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    with browser.watch("clip") as watch:
        events = watch.events()
        assert next(events) == ("", None)  # at once, before anything happens
        status, said = browser.track("clip", ("crane", 0), ("chick", 2), stop=8)
        assert (status, said["job"]["state"]) == (200, "running")
        seen = []
        for name, data in events:
            seen += data if name == "rows" else []
            if name == "job" and data["state"] == "done":
                break
    project = browser.done("clip")
    assert sorted(seen) == sorted(project["rows"])
    assert [(each["name"], each["colour"]) for each in project["objects"]] == [
        ("crane", "#ffd700"), ("chick", "#5abefa"),
    ]  # fmt: skip
    first = [("crane", 0, 0.0, "given"), ("crane", 1, 1.0, "found")]
    assert short(project)[:4] == [*first, ("crane", 2, 2.0, "lost"), ("chick", 2, 20.0, "given")]
    assert short(project)[-1] == ("chick", 7, 25.0, "found")
    files = {each.name for each in (folder / "runs" / "clip").iterdir()}
    assert files == {"boxes.csv", "run.json", "boxes_crane.txt", "boxes_chick.txt"}

    browser.track("clip", ("crane", 6))
    browser.done("clip")
    browser.track("clip", ("crane", 4), direction="both")
    rows = short(browser.done("clip"))
    assert [row[1:] for row in rows if row[0] == "crane"] == [
        (0, 0.0, "given"), (1, 43.0, "found"), (2, 42.0, "lost"), (3, 41.0, "found"), (4, 40.0, "fixed"),
        (5, 41.0, "found"), (6, 60.0, "fixed"), (7, 61.0, "found"), (8, 62.0, "lost"), (9, 63.0, "found"),
        (10, 64.0, "found"), (11, 65.0, "found"),
    ]  # fmt: skip
    assert on_disk(folder / "runs" / "clip") == rows
    assert main(["convert", str(folder / "runs" / "clip"), "--format", "mot"]) == 0
    assert len((folder / "runs" / "clip" / "mot.txt").read_text().splitlines()) == len(rows)


def test_objects_are_renamed_and_deleted_and_every_browser_hears_of_it(
    browser: Browser, folder: Path
) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    browser.track("clip", ("a", 0), ("b", 0), stop=4)
    browser.done("clip")
    with browser.watch("clip") as one, browser.watch("clip") as other:
        status, project = browser.json("POST", "/api/projects/clip/objects", {"rename": ["a", "c d"]})
        assert (status, [each["name"] for each in project["objects"]]) == (200, ["c d", "b"])
        for watch in (one, other):
            assert {"version": project["version"]} in [data for name, data in
                                                       (next(watch.events()) for _ in range(3))]  # fmt: skip
    assert browser.json("POST", "/api/projects/clip/objects", {"rename": ["b", "c d"]})[0] == 400
    assert browser.json("POST", "/api/projects/clip/objects", {"rename": ["b", "../b"]})[0] == 400
    assert browser.json("POST", "/api/projects/clip/objects", {"delete": "a"})[0] == 400
    assert browser.json("POST", "/api/projects/clip/objects", {})[0] == 400
    gone = {"delete_rows": {"object": "c d", "from": 1, "to": 2}}
    project = browser.json("POST", "/api/projects/clip/objects", gone)[1]
    assert [row[1] for row in short(project) if row[0] == "c d"] == [0, 3]
    project = browser.json("POST", "/api/projects/clip/objects", {"delete": "c d"})[1]
    assert {row[0] for row in short(project)} == {"b"}
    assert on_disk(folder / "runs" / "clip") == short(project)
    files = {each.name for each in (folder / "runs" / "clip").iterdir()}
    assert files == {"boxes.csv", "run.json", "boxes.txt"}


def test_exports_and_the_trash(browser: Browser, folder: Path) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    assert browser.json("GET", "/api/projects/clip/export?format=csv")[0] == 400  # no boxes yet
    browser.track("clip", ("a", 0), stop=3)
    browser.done("clip")
    begins = {
        "csv": b"object,frame,", "json": b"{\n", "txt": b"1.000,6.000,20.000,20.000\n", "mot": b"1,1,1.000",
        "coco": b"{\n", "cvat": b"<?xml", "mp4": b"\x00\x00\x00",
    }  # fmt: skip
    for name, begin in begins.items():
        status, headers, data = browser.ask("GET", f"/api/projects/clip/export?format={name}")
        assert status == 200
        assert data.startswith(begin)
        assert headers["content-disposition"].startswith('attachment; filename="clip')
    assert browser.json("GET", "/api/projects/clip/export?format=xls")[0] == 400
    assert browser.json("DELETE", "/api/projects/clip") == (200, {})
    assert browser.json("GET", "/api/projects/clip")[0] == 404
    assert (folder / "runs" / ".trash" / "clip" / "boxes.csv").is_file()
    assert browser.json("GET", "/api/projects")[1] == {"projects": []}


def test_a_run_of_the_command_is_a_project(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("rpn2t.cli.actions.track.Tracker", lambda *_, **__: _Plain())
    monkeypatch.setattr("rpn2t.cli.actions.track.describe", lambda _: {"mode": "fast", "device": "cpu"})
    box = "bird=10,10,20,20"
    assert main(["track", "clip.mp4", "--init", box, "--frames", "0:4", "--mode", "fast"]) == 0
    with served(folder) as browser:
        (listed,) = browser.json("GET", "/api/projects?path=clip.mp4")[1]["projects"]
        assert {**listed, "modified": ""} == {
            "id": "clip", "path": "clip.mp4", "objects": 1, "frames": 4, "modified": "",
        }  # fmt: skip
        assert browser.json("GET", "/api/projects?path=other.mp4")[1] == {"projects": []}
        browser.track("clip", ("bird", 2), stop=3)
        rows = short(browser.done("clip"))
        assert [row[1:] for row in rows] == [
            (0, 10.0, "given"), (1, 11.0, "found"), (2, 20.0, "fixed"), (3, 13.0, "found"),
        ]  # fmt: skip
        assert not (folder / "runs" / "clip" / "video.mp4").exists()  # it shows the old boxes


class _Plain(serving.Counter):
    device = type("Device", (), {"notes": ()})


def test_jobs_pause_stop_and_exclude_one_another(folder: Path) -> None:
    with served(folder, CounterMaker(pace=0.05)) as browser:
        for _ in range(3):
            browser.json("POST", "/api/projects", {"path": "clip.mp4"})
        names = ["clip", "clip-2", "clip-3"]
        for name in names:
            browser.track(name, ("a", 0))
        browser.json("POST", "/api/projects/clip/job", {"do": "pause"})
        browser.until("clip-2", lambda each: each["job"]["done"] > 0)
        waiting = browser.project("clip-3")["job"]
        assert (waiting["state"], waiting["phase"]) == ("running", "waiting")  # two work at once
        assert browser.track("clip", ("b", 0))[0] == 409
        assert browser.json("POST", "/api/projects/clip/objects", {"delete": "a"})[0] == 409
        assert browser.json("GET", "/api/projects/clip/export?format=mp4")[0] == 409
        assert browser.json("DELETE", "/api/projects/clip")[0] == 409
        assert browser.json("POST", "/api/projects/clip/job", {"do": "jump"})[0] == 400
        browser.json("POST", "/api/projects/clip-3/job", {"do": "stop"})
        assert browser.done("clip-3", "stopped")["rows"] == []
        browser.done("clip-2")
        assert browser.project("clip")["job"]["state"] == "paused"
        browser.json("POST", "/api/projects/clip/job", {"do": "resume"})
        rows = browser.done("clip")["rows"]
        assert [row[1] for row in rows] == list(range(FRAMES))


def test_a_worker_that_is_killed_is_told_and_its_rows_stay(folder: Path) -> None:
    with served(folder, CounterMaker(dies_after=3)) as browser:
        browser.json("POST", "/api/projects", {"path": "clip.mp4"})
        browser.track("clip", ("a", 0))
        project = browser.done("clip", "failed")
        assert project["job"]["error"].startswith("the worker ended by signal 9; the boxes up to there are")
        assert [row[1] for row in project["rows"]] == [0, 1, 2]
        assert len(on_disk(folder / "runs" / "clip")) == 3
        browser.track("clip", ("a", 9))  # the page stays usable
        assert [row[1] for row in browser.done("clip")["rows"]] == [0, 1, 2, 9, 10, 11]


def test_a_full_disk_ends_the_job_with_a_sentence_and_whole_lines(
    folder: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    write, table = os.write, folder / "runs" / "clip" / "boxes.csv"

    def full(stream: int, data: bytes) -> int:
        if table.stat().st_size > 120 and os.readlink(f"/proc/self/fd/{stream}") == str(table):
            if len(data) > 10:
                return write(stream, data[:10])
            raise OSError(28, "No space left on device")
        return write(stream, data)

    def refuse(path: Path, _: str) -> None:
        if table.stat().st_size > 120:
            raise InputError(f"{path}: cannot write: No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("rpn2t.serve.store.os.write", full)
        patched.setattr("rpn2t.serve.store.write_whole", refuse)
        browser.track("clip", ("a", 0))
        job = browser.done("clip", "failed")["job"]
    assert job["error"] == "runs/clip/boxes.csv: cannot write: No space left on device"
    rows = on_disk(folder / "runs" / "clip")
    assert [row[1] for row in rows] == list(range(len(rows)))
    assert short(browser.project("clip")) == rows
    browser.track("clip", ("a", 0))  # there is room again
    rows = short(browser.done("clip"))
    assert len(rows) == FRAMES
    assert on_disk(folder / "runs" / "clip") == rows


def test_a_line_that_a_kill_has_cut_is_left_out_and_the_next_one_is_not_joined_to_it(
    folder: Path, browser: Browser
) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    with (folder / "runs" / "clip" / "boxes.csv").open("a") as table:
        table.write("a,0,0.000000,0.000,5.000,20.000,20.000,,given\na,1,0.1")
    assert [row[:2] for row in short(browser.project("clip"))] == [("a", 0)]
    store = Store(folder / "runs" / "clip")
    store.hold()
    store.append([Row("a", 1, None, (1, 2, 3, 4), 0.5, "found")], {})
    store.release()
    assert on_disk(folder / "runs" / "clip") == [("a", 0, 0.0, "given"), ("a", 1, 1.0, "found")]


def test_the_last_event_of_a_project_says_that_it_is_thrown_away(browser: Browser) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    with browser.watch("clip") as watch:
        next(watch.events())
        browser.json("DELETE", "/api/projects/clip")
        assert list(watch.events()) == [("deleted", {})]


def test_a_project_is_made_with_its_first_job_or_not_at_all(browser: Browser, folder: Path) -> None:
    wish = {"boxes": [{"object": "a", "frame": 9, "box": [90, 5, 20, 20]}], "start": 9, "stop": 9}
    status, answer = browser.json("POST", "/api/projects", {"path": "clip.mp4", "track": wish})
    assert (status, answer["error"]) == (
        400, "frames 9 to 8: the last is before the first; give a later one",
    )  # fmt: skip
    for more in ({"start": 0, "stop": 5}, {"start": FRAMES, "stop": None}):
        asked = {"path": "clip.mp4", "track": {**wish, **more}}
        assert browser.json("POST", "/api/projects", asked)[0] == 400
    assert browser.json("POST", "/api/projects", {"path": "clip.mp4", "track": []})[0] == 400
    assert not (folder / "runs" / "clip").exists()
    asked = {"path": "clip.mp4", "track": {**wish, "stop": None}}
    status, project = browser.json("POST", "/api/projects", asked)
    assert (status, project["id"], project["job"]["state"]) == (200, "clip", "running")
    done = browser.done("clip")
    assert [row[1] for row in short(done)] == [9, 10, 11]
    assert done["job"]["id"] == project["job"]["id"]
    assert browser.track("clip", ("a", 9))[1]["job"]["id"] != project["job"]["id"]
    browser.done("clip")


@pytest.mark.parametrize(
    "said",
    [{}, {"boxes": []}, {"boxes": [{"object": "a/b", "frame": 0, "box": [1, 2, 3, 4]}]},
     {"boxes": [{"object": "a", "frame": -1, "box": [1, 2, 3, 4]}]},
     {"boxes": [{"object": "a", "frame": 0, "box": [1, 2, 0, 4]}]},
     {"boxes": [{"object": "a", "frame": 0, "box": [1, 2, 3]}]},
     {"boxes": [{"object": "a", "frame": FRAMES, "box": [1, 2, 3, 4]}]},
     {"boxes": [{"object": "a", "frame": 0, "box": [1, 2, 3, 4]}], "direction": "up"},
     {"boxes": [{"object": "a", "frame": 3, "box": [1, 2, 3, 4]}], "start": 3, "stop": 3}],
)  # fmt: skip
def test_wishes_that_cannot_be_done_are_refused_and_the_project_is_free(
    shared: Browser, said: dict[str, Any]
) -> None:
    status, answer = shared.json("POST", "/api/projects/clip/track", said)
    assert status == 400
    assert "\n" not in answer["error"]
    assert shared.json("POST", "/api/projects/clip/track", said)[0] == 400


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A server for requests that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    make_video(folder / "clip.mp4")
    with served(folder) as browser:
        browser.json("POST", "/api/projects", {"path": "clip.mp4"})
        yield browser


def test_a_box_outside_the_frame_fails_in_a_sentence_that_names_the_object(browser: Browser) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    browser.json("POST", "/api/projects/clip/track",
                 {"boxes": [{"object": "a", "frame": 1, "box": [500, 2, 3, 4]}]})  # fmt: skip
    job = browser.done("clip", "failed")["job"]
    assert job["error"] == "a in frame 1: lies outside the frame of 160 x 120 px; give a box in it"


def test_a_page_that_was_away_gets_what_it_missed(browser: Browser) -> None:
    browser.json("POST", "/api/projects", {"path": "clip.mp4"})
    with browser.watch("clip") as watch:
        next(watch.events())
        before = watch.id
    browser.track("clip", ("a", 0), stop=3)
    rows = browser.done("clip")["rows"]
    with browser.watch("clip", before) as watch:
        events = watch.events()
        next(events)
        assert next(events) == ("rows", rows)
    with browser.watch("clip", "0-0") as watch:  # of another server's life
        assert next(watch.events())[0] == "changed"


def test_a_killed_server_finds_all_boxes_again(folder: Path) -> None:
    code = [sys.executable, str(Path(serving.__file__)), str(folder)]
    with subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline()
        port = int(address.partition("127.0.0.1:")[2].partition("/")[0])
        serving.HEADERS["Authorization"] = f"Bearer {address.strip().partition('token=')[2]}"
        try:
            browser = Browser(port)
            browser.json("POST", "/api/projects", {"path": "clip.mp4"})
            browser.track("clip", ("a", 0), stop=3)
            browser.done("clip")
            (folder / "runs" / "clip" / "mot.txt").write_text("of the old boxes")
            browser.track("clip", ("a", 1))  # it replaces two rows, and the others are new
            browser.until("clip", lambda each: len(each["rows"]) >= 5)
        finally:
            process.send_signal(signal.SIGKILL)
            serving.HEADERS["Authorization"] = f"Bearer {serving.TOKEN}"
    assert not (folder / "runs" / "clip" / "mot.txt").exists()
    assert len(on_disk(folder / "runs" / "clip")) >= 5  # for `rpn2t convert`, before any server looks
    with served(folder) as browser:
        rows = short(browser.project("clip"))
        assert rows[:4] == [
            ("a", 0, 0.0, "given"), ("a", 1, 10.0, "fixed"), ("a", 2, 11.0, "found"), ("a", 3, 12.0, "lost"),
        ]  # fmt: skip
        assert on_disk(folder / "runs" / "clip") == rows
        assert '"status": "interrupted"' in (folder / "runs" / "clip" / "run.json").read_text()


def test_two_servers_do_not_share_a_folder_of_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "runs").mkdir()
    with (folder / "runs" / ".serve.lock").open("a") as held:
        serving.lock(held, "")
        assert main(["serve", str(folder), "--port", "0", "--mode", "fast"]) == 2
    assert "another `rpn2t serve` works there; stop it, or choose another --runs" in capsys.readouterr().err


def test_a_port_that_is_taken_is_named(
    folder: Path, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    port = str(browser.port)
    assert main(["serve", str(folder), "--port", port, "--runs", str(folder / "r"), "--mode", "fast"]) == 2
    assert f"rpn2t: 127.0.0.1:{port}: cannot listen there (Address already in use)" in capsys.readouterr().err


def test_projects_that_nobody_looks_at_do_not_fill_the_memory(browser: Browser, folder: Path) -> None:
    made = [browser.json("POST", "/api/projects", {"path": "clip.mp4"})[1]["id"] for _ in range(12)]
    assert len(set(made)) == 12
    projects = Projects(folder / "runs", serving.Library(folder, folder / "runs"))
    for name in made:
        projects.get(name)
    assert len(projects._loaded) == 8
