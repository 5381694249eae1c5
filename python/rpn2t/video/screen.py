"""A window on the screen, if OpenCV and the machine have one."""

import os

import cv2

from rpn2t.boxes import Box
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.system.closing import Closing
from rpn2t.system.container import in_container

_TITLE = "RPN2T"
_ESCAPE = 27


def require_screen(option: str) -> None:
    """Refuse an option that needs a window, in one line that says what is missing."""
    if in_container():
        raise InputError(
            f"{option} needs a screen, which a container does not have: leave it out, give --init"
        )
    gui = next(line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:"))
    if gui.split(":")[1].strip() == "NONE":
        raise InputError(f"{option} needs an OpenCV with windows, this one has none: run `make gui`")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise InputError(f"{option} needs a screen, and there is none (DISPLAY is not set)")


def select_box(image: Image) -> Box:
    """Let the user draw the box, (x, y, w, h) in pixels, 0-based.

    Raises:
        InputError: no box was drawn.
    """
    x, y, w, h = cv2.selectROI(_TITLE, image, showCrosshair=False)
    cv2.destroyWindow(_TITLE)
    if not w or not h:
        raise InputError("--select: no box was drawn; drag one with the mouse, then press Enter")
    return float(x), float(y), float(w), float(h)


class Screen(Closing):
    """A window that shows the annotated frames while the tracker runs."""

    def __init__(self) -> None:
        cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def close(self) -> None:
        """Take the window from the screen."""
        cv2.destroyAllWindows()

    def show(self, image: Image) -> bool:
        """Show an image; False if the user pressed q or Esc to end the run."""
        cv2.imshow(_TITLE, image)
        return cv2.waitKey(1) & 0xFF not in (ord("q"), _ESCAPE)
