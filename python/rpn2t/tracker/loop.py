"""The tracker: the paper's loop (sections 3.2 to 3.4, in MDNet's online framework)."""

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rpn2t
from rpn2t.boxes import Box, Floats, as_box, iou
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.images import Image, as_bgr
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffe import blas_report, load_caffe
from rpn2t.nets.device import choose_device
from rpn2t.nets.weight_sets import find_set
from rpn2t.system.files import sha256
from rpn2t.system.processor import cpu_name
from rpn2t.tracker.candidates import (
    approach,
    best_candidates,
    draw_candidates,
    mean_box,
    next_translation,
    success_score,
)
from rpn2t.tracker.fast.region import RegionGeometry
from rpn2t.tracker.mode import Appearance
from rpn2t.tracker.modes import TargetMaker, choose_mode
from rpn2t.tracker.observation import Observation, Observer, Term
from rpn2t.tracker.paper.learning import due_update
from rpn2t.tracker.regression import BoxRegressor
from rpn2t.tracker.sampling import Sampler, apart, choose, overlapping


class Tracker:
    """Follows one object through a video.

        tracker = Tracker(seed=0)
        tracker.init(image, (x, y, w, h))
        box, score = tracker.update(image)

    Images are uint8 (height, width, 3) in BGR; boxes (x, y, w, h) in pixels, 0-based. A tracker holds
    all of its state: several can live in one process, and one can be initialised again.

    Attributes:
        observer: None, or what :meth:`update` calls with every frame's
            :class:`rpn2t.tracker.observation.Observation`, before the head learns from the frame.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        mode: str = "auto",
        backbone: str = "student",
        weights: str = "shipped",
        device: str = "auto",
        seed: int = 0,
        tf32: bool = False,
    ) -> None:
        """Load the backbone.

        Args:
            config: the method's numbers; the mode's own by default. One of your own starts from
                ``Config.for_mode(mode)``, and the mode must be named.
            mode: ``paper``, the method as published; ``fast``, one forward pass a frame; ``auto``, paper
                where the device is a GPU and fast on a CPU.
            backbone: ``student``, another that comes with the package, or a folder with a `backbone.toml`.
            weights: name or folder of a weight set.
            device: ``auto``, ``cpu`` or ``gpu:N``.
            seed: of everything random. Same seed, input and machine: same boxes.
            tf32: let a GPU round the factors of convolutions and matrix products to TF32 (10 bits after
                the point instead of 23). Faster, and other numbers than the paper's float arithmetic.

        Raises:
            InputError: one of these cannot be used, or a configuration comes without its mode.
        """
        load_caffe()
        if not 0 <= seed < 2**32:
            raise InputError(f"seed {seed}: give a whole number from 0 to {2**32 - 1}")
        self.seed = int(seed)
        self._device = choose_device(device, tf32)
        if config is not None and mode == "auto":
            raise InputError(
                "a configuration of your own needs its mode: Tracker(Config.for_mode('fast'), mode='fast')"
            )
        self.mode = choose_mode(mode, self._device)
        self.config = config or Config.for_mode(self.mode)
        self._weights = find_set(weights)
        self._backbone_name = backbone
        self._backbone = Backbone(BackboneSpec.find(backbone), self._weights, self._device)
        self._maker = TargetMaker.of(
            self.mode, self.config, self._backbone, self._backbone.proposal(self._weights)
        )
        self._appearance: Appearance | None = None
        self.observer: Observer | None = None

    def init(self, image: NDArray[np.uint8], box: Sequence[float]) -> None:
        """Learn the target from the first frame.

        Args:
            image: the frame.
            box: the target, (x, y, w, h).

        Raises:
            InputError: the box has no size, is not finite, lies outside the frame or too far out of it
                to be learned, or the image is of another type.
        """
        image = as_bgr(image)
        target = _checked_box(box, image)
        self._appearance = None  # until the target is learned
        self._device.activate()
        self._rng = np.random.default_rng(self.seed)
        appearance = self._maker.make(target, self.seed, self._rng)
        self._regressor = BoxRegressor(self.config, self._backbone.map_size, self._maker.geometry.window_rim)
        self._smallest = target[2:]
        self._state = target
        self._translation = self.config.translation
        self._frame = 1

        sampler = self._sampler(image)
        self._fit_regressor(image, target, sampler)
        self._learn_first_frame(image, target, sampler, appearance)
        self._appearance = appearance

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        """Find the target in the next frame, and learn from it.

        Returns:
            The box, not clipped to the frame (in paper mode the regressed one, in fast mode the state that
            follows it), and the target score in [0, 1].

        Raises:
            InputError: the image is of another type.
            RuntimeError: there was no :meth:`init`.
        """
        appearance = self._appearance
        if appearance is None:
            raise RuntimeError("update() before init()")
        image = as_bgr(image)
        self._device.activate()
        self._frame += 1
        sampler = self._sampler(image)

        boxes = draw_candidates(sampler, self._state, self._translation, self.config)
        view = appearance.view(image, self._state, self._translation)
        maps = view.probabilities(boxes)
        scores = self._maker.geometry.score(*maps)
        best = best_candidates(boxes, scores, self.config)
        threshold = success_score(self._frame, self.config)
        failed = best.score < threshold
        update = due_update(self._frame, failed, self.config)
        looked_around, self._state = self._state, best.box
        self._translation = next_translation(self._translation, failed, self.config)
        sure = best.score > threshold
        regressed = best.box
        if sure or self.config.report_regressed:
            regressed = mean_box(self._regressor.predict(*view.close_up(boxes, best)))
        if sure:
            self._state = approach(self._state, regressed, self.config.state_follows)
        reported = approach(self._state, regressed, self.config.report_regressed)
        if self.observer is not None:
            self.observer(
                Observation(
                    self._frame, looked_around, boxes, scores, self._terms(*maps), self._places(), best,
                    threshold, failed, update, reported,
                )
            )  # fmt: skip
        if sure:
            appearance.remember(view, *self._samples(sampler))
        appearance.update(update)
        return reported, best.score

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of the device that was chosen, a line each."""
        return self._device.notes

    def describe(self) -> dict[str, Any]:
        """What this tracker is made of, for a run's record: versions, files, device, settings."""
        paths = {self._backbone.weights_file, *self._weights.files.values()}
        return {
            "tracker": "RPN2T",
            "version": rpn2t.__version__,
            "mode": self.mode,
            "seed": self.seed,
            "device": str(self._device),
            "tf32": self._device.tf32,
            "blas": blas_report(),
            "machine": {"cpu": cpu_name(), "python": platform.python_version(), "numpy": np.__version__},
            "backbone": self._backbone_name,
            "weights": {
                "set": self._weights.name,
                "sha256": {path.name: sha256(path) for path in sorted(paths)},
            },
            "conv_proposal1_start": self._appearance.proposal_start if self._appearance else None,
            "configuration": self.config.to_dict(),
        }

    def _terms(self, anchor: Floats, quality: Floats) -> tuple[Term, Term]:
        first, second = self._maker.geometry.score_weights
        return Term(anchor, first), Term(quality, second)

    def _places(self) -> Floats:
        geometry = self._maker.geometry
        return RegionGeometry(self._backbone.spec, self._backbone.map_size).places(geometry.label_crop)

    def _sampler(self, image: Image) -> Sampler:
        cfg = self.config
        height, width = image.shape[:2]
        return Sampler(
            width, height, self._rng, cfg.scale_factor, cfg.min_side, cfg.frame_margin, self._smallest
        )

    def _fit_regressor(self, image: Image, target: Box, sampler: Sampler) -> None:
        cfg = self.config
        drawn = sampler.uniform_aspect(
            target, cfg.regressor_samples, cfg.regressor_translation, cfg.regressor_scale,
            cfg.regressor_scale_down,
        )  # fmt: skip
        near = overlapping(drawn, target, cfg.regressor_iou)
        boxes = choose(drawn, near, cfg.regressor_positives, self._rng)
        self._regressor.fit(self._maker.patches.maps(image, boxes), boxes, target)

    def _learn_first_frame(self, image: Image, target: Box, sampler: Sampler, appearance: Appearance) -> None:
        cfg, rng = self.config, self._rng
        drawn = sampler.gaussian(
            target, cfg.positives_first_drawn, cfg.positives_first_translation, cfg.positives_first_scale
        )
        near = overlapping(drawn, target, cfg.positives_first_iou)
        positives = choose(drawn, near, cfg.positives_first, rng)

        around = sampler.uniform(
            target, cfg.negatives_first, cfg.negatives_first_translation, cfg.negatives_first_scale
        )
        drawn = np.concatenate([around, sampler.whole(target, cfg.negatives_first, cfg.whole_steps)])
        away = apart(drawn, target, cfg.negatives_first_iou)
        negatives = choose(drawn, away, cfg.negatives_first, rng)

        if not len(positives) or not len(negatives):
            lacking = "overlaps it enough" if not len(positives) else "lies apart from it"
            raise InputError(
                f"box {_shown(target)}: cannot be learned, as no sample {lacking}: its centre must be in the "
                "frame, and its sides between 1 px and a little less than the frame's"
            )
        view = appearance.view(image, target, cfg.translation)
        appearance.learn_first(view, positives, negatives)
        later = self._later_negatives(target, sampler, cfg.negatives_memory_first_iou)
        appearance.remember(view, positives, later)

    def _samples(self, sampler: Sampler) -> tuple[Floats, Floats]:
        """Positives and negatives around the state."""
        cfg = self.config
        drawn = sampler.gaussian(
            self._state, cfg.positives_later_drawn, cfg.positives_later_translation, cfg.positives_later_scale
        )
        near = overlapping(drawn, self._state, cfg.positives_later_iou)
        positives = choose(drawn, near, cfg.positives_later, self._rng)
        return positives, self._later_negatives(self._state, sampler, cfg.negatives_later_iou)

    def _later_negatives(self, target: Box, sampler: Sampler, below: float) -> Floats:
        cfg = self.config
        drawn = sampler.uniform(
            target, cfg.negatives_later_drawn, cfg.negatives_later_translation, cfg.negatives_later_scale
        )
        return choose(drawn, apart(drawn, target, below), cfg.negatives_later, self._rng)


def _shown(box: Sequence[float]) -> str:
    return ",".join(f"{value:g}" for value in box)


def _checked_box(box: Sequence[float], image: Image) -> Box:
    shown = _shown(box)
    if len(box) != 4 or not np.isfinite(box).all():
        raise InputError(f"box {shown}: needs four finite numbers x,y,w,h")
    target = as_box(box)
    if min(target[2:]) <= 0:
        raise InputError(f"box {shown}: width and height must be positive")
    height, width = image.shape[:2]
    if not iou(target, (0, 0, width, height))[0] > 0:
        raise InputError(f"box {shown}: lies outside the frame of {width} x {height} px; give one in it")
    return target
