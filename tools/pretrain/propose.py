"""Train conv1 to conv5 to propose regions, together with the region proposal layers on top.

python tools/pretrain/propose.py --images DIR --snapshots DIR --start zf_teacher.npz

Run again, it goes on where its last snapshot stood.
"""

import argparse
import copy
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anchors
import annotated
import crops
import export
import numpy as np
import runs
import torch
from annotated import Annotated, Windows
from muon import Kernels
from torch import Tensor, nn
from torch.nn import functional
from zf import GEOMETRY, ZF

WEIGHTS = "proposals.npz"
PROPOSE = {"scenes": "rpn", "closeups": "track"}  # how the layers of each are called
POSITIVE_IOU = {"scenes": 0.7, "closeups": 0.6}
SIGMA = 3.0
BOXES = 2.0  # weight of the boxes' loss beside the scores'
ADAM = 0.5  # of the rate, for biases and 1x1 layers
AVERAGE = 0.99  # of the moving average of weights, a step
HELD_OUT_SEED, HELD_OUT_SCENES, HELD_OUT_CLOSEUPS = 1, 48, 256
RECALL_SIDE, RECALL_AT = 480, (0.5, 0.7)


@dataclass(frozen=True)
class Shape:
    """What the teacher and the student differ in; their weights have the same shapes.

    Attributes:
        conv1_stride: px from a position of conv1 to the next.
        pooled: whether conv1 and conv2 are pooled.
        stride: px from a position of conv5 to the next.
        side: px of the tracker's window.
        scales: square roots of the anchors' areas, for whole photographs and for the tracker's windows.
    """

    conv1_stride: int
    pooled: bool
    stride: int
    side: int
    scales: Mapping[str, Sequence[float]]


TEACHER = Shape(
    2, True, anchors.STRIDE, 203, {"scenes": anchors.PROPOSAL_SCALES, "closeups": anchors.TRACKING_SCALES}
)
STUDENT = Shape(
    4, False, 8, 107, {"closeups": [scale * 75 / 171 for scale in anchors.TRACKING_SCALES]}
)  # a target has 75 px of the student's 107, and 171 of the teacher's 203; it sees no whole photographs


class Scaled(nn.Conv2d):  # type: ignore[misc]
    """A convolution whose weights and biases are kept as shares of their output channel's size at the start.

    Batch normalisation is folded into these weights: their sizes differ thirtyfold between layers, and much
    between the channels of one, so that no single learning rate would suit them all.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, pad: int = 0) -> None:
        super().__init__(inputs, outputs, kernel, stride, pad)
        self.register_buffer("weight_size", torch.ones(outputs, 1, 1, 1))
        self.register_buffer("bias_size", torch.ones(outputs))

    def load(self, weight: Tensor, bias: Tensor) -> None:
        """Take these weights; their sizes are the scale from here on."""
        size = weight.square().mean((1, 2, 3)).sqrt()
        size = size.clamp(min=0.1 * size.mean().item())
        bias_size = torch.maximum(size, bias.square().mean().sqrt())
        with torch.no_grad():
            self.weight_size.copy_(size[:, None, None, None])
            self.bias_size.copy_(bias_size)
            self.weight.copy_(weight / self.weight_size)
            self.bias.copy_(bias / bias_size)

    def values(self) -> tuple[Tensor, Tensor]:
        """The weights and biases themselves."""
        return self.weight * self.weight_size, self.bias * self.bias_size

    def forward(self, x: Tensor) -> Tensor:
        """As of any convolution."""
        return self._conv_forward(x, *self.values())


class Proposer(nn.Module):  # type: ignore[misc]
    """conv1 to conv5, the 3x3 layer, and two pairs of 1x1 layers, of photographs and the tracker's windows.

    The second pair exists in training only: the tracker's windows show targets at a size between the region
    proposal network's anchors, and so have anchors of their own.
    """

    def __init__(self, shape: Shape = TEACHER) -> None:
        super().__init__()
        self.zf = ZF(normalised=False, pooled=shape.pooled)
        for name, (inputs, outputs, kernel, stride, pad) in GEOMETRY.items():
            its = shape.conv1_stride if name == "conv1" else stride
            setattr(self.zf, name, Scaled(inputs, outputs, kernel, its, pad))
        self.conv_proposal1 = Scaled(256, 256, 3, 1, 1)
        for name in PROPOSE.values():
            setattr(self, f"{name}_cls_score", Scaled(256, 18, 1))
            setattr(self, f"{name}_bbox_pred", Scaled(256, 36, 1))

    def forward(self, images: Tensor, kind: str) -> tuple[Tensor, Tensor, Tensor]:
        """Images to conv5 before its ReLU, and for every anchor a score, (n, a), and steps, (n, a, 4).

        The score is the object's minus the background's: its sigmoid is the probability of the softmax.
        """
        conv5 = self.zf(images)
        x = functional.relu(self.conv_proposal1(functional.relu(conv5)))
        n, _, rows, columns = x.shape
        pair = self.get_submodule(f"{PROPOSE[kind]}_cls_score")(x).float().view(n, 2, 9, rows, columns)
        steps = self.get_submodule(f"{PROPOSE[kind]}_bbox_pred")(x).float().view(n, 9, 4, rows, columns)
        scores = (pair[:, 1] - pair[:, 0]).permute(0, 2, 3, 1).reshape(n, -1)
        return conv5.float(), scores, steps.permute(0, 3, 4, 1, 2).reshape(n, -1, 4)

    def layer(self, name: str) -> Scaled:
        """A layer by its name in Caffe's files."""
        found: Scaled = self.get_submodule(f"zf.{name}" if name in GEOMETRY else name)
        return found

    def load(self, arrays: export.Arrays) -> None:
        """Take weights; where the second pair has none, it starts as the first."""
        for name in self.names():
            stored = name if f"{name}_w" in arrays else name.replace("track", "rpn")
            self.layer(name).load(*(torch.from_numpy(arrays[f"{stored}_{part}"]) for part in "wb"))

    def arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """The weights: ``<layer>_w`` and ``<layer>_b``."""
        found = {}
        for name in self.names():
            for part, values in zip("wb", self.layer(name).values(), strict=True):
                found[f"{name}_{part}"] = values.detach().contiguous().numpy()
        return found

    def names(self) -> list[str]:
        """Of all layers."""
        heads = [f"{name}_{part}" for name in PROPOSE.values() for part in ("cls_score", "bbox_pred")]
        return [*GEOMETRY, "conv_proposal1", *heads]


def losses_of(
    windows: Windows,
    conv5: Tensor,
    scores: Tensor,
    steps: Tensor,
    kind: str,
    objects: float | None = None,
    shape: Shape = TEACHER,
) -> Tensor:
    """Loss of the scores and of the boxes, (2,).

    As Faster R-CNN's a softmax over object and background and smooth L1, but over all anchors that teach
    where that draws some, and every object weighs the same.

    Args:
        windows: what was shown.
        conv5: its shape is that of the anchors' map.
        scores: the net's.
        steps: the net's.
        kind: "scenes" or "closeups".
        objects: what the objects' sums are divided by, their number unless given.
        shape: the net's.
    """
    grid = anchors.grid(conv5.shape[2], conv5.shape[3], shape.scales[kind], shape.stride)
    found, background, boxes, count = [], [], [], 0
    labels = zip(windows.boxes, windows.taught, windows.complete, strict=True)
    for (its_boxes, taught, complete), score, step in zip(labels, scores, steps, strict=True):
        its = anchors.targets(grid, its_boxes, taught, complete=complete, positive_iou=POSITIVE_IOU[kind])
        own, score_of, step_of = grid[its.positive], score[its.positive], step[its.positive]
        found.append(its.share * functional.softplus(-score_of))
        distance = _smooth_l1(step_of, anchors.encode(own, its.boxes)).sum(1)
        boxes.append(its.share * distance)
        background.append(functional.softplus(score[its.negative]))
        count += its.objects
    number, nothing = objects or max(count, 1), torch.cat(background)
    scoring = torch.cat(found).sum() / number + nothing.sum() / max(len(nothing), 1)
    return torch.stack([scoring, torch.cat(boxes).sum() / number])


def _smooth_l1(found: Tensor, wanted: Tensor) -> Tensor:
    return functional.smooth_l1_loss(found, wanted, beta=1 / SIGMA**2, reduction="none")


class Trainer:
    """The net, its optimiser, and how far they are: a `runs.Training`.

    All that is random comes from the seed and the number of steps: a resumed run and one that was never
    stopped are the same.
    """

    unit = "steps"
    losses: tuple[str, ...] = ("scene_scores", "scene_boxes", "closeup_scores", "closeup_boxes", "kept")

    def __init__(self, options: argparse.Namespace, data: Annotated, held_out: Annotated) -> None:
        self.options = options
        self.data, self.held_out = data, held_out
        self.objects = sum(map(len, data.boxes)) / len(data)
        self.seen, self.length = 0, options.steps
        self.shape = STUDENT if options.net == "student" else TEACHER
        self.scenes_a_step = options.scenes if "scenes" in self.shape.scales else 0
        self.side = options.side or self.shape.side
        self.net = Proposer(self.shape)
        self.net.load(export.read(options.start, export.CONV5_SCALE))
        self.net.to(memory_format=torch.channels_last)
        self.near = copy.deepcopy(self.net.zf).requires_grad_(False)
        if options.near:
            near = Proposer(self.shape)
            near.load(export.read(options.near, export.CONV5_SCALE))
            self.near.load_state_dict(near.zf.state_dict())
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        for name in options.frozen:
            self.net.layer(name).requires_grad_(False)
        self.optimisers = _optimisers(self.net)
        self.fixed = self._fixed()

    def scenes(self) -> list[Windows]:
        """The photographs of the next step."""
        seed, count = self.options.seed, self.scenes_a_step
        if not count:
            return []
        which = crops.order(2 * seed, self.seen * count, count, len(self.data))
        return annotated.scenes(self.data, which, annotated.draw(seed, 2, self.seen, count))

    def closeups(self) -> Windows:
        """The tracker's windows of the next step."""
        seed, count = self.options.seed, self.options.closeups
        which = crops.order(2 * seed + 1, self.seen * count, count, len(self.data.objects))
        draws = annotated.draw(seed, 3, self.seen, count)
        return annotated.closeups(self.data, which, draws, self.side)

    def evaluate(self, net: Proposer, windows: Windows, kind: str, kept: int) -> Tensor:
        """Losses of scores and boxes, and how far conv5 of the first `kept` is from `near`'s, (3,)."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            conv5, scores, steps = net(windows.images, kind)
        # A photograph's objects weigh the same in all photographs, few or many.
        objects = self.objects if kind == "scenes" else None
        losses = losses_of(windows, conv5, scores, steps, kind, objects, self.shape)
        return torch.cat([losses, self._drift(windows.images[:kept], conv5[:kept])[None]])

    def _drift(self, images: Tensor, conv5: Tensor) -> Tensor:
        """Squared distance of conv5 after its ReLU to what it is kept near, over the square of that."""
        if not len(images):
            return torch.zeros(())
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            wanted = functional.relu(self.near(images)).float()
        return (functional.relu(conv5) - wanted).square().sum() / wanted.square().sum()

    def rate(self) -> float:
        """The learning rate where the run stands, a share of the weights' size."""
        highest: float = self.options.rate
        return highest * runs.schedule(self.seen / self.length)

    def step(self) -> Tensor:
        """Train on a batch of either kind; returns the losses."""
        for optimiser, factor in zip(self.optimisers, (1.0, ADAM), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = self.rate() * factor
        self.net.zero_grad(set_to_none=True)
        scenes = torch.zeros(2)
        for windows in self.scenes():
            losses = self.evaluate(self.net, windows, "scenes", 0)[:2] / self.scenes_a_step
            (losses[0] + BOXES * losses[1]).backward()
            scenes += losses.detach()
        closeups = self.evaluate(self.net, self.closeups(), "closeups", math.ceil(self.options.closeups / 4))
        (closeups[0] + BOXES * closeups[1] + self.options.keep_near * closeups[2]).backward()
        for optimiser in self.optimisers:
            optimiser.step()
        self.seen += 1
        runs.follow(self.average.parameters(), self.net.parameters(), self.seen, AVERAGE)
        return torch.cat([scenes, closeups.detach()])

    def _fixed(self) -> list[tuple[str, Windows]]:
        """Windows of held-out photographs, always the same."""
        found: list[tuple[str, Windows]] = []
        if self.scenes_a_step:
            count = min(HELD_OUT_SCENES, len(self.held_out))
            draws = annotated.draw(HELD_OUT_SEED, 0, 0, count)
            scenes = annotated.scenes(self.held_out, torch.arange(count), draws, plain=True)
            found += [("scenes", each) for each in scenes]
        count = min(HELD_OUT_CLOSEUPS, len(self.held_out.objects))
        draws = annotated.draw(HELD_OUT_SEED, 1, 0, count)
        for which, part in zip(torch.arange(count).split(32), draws.split(32), strict=True):
            windows = annotated.closeups(self.held_out, which, part, self.side, plain=True)
            found.append(("closeups", windows))
        return found

    def measure(self) -> dict[str, float]:
        """Losses of the averaged net on held-out photographs, and recall."""
        sums: dict[str, Tensor] = {}
        for kind, windows in self.fixed:
            with torch.no_grad():
                kept = len(windows.images) if kind == "closeups" else 0
                losses = self.evaluate(self.average, windows, kind, kept)
            sums[kind] = sums.get(kind, torch.zeros(4)) + torch.cat([losses, torch.ones(1)]) * len(
                windows.boxes
            )
        found: dict[str, float] = {}
        for kind, names in (("scenes", self.losses[:2]), ("closeups", self.losses[2:])):
            if kind in sums:
                means = (sums[kind][:3] / sums[kind][3]).tolist()
                found |= dict(zip(names, means, strict=False))
        return {**found, **self.recall()}

    def recall(self) -> dict[str, float]:
        """Share of the held-out photographs' objects of which a proposal has an IoU of so much, or more."""
        best = []
        count = min(len(self.held_out), self.options.recall) if self.scenes_a_step else 0
        for number in range(0, len(self.held_out), math.ceil(len(self.held_out) / max(count, 1))):
            if count:
                best.append(_best(self.average, self.held_out, number, self.options.bf16))
        overlap = torch.cat(best) if best else torch.zeros(0)
        return {f"recall_{bound}": float((overlap >= bound).float().mean()) for bound in RECALL_AT if best}

    def save(self, folder: Path, kept: bool) -> None:
        """Write the snapshot, and the averaged weights as halves; those for good at a milestone."""
        state = {
            "seen": self.seen,
            "photographs": len(self.data),
            "options": {key: str(value) for key, value in vars(self.options).items()},
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "near": self.near.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
        }
        runs.write(folder / runs.SNAPSHOT, lambda file: torch.save(state, file))
        halves: dict[str, Any] = {
            name: array.astype(np.float16) for name, array in self.average.arrays().items()
        }
        runs.write(folder / WEIGHTS, lambda file: np.savez(file, **halves))
        if kept:
            runs.write(folder / f"proposals_{self.seen:06d}.npz", lambda file: np.savez(file, **halves))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        runs.check(state, seed=self.options.seed, photographs=len(self.data))
        self.seen = state["seen"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.near.load_state_dict(state["near"])
        for each, its in zip(self.optimisers, state["optimisers"], strict=True):
            each.load_state_dict(its)


def _optimisers(net: Proposer) -> list[torch.optim.Optimizer]:
    """Muon for the kernels that are larger than 1x1, Adam for the rest.

    Adam's first steps move all weights of an output alike; as inputs are positive, these changes add up.
    """
    learning = [each for each in net.parameters() if each.requires_grad]
    kernels = [each for each in learning if each.ndim == 4 and each.shape[2] > 1]
    rest = [each for each in learning if each.ndim == 1 or each.shape[2] == 1]
    return [Kernels(kernels, decay=0.0), torch.optim.AdamW(rest, weight_decay=0.0, fused=True)]


def _best(net: Proposer, data: Annotated, number: int, bf16: bool) -> Tensor:
    """The highest IoU of each of a photograph's objects with a proposal."""
    photographs = data.photographs
    width, height = int(photographs.widths[number]), int(photographs.heights[number])
    factor = min(RECALL_SIDE / min(width, height), annotated.LONGEST * RECALL_SIDE / max(width, height))
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    start = int(photographs.starts[number])
    pixels = photographs.pixels[start : start + width * height].view(torch.uint8).view(1, height, width, 4)
    images = pixels[..., :3].permute(0, 3, 1, 2).float()
    images = functional.interpolate(images, size[::-1], mode="bilinear").round() - 128
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        conv5, scores, steps = net(images.contiguous(memory_format=torch.channels_last), "scenes")
    grid = anchors.grid(conv5.shape[2], conv5.shape[3], anchors.PROPOSAL_SCALES)
    boxes, _ = anchors.propose(grid, scores[0], steps[0], size)
    scale = torch.tensor([size[0] / width, size[1] / height]).repeat(2)
    return anchors.iou(data.boxes[number] * scale, boxes).amax(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status, 128 and the signal's number when one stopped it."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    folder = options.snapshots
    with runs.locked(folder):
        data, held_out = annotated.read(options.images, options.boxes, options.threads)
        stop = runs.Stop()
        trainer = Trainer(options, data, held_out)
        if (folder / runs.SNAPSHOT).exists():
            trainer.restore(runs.load(folder / runs.SNAPSHOT))
        return runs.carry_on(trainer, folder, stop, options)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    annotated.add_options(parser)
    add("--start", type=Path, required=True, help="weights of all layers, .npz")
    add("--near", type=Path, help="weights whose conv5 is kept near [those of --start], .npz")
    add("--steps", type=int, default=10_000, help="length of the training and of its schedule")
    add("--net", choices=("teacher", "student"), default="teacher", help="which of the two learns [teacher]")
    add("--scenes", type=int, default=4, help="photographs a step, which the student does not see")
    add("--closeups", type=int, default=16, help="windows in the tracker's geometry a step")
    add("--side", type=int, help="px of the tracker's window [203, the student's 107]")
    add("--rate", type=float, default=4e-3, help="highest learning rate, a share of the weights' size")
    add("--keep-near", type=float, default=0.2, help="weight of the distance to that conv5")
    add("--frozen", nargs="*", default=["conv1"], help="layers that do not learn")
    add("--bf16", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 where it is faster")
    add("--recall", type=int, default=200, help="held-out photographs on which recall is measured")
    runs.add_options(parser, keep=2000, kept="steps between weights")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
