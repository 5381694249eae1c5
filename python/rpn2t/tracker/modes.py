"""The two modes: the paper's loop on patches, and the fast one on maps of whole regions."""

from dataclasses import dataclass

import numpy as np

from rpn2t.boxes import Box
from rpn2t.config import Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone
from rpn2t.nets.device import Device, choose_device
from rpn2t.tracker.fast.mode import MapAppearance
from rpn2t.tracker.features import PatchFeatures, RegionFeatures
from rpn2t.tracker.mode import Appearance
from rpn2t.tracker.paper.head import HeadGeometry, ProposalWeights
from rpn2t.tracker.paper.mode import PatchAppearance

MODES = ("paper", "fast")


def choose_mode(mode: str, device: str | Device) -> str:
    """``paper``, ``fast``, or for ``auto`` the one that suits the device: paper on a GPU, fast on a CPU.

    Args:
        mode: one of these three.
        device: a device, or what chooses one; see :func:`rpn2t.nets.device.choose_device`.

    Raises:
        InputError: there is no such mode.
    """
    if mode in MODES:
        return mode
    if mode != "auto":
        raise InputError(f"mode {mode!r} is not known: use auto, {' or '.join(MODES)}")
    chosen = choose_device(device) if isinstance(device, str) else device
    return "paper" if chosen.kind == "gpu" else "fast"


@dataclass(frozen=True)
class TargetMaker:
    """Makes the :class:`rpn2t.tracker.mode.Appearance` of each target in a mode.

    Attributes:
        mode: one of MODES.
        config, geometry, proposal: of the head.
        patches: features of boxes in patches of their own.
        close_up: the same for one box at a time.
        regions: features of whole regions; None in paper mode.
        device: where the head runs.
    """

    mode: str
    config: Config
    geometry: HeadGeometry
    proposal: ProposalWeights | None
    patches: PatchFeatures
    close_up: PatchFeatures
    regions: RegionFeatures | None
    device: Device

    @classmethod
    def of(
        cls, mode: str, config: Config, backbone: Backbone, proposal: ProposalWeights | None
    ) -> "TargetMaker":
        """For a backbone, and the start of the head's 3x3 layer."""
        geometry = HeadGeometry(config, backbone.map_size)
        patches = PatchFeatures(backbone, geometry.window_rim)
        fast = mode == "fast"
        close_up = PatchFeatures(backbone, geometry.window_rim, batch=1) if fast else patches
        regions = RegionFeatures(backbone) if fast else None
        return cls(mode, config, geometry, proposal, patches, close_up, regions, backbone.device)

    def make(self, box: Box, seed: int, rng: np.random.Generator) -> Appearance:
        """A new target.

        Args:
            box: in the first frame; its sides alone are used.
            seed: of what is drawn while nets are made.
            rng: of what is drawn while it learns; shared with the loop.
        """
        if self.regions is None:
            return PatchAppearance(
                self.config, self.patches, self.geometry, self.proposal, seed, rng, self.device
            )
        return MapAppearance(
            self.config,
            self.close_up,
            self.regions,
            self.geometry,
            box,
            self.proposal,
            seed,
            rng,
            self.device,
        )
