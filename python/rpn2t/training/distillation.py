"""Distillation: the student learns the teacher's conv5 of the same crops (section 3.3)."""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.nets.backbone import Backbone, BackboneSpec
from rpn2t.nets.caffe import load_caffe, read_message
from rpn2t.nets.caffemodel import ZF_SHAPES, Layers, load_into, read_caffemodel, write_caffemodel
from rpn2t.nets.device import Device
from rpn2t.nets.weight_sets import FILES, WeightSet, write_sums
from rpn2t.paths import prototxt_dir
from rpn2t.system.files import write_whole
from rpn2t.system.interruption import Interrupted, Interruption
from rpn2t.training.crops import CropStream, cut_views
from rpn2t.training.photographs import Photograph
from rpn2t.training.solver_loop import TrainingFolder

BATCH = 32
STATISTICS = "statistics.npz"
HELD_OUT_PHOTOGRAPHS, HELD_OUT_CROPS = 64, 4
"""How many photographs, and how many crops of each, the student is measured on, whatever the seed."""

_MOST_ITERATIONS = 10**7

Views = Sequence[tuple[Image, Floats]]


@dataclass(frozen=True)
class Preset:
    """Numbers that go together.

    Attributes:
        solver: file in prototxt/distill/.
        crops: how many of a photograph.
        passes: over the photographs. None chooses them by the time there is.
        statistics_crops: how many crops the mean and standard deviation are of. None means a whole pass.
    """

    solver: str
    crops: int
    passes: int | None
    statistics_crops: int | None

    @property
    def rate(self) -> float:
        """The solver's learning rate."""
        return float(f"{_solver_parameter(self).base_lr:.6g}")  # a float32


PRESETS = {
    "hour": Preset("solver_hour.prototxt", 8, None, 1024),
    "paper": Preset("solver.prototxt", 256, 5, None),
}


@dataclass(frozen=True, kw_only=True)
class DistillationSettings:
    """What defines a distillation, together with its photographs and weights.

    Attributes:
        preset: one of PRESETS.
        crops: how many of a photograph, an even number.
        passes: over the photographs.
        images_per_pass: photographs in one.
        rate: the solver's base_lr.
        seed: of every draw.
        frozen: the student's layers that do not learn, as a net that reads them must not notice.
    """

    preset: str
    crops: int
    passes: int
    images_per_pass: int
    rate: float
    seed: int
    frozen: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.preset not in PRESETS:
            raise InputError(f"preset {self.preset}: there are {', '.join(PRESETS)}")
        if self.crops < 2 or self.crops % 2:
            raise InputError(f"{self.crops} crops an image: an even number is needed, half of each kind")
        if min(self.passes, self.images_per_pass) < 1:
            raise InputError("passes and images per pass must be at least 1")
        if not (self.rate > 0 and math.isfinite(self.rate)):
            raise InputError(f"rate {self.rate}: must be positive")
        for name in self.frozen:
            if name not in ZF_SHAPES:
                raise InputError(f"frozen {name}: the student's layers are {', '.join(ZF_SHAPES)}")
        if set(self.frozen) == set(ZF_SHAPES):
            raise InputError(f"frozen {','.join(self.frozen)}: no layer is left to learn")

    @property
    def iterations(self) -> int:
        """Number of batches. The last one goes on into the next pass if they do not come out even."""
        return -(-self.passes * self.images_per_pass * self.crops // BATCH)

    @property
    def statistics_crops(self) -> int:
        """How many crops mean and standard deviation are of: the first ones of the stream."""
        wanted = PRESETS[self.preset].statistics_crops
        return min(wanted or self.images_per_pass * self.crops, BATCH * self.iterations)

    def stream(self, photographs: Sequence[Photograph]) -> CropStream:
        """The crops of the training."""
        return CropStream(photographs, self.crops, self.images_per_pass, shuffled=True, seed=self.seed)


class Conv5Statistics:
    """Mean and standard deviation of conv5, by element. They are gathered batch by batch in float64."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Begin with no maps.

        Args:
            shape: of a map.
        """
        self.count = 0
        self._sum, self._squares = np.zeros(shape), np.zeros(shape)

    def add(self, maps: NDArray[np.float32]) -> None:
        """Count maps in, shape (n, ...)."""
        self.count += len(maps)
        self._sum += maps.sum(axis=0, dtype=np.float64)
        self._squares += np.square(maps, dtype=np.float64).sum(axis=0)

    @property
    def mean(self) -> Floats:
        """E[x]."""
        return self._sum / self.count

    @property
    def std(self) -> Floats:
        """sqrt(E[x^2] - E[x]^2)."""
        return np.sqrt(np.maximum(self._squares / self.count - self.mean**2, 0))

    @property
    def inverse_std(self) -> Floats:
        """1 / std. It is 0 for an element that is always the same, which the loss then leaves out."""
        return np.divide(1, self.std, out=np.zeros_like(self.std), where=self.std > 0)

    def save(self, path: Path) -> None:
        """Write them, whole or not at all."""
        archive = BytesIO()
        np.savez(archive, count=self.count, sum=self._sum, squares=self._squares)
        write_whole(path, archive.getvalue())

    @classmethod
    def load(cls, path: Path, shape: tuple[int, ...]) -> "Conv5Statistics":
        """What was saved, or statistics of no maps yet."""
        gathered = cls(shape)
        if path.exists():
            with np.load(path) as saved:
                gathered.count = int(saved["count"])
                gathered._sum, gathered._squares = saved["sum"], saved["squares"]
        return gathered


class DistillationNets:
    """The student's training net and its teacher, which see the same crops.

    Attributes:
        teacher: reads conv5 before its ReLU.
        net: Caffe's, of prototxt/distill/train.prototxt.
    """

    def __init__(self, teacher: Backbone, net: Any, start: Layers) -> None:
        """Give the student its first weights.

        Raises:
            InputError: they do not fit.
        """
        self.teacher, self.net = teacher, net
        self._student = BackboneSpec.find("student")
        load_into(net, start, source="start", required=ZF_SHAPES)

    def patches(self, views: Views) -> NDArray[np.float32]:
        """What the student sees of the crops, shape (n, 3, 107, 107)."""
        return cut_views(views, self._student.input_side, self._student.context)

    def targets(self, views: Views) -> NDArray[np.float32]:
        """The teacher's conv5 of the crops, cut with its own widening. The next call overwrites it."""
        spec = self.teacher.spec
        return self.teacher.conv5(cut_views(views, spec.input_side, spec.context))

    def put(self, patches: NDArray[np.float32], targets: NDArray[np.float32]) -> None:
        """Fill the net's inputs."""
        self.net.blobs["data"].data[...] = patches
        self.net.blobs["target"].data[...] = targets


class Distillation:
    """A :class:`rpn2t.training.solver_loop.Task`: the student comes closer to its teacher.

    Attributes:
        solver: Caffe's.
        iterations, measure_every: see the protocol.
        settings: as given.
    """

    def __init__(
        self,
        settings: DistillationSettings,
        training: Sequence[Photograph],
        held_out: Sequence[Photograph],
        weights: WeightSet,
        start: str,
        device: Device,
        folder: TrainingFolder,
    ) -> None:
        """Make the nets. `prepare` comes before the first iteration.

        Args:
            settings: of this distillation.
            training: the photographs of the training.
            held_out: the photographs that the student is measured on.
            weights: a set with a teacher.
            start: the part of the set that the student starts from, ``teacher`` or ``student``.
            device: on which it runs.
            folder: in which snapshots and statistics are kept.

        Raises:
            InputError: the set lacks a file, or it does not fit.
        """
        self.settings = settings
        self.iterations = settings.iterations
        self.measure_every = measure_every(self.iterations)
        self._folder = folder
        if settings.images_per_pass > len(training):
            raise InputError(
                f"{settings.images_per_pass} images per pass: there are {len(training)} to train on"
            )
        self._stream = settings.stream(training)
        self._held_out_photographs = held_out
        self._held_out: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        self._published = {FILES["teacher"]: weights.file("teacher")}
        if start == "student" and (refiner := weights.refiner_beside(settings.frozen)):
            self._published[refiner.name] = refiner
        teacher = open_teacher(weights, device)
        self.solver = folder.solver(_solver(settings))
        self._nets = DistillationNets(teacher, self.solver.net, read_caffemodel(weights.file(start)))

    def prepare(self, interruption: Interruption, tell: Callable[[int, int], None]) -> None:
        """Gather the statistics, and the teacher's answers for what is held out.

        Args:
            interruption: entered.
            tell: called as the statistics grow, with the number of crops counted and that of all.

        Raises:
            Interrupted: after a signal. The statistics so far are kept.
            InputError: an image cannot be read.
        """
        gathered = self._gather(interruption, tell)
        for name in ("conv5_standardised", "target_standardised"):
            scale, bias = self.solver.net.params[name]
            scale.data[...], bias.data[...] = gathered.inverse_std, -gathered.mean * gathered.inverse_std
        for views in _batches(*_held_out_stream(self._held_out_photographs)):
            with interruption.allowed():
                self._held_out.append((self._nets.patches(views), self._nets.targets(views).copy()))

    def _gather(self, interruption: Interruption, tell: Callable[[int, int], None]) -> Conv5Statistics:
        teacher, wanted = self._nets.teacher, self.settings.statistics_crops
        path = self._folder.path / STATISTICS
        gathered = Conv5Statistics.load(path, (teacher.channels, teacher.map_size, teacher.map_size))
        saved = monotonic()
        try:
            for views in _batches(self._stream, wanted, first=gathered.count):
                with interruption.allowed():
                    targets = self._nets.targets(views)
                gathered.add(targets)
                tell(gathered.count, wanted)
                if monotonic() - saved > self._folder.snapshot_seconds:
                    gathered.save(path)
                    saved = monotonic()
        except Interrupted:
            gathered.save(path)
            raise
        gathered.save(path)
        return gathered

    def feed(self, iteration: int) -> None:
        """The stream's next 32 crops."""
        views = list(self._stream.views(iteration * BATCH, BATCH))
        self._nets.put(self._nets.patches(views), self._nets.targets(views))

    def measure(self) -> dict[str, float]:
        """How close the student is on what is held out.

        Returns:
            ``loss``: as the training's, in the mean; ``relative error``: ||student - teacher|| / ||teacher||
            over all elements of conv5, before its ReLU; ``correlation``: Pearson's, over all standardised
            elements.
        """
        blobs = self.solver.net.blobs
        losses, distance, length = [], 0.0, 0.0
        moments = np.zeros((3, 3))  # of 1, the student's and the teacher's elements
        for patches, targets in self._held_out:
            self._nets.put(patches, targets)
            self.solver.net.forward()
            losses.append(float(blobs["loss"].data.ravel()[0]))
            distance += float(np.square(blobs["conv5"].data - targets, dtype=np.float64).sum())
            length += float(np.square(targets, dtype=np.float64).sum())
            names = ("conv5_standardised", "target_standardised")
            rows = np.stack([np.ones(targets.size), *(blobs[name].data.ravel() for name in names)])
            moments += rows @ rows.T
        moments /= moments[0, 0]
        covariance = moments[1:, 1:] - np.outer(moments[0, 1:], moments[0, 1:])
        return {
            "loss": float(np.mean(losses)),
            "relative error": float(np.sqrt(distance / length)),
            "correlation": float(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])),
        }

    def publish(self, folder: Path) -> None:
        """Make the folder a weight set: the student as it is now, and the files that go along.

        They are the teacher's, and the refinement net's where the student's conv2 is still the one it reads.
        """
        net = self.solver.net
        student = {name: [blob.data for blob in net.params[name]] for name in ZF_SHAPES}
        write_caffemodel(folder / FILES["student"], student)
        for name, path in self._published.items():
            write_whole(folder / name, path.read_bytes())
        write_sums(folder)


def open_teacher(weights: WeightSet, device: Device) -> Backbone:
    """The set's teacher. Its conv5 is read before the ReLU.

    Raises:
        InputError: the set has none, or it does not fit.
    """
    weights.file("teacher")
    return Backbone(replace(BackboneSpec.find("teacher"), feature="conv5"), weights, device)


def settings_for(
    minutes: float,
    settings: DistillationSettings,
    training: Sequence[Photograph],
    weights: WeightSet,
    device: Device,
) -> DistillationSettings:
    """Settings with the photographs and passes that fit a time on this device. A few batches are timed.

    Args:
        minutes: of the whole distillation.
        settings: all but passes and images per pass, which are chosen.
        training: the photographs.
        weights: a set with a teacher.
        device: on which it is to run.

    Raises:
        InputError: the set lacks a file, or an image cannot be read.
    """
    caffe = load_caffe()
    teacher = open_teacher(weights, device)
    net = caffe.Net(str(prototxt_dir() / "distill/train.prototxt"), caffe.TRAIN)
    nets = DistillationNets(teacher, net, read_caffemodel(weights.file("teacher")))
    clock = []
    for views in _batches(settings.stream(training), 4 * BATCH):
        times = [perf_counter()]
        targets = nets.targets(views)
        times.append(perf_counter())
        nets.put(nets.patches(views), targets)
        net.forward()
        times.append(perf_counter())
        net.backward()
        times.append(perf_counter())
        clock.append(np.diff(times))
    teacher_s, forward_s, backward_s = np.min(clock[1:], axis=0)  # the first one also makes the nets ready

    def seconds(iterations: int) -> float:
        statistics = min(PRESETS[settings.preset].statistics_crops or 0, BATCH * iterations) / BATCH
        measurements = iterations // measure_every(iterations) + 1
        looked_at = HELD_OUT_PHOTOGRAPHS * HELD_OUT_CROPS / BATCH
        return float(
            (iterations + statistics + looked_at) * teacher_s
            + (iterations + looked_at * measurements) * forward_s
            + iterations * backward_s
        )

    iterations = max(bisect_right(range(1, _MOST_ITERATIONS), 60 * minutes, key=seconds), 1)
    images = max(iterations * BATCH // settings.crops, 1)
    passes = max(round(images / len(training)), 1)
    return replace(settings, passes=passes, images_per_pass=min(images, len(training)))


def measure_every(iterations: int) -> int:
    """Iterations between two measurements of a distillation that has `iterations` in all."""
    return max(iterations // 10, 50)


def _batches(stream: CropStream, count: int, first: int = 0) -> Iterator[Views]:
    """The stream's crops from `first` to `count`, in batches of BATCH. The last one may have fewer."""
    for start in range(first, count, BATCH):
        yield list(stream.views(start, min(BATCH, count - start)))


def _held_out_stream(photographs: Sequence[Photograph]) -> tuple[CropStream, int]:
    """Crops of some photographs, spread over all, and how many crops: whole batches."""
    chosen = photographs[:: max(len(photographs) // HELD_OUT_PHOTOGRAPHS, 1)][:HELD_OUT_PHOTOGRAPHS]
    batches = max(len(chosen) * HELD_OUT_CROPS // BATCH, 1)
    return CropStream(chosen, HELD_OUT_CROPS, len(chosen), shuffled=False, seed=0), batches * BATCH


def _solver_parameter(preset: Preset) -> Any:
    return read_message(prototxt_dir() / "distill" / preset.solver, "SolverParameter")


def _solver(settings: DistillationSettings) -> Any:
    parameter = _solver_parameter(PRESETS[settings.preset])
    parameter.base_lr = settings.rate
    parameter.max_iter = settings.iterations  # where a falling rate ends
    net = read_message(prototxt_dir() / "distill" / parameter.net, "NetParameter")
    for layer in net.layer:
        if layer.name in settings.frozen:
            for blob in layer.param:
                blob.lr_mult = 0  # Caffe then leaves its backward pass out as well
    parameter.ClearField("net")
    parameter.net_param.CopyFrom(net)
    return parameter
