"""A headless Chromium for tests of the page: the DevTools protocol over two pipes, with no package for it."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium")

_KEYS = {
    " ": ("Space", 32), "Enter": ("Enter", 13), "Escape": ("Escape", 27), "Tab": ("Tab", 9),
    "Delete": ("Delete", 46),
    "Home": ("Home", 36), "End": ("End", 35), "ArrowLeft": ("ArrowLeft", 37), "ArrowUp": ("ArrowUp", 38),
    "ArrowRight": ("ArrowRight", 39), "ArrowDown": ("ArrowDown", 40),
}  # fmt: skip
_TEXT = {" ": " ", "Enter": "\r"}
_SHIFT = 8


class Browser:
    """One tab. Everything that is done to it is done by real input events.

    Args:
        width: of the window, in CSS pixels.
        height: of the window.
        dark: whether the system's setting is dark.
        touch: whether fingers are used and not a mouse.
    """

    def __init__(
        self, width: int = 1280, height: int = 800, *, dark: bool = False, touch: bool = False
    ) -> None:
        self.touch = touch
        self.troubles: list[str] = []
        """Errors of the page's scripts that nobody caught."""
        self._profile = tempfile.TemporaryDirectory(prefix="rpn2t-page-", ignore_cleanup_errors=True)
        self._process, self._write, self._read = _start(Path(self._profile.name))
        self._buffer = b""
        self._last = 0
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Runtime.enable")
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self._call("Emulation.setDeviceMetricsOverride", **screen)
        self._call("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        os.close(self._write)
        os.close(self._read)
        self._process.kill()
        self._process.wait()
        self._profile.cleanup()

    def open(self, address: str) -> None:
        """Goes to an address and waits until the page is loaded."""
        self._call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self) -> None:
        """Loads the page anew, as after it was closed."""
        self.run("window.before = true")
        self._call("Page.reload")
        self.wait("document.readyState === 'complete' && !window.before")

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, limit: float = 60) -> Any:
        """Waits until an expression is true, and returns its value."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            try:
                value = self.run(f"(() => {{ try {{ return {condition} }} catch {{ return false }} }})()")
            except RuntimeError:  # between two pages
                value = None
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"never true: {condition}\nthe page says: {self.text('body')[:2000]}")

    def text(self, selector: str) -> str:
        """The text that an element shows."""
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def place(self, selector: str, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
        """A point on an element, waited for and scrolled into sight: parts of its width and height."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        found = self.run(
            f"(async () => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'});"
            "const drawn = () => new Promise(requestAnimationFrame); await drawn(); await drawn();"
            "const r = e.getBoundingClientRect();"
            f"return [r.left + {across} * r.width, r.top + {down} * r.height] }})()"
        )
        return float(found[0]), float(found[1])

    def click(self, selector: str, across: float = 0.5, down: float = 0.5) -> None:
        """Presses an element, by the mouse or a finger."""
        point = self.place(selector, across, down)
        self.drag_points(point, point)

    def drag(self, selector: str, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags from a point on an element to another one, both as parts of its width and height."""
        self.drag_points(self.place(selector, *start), self.place(selector, *end))

    def drag_points(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drags from a point of the window to another one."""
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        if self.touch:
            self._finger("touchStart", start)
            if start != end:
                self._finger("touchMove", middle)
                self._finger("touchMove", end)
            self._call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
            return
        self._mouse("mouseMoved", start, 0)
        self._mouse("mousePressed", start, 1)
        if start != end:
            self._mouse("mouseMoved", middle, 1)
            self._mouse("mouseMoved", end, 1)
        self._mouse("mouseReleased", end, 0)

    def key(self, *keys: str, shift: bool = False) -> None:
        """Presses keys one after the other: their names, or what they write."""
        for key in keys:
            code, number = _KEYS.get(key, ("", ord(key[0].upper())))
            text = _TEXT.get(key, key if len(key) == 1 else "")
            pressed = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": _SHIFT * shift}
            self._call(
                "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **pressed
            )
            self._call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def write(self, selector: str, text: str) -> None:
        """Replaces what is in a field, and leaves the field."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select() }})()"
        )
        self._call("Input.insertText", text=text)
        self.run(f"document.querySelector({json.dumps(selector)}).blur()")

    def choose(self, selector: str, value: str) -> None:
        """Chooses an entry of a list."""
        self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            f"e.value = {json.dumps(value)};"
            "e.dispatchEvent(new Event('change', {bubbles: true})) })()"
        )

    def give_file(self, selector: str, path: Path) -> None:
        """Gives a file to a field for files."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def download_to(self, folder: Path) -> None:
        """Where downloads go."""
        session, self._session = self._session, None
        self._call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
        self._session = session

    def screenshot(self, path: Path) -> None:
        """Writes what is seen as a PNG file."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))

    def _mouse(self, kind: str, point: tuple[float, float], buttons: int) -> None:
        button = "none" if kind == "mouseMoved" and not buttons else "left"
        clicks = {"button": button, "buttons": buttons, "clickCount": 1}
        self._call("Input.dispatchMouseEvent", type=kind, x=point[0], y=point[1], **clicks)

    def _finger(self, kind: str, point: tuple[float, float]) -> None:
        self._call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": point[0], "y": point[1]}])

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        self._last += 1
        message: dict[str, object] = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message(time.monotonic() + 60)
            if answer.get("method") == "Runtime.exceptionThrown":
                details = answer["params"]["exceptionDetails"]
                self.troubles.append(str(details.get("exception", {}).get("description", details["text"])))
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return dict(answer["result"])

    def _message(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "chromium does not answer"
            more = os.read(self._read, 1 << 20)
            assert more, "chromium has ended"
            self._buffer += more
        line, self._buffer = self._buffer.split(b"\0", 1)
        return dict(json.loads(line))


def _start(profile: Path) -> "tuple[subprocess.Popen[bytes], int, int]":
    """Chromium, and the ends of the pipes that it reads as file 3 and writes as file 4."""
    their_read, our_write = os.pipe()
    our_read, their_write = os.pipe()
    program = [
        str(CHROMIUM), "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={profile}",
        "--no-sandbox",
        "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "about:blank",
    ]  # fmt: skip
    shell = ["bash", "-c", f'exec "$@" 3<&{their_read} 4>&{their_write}', "chromium", *program]
    process = subprocess.Popen(
        shell, pass_fds=(their_read, their_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(their_read)
    os.close(their_write)
    return process, our_write, our_read
