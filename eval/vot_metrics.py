"""Accuracy, robustness and expected average overlap (EAO) of VOT's supervised experiment (needs NumPy only).

As vot-toolkit computes them; overlaps are its overlaps too (:mod:`rpn2t.regions`).

- Accuracy: mean overlap of a run, without the 10 frames from every start on, the failures and what was
skipped;
  then the mean over a sequence's runs; then over the sequences, weighted by their lengths.
- Robustness: failures of a run; then the mean over a sequence's runs; then over the sequences, weighted by
  their lengths. So it is failures a sequence, and a long sequence counts more. pysot gives failures per 100
  frames instead: the sum of the sequences' means over the sum of their lengths.
- AR plot: at (exp(-S F / N), accuracy), F being the robustness and N the mean length. With S = 30 this is the
  chance to get through 30 frames without a failure.
- EAO: every start begins a fragment. One that ended in a failure counts as overlap 0 ever after, one that
ended
  with the sequence counts up to there. The curve at length n is the mean, over the fragments that count at
  n, of their mean overlap in frames 2 to n. The score is the curve's mean over an interval of lengths.

Two protocols of EAO differ in details: ``toolkit`` (vot-toolkit) gives every fragment the same weight and
averages lengths low + 1 to high + 1; ``legacy`` (the MATLAB toolkit, whose figures the VOT2016 challenge
published) divides a fragment's weight by the number of its sequence's runs, averages lengths low to high,
and lets a sequence's last fragment count up to the sequence's end only, even if it failed. Frames whose
ground truth has no region count as overlap 0 in EAO; accuracy leaves them out, as the MATLAB toolkit does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.regions import Region, is_state, overlap
from rpn2t.supervised import SupervisedRun

EaoProtocol = Literal["toolkit", "legacy"]

EAO_PROTOCOLS: tuple[EaoProtocol, ...] = get_args(EaoProtocol)
"""Whose details of EAO."""

BURN_IN = 10
"""Frames from a start on that accuracy leaves out."""

SENSITIVITY = 30.0
"""S of the AR plot."""

INTERVALS = {"vot2015": (108, 371), "vot2016": (108, 371), "vot2017": (100, 356), "vot2018": (100, 356)}
"""The lengths over which the challenges averaged EAO."""

_INTERVAL_MASS = 0.5


@dataclass(frozen=True)
class Fragment:
    """What follows one start.

    Attributes:
        overlaps: a frame each, from the start (0 there) to the frame before the failure or the sequence's
            last.
        failed: whether it ended in a failure.
        last: whether no other fragment of the run follows.
        weight: in the protocol ``legacy``: one over the number of its sequence's runs.
    """

    overlaps: Floats
    failed: bool
    last: bool
    weight: float = 1.0


@dataclass(frozen=True)
class SequenceScore:
    """A tracker on one sequence.

    Attributes:
        name: of the sequence.
        frames: its length.
        runs: how many there are.
        accuracy: mean over the runs; 0 where no frame counts.
        failures: mean over the runs.
        fragments: of all runs.
    """

    name: str
    frames: int
    runs: int
    accuracy: float
    failures: float
    fragments: tuple[Fragment, ...]


@dataclass(frozen=True)
class TrackerScore:
    """A tracker on all sequences.

    Attributes:
        name: the tracker's.
        sequences: its scores on each.
        interval: lengths over which EAO is averaged.
        protocol: whose details of EAO.
        sensitivity: S of the AR plot.
    """

    name: str
    sequences: tuple[SequenceScore, ...]
    interval: tuple[int, int]
    protocol: EaoProtocol = "toolkit"
    sensitivity: float = SENSITIVITY

    @property
    def frames(self) -> int:
        """Of all sequences."""
        return sum(each.frames for each in self.sequences)

    @property
    def accuracy(self) -> float:
        """Mean of the sequences', weighted by their lengths."""
        return self._weighted([each.accuracy for each in self.sequences])

    @property
    def robustness(self) -> float:
        """Failures a sequence: mean of the sequences', weighted by their lengths."""
        return self._weighted([each.failures for each in self.sequences])

    @property
    def failures_per_100(self) -> float:
        """Failures per 100 frames, as pysot has it."""
        return 100 * sum(each.failures for each in self.sequences) / self.frames

    @property
    def reliability(self) -> float:
        """The AR plot's x."""
        return math.exp(-self.sensitivity * self.robustness / (self.frames / len(self.sequences)))

    @cached_property
    def curve(self) -> Floats:
        """EAO by length: item i is that of length i + 1."""
        fragments = [each for sequence in self.sequences for each in sequence.fragments]
        return eao_curve(fragments, self.protocol)

    @property
    def eao(self) -> float:
        """Mean of the curve over the interval.

        Raises:
            InputError: no sequence is as long as the interval's begin.
        """
        return eao_score(self.curve, self.interval, self.protocol)

    def _weighted(self, values: Sequence[float]) -> float:
        return sum(v * each.frames for v, each in zip(values, self.sequences, strict=True)) / self.frames


def score_sequence(
    name: str, runs: Sequence[SupervisedRun], truth: Sequence[Region], size: tuple[int, int] | None
) -> SequenceScore:
    """Measure a tracker's runs on one sequence.

    Args:
        name: of the sequence.
        runs: one at least.
        truth: the annotated regions, a frame each.
        size: width and height of the images; None counts pixels outside of them too.

    Raises:
        InputError: a run has not as many frames as the ground truth, does not begin with a start, or there
            is none.
    """
    if not runs:
        raise InputError(f"{name}: there is no run to measure; run the tracker on it")
    accuracies: list[float] = []
    pieces: list[Fragment] = []
    for run in runs:
        found = overlaps(name, run, truth, size)
        accuracies.append(accuracy(run, found, truth))
        pieces += fragments(run, found, 1 / len(runs))
    return SequenceScore(
        name=name,
        frames=len(truth),
        runs=len(runs),
        accuracy=float(np.mean(accuracies)),
        failures=sum(len(run.failures) for run in runs) / len(runs),
        fragments=tuple(pieces),
    )


def overlaps(name: str, run: SupervisedRun, truth: Sequence[Region], size: tuple[int, int] | None) -> Floats:
    """Overlap of each frame; 0 where either is a state.

    Raises:
        InputError: the numbers of frames differ, or the run does not begin as one does.
    """
    if len(run.regions) != len(truth):
        raise InputError(
            f"{name}: a run of {len(run.regions)} frames cannot be measured against {len(truth)} rows of "
            "ground truth; run the tracker again on this copy of the sequence"
        )
    if not run.starts:
        raise InputError(
            f"{name}: no line of the run is a start (1); it is no result of the supervised experiment"
        )
    if any(not is_state(region) for region in run.regions[: run.starts[0]]):
        raise InputError(
            f"{name}: the run does not begin with a start (1); it is no result of the experiment"
        )
    pairs = zip(run.regions, truth, strict=True)
    return np.array([0.0 if is_state(a) or is_state(b) else overlap(a, b, size) for a, b in pairs])


def accuracy(run: SupervisedRun, found: Floats, truth: Sequence[Region], burn_in: int = BURN_IN) -> float:
    """Mean overlap of the frames that count; 0 where none does."""
    counts = np.array(
        [
            not is_state(region) and not is_state(wanted)
            for region, wanted in zip(run.regions, truth, strict=True)
        ]
    )
    for start in run.starts:
        counts[start : start + burn_in] = False
    return float(found[counts].mean()) if counts.any() else 0.0


def fragments(run: SupervisedRun, found: Floats, weight: float = 1.0) -> list[Fragment]:
    """Cut a run at its starts and failures."""
    pieces = []
    for number, start in enumerate(run.starts):
        end = next((index for index in run.failures if index > start), None)
        last = number == len(run.starts) - 1
        pieces.append(Fragment(found[start:end], end is not None, last, weight))
    return pieces


def eao_curve(pieces: Sequence[Fragment], protocol: EaoProtocol = "toolkit") -> Floats:
    """Expected average overlap by length; item i is that of length i + 1.

    Nothing is known of length 1, the start itself: it has 0 there.
    """
    longest = max(len(piece.overlaps) for piece in pieces)
    total, weights = np.zeros(longest), np.zeros(longest)
    for piece in pieces:
        weight = piece.weight if protocol == "legacy" else 1.0
        averages = np.zeros(longest)
        length = len(piece.overlaps)
        averages[1:length] = np.cumsum(piece.overlaps[1:])
        averages[length:] = averages[length - 1]
        averages[1:] /= np.arange(1, longest)
        counts = np.ones(longest)
        if not piece.failed:
            counts[length:] = 0
        total += weight * averages * counts
        weights += weight * counts
    curve: Floats = np.divide(total, weights, out=np.zeros(longest), where=weights > 0)
    return curve


def eao_score(curve: Floats, interval: tuple[int, int], protocol: EaoProtocol = "toolkit") -> float:
    """Mean of the curve over an interval of lengths, as far as it goes.

    Raises:
        InputError: it does not go as far as the interval's begin.
    """
    low, high = interval
    part = curve[low - 1 : high] if protocol == "legacy" else curve[low : high + 1]
    if not len(part):
        raise InputError(
            f"EAO interval {low}-{high}: the longest fragment has {len(curve)} frames; "
            "give a shorter interval, or evaluate longer sequences"
        )
    return float(part.mean())


def eao_interval(lengths: Sequence[int]) -> tuple[int, int]:
    """The interval for a set of sequences, by the challenges' rule: 108 to 371 for those of VOT2016.

    The lengths' density is estimated with gaussian kernels (their width by the plug-in rule of Wand and
    Jones, from a normal reference); around its peak the interval grows to the side of the higher density
    until half of the density lies in it.
    """
    at = np.asarray(lengths, dtype=np.float64)
    longest, deviation = int(at.max()), float(at.std())
    if deviation == 0:
        return 1, longest
    density = np.exp(
        -(((np.arange(1, longest + 1)[:, None] - at) / (deviation * _width(at / deviation))) ** 2) / 2
    )
    mass = density.sum(axis=1) / density.sum()
    low = high = int(mass.argmax())
    while mass[low : high + 1].sum() < _INTERVAL_MASS:
        before = mass[low - 1] if low > 0 else -1.0
        after = mass[high + 1] if high + 1 < longest else -1.0
        low, high = (low - 1, high) if before > after else (low, high + 1)
    return low + 1, high + 1


def _width(scaled: Floats) -> float:
    """Width of the kernels for values whose deviation is 1."""
    count = len(scaled)
    pilot = (4 / (3 * count)) ** 0.4
    apart = (scaled[:, None] - scaled) ** 2 / pilot
    curvature = float(np.mean(np.exp(-apart / 2) * (apart**2 - 6 * apart + 3)))
    curvature /= math.sqrt(2 * math.pi) * pilot**2.5
    return float((count * 2 * math.sqrt(math.pi) * curvature) ** -0.2)
