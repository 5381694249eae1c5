"""The tracker that a verb's options choose."""

import subprocess
import sys
from dataclasses import dataclass

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.config import Config
from rpn2t.nets.device import has_cuda
from rpn2t.tracker.modes import choose_mode


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """``--tracker`` and the options of rpn2t.cli.options.tracker_options, as they were typed."""

    tracker: str = "rpn2t"
    mode: str = "auto"
    seed: int = 0
    device: str = "auto"
    tf32: bool = False
    bf16: bool | None = None
    weights: str = "shipped"
    backbone: str = "student"
    config: str | None = None
    settings: tuple[str, ...] = ()

    def spec(self) -> TrackerSpec:
        """The tracker.

        Raises:
            InputError: the configuration cannot be used.
        """
        mode = self.mode
        if mode == "auto":
            other = self.tracker != "rpn2t"  # other trackers have no modes
            mode = "paper" if other else _mode_here(self.device)
        config = chosen_config(mode, self.config, self.settings)
        return TrackerSpec(
            tracker=self.tracker,
            config=config,
            mode=mode,
            weights=self.weights,
            backbone=self.backbone,
            device=self.device,
            tf32=self.tf32,
            bf16=self.bf16,
        )


def _mode_here(device: str) -> str:
    """What ``auto`` means on this machine.

    If there may be a GPU, another process looks: a process that has opened a GPU holds a part of it to its
    end, and this one leaves the tracking to its workers.
    """
    if device == "cpu" or not has_cuda():
        return choose_mode("auto", "cpu")
    code = f"from rpn2t.tracker.modes import choose_mode; print(choose_mode('auto', {device!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else choose_mode("auto", device)


def chosen_config(mode: str, config: str | None, settings: tuple[str, ...]) -> Config:
    """A mode's own numbers, changed by ``--config`` and ``--set``.

    Raises:
        InputError: one of them cannot be used, or the configuration is made for the other mode.
    """
    chosen = Config.load(config, mode) if config else Config.for_mode(mode)
    return chosen.with_settings(settings)
