"""Which of the two modes tracks."""

from rpn2t.config import MODES, Config
from rpn2t.errors import InputError
from rpn2t.nets.backbone import Backbone
from rpn2t.nets.caffe import load_caffe
from rpn2t.nets.caffemodel import Layers
from rpn2t.nets.device import Device, choose_device
from rpn2t.tracker.fast.mode import FastMode
from rpn2t.tracker.head import ProposalWeights
from rpn2t.tracker.mode import Mode
from rpn2t.tracker.paper.mode import PaperMode


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


def suits_bf16(mode: str) -> bool:
    """Whether a mode computes in bfloat16 on this CPU, if the user does not say.

    Fast mode does if the processor can: it tracks as well (docs/fast.md). Paper mode does not, as the paper.
    """
    return mode == "fast" and bool(load_caffe().has_bf16())


def make_mode(
    mode: str,
    config: Config,
    backbone: Backbone,
    proposal: ProposalWeights | None,
    refiner: Layers | None = None,
) -> Mode:
    """The mode of this name, one of MODES.

    Args:
        mode: its name.
        config: the method's numbers.
        backbone: what makes the features.
        proposal: the head's 3x3 layer starts from it; None: from a gaussian.
        refiner: weights of fast mode's refinement net, if there are any.

    Raises:
        InputError: the configuration asks for what the mode cannot do.
    """
    if mode == "fast" and config.regression_weight:
        raise InputError(
            f"regression_weight = {config.regression_weight:g}: only paper mode's head learns boxes; "
            "add --mode paper"
        )
    if mode == "fast":
        return FastMode(config, backbone, proposal, refiner)
    if config.refine_share:
        raise InputError(f"refine_share = {config.refine_share:g}: only fast mode refines; add --mode fast")
    if config.search_reach:
        raise InputError(f"search_reach = {config.search_reach:g}: only fast mode searches; add --mode fast")
    if config.second_look:
        raise InputError(f"second_look = {config.second_look:g}: only fast mode looks again; add --mode fast")
    return PaperMode(config, backbone, proposal)
