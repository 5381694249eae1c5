"""Mean and spread over seeds: what a figure of one run is worth.

A tracker that draws random numbers gives another figure with every seed. A figure over several seeds is their
mean, and beside it stands the standard deviation over the seeds (with n - 1 in the denominator). The band of
a curve reaches from the lowest seed to the highest, because a deviation of three curves says little.
"""

from collections.abc import Sequence

import numpy as np

from rpn2t.boxes import Floats

PLUS_MINUS = " ± "
"""Between a mean and its deviation, in texts."""

RULE = (
    "Mean over the seeds, ± their standard deviation (n - 1 in the denominator). A curve's band reaches from "
    "the lowest seed to the highest."
)
"""A note for tables in which a tracker has several seeds."""


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of the seeds' values; None for a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def figure_text(values: Sequence[float], digits: int = 3) -> str:
    """The mean of the seeds' values, with their deviation if there are several: ``0.681 ± 0.004``."""
    mean, spread = float(np.mean(values)), deviation(values)
    return f"{mean:.{digits}f}" if spread is None else f"{mean:.{digits}f}{PLUS_MINUS}{spread:.{digits}f}"


def band(curves: Sequence[Floats]) -> tuple[Floats, Floats] | None:
    """The lowest and the highest of the seeds' curves at each place; None for a single curve."""
    if len(curves) < 2:
        return None
    stacked = np.stack(curves)
    return stacked.min(axis=0), stacked.max(axis=0)


def seeds_text(count: int) -> str:
    """What stands behind a tracker's name in lists: nothing for one seed, else how many there are."""
    return f" ({count} seeds)" if count > 1 else ""
