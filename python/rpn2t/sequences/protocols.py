"""Whose rules a target is measured by. The command line lists them, so nothing heavy is imported here.

The toolkits differ in where Tiger1 begins (data/otb.txt), and in how rows that are no box count
(:mod:`rpn2t.eval.otb.metrics`).
"""

from typing import Literal, get_args

Protocol = Literal["otb", "got10k", "pysot"]

PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
"""The protocols of OTB's MATLAB toolkit, of got10k and of pysot."""


def as_protocol(name: str) -> Protocol:
    """A protocol by its name, which must be one of PROTOCOLS."""
    return PROTOCOLS[PROTOCOLS.index(name)]
