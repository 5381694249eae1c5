"""Train the ZF backbone to answer as EfficientNet-lite0 does, on fresh crops of a folder of photographs.

python tools/pretrain/pretrain.py --images DIR --snapshots DIR

Run again, it goes on where its last snapshot stood.
"""

import argparse
import copy
import fcntl
import json
import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import crops
import export
import numpy as np
import torch
from lite0 import CLASSES, FINAL, MIDDLE, Lite0
from torch import Tensor, nn
from torch.nn import functional
from zf import Pupil, folded, unfold

SNAPSHOT, LOG, WEIGHTS = "snapshot.pt", "log.jsonl", "zf.npz"
Answers = tuple[Tensor, Tensor, Tensor]  # features at stride 16, final features, logits
LOSSES = ("middle", "final", "classes")
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
    """The nets, their optimiser, and how far they are.

    All that is random comes from the seed and the number of crops seen: a resumed run and one that was
    never stopped are the same.
    """

    def __init__(self, options: argparse.Namespace, photographs: crops.Photographs) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.device = torch.device(options.device)
        self.photographs = photographs
        self.seen = 0
        self.big = self._placed(Lite0())
        self.pupil: Pupil = self._placed(Pupil(MIDDLE, FINAL, CLASSES))
        self.average = copy.deepcopy(self.pupil).eval().requires_grad_(False)
        self.optimisers = _optimisers(self.pupil, options.decay)
        self.statistics: Statistics | None = None

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

    def losses(self, net: nn.Module, images: Tensor, answers: Answers) -> tuple[Tensor, Tensor]:
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
        return highest * schedule(self.seen / self.options.crops)

    def step(self) -> Tensor:
        """Train on a batch; returns its losses, still on the device."""
        count = min(self.options.batch, self.options.crops - self.seen)
        for group in (group for each in self.optimisers for group in each.param_groups):
            group["lr"] = self.rate()
        learns = self.seen >= self.options.hold
        self.pupil.train().zf.train(learns).requires_grad_(learns)
        images = self.batch(self.seen, count)
        losses, _ = self.losses(self.pupil, images, self.answers(images))
        self.pupil.zero_grad(set_to_none=True)
        (losses * losses.new_tensor(WEIGHTS_OF_LOSSES)).sum().backward()
        for each in self.optimisers:
            each.step()
        self.seen += count
        self._follow()
        return losses.detach()

    def _follow(self) -> None:
        """Move the average towards the weights; at first, when they are worth nothing, faster."""
        steps = self.seen / self.options.batch
        share = 1 - min(AVERAGE, (1 + steps) / (10 + steps))
        with torch.no_grad():
            for mean, value in zip(_floats(self.average), _floats(self.pupil), strict=True):
                mean.lerp_(value, share)

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

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        if state["options"]["seed"] != str(self.options.seed):
            raise SystemExit(f"the snapshot's seed is {state['options']['seed']}: give it, or another folder")
        if state["photographs"] != len(self.photographs):
            count = len(self.photographs)
            raise SystemExit(f"the snapshot's run had {state['photographs']} photographs, not {count}")
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
            self.take(_load(path))

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
        sums = torch.zeros(len(LOSSES) + 1, device=self.trainer.device)
        for images, answers in zip(self.images, self.answers, strict=True):
            with torch.no_grad():
                losses, logits = self.trainer.losses(self.trainer.average, images, answers)
            same = (logits.argmax(1) == answers[2].argmax(1)).float().mean()
            sums += torch.cat([losses, same[None]]) * len(images)
        means = (sums / sum(map(len, self.images))).tolist()
        return dict(zip((*LOSSES, "agreement"), means, strict=True))


class Stop:
    """Takes SIGINT and SIGTERM: the batch under way ends, a snapshot is written. The second one kills."""

    def __init__(self) -> None:
        self.signum = 0
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._take)

    def _take(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        signal.signal(signum, signal.SIG_DFL)


def schedule(done: float) -> float:
    """Share of the highest learning rate: up over the first fiftieth, then half a cosine down to nothing."""
    rise = 0.02
    if done < rise:
        return 0.01 + 0.99 * done / rise
    return 0.5 + 0.5 * math.cos(math.pi * (done - rise) / (1 - rise))


def write(path: Path, save: Any) -> None:
    """Write a file by `save(file)` so that the old one or the new one is there, whole, at any time."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        save(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def run(trainer: Trainer, held_out: HeldOut, folder: Path, stop: Stop) -> None:
    """Train to the end, or to a signal, or as many minutes as the options say."""
    options = trainer.options
    ends = time.monotonic() + 60 * options.minutes
    since, first = time.monotonic(), trainer.seen
    losses: list[Tensor] = []
    while trainer.seen < options.crops:
        milestone = trainer.seen // options.keep
        losses.append(trainer.step())
        over = trainer.seen >= options.crops or bool(stop.signum) or time.monotonic() > ends
        kept = trainer.seen // options.keep > milestone
        if over or kept or time.monotonic() - since > 60 * options.every:
            means = torch.stack(losses).mean(0).tolist()
            rate = (trainer.seen - first) / (time.monotonic() - since)
            save(trainer, folder, kept)
            log(trainer, held_out, folder, rate, dict(zip(LOSSES, means, strict=True)))
            since, first, losses = time.monotonic(), trainer.seen, []
        if over:
            break


def save(trainer: Trainer, folder: Path, kept: bool) -> None:
    """Write the snapshot and the averaged net's folded weights; those are kept for good at a milestone."""
    state = trainer.state()
    write(folder / SNAPSHOT, lambda file: torch.save(state, file))
    weights = folded(state["average"], "zf.")
    halves: dict[str, Any] = {name: array.astype(np.float16) for name, array in weights.items()}
    write(folder / WEIGHTS, lambda file: np.savez(file, **halves))
    if kept:
        write(folder / f"zf_{trainer.seen:09d}.npz", lambda file: np.savez(file, **halves))


def log(
    trainer: Trainer, held_out: HeldOut, folder: Path, rate: float | None, losses: dict[str, float] | None
) -> None:
    """Append a line to the log, and print it."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "crops": trainer.seen,
        "crops_per_second": rate,
        "learning_rate": trainer.rate(),
        "training": losses,
        "held_out": held_out.measure(),
    }
    text = json.dumps(_rounded(line))
    with (folder / LOG).open("a") as file:
        file.write(text + "\n")
    print(text, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; returns the exit status, 128 and the signal's number when one stopped it."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    folder = options.snapshots
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{folder}: another run trains there") from None
        skip = options.skip.read_text().split("\n") if options.skip else []
        training, held_out = crops.find(options.images, set(skip))
        if not training or not held_out:
            raise SystemExit(f"{options.images}: too few photographs")
        print(f"{len(training)} photographs to train on, {len(held_out)} held out", flush=True)
        device = torch.device(options.device)
        photographs, kept = (
            crops.decode(paths, options.side, options.threads).to(device) for paths in (training, held_out)
        )
        stop = Stop()
        trainer = Trainer(options, photographs)
        if (folder / SNAPSHOT).exists():
            trainer.restore(_load(folder / SNAPSHOT))
        elif options.start:
            trainer.start_from(options.start)
        trainer.measure_statistics()
        measured = HeldOut(trainer, kept)
        log(trainer, measured, folder, None, None)
        run(trainer, measured, folder, stop)
    return 128 + stop.signum if stop.signum else 0


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
    add("--threads", type=int, default=2)
    add("--seed", type=int, default=0)
    add("--start", type=Path, help="another run's snapshot, or folded weights (.npz), to start from")
    add("--hold", type=int, default=0, help="crops over which the read-outs alone learn")
    add("--mix", type=float, default=0.5, help="share of the crops that are blended with another")
    add("--every", type=float, default=10, help="minutes between snapshots")
    add("--keep", type=int, default=250_000, help="crops between folded weights that are kept for good")
    add("--minutes", type=float, default=math.inf, help="stop after so many")
    return parser.parse_args(arguments)


def _load(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


class Kernels(torch.optim.Muon):
    """Muon for convolution kernels: a kernel is a matrix with a row an output."""

    def __init__(self, kernels: Sequence[nn.Parameter], decay: float) -> None:
        self.kernels = kernels
        self.matrices = [nn.Parameter(_matrix(each.data)) for each in kernels]  # these share their memory
        super().__init__(self.matrices, weight_decay=decay, adjust_lr_fn="match_rms_adamw")

    def step(self, closure: None = None) -> None:
        """Move the kernels by their gradients."""
        for kernel, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        super().step(closure)


def _matrix(kernel: Tensor) -> Tensor:
    return kernel.permute(0, 2, 3, 1).flatten(1)  # a view, as kernels lie with their channels last


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


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
