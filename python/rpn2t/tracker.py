"""The tracker: the paper's loop (sections 3.2 to 3.4, in MDNet's online framework)."""

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rpn2t
from rpn2t.backbone import Backbone, BackboneSpec
from rpn2t.boxes import Box, Floats, as_box, iou
from rpn2t.candidates import (
    best_candidates,
    draw_candidates,
    mean_box,
    next_translation,
    success_score,
)
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.features import FeatureSource, PatchFeatures
from rpn2t.head import Head, HeadGeometry
from rpn2t.learning import due_update, train_head, update_head
from rpn2t.memory import Memory, memory_capacity
from rpn2t.patch import Image, as_bgr
from rpn2t.regression import BoxRegressor
from rpn2t.runtime import blas_report, choose_device, cpu_name, load_caffe
from rpn2t.sampling import Sampler, apart, choose, overlapping
from rpn2t.weights import find_set, sha256
from rpn2t.windows import WindowStore


class Tracker:
    """Follows one object through a video.

        tracker = Tracker(seed=0)
        tracker.init(image, (x, y, w, h))
        box, score = tracker.update(image)

    Images are uint8 (height, width, 3) in BGR; boxes (x, y, w, h) in pixels, 0-based. A tracker holds
    all of its state: several can live in one process, and one can be initialised again.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        backbone: str = "student",
        weights: str = "shipped",
        device: str = "auto",
        seed: int = 0,
        tf32: bool = False,
    ) -> None:
        """Load the backbone.

        Args:
            config: the method's numbers; the paper's by default.
            backbone: ``student``, another that comes with the package, or a folder with a `backbone.toml`.
            weights: name or folder of a weight set.
            device: ``auto``, ``cpu`` or ``gpu:N``.
            seed: of everything random. Same seed, input and machine: same boxes.
            tf32: let a GPU round the factors of convolutions and matrix products to TF32 (10 bits after
                the point instead of 23). Faster, and other numbers than the paper's float arithmetic.

        Raises:
            InputError: one of these cannot be used.
        """
        load_caffe()
        if not 0 <= seed < 2**32:
            raise InputError(f"seed {seed}: give a whole number from 0 to {2**32 - 1}")
        self.config = config or Config()
        self.seed = int(seed)
        self._device = choose_device(device, tf32)
        self._weights = find_set(weights)
        self._backbone_name = backbone
        self._backbone = Backbone(BackboneSpec.find(backbone), self._weights, self._device)
        self._proposal = self._backbone.proposal(self._weights)
        self._geometry = HeadGeometry(self.config, self._backbone.map_size)
        self._features: FeatureSource = PatchFeatures(self._backbone, self._geometry.window_rim)
        self._candidates = WindowStore(self.config.candidates, self._features.shape)
        self._head: Head | None = None

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
        self._head = None  # until the target is learned
        self._device.activate()
        self._rng = np.random.default_rng(self.seed)
        head = Head(
            self.config, self._geometry, self._backbone.channels, self._proposal, self.seed, self._device
        )
        self._regressor = BoxRegressor(self.config, self._backbone.map_size, self._geometry.window_rim)
        store = WindowStore(memory_capacity(self.config), self._features.shape)
        self._memory = Memory(store, self.config.long_term_frames, self.config.short_term_frames)
        self._smallest = target[2:]
        self._state = target
        self._translation = self.config.translation
        self._frame = 1

        sampler = self._sampler(image)
        self._fit_regressor(image, target, sampler)
        self._learn_first_frame(image, target, sampler, head)
        self._head = head

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        """Find the target in the next frame, and learn from it.

        Returns:
            The regressed box, not clipped to the frame, and the target score in [0, 1].

        Raises:
            InputError: the image is of another type.
            RuntimeError: there was no :meth:`init`.
        """
        if self._head is None:
            raise RuntimeError("update() before init()")
        image = as_bgr(image)
        self._device.activate()
        self._frame += 1
        sampler = self._sampler(image)

        self._candidates.clear()
        boxes = draw_candidates(sampler, self._state, self._translation, self.config)
        windows = self._features.windows(image, boxes, self._candidates)
        best = best_candidates(boxes, self._head.scores(windows), self.config)
        threshold = success_score(self._frame, self.config)
        failed = best.score < threshold
        self._state = best.box
        self._translation = next_translation(self._translation, failed, self.config)
        reported = mean_box(self._regressor.predict(windows.take(best.indices).array(), boxes[best.indices]))

        if best.score > threshold:
            self._remember(image, sampler)
        update_head(
            due_update(self._frame, failed, self.config), self._head, self._memory, self.config, self._rng
        )
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
            "mode": "paper",
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
            "conv_proposal1_start": self._head.proposal_start if self._head else None,
            "configuration": self.config.to_dict(),
        }

    def _sampler(self, image: Image) -> Sampler:
        cfg = self.config
        height, width = image.shape[:2]
        return Sampler(
            width, height, self._rng, cfg.scale_factor, cfg.min_side, cfg.frame_margin, self._smallest
        )

    def _fit_regressor(self, image: Image, target: Box, sampler: Sampler) -> None:
        cfg = self.config
        drawn = sampler.uniform_aspect(
            target, cfg.regressor_samples, cfg.regressor_translation, cfg.regressor_scale
        )
        near = overlapping(drawn, target, cfg.regressor_iou)
        boxes = choose(drawn, near, cfg.regressor_positives, self._rng)
        store = WindowStore(len(boxes), self._features.shape)
        self._regressor.fit(self._features.windows(image, boxes, store).array(), boxes, target)

    def _learn_first_frame(self, image: Image, target: Box, sampler: Sampler, head: Head) -> None:
        cfg, rng = self.config, self._rng
        drawn = sampler.gaussian(
            target, cfg.positives_first_drawn, cfg.positives_first_translation, cfg.positives_first_scale
        )
        near = overlapping(drawn, target, cfg.positives_first_iou)
        boxes = choose(drawn, near, cfg.positives_first, rng)
        positives = self._features.windows(image, boxes, self._memory.store)

        around = sampler.uniform(
            target, cfg.negatives_first, cfg.negatives_first_translation, cfg.negatives_first_scale
        )
        drawn = np.concatenate([around, sampler.whole(target, cfg.negatives_first, cfg.whole_steps)])
        away = apart(drawn, target, cfg.negatives_first_iou)
        boxes = choose(drawn, away, cfg.negatives_first, rng)
        store = WindowStore(len(boxes), self._features.shape)  # 0.7 GB, for this frame only
        negatives = self._features.windows(image, boxes, store)

        if not len(positives) or not len(negatives):
            lacking = "overlaps it enough" if not len(positives) else "lies apart from it"
            raise InputError(
                f"box {_shown(target)}: cannot be learned, as no sample {lacking}: its centre must be in the "
                "frame, and its sides between 1 px and a little less than the frame's"
            )
        train_head(head, positives, negatives, cfg.iterations_first, cfg, rng)
        boxes = self._later_negatives(target, sampler, cfg.negatives_memory_first_iou)
        self._memory.add(positives, self._features.windows(image, boxes, self._memory.store))

    def _remember(self, image: Image, sampler: Sampler) -> None:
        cfg = self.config
        drawn = sampler.gaussian(
            self._state, cfg.positives_later_drawn, cfg.positives_later_translation, cfg.positives_later_scale
        )
        near = overlapping(drawn, self._state, cfg.positives_later_iou)
        positives = choose(drawn, near, cfg.positives_later, self._rng)
        negatives = self._later_negatives(self._state, sampler, cfg.negatives_later_iou)
        self._memory.make_room()
        windows = self._features.windows(image, np.concatenate([positives, negatives]), self._memory.store)
        self._memory.add(windows.take(slice(len(positives))), windows.take(slice(len(positives), None)))

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
