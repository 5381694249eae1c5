"""The tracker: the paper's loop (sections 3.2 to 3.4, in MDNet's online framework)."""

import copy
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import Box, Floats, as_box, as_boxes, iou
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.images import Image, as_bgr
from rpn2t.nets.backbone import Backbone, BackboneSpec, Maps
from rpn2t.nets.device import choose_device
from rpn2t.nets.side_thread import leave_threads
from rpn2t.nets.weight_sets import find_set
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.candidates import (
    Scored,
    approach,
    best_candidates,
    draw_candidates,
    mean_box,
    next_translation,
    size_change,
)
from rpn2t.tracker.head import Probabilities
from rpn2t.tracker.likeness import Likeness
from rpn2t.tracker.modes import choose_mode, make_mode, suits_bf16
from rpn2t.tracker.observation import Observation, Observer, Term
from rpn2t.tracker.sampling import Sampler, apart, choose, overlapping
from rpn2t.tracker.schedule import Update, due_update, success_score
from rpn2t.tracker.search import STEP, Search
from rpn2t.tracker.views import view_frame


class Tracker:
    """Follows one object through a video.

        tracker = Tracker(seed=0)
        tracker.init(image, (x, y, w, h))
        box, score = tracker.update(image)

    Images are uint8 (height, width, 3) in BGR; boxes (x, y, w, h) in pixels, 0-based. A tracker holds
    all of its state: several can live in one process, and one can be initialised again.

    Attributes:
        config: the method's numbers.
        mode: ``paper`` or ``fast``.
        seed: of everything random.
        device: where Caffe computes. Its notes say what a user should know of the choice.
        weights: the weight set.
        backbone: what makes the features.
        backbone_name: how it was asked for.
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
        bf16: bool | None = None,
    ) -> None:
        """Load the backbone.

        Args:
            config: the method's numbers; the mode's own by default. One of your own starts from
                ``Config.for_mode(mode)``, and the mode must be named.
            mode: ``paper``, the method as published; ``fast``, one forward pass a frame; ``auto``, paper
                on a GPU and fast on a CPU.
            backbone: ``student``, another that comes with the package, or a folder with a `backbone.toml`.
            weights: name or folder of a weight set.
            device: ``auto``, ``cpu`` or ``gpu:N``.
            seed: of everything random. Same seed, input and machine: same boxes.
            tf32: let a GPU round the factors of convolutions and matrix products to TF32 (10 bits after
                the point instead of 23). Faster, and other numbers than the paper's float arithmetic.
            bf16: let a CPU that can round the factors of convolutions to bfloat16 (7 bits after the point).
                Faster, and other numbers. None: in fast mode.

        Raises:
            InputError: one of these cannot be used, or a configuration comes without its mode.
        """
        if not (isinstance(seed, int | np.integer) and 0 <= seed < 2**32):
            raise InputError(f"seed {seed}: give a whole number from 0 to {2**32 - 1}")
        with stage(Stage.LOAD):
            self.seed = int(seed)
            self.device = choose_device(device, tf32, bool(bf16))
            if not isinstance(config, Config | None):
                raise InputError(f"config {config!r}: give a Config, as Config.load(...) makes it of a file")
            if config is not None and mode == "auto":
                raise InputError(
                    "a configuration of your own needs its mode: "
                    "Tracker(Config.for_mode('fast'), mode='fast')"
                )
            self.mode = choose_mode(mode, self.device)
            if bf16 is None and self.device.kind == "cpu":
                self.device = replace(self.device, bf16=suits_bf16(self.mode))
            if self.mode == "fast":
                self.device = leave_threads(self.device)
            self.config = config or Config.for_mode(self.mode)
            self.weights = find_set(weights)
            self.backbone_name = backbone
            self.backbone = Backbone(BackboneSpec.find(backbone), self.weights, self.device)
            proposal = self.backbone.proposal(self.weights)
            refiner = self.backbone.refiner(self.weights) if self.config.refine_share else None
            self._mode = make_mode(self.mode, self.config, self.backbone, proposal, refiner)
        self.observer: Observer | None = None
        self._learned = self._found = False

    def init(self, image: NDArray[np.uint8], box: ArrayLike) -> None:
        """Learn the target from the first frame.

        Args:
            image: the frame.
            box: the target, (x, y, w, h), in anything that holds four numbers.

        Raises:
            InputError: the box has no size, is not finite, lies outside the frame or too far out of it
                to be learned, or the image is of another type.
        """
        image = as_bgr(image)
        target = _checked_box(box, image)
        self._learned = self._found = False
        self.device.activate()
        self._rng = np.random.default_rng(self.seed)
        # Its own, so that a search that finds nothing changes nothing.
        self._search_rng = np.random.default_rng([self.seed, 1])
        self._mode.start(target, self.seed, self._rng)
        self._smallest = target[2:]
        self._state = target
        self._shape = image.shape
        self._translation = self.config.translation
        self._search = Search(self.config, image.shape[1], image.shape[0])
        self._frame = 1

        sampler = self._sampler(image, self._rng)
        near = self._regressor_samples(target, sampler)
        positives, negatives = self._first_samples(target, sampler)
        self._mode.see(image, target, self.config.translation)
        self._mode.learn_first(positives, negatives)
        if self._mode.regressor.fits_first_frame:
            self._mode.meet(image, target)
            self._learn_regressor(image, target, near)
        self._likeness = None
        if self.config.search_reach:
            self._likeness = Likeness(self._conv5(self._mode.maps(image, as_boxes([target]))))
        later = self._later_negatives(target, sampler, self.config.negatives_memory_first_iou)
        with stage(Stage.REMEMBER):
            self._mode.remember_first(positives, later)
        self._mode.settle()
        self._learned = self._found = True

    def update(self, image: NDArray[np.uint8]) -> tuple[Box, float]:
        """Find the target in the next frame, and learn from it.

        Args:
            image: the frame, as large as the first one. A grey frame stands for one with three equal
                channels, also among frames in colour.

        Returns:
            The regressed box, not clipped to the frame, and the target score in [0, 1].

        Raises:
            InputError: the image is of another type or size: the tracker is as it was. Or the head's loss was
                no number after the frame before: then call :meth:`init` again.
            RuntimeError: there was no :meth:`init`.
        """
        if not self._learned:
            raise RuntimeError("update() before init()")
        image = as_bgr(image)
        if image.shape != self._shape:
            raise InputError(
                f"image: this frame is {_size(image.shape)}, the frames before it are {_size(self._shape)}; "
                "a track needs one size"
            )
        self.device.activate()
        self._frame += 1
        sampler = self._sampler(image, self._rng)
        mode, config = self._mode, self.config

        with stage(Stage.DRAW):
            boxes = draw_candidates(sampler, self._state, self._translation, config)
        mode.see(image, self._state, self._translation)
        seen, threshold = self._scored(boxes), success_score(self._frame, config)
        if seen.best.score < threshold and self._likeness:
            elsewhere = self._search.places(self._state, seen.best.score)
            seen = self._searched(image, seen, elsewhere, self._likeness)
        failed = seen.best.score < threshold
        update = due_update(self._frame, failed, config)
        if update is Update.NONE:
            mode.learn(update)  # what is left of an earlier update, beside the regression
        maps, shown = mode.close_up(seen.boxes, seen.best)
        if not failed:
            here, seen = seen, self._elsewhere(image, seen, maps)
            if seen is not here:
                maps, shown = mode.close_up(seen.boxes, seen.best)
        best = seen.best
        sure = best.score > threshold
        self._found = not failed
        looked_around, self._state = self._state, best.box
        self._translation = next_translation(self._translation, failed, config)
        self._search.note(failed)
        followed, reported = self._regressed(maps, shown)
        if sure:
            if self._likeness:
                self._likeness.note(self._conv5(maps))
            followed, reported, size_follows = self._looked_again(image, followed, reported)
            self._state = approach(self._state, followed, config.centre_follows, size_follows)
        if self.observer is not None:
            terms, places = self._terms(seen.probabilities), self._places()
            self.observer(
                Observation(
                    self._frame, looked_around, seen.boxes, seen.scores, terms, places, best, threshold,
                    failed, update, reported,
                )
            )  # fmt: skip
        if sure:
            with stage(Stage.REMEMBER):
                mode.remember(self._state, *self._samples(sampler))
        if update is not Update.NONE:
            mode.learn(update)
        return reported, best.score

    def another(self) -> "Tracker":
        """A tracker for another object: as a new one of these settings and this seed, with the same backbone.

        So it takes less memory. The two must not work at the same time, in two threads.
        """
        other = copy.copy(self)
        other._mode = self._mode.another()
        other.observer = None
        other._learned = other._found = False
        return other

    @property
    def found(self) -> bool:
        """Whether the last box's score reached the threshold of its frame.

        True after :meth:`init`, whose box was given. False before it.
        """
        return self._found

    @property
    def proposal_start(self) -> str | None:
        """How the head's 3x3 layer started, in words; None before :meth:`init`."""
        return self._mode.proposal_start if self._learned else None

    @property
    def refinement(self) -> str:
        """What has a part in the box beside the regressor, in words."""
        return self._mode.refinement

    def _learn_regressor(self, image: Image, target: Box, near: Floats) -> None:
        """Learn to correct boxes near the target, each in one of the views of the frame."""
        count = self.config.regressor_views
        maps, boxes, goals = [], [], []
        for number in range(count):
            view = view_frame(image, target, number)
            shown = view.boxes(near[number::count])
            maps.append(self._mode.maps(view.image, shown))
            boxes.append(shown)
            goals.append(np.repeat(view.boxes(target), len(shown), axis=0))
        with stage(Stage.REGRESS):
            self._mode.regressor.fit(np.concatenate(maps), np.concatenate(boxes), np.concatenate(goals))

    def _scored(self, boxes: Floats) -> Scored:
        """What the head says of boxes of the frame that the mode sees."""
        probabilities = self._mode.probabilities(boxes)
        scores = self._mode.geometry.score(*probabilities)
        return Scored(boxes, probabilities, scores, best_candidates(boxes, scores, self.config))

    def _elsewhere(self, image: Image, seen: Scored, maps: Maps) -> Scored:
        """What is elsewhere in a frame that has not failed, if what was found looks otherwise than usual.

        Args:
            image: the frame.
            seen: what was found.
            maps: its close-up.

        Returns:
            As :meth:`_searched`. If nothing is found, the mode sees again what it saw.
        """
        if not self._likeness:
            return seen
        alike = self._likeness.of(self._conv5(maps))
        unlike = alike < self.config.search_unlike * self._likeness.usual
        places = self._search.places_elsewhere(self._state, unlike)
        found = self._searched(image, seen, places, self._likeness, alike)
        if places and found is seen:
            self._mode.see(image, self._state, self._translation)
        return found

    def _searched(
        self, image: Image, seen: Scored, places: list[Box], likeness: Likeness, alike: float | None = None
    ) -> Scored:
        """Look for the target at some places of the frame, at each coarsely at first.

        Args:
            image: the frame.
            seen: what has been seen already.
            places: where to look.
            likeness: of what is found.
            alike: of what has been seen, if that is known.

        Returns:
            What was found; what had been seen already if nothing looks more like the target.
        """
        if not places:
            return seen
        config, sampler = self.config, self._sampler(image, self._search_rng)
        if alike is None:
            alike = likeness.of(self._looks(seen))
        least = max(config.search_likeness * likeness.usual, alike)
        for place in places:
            longer = max(place[2:]) / ((place[2] + place[3]) / 2)
            self._mode.see(image, place, config.search_reach * longer)
            grid = self._search.grid(place)
            if len(grid) < config.best_candidates:
                continue
            coarse = self._scored(grid)
            top = as_box(grid[coarse.best.indices[0]])
            with stage(Stage.DRAW):
                boxes = draw_candidates(sampler, top, 2 * STEP, config)
            found = self._scored(boxes)
            if found.best.score >= config.search_score and likeness.of(self._looks(found)) >= least:
                return found
        return seen

    def _looks(self, seen: Scored) -> Maps:
        """conv5 of the best of what is seen."""
        return self._conv5(self._mode.close_up(seen.boxes, seen.best)[0])

    def _conv5(self, maps: Maps) -> Maps:
        """conv5 of the first of some windows, without what else the regressor reads."""
        conv5: Maps = maps[0, : self.backbone.channels]
        return conv5

    def _regressed(self, maps: Maps, shown: Floats) -> tuple[Box, Box]:
        """What the state follows, and what is reported: means of the best candidates' corrected boxes."""
        with stage(Stage.REGRESS):
            followed, reported = self._mode.regressor.predict(maps, shown)
            return mean_box(followed, self.config.rounding), mean_box(reported, self.config.rounding)

    def _looked_again(self, image: Image, followed: Box, reported: Box) -> tuple[Box, Box, float]:
        """What was found in a frame that has not failed; measured once more if its size has changed much.

        The state lags behind a target that comes nearer, as it follows by a part of the way. And a regressor
        goes only a part of a long way. So the box is measured again from a patch of what was found. If that
        patch fits better than the first one did, it is believed, and the state follows faster.

        Args:
            image: the frame.
            followed, reported: what :meth:`_regressed` has found.

        Returns:
            What the state follows, what is reported, and the share of the size's way that the state goes.
        """
        config = self.config
        change = size_change(self._state, followed)
        if config.second_look and change > config.second_look:
            closer = as_boxes([followed])
            again, shown = self._regressed(self._mode.maps(image, closer), closer)
            if size_change(followed, again) < change:
                return again, shown, config.second_look_follows
        return followed, reported, config.size_follows

    def _terms(self, probabilities: Probabilities) -> tuple[Term, Term]:
        weights = self._mode.geometry.score_weights
        return Term(probabilities[0], weights[0]), Term(probabilities[1], weights[1])

    def _places(self) -> Floats:
        return self.backbone.spec.places(self.backbone.map_size, self._mode.geometry.label_crop)

    def _sampler(self, image: Image, rng: np.random.Generator) -> Sampler:
        cfg = self.config
        height, width = image.shape[:2]
        return Sampler(
            width, height, rng, cfg.scale_factor, cfg.min_side, cfg.frame_margin, self._smallest,
            cfg.rounding,
        )  # fmt: skip

    def _regressor_samples(self, target: Box, sampler: Sampler) -> Floats:
        """Boxes from which the regressor learns to find the target's."""
        cfg = self.config
        with stage(Stage.DRAW):
            drawn = sampler.uniform_aspect(
                target, cfg.regressor_samples, cfg.regressor_translation, cfg.regressor_scale,
                cfg.regressor_scale_down,
            )  # fmt: skip
            near = overlapping(drawn, target, cfg.regressor_iou)
            return choose(drawn, near, cfg.regressor_positives, self._rng)

    def _first_samples(self, target: Box, sampler: Sampler) -> tuple[Floats, Floats]:
        """Positives and negatives of the first frame.

        Raises:
            InputError: there are none of one kind.
        """
        cfg, rng = self.config, self._rng
        with stage(Stage.DRAW):
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
        return positives, negatives

    def _samples(self, sampler: Sampler) -> tuple[Floats, Floats]:
        """Positives and negatives around the state."""
        cfg, state = self.config, self._state
        with stage(Stage.DRAW):
            drawn = sampler.gaussian(
                state, cfg.positives_later_drawn, cfg.positives_later_translation, cfg.positives_later_scale
            )
            near = overlapping(drawn, state, cfg.positives_later_iou)
            positives = choose(drawn, near, cfg.positives_later, self._rng)
        return positives, self._later_negatives(state, sampler, cfg.negatives_later_iou)

    def _later_negatives(self, target: Box, sampler: Sampler, below: float) -> Floats:
        cfg = self.config
        with stage(Stage.DRAW):
            drawn = sampler.uniform(
                target, cfg.negatives_later_drawn, cfg.negatives_later_translation, cfg.negatives_later_scale
            )
            return choose(drawn, apart(drawn, target, below), cfg.negatives_later, self._rng)


def _shown(box: Box) -> str:
    return ",".join(f"{value:g}" for value in box)


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} px"


def _checked_box(box: ArrayLike, image: Image) -> Box:
    target = as_box(box)
    shown = _shown(target)
    if not np.isfinite(target).all():
        raise InputError(f"box {shown}: needs four finite numbers x,y,w,h")
    if min(target[2:]) <= 0:
        raise InputError(f"box {shown}: width and height must be positive")
    if min(target[2:]) < 1:
        raise InputError(f"box {shown}: cannot be learned, as its sides must be at least 1 px")
    height, width = image.shape[:2]
    if not iou(target, (0, 0, width, height))[0] > 0:
        raise InputError(f"box {shown}: lies outside the frame of {width} x {height} px; give one in it")
    return target
