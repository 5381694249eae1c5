"""The trackers that can be run by name: RPN2T, OpenCV's as baselines, and any class with our two methods."""

import hashlib
import importlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t import __version__
from rpn2t.boxes import Box, as_box
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.run.session import FrameTracker

BASELINES = ("csrt", "kcf", "mil", "mosse")
"""OpenCV's trackers."""


@dataclass(frozen=True, kw_only=True)
class TrackerSpec:
    """Which tracker, and everything that decides its boxes except the seed.

    Attributes:
        tracker: ``rpn2t``, one of BASELINES, or ``module:Class``.
        config: RPN2T's numbers. This and the following are only for RPN2T.
        mode: ``paper`` or ``fast``.
        weights: a weight set, see :class:`rpn2t.Tracker`.
        backbone: one that comes with the package, or a folder.
        device: auto, cpu or gpu:N.
        tf32: TF32 on a GPU.
        bf16: bfloat16 on a CPU; None: as suits the mode.
    """

    tracker: str = "rpn2t"
    config: Config = field(default_factory=Config)
    mode: str = "paper"
    weights: str = "shipped"
    backbone: str = "student"
    device: str = "auto"
    tf32: bool = False
    bf16: bool | None = None

    @property
    def title(self) -> str:
        """What results are called by default: RPN2T, CSRT, the class's name."""
        return self.tracker.rpartition(":")[2] if ":" in self.tracker else self.tracker.upper()

    def make(self, seed: int) -> FrameTracker:
        """A new tracker.

        Args:
            seed: of everything random, if the tracker takes one.

        Raises:
            InputError: it cannot be made.
        """
        if self.tracker == "rpn2t":
            from rpn2t.tracker.loop import Tracker

            return Tracker(
                self.config,
                mode=self.mode,
                backbone=self.backbone,
                weights=self.weights,
                device=self.device,
                seed=seed,
                tf32=self.tf32,
                bf16=self.bf16,
            )
        if self.tracker in BASELINES:
            return OpenCVTracker(self.tracker, seed)
        made = _load_class(self.tracker)
        tracker: FrameTracker = made(seed=seed) if _wants_seed(made) else made()
        return tracker

    @property
    def takes_seed(self) -> bool:
        """Whether another seed can give other boxes.

        Raises:
            InputError: there is no such class.
        """
        known = self.tracker == "rpn2t" or self.tracker in BASELINES
        return known or _wants_seed(_load_class(self.tracker))

    def identity(self) -> dict[str, Any]:
        """What decides its boxes, for a manifest: settings, versions, checksums.

        Raises:
            InputError: there is no such tracker, or a part of it is not installed.
        """
        if self.tracker == "rpn2t":
            return {"tracker": "rpn2t", "version": __version__, **self._rpn2t_identity()}
        if self != TrackerSpec(tracker=self.tracker):
            raise InputError(
                f"--tracker {self.tracker}: configuration, weights, backbone, device and mode are RPN2T's; "
                "leave them out"
            )
        if self.tracker in BASELINES:
            import cv2

            _opencv_constructor(self.tracker)
            return {"tracker": self.tracker, "opencv": cv2.__version__}
        source = inspect.getsourcefile(_load_class(self.tracker))
        code = hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else None
        return {"tracker": self.tracker, "source_sha256": code}

    def _bf16(self) -> bool:
        """Whether it computes in bfloat16, if on this machine's CPU."""
        from rpn2t.tracker.modes import suits_bf16

        if self.bf16 is not None:
            return self.bf16
        return not self.device.startswith("gpu") and suits_bf16(self.mode)

    def _rpn2t_identity(self) -> dict[str, Any]:
        from rpn2t.nets.backbone import BackboneSpec
        from rpn2t.nets.weight_sets import find_set
        from rpn2t.run.record import checksums, weight_files

        backbone = BackboneSpec.find(self.backbone)
        files = weight_files(backbone, find_set(self.weights)) | {backbone.folder / backbone.prototxt}
        return {
            "mode": self.mode,
            "backbone": self.backbone,
            "device": self.device,
            "tf32": self.tf32,
            "bf16": self._bf16(),
            "sha256": checksums(files),
            "configuration": self.config.to_dict(),
        }


class OpenCVTracker:
    """One of OpenCV's trackers behind our two methods.

    If OpenCV reports a failure, the box stays and has score 0. Otherwise the score is 1, as these trackers
    give none.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        """Make it.

        Args:
            name: one of BASELINES.
            seed: of OpenCV's random numbers.

        Raises:
            InputError: this OpenCV was built without it.
        """
        self._make = _opencv_constructor(name)
        self._seed = seed
        self._tracker: Any = None
        self._box: Box = (0.0, 0.0, 0.0, 0.0)

    def init(self, image: NDArray[np.uint8], box: Box) -> None:
        """Learn the object in the box; OpenCV takes whole pixels."""
        import cv2

        cv2.setRNGSeed(self._seed)
        self._tracker = self._make()
        self._box = as_box(box)
        x, y, w, h = map(round, self._box)
        self._tracker.init(image, (x, y, max(w, 1), max(h, 1)))

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        """Find it in the next frame."""
        found, box = self._tracker.update(image)
        if found:
            self._box = as_box(box)
        return self._box, float(found)


def _opencv_constructor(name: str) -> Any:
    import cv2

    function = f"Tracker{name.upper()}_create"
    for place in (cv2, getattr(cv2, "legacy", None)):
        if hasattr(place, function):
            return getattr(place, function)
    raise InputError(
        f"--tracker {name}: this OpenCV ({cv2.__version__}) was built without it; "
        "install opencv-contrib-python-headless"
    )


def _wants_seed(made: Any) -> bool:
    return "seed" in inspect.signature(made).parameters


def _load_class(spec: str) -> Any:
    """The class that ``module:Class`` names."""
    module, _, name = spec.partition(":")
    if not module or not name:
        known = ", ".join(("rpn2t", *BASELINES))
        raise InputError(f"--tracker {spec}: there are {known}; a class of your own is module:Class")
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise InputError(
            f"--tracker {spec}: cannot import {module} ({error}); PYTHONPATH must name its folder"
        ) from error
    except AttributeError:
        raise InputError(f"--tracker {spec}: there is no {name} in {module}") from None
    lacking = [method for method in ("init", "update") if not callable(getattr(found, method, None))]
    if lacking:
        raise InputError(
            f"--tracker {spec}: the class has no {' and no '.join(lacking)}; it needs init(image, box) and "
            "update(image) -> box, score"
        )
    return found
