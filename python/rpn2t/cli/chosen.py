"""The tracker that a verb's options choose."""

from dataclasses import dataclass

from rpn2t.config import Config
from rpn2t.modes import choose_mode
from rpn2t.trackers import TrackerSpec


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """``--tracker`` and the options of rpn2t.cli.options.tracker_options, as they were typed."""

    tracker: str = "rpn2t"
    mode: str = "auto"
    seed: int = 0
    device: str = "auto"
    tf32: bool = False
    weights: str = "shipped"
    backbone: str = "student"
    config: str | None = None
    settings: tuple[str, ...] = ()

    def spec(self) -> TrackerSpec:
        """The tracker.

        Raises:
            InputError: the configuration cannot be used.
        """
        # of another tracker the choice is refused where it is made; nothing is to be found out
        mode = choose_mode(self.mode, self.device) if self.tracker == "rpn2t" else self.mode
        mode = "paper" if mode == "auto" else mode
        config = chosen_config(mode, self.config, self.settings)
        return TrackerSpec(
            tracker=self.tracker,
            config=config,
            mode=mode,
            weights=self.weights,
            backbone=self.backbone,
            device=self.device,
            tf32=self.tf32,
        )


def chosen_config(mode: str, config: str | None, settings: tuple[str, ...]) -> Config:
    """What a mode's own numbers, ``--config`` and ``--set`` say together.

    Raises:
        InputError: one of them cannot be used.
    """
    chosen = Config.load(config, mode) if config else Config.for_mode(mode)
    return chosen.with_settings(settings)
