"""Train the ZF backbone to answer as EfficientNet-lite0 does, on fresh crops of a folder of photographs.

python tools/pretrain/pretrain.py --images DIR --snapshots DIR

Run again, it goes on where its last snapshot stood.
"""

import argparse
import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crops
import export
import numpy as np
import runs
import torch
from lite0 import CLASSES, FINAL, MIDDLE, Lite0
from muon import Kernels
from torch import Tensor, nn
from torch.nn import functional
from zf import Pupil, folded, unfold

WEIGHTS = "zf.npz"
Answers = tuple[Tensor, Tensor, Tensor]  # features at stride 16, final features, logits
WEIGHTS_OF_LOSSES = (1.0, 1.0, 0.5)
AVERAGE = 0.998  # of the moving average of weights, an iteration
STATISTICS_CROPS = 1024
UNFOLD_CROPS = 256
HELD_OUT_SEED, HELD_OUT_CROPS = 1, 1024


@dataclass
class Statistics:
    """Mean and standard deviation of the big network's features, a channel: the losses' scale."""

    middle: tuple[Tensor, Tensor]
    final: tuple[Tensor, Tensor]


class Trainer:
    """The nets, their optimiser, and how far they are: a `runs.Training`.

    All that is random comes from the seed and the number of crops seen: a resumed run and one that was
    never stopped are the same.
    """

    unit = "crops"
    losses: tuple[str, ...] = ("middle", "final", "classes")

    def __init__(
        self, options: argparse.Namespace, photographs: crops.Photographs, held_out: crops.Photographs
    ) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.device = torch.device(options.device)
        self.photographs = photographs
        self.seen, self.length = 0, options.crops
        self.big = self._placed(Lite0())
        self.pupil: Pupil = self._placed(Pupil(MIDDLE, FINAL, CLASSES))
        self.average = copy.deepcopy(self.pupil).eval().requires_grad_(False)
        self.optimisers = _optimisers(self.pupil, options.decay)
        self.statistics: Statistics | None = None
        self.held_out = HeldOut(self, held_out)

    def _placed(self, net: Any) -> Any:
        return net.to(self.device, memory_format=torch.channels_last)

    def _autocast(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def batch(self, start: int, count: int) -> Tensor:
        """The crops of these numbers."""
        options = self.options
        which = crops.order(options.seed, start, count, len(self.photographs))
        draws = crops.draw(options.seed, start, count)
        return crops.cut(self.photographs, which, draws, options.size, mixed=options.mix)

    def measure_statistics(self) -> None:
        """Gather the statistics over the run's first crops, once."""
        if self.statistics is None:
            count = self.options.batch
            starts = range(0, STATISTICS_CROPS, count)
            answers = [self.answers(self.batch(start, count))[:2] for start in starts]
            self.statistics = Statistics(*(_moments(torch.cat(each)) for each in zip(*answers, strict=True)))

    def answers(self, images: Tensor) -> Answers:
        """The big network's, as float32."""
        with torch.no_grad(), self._autocast():
            middle, final, logits = self.big(images)
        return middle.float(), final.float(), logits.float()

    def losses_of(self, net: nn.Module, images: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
        """The three losses, (3,), and the predicted logits."""
        assert self.statistics is not None
        with self._autocast():
            middle, final, logits = net(images)
        parts = [
            _distance(middle.float(), answers[0], self.statistics.middle),
            _distance(final.float(), answers[1], self.statistics.final),
            _divergence(logits.float(), answers[2]),
        ]
        return torch.stack(parts), logits

    def rate(self) -> float:
        """The learning rate where the run stands."""
        highest: float = self.options.rate
        return highest * runs.schedule(self.seen / self.length)

    def step(self) -> Tensor:
        """Train on a batch; returns its losses, still on the device."""
        count = min(self.options.batch, self.length - self.seen)
        for group in (group for each in self.optimisers for group in each.param_groups):
            group["lr"] = self.rate()
        learns = self.seen >= self.options.hold
        self.pupil.train().zf.train(learns).requires_grad_(learns)
        images = self.batch(self.seen, count)
        losses, _ = self.losses_of(self.pupil, images, self.answers(images))
        self.pupil.zero_grad(set_to_none=True)
        (losses * losses.new_tensor(WEIGHTS_OF_LOSSES)).sum().backward()
        for each in self.optimisers:
            each.step()
        self.seen += count
        self._follow()
        return losses.detach()

    def _follow(self) -> None:
        """Move the average towards the weights and what normalisation has gathered."""
        runs.follow(_floats(self.average), _floats(self.pupil), self.seen / self.options.batch, AVERAGE)

    def state(self) -> dict[str, Any]:
        """Everything that a run goes on from."""
        assert self.statistics is not None
        return {
            "seen": self.seen,
            "photographs": len(self.photographs),
            "options": {key: str(value) for key, value in vars(self.options).items()},
            "statistics": vars(self.statistics),
            "pupil": self.pupil.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [each.state_dict() for each in self.optimisers],
        }

    def measure(self) -> dict[str, float]:
        """See `HeldOut`."""
        return self.held_out.measure()

    def save(self, folder: Path, kept: bool) -> None:
        """Write the snapshot and the averaged net's folded weights, at a milestone for good."""
        state = self.state()
        runs.write(folder / runs.SNAPSHOT, lambda file: torch.save(state, file))
        weights = folded(state["average"], "zf.")
        halves: dict[str, Any] = {name: array.astype(np.float16) for name, array in weights.items()}
        runs.write(folder / WEIGHTS, lambda file: np.savez(file, **halves))
        if kept:
            runs.write(folder / f"zf_{self.seen:09d}.npz", lambda file: np.savez(file, **halves))

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        runs.check(state, seed=self.options.seed, photographs=len(self.photographs))
        self.take(state)
        self.seen = state["seen"]
        self.pupil.load_state_dict(state["pupil"])
        for each, its in zip(self.optimisers, state["optimisers"], strict=True):
            each.load_state_dict(its)

    def start_from(self, path: Path) -> None:
        """Take another run's averaged weights, or the folded ones of an .npz file with new read-outs."""
        if path.suffix == ".npz":
            images = self.batch(0, UNFOLD_CROPS)
            unfold(self.pupil.zf, export.read(path), images)
            self.average.load_state_dict(self.pupil.state_dict())
        else:
            self.take(runs.load(path))

    def take(self, state: dict[str, Any]) -> None:
        """Take another run's averaged weights, and the scale of its losses."""
        self.pupil.load_state_dict(state["average"])
        self.average.load_state_dict(state["average"])
        pairs = state["statistics"].items()
        self.statistics = Statistics(**{k: tuple(t.to(self.device) for t in v) for k, v in pairs})


class HeldOut:
    """Fixed crops of photographs that never train, and the big network's answers to them."""

    def __init__(self, trainer: Trainer, photographs: crops.Photographs) -> None:
        self.trainer = trainer
        which = torch.arange(min(HELD_OUT_CROPS, len(photographs)))
        draws = crops.draw(HELD_OUT_SEED, 0, len(which))
        size = trainer.options.size
        self.images = [
            crops.cut(photographs, *part, size, plain=True)
            for part in zip(which.split(64), draws.split(64), strict=True)
        ]
        self.answers = [trainer.answers(images) for images in self.images]

    def measure(self) -> dict[str, float]:
        """Losses of the averaged net, and how often its likeliest class is the big network's."""
        sums = torch.zeros(len(self.trainer.losses) + 1, device=self.trainer.device)
        for images, answers in zip(self.images, self.answers, strict=True):
            with torch.no_grad():
                losses, logits = self.trainer.losses_of(self.trainer.average, images, answers)
            same = (logits.argmax(1) == answers[2].argmax(1)).float().mean()
            sums += torch.cat([losses, same[None]]) * len(images)
        means = (sums / sum(map(len, self.images))).tolist()
        return dict(zip((*self.trainer.losses, "agreement"), means, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status, 128 and the signal's number when one stopped it."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    folder = options.snapshots
    with runs.locked(folder):
        skip = options.skip.read_text().split("\n") if options.skip else []
        training, held_out = crops.find(options.images, set(skip))
        if not training or not held_out:
            raise SystemExit(f"{options.images}: too few photographs")
        print(f"{len(training)} photographs to train on, {len(held_out)} held out", flush=True)
        device = torch.device(options.device)
        photographs, kept = (
            crops.decode(paths, options.side, options.threads).to(device) for paths in (training, held_out)
        )
        stop = runs.Stop()
        trainer = Trainer(options, photographs, kept)
        if (folder / runs.SNAPSHOT).exists():
            trainer.restore(runs.load(folder / runs.SNAPSHOT))
        elif options.start:
            trainer.start_from(options.start)
        trainer.measure_statistics()
        return runs.carry_on(trainer, folder, stop, options)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--images", type=Path, required=True, help="folder of photographs, with those in its folders")
    add("--snapshots", type=Path, required=True, help="folder to write to, and to go on from")
    add("--skip", type=Path, help="file with the names, one a line, of photographs to leave alone")
    add("--crops", type=int, default=2_000_000, help="length of the training and of its schedule")
    add("--size", type=int, default=128, help="side of a crop, pixels")
    add("--side", type=int, default=192, help="shorter side of the photographs in memory, at most")
    add("--batch", type=int, default=64)
    add("--rate", type=float, default=1e-3, help="highest learning rate")
    add("--decay", type=float, default=0.05, help="weight decay")
    add("--device", default="cpu", help="cpu or cuda")
    add("--start", type=Path, help="another run's snapshot, or folded weights (.npz), to start from")
    add("--hold", type=int, default=0, help="crops over which the read-outs alone learn")
    add("--mix", type=float, default=0.5, help="share of the crops that are blended with another")
    runs.add_options(parser, keep=250_000, kept="crops between folded weights")
    return parser.parse_args(arguments)


def _optimisers(pupil: Pupil, decay: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels of conv1 to conv5, AdamW for the rest; biases and normalisation do not decay."""
    kernels = [each for each in pupil.zf.parameters() if each.ndim > 1]
    readouts = [each for each in pupil.readout.parameters() if each.ndim > 1]
    vectors = [each for each in pupil.parameters() if each.ndim == 1]
    groups = [{"params": readouts, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, fused=True), Kernels(kernels, decay)]


def _floats(net: nn.Module) -> list[Tensor]:
    return [each for each in net.state_dict().values() if each.is_floating_point()]


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation a channel, (1, channels, 1, 1)."""
    mean = features.mean((0, 2, 3), keepdim=True)
    return mean, features.std((0, 2, 3), keepdim=True)


def _distance(found: Tensor, wanted: Tensor, moments: tuple[Tensor, Tensor]) -> Tensor:
    """Mean squared distance in standard deviations, over the positions that both have."""
    mean, deviation = moments
    wanted = (wanted - mean) / deviation
    height, width = (min(pair) for pair in zip(found.shape[2:], wanted.shape[2:], strict=True))
    return functional.mse_loss(found[:, :, :height, :width], wanted[:, :, :height, :width])


def _divergence(found: Tensor, wanted: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the class probabilities, from logits."""
    sure, guess = functional.log_softmax(wanted, 1), functional.log_softmax(found, 1)
    return functional.kl_div(guess, sure, log_target=True, reduction="batchmean")


if __name__ == "__main__":
    sys.exit(main())
