"""A tracker on a clip, in a process of its own: python -m helpers.worker_track JSON.

The JSON is a `Subject` of tracking.py.

The process that started it decides when it ends, so Ctrl-C does not reach it.
"""

import json
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from time import perf_counter
from typing import Any

signal.signal(signal.SIGINT, signal.SIG_IGN)

from helpers.clips import Clip, Size  # noqa: E402
from helpers.machine import describe_caffe, memory  # noqa: E402
from helpers.serving import answer  # noqa: E402
from rpn2t.boxes import iou  # noqa: E402
from rpn2t.config import Config  # noqa: E402
from rpn2t.run.profile import Profile  # noqa: E402
from rpn2t.run.record import describe  # noqa: E402
from rpn2t.run.session import Step, run  # noqa: E402
from rpn2t.tracker.loop import Tracker  # noqa: E402


class Track:
    """What the requests are about."""

    def __init__(
        self,
        mode: str,
        device: str,
        settings: list[str],
        clip: dict[str, Any],
        bf16: bool | None,
        tf32: bool,
    ) -> None:
        """Load the tracker, timed."""
        sizes = {name: Size(**clip[name]) for name in ("frame", "target")}
        self._clip = Clip(**(clip | sizes))
        started = perf_counter()
        config = Config.for_mode(mode).with_settings(settings)
        self._tracker = Tracker(config, mode=mode, device=device, bf16=bf16, tf32=tf32)
        self._load = perf_counter() - started
        self._steps: Iterator[Step] = iter(())

    def reply_to(self, request: Any) -> Any:
        """The answer to a request.

        {"start": true} begins a track: seconds of loading and of the first frame, and resident MB after it.
        {"frames": N}: seconds, score, overlap with the truth and resident MB of each of the next N.
        {"peak": true}: the most MB that were ever resident. {"profile": N}: where the time of a new track of
        1 + N frames goes. {"about": true}: what tracks.
        """
        match request:
            case {"start": True}:
                self._steps = self._track()
                first = next(self._steps).seconds
                return {"load": self._load, "first": first, "resident": memory("VmRSS")}
            case {"frames": int(count)}:
                return [self._row(step) for step in islice(self._steps, count)]
            case {"peak": True}:
                return memory("VmHWM")
            case {"profile": int(count)}:
                with Profile() as profile:
                    for _ in profile.by_frame(islice(self._track(), 1 + count)):
                        pass
                return {"phases": [asdict(phase) for phase in profile.phases], "table": profile.table()}
            case {"about": True}:
                return {"tracker": describe(self._tracker), "caffe": describe_caffe()}
        raise ValueError(request)

    def _track(self) -> Iterator[Step]:
        return run(self._tracker, self._clip.frames(), self._clip.box(0))

    def _row(self, step: Step) -> dict[str, float]:
        overlap = float(iou(step.box, self._clip.box(step.frame.index))[0])
        numbers = {"seconds": step.seconds, "score": step.score or 0, "overlap": overlap}
        return {name: round(number, 6) for name, number in numbers.items()} | {"resident": memory("VmRSS")}


answer(Track(**json.loads(sys.argv[1])).reply_to)
