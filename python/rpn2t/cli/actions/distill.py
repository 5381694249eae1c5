"""What ``rpn2t distill`` does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rpn2t.cli.console import Meter, duration, say
from rpn2t.cli.training_progress import interruptible, run_training
from rpn2t.errors import InputError
from rpn2t.nets.device import Device, choose_device
from rpn2t.nets.weight_sets import WeightSet, find_set
from rpn2t.system.files import sha256
from rpn2t.training.distillation import BATCH, PRESETS, Distillation, DistillationSettings, settings_for
from rpn2t.training.photographs import Photograph, find_photographs, fingerprint, hold_out
from rpn2t.training.solver_loop import TrainingFolder


@dataclass(frozen=True, kw_only=True)
class DistillOptions:
    """The command line of ``rpn2t distill``, as it was typed."""

    images: str
    annotations: str | None
    held_out_source: str | None
    weights: str
    start: str
    preset: str
    minutes: float
    passes: int | None
    images_per_pass: int | None
    crops: int | None
    rate: float | None
    frozen: str | None
    seed: int
    output: str
    device: str


def run_distill(options: DistillOptions) -> None:
    """Distil, or go on with it, show how it goes, and say what came of it.

    Raises:
        InputError: an input cannot be used.
        SystemExit: 128 + the signal that stopped it.
    """
    weights = find_set(options.weights)
    if weights.folder.resolve() == Path(options.output).resolve():
        raise InputError(f"--output {options.output}: is the folder of --weights; choose another")
    photographs = find_photographs(options.images, options.annotations, as_release=True)
    training, held_out = hold_out(photographs, options.held_out_source)
    device = choose_device(options.device)
    for note in device.notes:
        say(note)
    folder = TrainingFolder(options.output)
    with folder.opened(_begun_with(options, weights, training, held_out)) as agreed:
        settings = _settings(options, agreed, training, weights, device)
        task = Distillation(settings, training, held_out, weights, options.start, device, folder)
        folder.keep_settings(agreed | asdict(settings))
        say(
            f"distilling on {device}, from {weights.name}: {task.iterations} iterations of {BATCH} crops, "
            f"{len(training)} photographs to train on, {len(held_out)} held out"
        )
        say(f"the same again: {_again(settings)}")
        if not folder.iteration:
            task.publish(folder.path)
        with interruptible(folder) as interruption, _Counting() as counting:
            task.prepare(interruption, counting.show)
        run_training(task, folder)


def _begun_with(
    options: DistillOptions, weights: WeightSet, *photographs: Sequence[Photograph]
) -> dict[str, Any]:
    """What must be the same for a distillation to go on. None stands for what the options leave open."""
    names = ("preset", "crops", "passes", "images_per_pass", "rate", "seed", "start")
    used = {part: sha256(weights.file(part))[:12] for part in sorted({"teacher", options.start})}
    return {
        "verb": "distill",
        **{name: getattr(options, name) for name in names},
        "frozen": options.frozen.split(",") if options.frozen else None,
        "weights": " ".join(used.values()),
        "photographs": fingerprint(options.images, *photographs),
    }


def _settings(
    options: DistillOptions,
    agreed: Mapping[str, Any],
    training: Sequence[Photograph],
    weights: WeightSet,
    device: Device,
) -> DistillationSettings:
    preset = PRESETS[options.preset]
    timed = preset.passes is None and agreed["passes"] is None and agreed["images_per_pass"] is None
    settings = DistillationSettings(
        preset=options.preset,
        crops=agreed["crops"] or preset.crops,
        passes=agreed["passes"] or preset.passes or 1,
        images_per_pass=agreed["images_per_pass"] or len(training),
        rate=preset.rate if agreed["rate"] is None else agreed["rate"],
        seed=options.seed,
        frozen=tuple(agreed["frozen"] or ()),
    )
    if not timed:
        return settings
    say(f"timing a few batches, to choose what takes {duration(60 * options.minutes)} on {device}")
    return settings_for(options.minutes, settings, training, weights, device)


def _again(settings: DistillationSettings) -> str:
    given = asdict(settings) | {"frozen": ",".join(settings.frozen)}
    return " ".join(f"--{name.replace('_', '-')} {value}" for name, value in given.items() if value != "")


class _Counting(Meter):
    """How far the statistics are."""

    _unit = " crops"

    def show(self, count: int, total: int) -> None:
        """Say how many crops are counted, of how many."""
        if not self._first:
            self._begin(count)
        line = f"mean and standard deviation of conv5: {count} of {total} crops"
        self._tell(count, total, f"statistics{self._left(count, total)}", line, now=count == total)
