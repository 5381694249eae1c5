"""What ``rpn2t train-rpn`` does."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rpn2t.cli.console import say
from rpn2t.cli.training_progress import run_training
from rpn2t.errors import InputError
from rpn2t.nets.device import choose_device
from rpn2t.nets.weight_sets import find_set
from rpn2t.system.files import sha256
from rpn2t.training.photographs import find_photographs, fingerprint, hold_out
from rpn2t.training.solver_loop import TrainingFolder
from rpn2t.training.teacher import RPNSettings, RPNTraining, start_from


def run_train_rpn(
    *,
    images: str,
    annotations: str | None,
    start: str,
    output: str,
    held_out_source: str | None,
    measure_every: int,
    device: str,
    backbone: float | None,
    **numbers: Any,
) -> None:
    """Train the teacher.

    Raises:
        InputError: an input cannot be used.
        SystemExit: 128 + the signal that stopped it.
    """
    file = _start_file(start)
    if backbone is None:
        backbone = RPNSettings.backbone if file is not None else 1.0
    settings = RPNSettings(backbone=backbone, **numbers)
    layers = start_from(file)
    training, held_out = hold_out(find_photographs(images, annotations), held_out_source)
    chosen = choose_device(device)
    folder = TrainingFolder(output)
    inputs = {
        "verb": "train-rpn",
        "photographs": fingerprint(images, training, held_out),
        "start": "random" if file is None else sha256(file)[:12],
    }
    with folder.opened(asdict(settings) | inputs) as agreed:
        task = RPNTraining(settings, training, held_out, layers, chosen, folder, measure_every)
        folder.keep_settings(agreed)
        for note in chosen.notes:
            say(note)
        say(f"training on {chosen}: {len(training)} photographs, {len(held_out)} held out, from {start}")
        if not folder.iteration:
            task.publish(folder.path)
        run_training(task, folder)


def _start_file(start: str) -> Path | None:
    if start == "random":
        return None
    if Path(start).is_file():
        return Path(start)
    try:
        return find_set(start).file("teacher")
    except InputError as error:
        raise InputError(f"--start {start}: no such file, and {error}") from None
