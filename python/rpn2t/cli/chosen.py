"""The tracker that a verb's options choose."""

from dataclasses import dataclass

from rpn2t.config import Config
from rpn2t.trackers import TrackerSpec


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """``--tracker`` and the options of rpn2t.cli.options.tracker_options, as they were typed."""

    tracker: str = "rpn2t"
    mode: str = "paper"
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
        config = Config.load(self.config) if self.config else Config()
        return TrackerSpec(
            tracker=self.tracker,
            config=config.with_settings(self.settings),
            mode=self.mode,
            weights=self.weights,
            backbone=self.backbone,
            device=self.device,
            tf32=self.tf32,
        )
