"""Training the teacher as a region proposal network, and its measure: recall (Faster R-CNN, section 3.1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats, mirrored_boxes
from rpn2t.errors import InputError
from rpn2t.images import Image, mirrored
from rpn2t.nets.caffe import load_caffe, read_message
from rpn2t.nets.caffemodel import (
    RPN_NAMES,
    TEACHER_LAYERS,
    ZF_SHAPES,
    Layers,
    load_into,
    read_caffemodel,
    write_caffemodel,
)
from rpn2t.nets.device import Device
from rpn2t.nets.patch import GREY_LEVEL
from rpn2t.nets.proposals import found
from rpn2t.nets.weight_sets import FILES, write_sums
from rpn2t.paths import prototxt_dir
from rpn2t.training.photographs import Photograph
from rpn2t.training.solver_loop import TrainingFolder

RECALL_AT = (0.5, 0.7)


@dataclass(frozen=True, kw_only=True)
class RPNSettings:
    """What defines a training of the RPN, together with its photographs and its start.

    Attributes:
        iterations: how many, of one photograph each.
        rate: the learning rate of the new layers, which falls to nothing in a straight line.
        backbone: the learning rate of conv1 to conv5, which are trained already, as a multiple of `rate`.
        side: mean length of a photograph's shorter side in the network, px.
        jitter: that side is drawn between `side` / `jitter` and `side` * `jitter`.
        longest: the largest ratio of the longer side to `side`; a photograph that exceeds it shrinks.
        seed: of every draw.
    """

    iterations: int = 10_000
    rate: float = 0.0001
    backbone: float = 0
    side: int = 480
    jitter: float = 1.25
    longest: float = 1.8
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.side < 32 or self.jitter < 1 or self.longest < 1 or self.iterations < 0:
            raise InputError("side must be at least 32, jitter and longest at least 1")
        if not (0 < self.rate < float("inf") and 0 <= self.backbone < float("inf")):
            raise InputError(f"rate {self.rate}, backbone {self.backbone}: must be positive")


class RPNTraining:
    """A :class:`rpn2t.training.solver_loop.Task`: the teacher learns to propose the photographs' objects.

    Attributes:
        solver: Caffe's.
        iterations, measure_every: see the protocol.
    """

    def __init__(
        self,
        settings: RPNSettings,
        training: Sequence[Photograph],
        held_out: Sequence[Photograph],
        start: Layers | None,
        device: Device,
        folder: TrainingFolder,
        measure_every: int,
    ) -> None:
        """Make the solver.

        Args:
            settings: of this training.
            training: its photographs. Those without boxes are passed over.
            held_out: the photographs on which recall is measured.
            start: conv1 to conv5, or all of an RPN's layers. None for a random start, scaled to the inputs.
            device: on which it runs.
            folder: in which its snapshots lie.
            measure_every: iterations between two measurements.

        Raises:
            InputError: no photograph of either kind has a box, or a layer does not fit.
        """
        self.settings = settings
        self.iterations, self.measure_every = settings.iterations, measure_every
        self._training, self._held_out = (
            [each for each in photographs if len(each.boxes)] for photographs in (training, held_out)
        )
        if not self._training or not self._held_out:
            raise InputError(
                "none of the photographs to train on, or of those held out, has a box; "
                "--annotations names their list"
            )
        device.activate()
        self.solver = self._make_solver(folder, start)
        self._net = self.solver.net
        self._recall = Proposer(self._net, settings.side, settings.longest)

    def _make_solver(self, folder: TrainingFolder, start: Layers | None) -> Any:
        parameter = read_message(prototxt_dir() / "rpn/solver.prototxt", "SolverParameter")
        parameter.base_lr = self.settings.rate
        parameter.max_iter = self.settings.iterations  # where the rate ends
        net = read_message(prototxt_dir() / "rpn/train.prototxt", "NetParameter")
        for layer in net.layer:
            if layer.name in ZF_SHAPES:
                layer.convolution_param.weight_filler.type = "msra"  # for a start from nothing
                for parameter_of, factor in zip(layer.param, (1, 2), strict=True):
                    parameter_of.lr_mult = factor * self.settings.backbone
        parameter.ClearField("net")
        parameter.net_param.CopyFrom(net)
        load_caffe().set_random_seed(self.settings.seed)
        solver = folder.solver(parameter)
        if start is not None:
            load_into(solver.net, start, source="start", aliases=RPN_NAMES, required=ZF_SHAPES)
        return solver

    def feed(self, iteration: int) -> None:
        """Put in one photograph of a permutation of all, mirrored half the time, at a random size."""
        lap, index = divmod(iteration, len(self._training))
        order = np.random.default_rng([self.settings.seed, 0, lap]).permutation(len(self._training))
        rng = np.random.default_rng([self.settings.seed, 1, iteration])
        photograph = self._training[order[index]]
        side = self.settings.side * self.settings.jitter ** rng.uniform(-1, 1)
        image, scale = scaled(photograph.read(), side, self.settings.longest)
        boxes = photograph.boxes * np.tile(scale, 2)
        if rng.integers(2):
            image, boxes = mirrored(image), mirrored_boxes(boxes, image.shape[1])
        put_image(self._net, image)
        self._net.blobs["boxes"].reshape(*boxes.shape)
        self._net.blobs["boxes"].data[...] = boxes
        self._net.blobs["draw"].data[...] = iteration

    def measure(self) -> dict[str, float]:
        """Recall on what is held out."""
        return self._recall.recall(self._held_out)

    def publish(self, folder: Path) -> None:
        """Write a set of weights: the RPN as the teacher, and its conv1 to conv5 as the student's start."""
        layers = {name: [blob.data for blob in blobs] for name, blobs in self._net.params.items()}
        write_caffemodel(folder / FILES["teacher"], layers)
        write_caffemodel(folder / FILES["student"], {name: layers[name] for name in ZF_SHAPES})
        write_sums(folder)


class Proposer:
    """Proposals for whole photographs by a region proposal network."""

    def __init__(self, weights: Any, side: int, longest: float) -> None:
        """Make the net.

        Args:
            weights: a net with the same layers, whose weights it shares.
            side, longest: see :class:`RPNSettings`.
        """
        caffe = load_caffe()
        self.net: Any = caffe.Net(str(prototxt_dir() / "rpn/deploy.prototxt"), caffe.TEST)
        self.net.share_with(weights)
        self._side, self._longest = side, longest

    def propose(self, image: Image) -> tuple[Floats, Floats]:
        """Boxes (n, 4) in the image's px, and scores (n,), the likeliest first."""
        small, scale = scaled(image, self._side, self._longest)
        put_image(self.net, small)
        self.net.forward()
        rows = self.net.blobs["proposals"].data.astype(np.float64)
        return rows[:, :4] / np.tile(scale, 2), rows[:, 4]

    def recall(self, photographs: Iterable[Photograph]) -> dict[str, float]:
        """Share of the objects that a proposal overlaps with an IoU of at least 0.5, or 0.7."""
        best = [found(each.boxes, self.propose(each.read())[0]) for each in photographs]
        overlap = np.concatenate(best)
        return {f"recall at IoU {bound}": float((overlap >= bound).mean()) for bound in RECALL_AT}


def scaled(image: Image, side: float, longest: float) -> tuple[Image, NDArray[np.float64]]:
    """An image at the network's size.

    Args:
        image: uint8 (height, width, 3).
        side: px of the shorter side, unless the longer one would then exceed `longest` * `side`.
        longest: the largest ratio of the longer side to `side`.

    Returns:
        The image, and what x and y were multiplied by.
    """
    height, width = image.shape[:2]
    factor = min(side / min(height, width), longest * side / max(height, width))
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=method).astype(np.uint8, copy=False)
    return resized, np.array(size) / (width, height)


def put_image(net: Any, image: Image) -> None:
    """Make a net's input this image, BGR minus 128."""
    blob = net.blobs["data"]
    blob.reshape(1, 3, *image.shape[:2])
    blob.data[0] = image.transpose(2, 0, 1).astype(np.float32) - GREY_LEVEL


def start_from(file: str | Path | None) -> Layers | None:
    """Weights to start from: a Caffe model with conv1 to conv5, or None."""
    return None if file is None else read_caffemodel(file, only=TEACHER_LAYERS)
