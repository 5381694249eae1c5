"""Train the refiner, a small net: told how a target looked first, it says where the target is in a box now.

python tools/pretrain/refine.py --images DIR --snapshots DIR --student zf_student.npz

Run again, it goes on where its last snapshot stood.
"""

import argparse
import copy
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anchors
import annotated
import crops
import cv2
import export
import numpy as np
import pairs
import runs
import torch
from annotated import Annotated
from pairs import Pairs
from torch import Tensor, nn
from torch.nn import functional
from zf import GEOMETRY

WEIGHTS = "refiner.npz"
SHOWN = slice(1, 13)  # of the 14 positions along a side of conv2: the rim is left out
SIZES = {"5": 256, "3": 384}  # channels of conv5 and conv3
OWN = ("conv3", "conv4", "conv5")  # begin as the student's
LAYERS = (*OWN, *export.REFINER)  # all that learn
OWN_RATE = 0.3  # of theirs, as a share of the others'
STEPS = 2.0  # weight of the steps' loss beside the overlap's
DECAY, LARGEST_GRADIENT = 0.01, 1.0
AVERAGE = 0.999  # of the moving average of weights, a step
HELD_OUT_SEED, HELD_OUT, HELD_OUT_WINDOWS = 5, 384, 2
MEASURED_AT_ONCE = 32  # held-out targets
TRAINING, MEASURING = 1, 2  # streams of random numbers

Maps = tuple[Tensor, Tensor]  # conv3 and conv5 after their ReLU, (n, 384, 12, 12) and (n, 256, 12, 12)


def convolution(arrays: export.Arrays, name: str) -> nn.Conv2d:
    """A layer of prototxt/student with its weights."""
    inputs, outputs, kernel, stride, pad = GEOMETRY[name]
    layer = nn.Conv2d(inputs, outputs, kernel, 4 if name == "conv1" else stride, pad)
    layer.load_state_dict(
        {part: torch.from_numpy(arrays[f"{name}_{part[0]}"].copy()) for part in ("weight", "bias")}
    )
    return layer


class Student(nn.Module):  # type: ignore[misc]
    """conv1 and conv2 of prototxt/student, which do not learn."""

    def __init__(self, arrays: export.Arrays) -> None:
        super().__init__()
        self.conv1, self.conv2 = (convolution(arrays, name) for name in ("conv1", "conv2"))
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, patches: Tensor) -> Tensor:
        """What the refiner reads of patches (n, 3, 107, 107), BGR minus 128: conv2, (n, 256, 12, 12)."""
        x = patches.contiguous(memory_format=torch.channels_last)
        maps: Tensor = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        return maps[:, :, SHOWN, SHOWN]


class Refiner(nn.Module):  # type: ignore[misc]
    """The net of prototxt/refine: features of its own, two arms on them, and what compares these.

    One arm is of the first patch, and one of now's. Its layers have Caffe's names. conv3 and conv5 differ in
    size. Each is divided by its own, a buffer, which `arrays` folds into the layers that read the maps.
    """

    def __init__(self, student: export.Arrays) -> None:
        super().__init__()
        for name in OWN:
            setattr(self, name, convolution(student, name))
        for arm in ("first", "now"):
            setattr(self, f"{arm}5", nn.Conv2d(SIZES["5"], 96, 1))
            setattr(self, f"{arm}3", nn.Conv2d(SIZES["3"], 64, 1))
            setattr(self, arm, nn.Conv2d(160, 128, 3))
        self.both = nn.Conv2d(3 * 128, 128, 1)
        self.both2 = nn.Conv2d(128, 128, 3, padding=1)
        self.hidden = nn.Linear(128 * 5 * 5, 256)
        self.box = nn.Linear(256, 4)
        for which in SIZES:
            self.register_buffer(f"size{which}", torch.ones(1))
        with torch.no_grad():  # at first the box is right as it is
            self.box.weight.mul_(0.1)
            self.box.bias.zero_()

    def forward(self, first: Tensor, now: Tensor) -> Tensor:
        """R-CNN's steps from boxes to their targets, (n, 4), n a multiple of the number of first patches."""
        conv3, conv5 = self.look(torch.cat([first, now]))
        count = len(first)
        was = self._arm("first", (conv3[:count], conv5[:count]))
        seen = self._arm("now", (conv3[count:], conv5[count:]))
        was = was.repeat_interleave(len(seen) // len(was), 0)
        x = functional.relu(self.both(torch.cat([seen, was, seen * was], 1)))
        x = functional.max_pool2d(functional.relu(self.both2(x)), 2)
        steps: Tensor = self.box(functional.relu(self.hidden(x.flatten(1)))).float()
        return steps

    def look(self, conv2: Tensor) -> Maps:
        """Its features."""
        conv3 = functional.relu(self.conv3(conv2))
        return conv3, functional.relu(self.conv5(functional.relu(self.conv4(conv3))))

    def _arm(self, arm: str, maps: Maps) -> Tensor:
        """(n, 128, 10, 10) of a patch's maps."""
        conv3, conv5 = maps
        parts = [
            self.get_submodule(f"{arm}5")(conv5 / self.size5),
            self.get_submodule(f"{arm}3")(conv3 / self.size3),
        ]
        return functional.relu(self.get_submodule(arm)(functional.relu(torch.cat(parts, 1))))

    def scale(self, maps: Maps) -> None:
        """Divide maps by the root mean square of these from here on."""
        for which, each in zip(("3", "5"), maps, strict=True):
            size = each.float().square().mean().sqrt().clamp(min=1e-6)
            self.get_buffer(f"size{which}").fill_(float(size))

    def load(self, arrays: export.Arrays) -> None:
        """Take the weights that `arrays` gives, whatever the sizes were; of OWN, those that are there."""
        for name in LAYERS:
            if name in OWN and f"{name}_w" not in arrays:
                continue
            layer = self.get_submodule(name)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(arrays[f"{name}_w"]) * self._divisor(name))
                layer.bias.copy_(torch.from_numpy(arrays[f"{name}_b"]))

    def _divisor(self, name: str) -> Tensor | float:
        """What the maps that a layer reads are divided by."""
        return self.get_buffer(f"size{name[-1]}") if name in export.REFINER and name[-1] in SIZES else 1.0

    def arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """The weights for maps as they are: ``<layer>_w`` and ``<layer>_b``."""
        found = {}
        for name in LAYERS:
            layer = self.get_submodule(name)
            found[f"{name}_w"] = (layer.weight.detach() / self._divisor(name)).contiguous().numpy()
            found[f"{name}_b"] = layer.bias.detach().clone().numpy()
        return found


def overlap(steps: Tensor, wanted: Tensor) -> Tensor:
    """IoU of the boxes that two sets of steps make of the same boxes, (n,)."""
    box = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    return anchors.iou(anchors.decode(box, steps), anchors.decode(box, wanted)).diagonal()


class Trainer:
    """The net, its optimiser, and how far they are: a `runs.Training`.

    All that is random comes from the seed and the number of steps: a resumed run and one that was never
    stopped are the same. The pairs of the next step are drawn while this one is learned from.
    """

    unit = "steps"
    losses: tuple[str, ...] = ("distance", "iou")

    def __init__(self, options: argparse.Namespace, data: Annotated, held_out: Annotated) -> None:
        self.options, self.data = options, data
        self.targets = pairs.targets(data)
        self.seen, self.length = 0, options.steps
        student = export.read(options.student, export.CONV5_SCALE)
        self.student = Student(student)
        self.fixed = _fixed(held_out)
        torch.manual_seed(options.seed)
        self.net = Refiner(student).to(memory_format=torch.channels_last)
        with torch.no_grad():
            self.net.scale(self.net.look(self.look(self.fixed[0].now).float()))
        if options.start:
            self.net.load(export.read(options.start, export.CONV5_SCALE))
        self.average = copy.deepcopy(self.net).eval().requires_grad_(False)
        groups = [
            {"params": [each for name in names for each in self.net.get_submodule(name).parameters()],
             "share": share}
            for names, share in ((export.REFINER, 1.0), (OWN, OWN_RATE))
        ]  # fmt: skip
        self.optimiser = torch.optim.AdamW(groups, weight_decay=DECAY)
        self.drawer = ThreadPoolExecutor(1)
        self.ahead: Future[Pairs] | None = None

    def look(self, patches: Tensor) -> Tensor:
        """The student's maps."""
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            maps: Tensor = self.student(patches)
        return maps

    def say(self, net: Refiner, shown: Pairs) -> Tensor:
        """What a net says of pairs."""
        first, now = self.look(shown.first), self.look(shown.now)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.options.bf16):
            steps: Tensor = net(first, now)
        return steps

    def draw(self, step: int) -> Pairs:
        """The pairs of a step."""
        seed, count = self.options.seed, self.options.targets
        order = crops.order(seed, step * count, count, len(self.targets))
        return pairs.draw(self.data, self.targets[order], self.options.windows, seed, TRAINING, step)

    def rate(self) -> float:
        """The learning rate where the run stands."""
        highest: float = self.options.rate
        return highest * runs.schedule(self.seen / self.length)

    def step(self) -> Tensor:
        """Train on the pairs of a step; returns the mean distance of its steps, and the mean IoU."""
        shown = self._next()
        for group in self.optimiser.param_groups:
            group["lr"] = group["share"] * self.rate()
        steps = self.say(self.net, shown)
        distance, iou = (steps - shown.steps).abs().mean(), overlap(steps, shown.steps).mean()
        self.optimiser.zero_grad()
        (STEPS * distance + 1 - iou).backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), LARGEST_GRADIENT)
        self.optimiser.step()
        self.seen += 1
        runs.follow(self.average.parameters(), self.net.parameters(), self.seen, AVERAGE)
        return torch.stack([distance.detach(), iou.detach()])

    def _next(self) -> Pairs:
        """The pairs of this step; those of the next are begun."""
        shown = self.ahead.result() if self.ahead else self.draw(self.seen)
        following = self.seen + 1
        self.ahead = self.drawer.submit(self.draw, following) if following < self.length else None
        return shown

    def measure(self) -> dict[str, float]:
        """Of held-out pairs: the mean IoU of the boxes as given and as the averaged net moves them.

        And by how much each of its four steps is off, in the mean.
        """
        with torch.no_grad():
            said = torch.cat([self.say(self.average, each) for each in self.fixed])
        wanted = torch.cat([each.steps for each in self.fixed])
        off = (said - wanted).abs().mean(0).tolist()
        return {
            "start": float(overlap(torch.zeros_like(wanted), wanted).mean()),
            "iou": float(overlap(said, wanted).mean()),
            **dict(zip(("dx", "dy", "dw", "dh"), off, strict=True)),
        }

    def save(self, folder: Path, kept: bool) -> None:
        """Write the snapshot, and the averaged weights, folded; those for good at a milestone."""
        state = {
            "seen": self.seen,
            "photographs": len(self.data),
            "options": {key: str(value) for key, value in vars(self.options).items()},
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        runs.write(folder / runs.SNAPSHOT, lambda file: torch.save(state, file))
        arrays: dict[str, Any] = self.average.arrays()
        runs.write(folder / WEIGHTS, lambda file: np.savez(file, **arrays))
        if kept:
            runs.write(folder / f"refiner_{self.seen:06d}.npz", lambda file: np.savez(file, **arrays))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a snapshot."""
        runs.check(state, seed=self.options.seed, photographs=len(self.data))
        self.seen, self.ahead = state["seen"], None
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])


def _fixed(held_out: Annotated) -> list[Pairs]:
    """Pairs of held-out photographs, always the same."""
    targets = pairs.targets(held_out)
    count = min(HELD_OUT, len(targets))
    chosen = targets[crops.order(HELD_OUT_SEED, 0, count, len(targets))].split(MEASURED_AT_ONCE)
    return [
        pairs.draw(held_out, part, HELD_OUT_WINDOWS, HELD_OUT_SEED, MEASURING, number)
        for number, part in enumerate(chosen)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status, 128 and the signal's number when one stopped it."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)  # patches are small
    folder = options.snapshots
    for given in (options.student, options.start):
        if given and not given.is_file():
            raise SystemExit(f"{given}: no such file; export.py makes it of the .caffemodel")
    with runs.locked(folder):
        data, held_out = annotated.read(options.images, options.boxes, options.threads)
        for each, name in ((data, "to train on"), (held_out, "held out")):
            if not len(pairs.targets(each)):
                raise SystemExit(f"{options.images}: no photograph {name} has a box of a target's size")
        stop = runs.Stop()
        trainer = Trainer(options, data, held_out)
        if (folder / runs.SNAPSHOT).exists():
            trainer.restore(runs.load(folder / runs.SNAPSHOT))
        return runs.carry_on(trainer, folder, stop, options)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    annotated.add_options(parser)
    add("--student", type=Path, required=True, help="weights of the student, .npz (export.py)")
    add("--start", type=Path, help="weights of the refiner to train on [drawn], .npz (export.py)")
    add("--steps", type=int, default=5400, help="length of the training and of its schedule [5400]")
    add("--targets", type=int, default=16, help="targets a step [16]")
    add("--windows", type=int, default=4, help="boxes near each target [4]")
    add("--rate", type=float, default=1e-3, help="highest learning rate [0.001]")
    add("--bf16", action=argparse.BooleanOptionalAction, default=True, help="bfloat16 where it is faster")
    runs.add_options(parser, keep=2000, kept="steps between weights")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
