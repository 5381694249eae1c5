"""The frame loop and the signals that end it."""

import os
import signal
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rpn2t.boxes import Box, iou
from rpn2t.errors import InputError
from rpn2t.run.session import Step, run
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.video.frames import Frame
from rpn2t.video.sources import open_source
from support import Clip


class TemplateTracker:
    """A real tracker that fits on a page: the best match of the first frame's object."""

    def init(self, image: NDArray[np.uint8], box: Box) -> None:
        x, y, w, h = map(int, box)
        self.template = image[y : y + h, x : x + w]

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        match = cv2.matchTemplate(image, self.template, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(match)
        h, w = self.template.shape[:2]
        return (float(x), float(y), float(w), float(h)), score


class SlowTracker(TemplateTracker):
    """Takes a while for the third frame, and sends its process a signal in the middle of it."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.updates = 0

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        self.updates += 1
        if self.updates == 2:
            os.kill(os.getpid(), self.signum)
            time.sleep(30)
        return super().update(image)


def test_the_loop_follows_the_object(clip: Clip) -> None:
    with open_source(str(clip.folder)) as source:
        steps = list(run(TemplateTracker(), source.frames(2, 9), tuple(clip.truth[2])))
    assert [step.frame.index for step in steps] == list(range(2, 9))
    assert steps[0].box == tuple(clip.truth[2])
    assert steps[0].score is None
    assert all(step.score is not None and step.score > 0.9 for step in steps[1:])
    assert (iou([step.box for step in steps], clip.truth[2:9]) == 1).all()
    assert all(step.seconds > 0 for step in steps)


def test_only_the_tracker_is_timed(clip: Clip) -> None:
    def slow_frames() -> Iterator[Frame]:
        for index, image in enumerate(clip.images[:4]):
            time.sleep(0.2)
            yield Frame(index, image, "")

    began = time.perf_counter()
    steps = []
    for step in run(TemplateTracker(), slow_frames(), tuple(clip.truth[0])):
        time.sleep(0.1)
        steps.append(step)
    assert sum(step.seconds for step in steps) <= time.perf_counter() - began - 4 * 0.3


def test_an_unusable_frame_comes_after_the_steps_before_it(clip: Clip) -> None:
    def frames() -> Iterator[Frame]:
        yield Frame(0, clip.images[0], "")
        yield Frame(1, clip.images[1], "")
        raise InputError("clip: frame 2 cannot be read")

    steps: list[Step] = []
    with pytest.raises(InputError, match="frame 2"):
        steps.extend(run(TemplateTracker(), frames(), tuple(clip.truth[0])))
    assert len(steps) == 2


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_tracking_at_once(clip: Clip, signum: int) -> None:
    steps: list[Step] = []
    frames = [Frame(index, image, "") for index, image in enumerate(clip.images)]
    with Interruption() as interruption, pytest.raises(Interrupted) as stop:
        steps.extend(run(SlowTracker(signum), frames, tuple(clip.truth[0]), interruption))
    assert stop.value.signum == signum
    assert [step.frame.index for step in steps] == [0, 1]


def test_a_signal_waits_while_a_step_is_handled(clip: Clip) -> None:
    handled = []
    frames = [Frame(index, image, "") for index, image in enumerate(clip.images)]
    with Interruption() as interruption, pytest.raises(Interrupted):  # noqa: PT012
        for step in run(TemplateTracker(), frames, tuple(clip.truth[0]), interruption):
            if step.frame.index == 1:
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), signal.SIGINT)  # impatience changes nothing
            handled.append(step.frame.index)
    assert handled == [0, 1]


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    after = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert after == before
