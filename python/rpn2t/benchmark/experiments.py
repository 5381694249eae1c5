"""The experiments of the benchmarks by name. The command line lists them, so nothing heavy is imported here.

OPE, one pass: a target is tracked once, from its first frame. TRE and SRE, OTB's robustness experiments,
begin from other frames or from shifted boxes (:mod:`rpn2t.benchmark.otb_robustness`). VOT's supervised
experiment starts again after each failure, and is repeated (:mod:`rpn2t.benchmark.vot_supervised`).
"""

from typing import Literal, get_args

OtbExperiment = Literal["ope", "tre", "sre"]

Experiment = Literal[OtbExperiment, "vot"]

OTB_EXPERIMENTS: tuple[OtbExperiment, ...] = get_args(OtbExperiment)
"""The experiments on OTB's sequences."""


def as_otb_experiment(name: str) -> OtbExperiment:
    """An experiment of OTB by its name, which must be one of OTB_EXPERIMENTS."""
    return OTB_EXPERIMENTS[OTB_EXPERIMENTS.index(name)]
