"""Accuracy, robustness and expected average overlap of VOT's supervised experiment (needs NumPy only).

The rules are those of the VOT toolkit (vot-toolkit 0.9, analysis/supervised.py), which differ a little from
the MATLAB toolkit's of 2016:

- overlaps are ratios of pixels, within the image (:mod:`rpn2t.sequences.vot_regions`);
- accuracy is the mean overlap of the frames that were tracked, without the first ten after every start; of a
  sequence it is the mean over the repetitions, of a data set the mean over sequences weighted by length;
- robustness is the number of failures: mean over the repetitions, then over the sequences weighted by length;
- the AR plot shows reliability exp(-S failures / frames), the chance to survive S = 30 frames;
- every start makes a fragment that lasts to the failure, and counts with zeros after it; one that lasts to
  the sequence's end counts to there. The curve at n is the mean, over the fragments that count, of the mean
  overlap of the n frames after the start; every fragment weighs the same (in the MATLAB toolkit,
  1 / repetitions of its sequence). The score is the mean of the curve over the interval of lengths that are
  typical of the data set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rpn2t.benchmark.vot_supervised import SupervisedRun
from rpn2t.boxes import Floats
from rpn2t.eval.report.speed import Speed, Times, joined, speed
from rpn2t.sequences.vot_regions import Region, is_state, overlap

BURN_IN = 10
"""Frames after a start, itself included, that accuracy leaves out."""

SENSITIVITY = 30
"""S of the AR plot."""

INTERVALS = {
    "vot2015": (108, 371), "vot2016": (108, 371), "vot2017": (100, 356), "vot2018": (100, 356),
    "vot2019": (46, 291),
}  # fmt: skip
"""Lengths over which the toolkit takes the expected average overlap of a data set, both ends included."""


@dataclass(frozen=True)
class Fragment:
    """What was tracked from one start on.

    Attributes:
        overlaps: of its frames; the first is that of the start and counts nowhere.
        lasted: whether it lasted to the end of the sequence; else it ended in a failure.
    """

    overlaps: Floats
    lasted: bool


@dataclass(frozen=True)
class SequenceScore:
    """A tracker on a sequence.

    Attributes:
        frames: of the sequence.
        accuracy: mean overlap; 0 if no frame counts, as in the toolkit.
        failures: mean over the repetitions.
        fragments: of all repetitions.
        repetitions: how many there are.
        times: of the frames; None if they were not measured.
    """

    frames: int
    accuracy: float
    failures: float
    fragments: tuple[Fragment, ...]
    repetitions: int
    times: Times | None


@dataclass(frozen=True)
class DataSetScore:
    """A tracker on a data set.

    Attributes:
        accuracy: mean overlap.
        robustness: failures a sequence.
        per_hundred: failures in 100 frames, which pysot reports.
        reliability: the AR plot's abscissa.
        curve: expected average overlap by length; entry n is that of frames 2 to n + 1.
        eao: the mean of the curve over the interval; None if nothing was tracked as long as the interval's
            lower end. If the curve ends within the interval, it is the mean up to there, as in the toolkit.
        speed: None if it was not measured.
    """

    accuracy: float
    robustness: float
    per_hundred: float
    reliability: float
    curve: Floats
    eao: float | None
    speed: Speed | None


def overlaps_of(run: SupervisedRun, truth: Sequence[Region], size: tuple[int, int]) -> Floats:
    """Overlap of each frame with the ground truth; 0 for a frame that has a state in place of a region.

    A state in a frame without ground truth counts 1, as in the toolkit.

    Args:
        run: what was tracked.
        truth: the ground truth, a region for each frame.
        size: width and height of the image.
    """
    return np.array([
        float(is_state(found) and is_state(wanted))
        if is_state(found) or is_state(wanted)
        else overlap(found, wanted, size)
        for found, wanted in zip(run.regions, truth, strict=True)
    ])  # fmt: skip


def accuracy(run: SupervisedRun, overlaps: Floats, burn_in: int = BURN_IN) -> float:
    """Mean overlap of the frames that count; 0 if none does."""
    counts = np.array([not is_state(region) for region in run.regions])
    for start in run.starts:
        counts[start : start + burn_in] = False
    return float(overlaps[counts].mean()) if counts.any() else 0.0


def fragments(run: SupervisedRun, overlaps: Floats) -> list[Fragment]:
    """The run's fragments. As in the toolkit, a run without failures is one, from its first frame on."""
    if not run.failures:
        return [Fragment(overlaps, lasted=True)]
    starts, ends = run.starts, run.failures
    found = [Fragment(overlaps[start:end], False) for start, end in zip(starts, ends, strict=False)]
    return [*found, Fragment(overlaps[starts[-1] :], True)] if len(starts) > len(ends) else found


def score_sequence(
    runs: Sequence[SupervisedRun], truth: Sequence[Region], size: tuple[int, int], times: Times | None
) -> SequenceScore:
    """Measure a tracker's repetitions over a sequence."""
    measured = [(run, overlaps_of(run, truth, size)) for run in runs]
    return SequenceScore(
        frames=len(truth),
        accuracy=float(np.mean([accuracy(run, overlaps) for run, overlaps in measured])),
        failures=float(np.mean([len(run.failures) for run in runs])),
        fragments=tuple(fragment for run, overlaps in measured for fragment in fragments(run, overlaps)),
        repetitions=len(runs),
        times=times,
    )


def mean_sequence(seeds: Sequence[SequenceScore]) -> SequenceScore:
    """A tracker on a sequence, as the mean over its seeds."""
    return SequenceScore(
        frames=seeds[0].frames,
        accuracy=float(np.mean([each.accuracy for each in seeds])),
        failures=float(np.mean([each.failures for each in seeds])),
        fragments=tuple(fragment for each in seeds for fragment in each.fragments),
        repetitions=sum(each.repetitions for each in seeds),
        times=joined([each.times for each in seeds]),
    )


def eao_curve(found: Sequence[Fragment]) -> Floats:
    """Expected average overlap by length.

    Returns:
        As long as the longest fragment; entry n is the mean, over the fragments that count there, of the mean
        overlap of frames 2 to n + 1. Entry 0 is 0.
    """
    longest = max(len(fragment.overlaps) for fragment in found)
    total, count = np.zeros(longest), np.zeros(longest)
    for fragment in found:
        length = len(fragment.overlaps)
        padded = np.zeros(longest)
        padded[1:length] = fragment.overlaps[1:]
        means = np.cumsum(padded) / np.maximum(np.arange(longest), 1)
        until = length if fragment.lasted else longest
        total[:until] += means[:until]
        count[:until] += 1
    curve: Floats = np.divide(total, count, out=np.zeros(longest), where=count > 0)
    return curve


def eao_interval(lengths: Sequence[int]) -> tuple[int, int]:
    """The lengths that are typical of sequences, by the challenges' rule: 108 to 371 for those of VOT2016.

    The lengths' density is estimated with gaussian kernels (of a width by Wand and Jones's plug-in rule).
    From its peak the interval grows to the side where the density is higher, until half of it is inside.
    """
    at = np.asarray(lengths, dtype=np.float64)
    longest, deviation = int(at.max()), float(at.std())
    if deviation == 0:
        return 1, longest
    width = deviation * _kernel_width(at / deviation)
    density = np.exp(-(((np.arange(1, longest + 1)[:, None] - at) / width) ** 2) / 2).sum(axis=1)
    density /= density.sum()
    low = high = int(density.argmax())
    while density[low : high + 1].sum() < 0.5:
        before = density[low - 1] if low > 0 else -1.0
        after = density[high + 1] if high + 1 < longest else -1.0
        low, high = (low - 1, high) if before > after else (low, high + 1)
    return low + 1, high + 1


def _kernel_width(scaled: Floats) -> float:
    """Width of the kernels, for numbers whose standard deviation is 1."""
    count = len(scaled)
    pilot = (4 / (3 * count)) ** 0.4
    apart = (scaled[:, None] - scaled) ** 2 / pilot
    curvature = float(np.mean(np.exp(-apart / 2) * (apart**2 - 6 * apart + 3)))
    curvature /= math.sqrt(2 * math.pi) * pilot**2.5
    return float((count * 2 * math.sqrt(math.pi) * curvature) ** -0.2)


def score_dataset(scores: Sequence[SequenceScore], interval: tuple[int, int]) -> DataSetScore:
    """Average a tracker's scores over a data set.

    Args:
        scores: of its sequences.
        interval: lengths over which the curve is averaged, both ends included.
    """
    frames = np.array([each.frames for each in scores], dtype=np.float64)
    failures = float(np.average([each.failures for each in scores], weights=frames))
    curve = eao_curve([fragment for each in scores for fragment in each.fragments])
    low, high = interval
    typical = curve[low : high + 1]
    return DataSetScore(
        accuracy=float(np.average([each.accuracy for each in scores], weights=frames)),
        robustness=failures,
        per_hundred=float(100 * sum(each.failures for each in scores) / frames.sum()),
        reliability=math.exp(-SENSITIVITY * failures / frames.mean()),
        curve=curve,
        eao=float(typical.mean()) if len(typical) else None,
        speed=speed([each.times for each in scores]),
    )


def mean_dataset(seeds: Sequence[DataSetScore], measured: Speed | None) -> DataSetScore:
    """A tracker on a data set, as the mean over its seeds.

    Each seed has its own curve and its own EAO. The mean curve ends where the first of the curves ends.

    Args:
        seeds: one for each seed.
        measured: the speed over all of them.
    """
    eaos = [each.eao for each in seeds if each.eao is not None]
    return DataSetScore(
        accuracy=float(np.mean([each.accuracy for each in seeds])),
        robustness=float(np.mean([each.robustness for each in seeds])),
        per_hundred=float(np.mean([each.per_hundred for each in seeds])),
        reliability=float(np.mean([each.reliability for each in seeds])),
        curve=np.mean(common_curves(seeds), axis=0),
        eao=float(np.mean(eaos)) if len(eaos) == len(seeds) else None,
        speed=measured,
    )


def common_curves(seeds: Sequence[DataSetScore]) -> list[Floats]:
    """The seeds' curves of the expected average overlap, each as long as the shortest."""
    shortest = min(len(each.curve) for each in seeds)
    return [each.curve[:shortest] for each in seeds]
