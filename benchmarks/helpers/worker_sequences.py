"""A tracker over sequences, in a process of its own: python -m helpers.worker_sequences JSON.

The JSON is a `Contestant` of trackers.py.

The process that started it decides when it ends, so Ctrl-C does not reach it.
"""

import json
import signal
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

signal.signal(signal.SIGINT, signal.SIG_IGN)

import cv2  # noqa: E402

from helpers.machine import describe_caffe, memory  # noqa: E402
from helpers.serving import answer  # noqa: E402
from rpn2t.benchmark.trackers import TrackerSpec  # noqa: E402
from rpn2t.boxes import as_box  # noqa: E402
from rpn2t.config import Config  # noqa: E402
from rpn2t.run.session import run  # noqa: E402
from rpn2t.video.images import ImageSource  # noqa: E402

SEED = 0


class Tracking:
    """What the requests are about."""

    def __init__(self, tracker: str, mode: str, device: str, settings: list[str], bf16: bool | None) -> None:
        """Load the tracker, timed."""
        started = perf_counter()
        config = Config.for_mode(mode).with_settings(settings)
        spec = TrackerSpec(tracker=tracker, config=config, mode=mode, device=device, bf16=bf16)
        self._tracker = spec.make(SEED)
        self._load = perf_counter() - started
        self._name = tracker

    def reply_to(self, request: Any) -> Any:
        """The answer to a request.

        {"track": NAME, "files": [...], "box": [x, y, w, h]} tracks a sequence from its first frame on:
        seconds and box (px, 0-based) of each frame, score of each later one, and the most MB that were
        ever resident.
        {"about": true}: what tracks.
        """
        match request:
            case {"track": str(name), "files": list(files), "box": list(box)}:
                return self._track(ImageSource(name, name, [Path(file) for file in files]), box)
            case {"about": True}:
                own = self._ours() if self._name == "rpn2t" else {"tracker": {"tracker": self._name}}
                opencv = {"opencv": cv2.__version__, "opencv_threads": cv2.getNumThreads()}
                return {"load": self._load, **opencv, **own}
        raise ValueError(request)

    def _track(self, source: ImageSource, box: list[float]) -> dict[str, Any]:
        seconds, scores, boxes = [], [], []
        for step in run(self._tracker, source.frames(), as_box(box)):
            seconds.append(round(step.seconds, 6))
            scores.append(step.score)
            boxes.append(step.box)
        return {"seconds": seconds, "scores": scores[1:], "boxes": boxes, "peak": memory("VmHWM")}

    def _ours(self) -> dict[str, Any]:
        """What RPN2T says of itself. Only here is Caffe imported, so it is in no other tracker's memory."""
        from rpn2t.run.record import describe
        from rpn2t.tracker.loop import Tracker

        assert isinstance(self._tracker, Tracker)
        notes = list(self._tracker.device.notes)
        return {"tracker": describe(self._tracker), "caffe": describe_caffe(), "notes": notes}


answer(Tracking(**json.loads(sys.argv[1])).reply_to)
