"""Who is answered by `rpn2t serve`, and what of the disk is seen."""

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from serving import HEADERS, LIMIT, Browser, served


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with frames, beside one that is nobody's business."""
    top = tmp_path_factory.mktemp("served")
    picture = cv2.imencode(".png", np.zeros((20, 30, 3), np.uint8))[1].tobytes()
    for place in ("secret", "open/frames", "open/.hidden", "open/odd"):
        (top / place).mkdir(parents=True)
        for number in range(3):
            (top / place / f"{number}.png").write_bytes(picture)
    (top / "open" / "odd" / "3.png").symlink_to(top / "secret" / "0.png")
    (top / "open" / "link").symlink_to(top / "secret")
    (top / "open" / "seq").mkdir()
    (top / "open" / "seq" / "img").symlink_to(top / "secret")
    return top / "open"


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    with served(folder) as browser:
        yield browser


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic right"},
        {"Cookie": "rpn2t_token_{port}=wrong"},
        {"Cookie": "rpn2t_token=right"},
        {"Cookie": "rpn2t_token_1=right"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/page/index.html", "/api/sources", "/nothing"])
def test_nothing_is_answered_without_the_token(browser: Browser, path: str, headers: dict[str, str]) -> None:
    named = {name: value.format(port=browser.port) for name, value in headers.items()}
    status, _, content = browser.ask("GET", path, headers=named)
    assert (status, content) == (
        403, b'{"error":"The token is missing or wrong; open the address that rpn2t printed."}',
    )  # fmt: skip


def test_the_printed_address_gives_a_cookie_that_no_script_and_no_other_page_can_use(
    browser: Browser,
) -> None:
    status, headers, _ = browser.ask("GET", "/?token=right", headers={})
    assert (status, headers["location"]) == (303, "/")
    cookie = f"rpn2t_token_{browser.port}=right"  # another server on this machine has one of its own
    assert headers["set-cookie"] == f"{cookie}; HttpOnly; Path=/; SameSite=strict"
    assert browser.ask("GET", "/", headers={"Cookie": cookie})[0] == 200
    status, headers, _ = browser.ask("GET", "/?token=wrong", headers={})
    assert (status, headers["set-cookie"]) == (403, None)


@pytest.mark.parametrize("header", ["Origin", "Host"])
@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1:1", "null", ""])
def test_another_page_and_another_name_of_this_machine_are_refused(
    browser: Browser, header: str, name: str
) -> None:
    value = f"http://{name}" if header == "Origin" and name not in ("null", "") else name
    status, _, _ = browser.ask("POST", "/api/projects", {"path": "frames"}, {**HEADERS, header: value})
    assert status == 403


def test_the_page_itself_is_answered_by_each_of_its_names(browser: Browser) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]", "LOCALHOST"):
        host = f"{name}:{browser.port}"
        headers = {**HEADERS, "Host": host, "Origin": f"http://{host}"}
        assert browser.ask("GET", "/api/sources", headers=headers)[0] == 200


def test_at_all_addresses_any_name_is_taken_but_no_other_page(folder: Path) -> None:
    with served(folder, host="0.0.0.0") as browser:
        mine = {**HEADERS, "Host": "box.lan:9000"}
        assert browser.ask("GET", "/api/sources", headers={**mine, "Origin": "http://box.lan:9000"})[0] == 200
        assert browser.ask("GET", "/api/sources", headers={**mine, "Origin": "http://evil.example"})[0] == 403


def test_the_page_takes_nothing_from_elsewhere(browser: Browser) -> None:
    headers = browser.ask("GET", "/")[1]
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    ["..", "../secret", "frames/../frames", "/etc", "link", "link/0.png", "odd", "seq", ".hidden", "a" * 300,
     "runs", "", "%00", "nothing"],
)  # fmt: skip
@pytest.mark.parametrize("request_", ["source?path=", "thumbnail?path=", "frame?index=0&path="])
def test_only_what_lies_below_the_folder_is_seen(browser: Browser, path: str, request_: str) -> None:
    status, _, content = browser.ask("GET", f"/api/{request_}{path}")
    assert status == 404, content


def test_a_project_is_made_only_of_what_lies_below_the_folder(browser: Browser, folder: Path) -> None:
    assert browser.json("POST", "/api/projects", {"path": "../secret"})[0] == 404
    assert browser.json("GET", "/api/projects/..")[0] == 404
    assert browser.json("GET", "/api/projects/%2e%2e%2fsecret")[0] == 404
    assert browser.json("DELETE", "/api/projects/.trash")[0] == 404


def test_the_list_has_neither_hidden_folders_nor_links_that_lead_out(browser: Browser) -> None:
    paths = [each["path"] for each in browser.json("GET", "/api/sources")[1]["sources"]]
    assert sorted(paths) == ["frames", "odd"]  # odd is refused when it is opened


def test_the_page_is_no_way_to_other_files(browser: Browser) -> None:
    assert browser.ask("GET", "/page/../app.py")[0] == 404
    assert browser.ask("GET", "/page/%2e%2e/app.py")[0] == 404


def test_an_upload_gets_a_free_name(browser: Browser, folder: Path) -> None:
    assert browser.json("POST", "/api/upload?name=a%20b.mp4", b"one") == (200, {"path": "a b.mp4"})
    assert browser.json("POST", "/api/upload?name=a%20b.mp4", b"two") == (200, {"path": "a b-2.mp4"})
    assert ((folder / "a b.mp4").read_bytes(), (folder / "a b-2.mp4").read_bytes()) == (b"one", b"two")


@pytest.mark.parametrize(
    "name", ["../a.mp4", "a/b.mp4", ".a.mp4", "a.py", "a%0A.mp4", "x" * 300 + ".mp4", ""]
)
def test_an_upload_cannot_be_called_anything(browser: Browser, folder: Path, name: str) -> None:
    before = sorted(os.listdir(folder))
    status, said = browser.json("POST", f"/api/upload?name={name}", b"data")
    assert status == 400
    assert "rename it" in said["error"] or "no video by its name" in said["error"]
    assert sorted(os.listdir(folder)) == before


def test_an_upload_above_the_limit_leaves_nothing(browser: Browser, folder: Path) -> None:
    before = sorted(os.listdir(folder))
    assert browser.json("POST", "/api/upload?name=big.mp4", b"x" * (LIMIT + 1))[0] == 413
    # a body whose length is not told
    headers = {**HEADERS, "Transfer-Encoding": "chunked"}
    chunk = b"%x\r\n%s\r\n" % (LIMIT + 1, b"x" * (LIMIT + 1))
    assert browser.ask("POST", "/api/upload?name=big.mp4", chunk + b"0\r\n\r\n", headers)[0] == 413
    assert sorted(os.listdir(folder)) == before


def test_an_upload_onto_a_full_disk_leaves_nothing(
    browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(os.listdir(folder))
    monkeypatch.setattr("rpn2t.serve.library.os.fsync", full)
    status, said = browser.json("POST", "/api/upload?name=c.mp4", b"data")
    assert (status, said["error"]) == (400, "c.mp4: cannot write: No space left on device")
    assert sorted(os.listdir(folder)) == before
