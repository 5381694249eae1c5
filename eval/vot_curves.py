"""VOT's plots: the curve of expected average overlap, and accuracy over reliability."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from rpn2t.eval.styles import style_of
from rpn2t.eval.vot_metrics import TrackerScore

_INSIDE = 10
"""So many trackers find room in a legend within the axes."""

_MARKERS = "osD^vP*X<>hd"


def eao_plot(trackers: Sequence[TrackerScore], scope: str) -> Figure:
    """Expected average overlap by length, with the interval of the score; the legend is ranked by it."""
    outside = len(trackers) > _INSIDE
    with _look():
        figure, axes = _figure(outside)
        low, high = trackers[0].interval
        axes.axvspan(low, high, color="0.93", zorder=0)
        for tracker, number in _ranked(trackers):
            style = style_of(number)
            curve = tracker.curve[1:]  # nothing is known of length 1
            axes.plot(
                np.arange(2, len(curve) + 2),
                curve,
                color=style.colour,
                linestyle=style.dash,
                linewidth=style.width,
                label=f"{tracker.name} [{tracker.eao:.3f}]",
            )
        longest = max(len(tracker.curve) for tracker in trackers)
        axes.set(xlim=(1, max(longest, high)), ylim=(0, 1), xlabel="Sequence length (frames)")
        axes.set(ylabel="Expected average overlap")
        axes.set_title("Expected average overlap", fontweight="bold")
        figure.supxlabel(scope, fontsize=8, color="0.35")
        _legend(axes, outside, "upper right")
    return figure


def ar_plot(trackers: Sequence[TrackerScore], scope: str) -> Figure:
    """Accuracy over reliability, a mark a tracker; the upper right is best."""
    outside = len(trackers) > _INSIDE
    with _look():
        figure, axes = _figure(outside)
        for tracker, number in _ranked(trackers):
            axes.plot(
                tracker.reliability,
                tracker.accuracy,
                color=style_of(number).colour,
                marker=_MARKERS[number % len(_MARKERS)],
                markersize=9,
                linestyle="none",
                clip_on=False,
                label=f"{tracker.name} [{tracker.reliability:.3f}, {tracker.accuracy:.3f}]",
            )
        sensitivity = trackers[0].sensitivity
        axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="Accuracy (mean overlap)")
        axes.set(
            xlabel=f"Reliability: chance of {sensitivity:g} frames without a failure (S = {sensitivity:g})"
        )
        axes.set_title("Accuracy and robustness", fontweight="bold")
        figure.supxlabel(scope, fontsize=8, color="0.35")
        _legend(axes, outside, "lower left")
    return figure


def _ranked(trackers: Sequence[TrackerScore]) -> list[tuple[TrackerScore, int]]:
    """Best EAO first, each with its number in the order asked for, which gives it its look."""
    return sorted(
        ((tracker, number) for number, tracker in enumerate(trackers)), key=lambda pair: -pair[0].eao
    )


def _figure(outside: bool) -> tuple[Figure, Any]:
    figure = Figure(figsize=(8.6 if outside else 5.6, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _legend(axes: Any, outside: bool, corner: str) -> None:
    place: dict[str, Any] = {"loc": corner}
    if outside:
        place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    axes.legend(framealpha=0.85, edgecolor="0.8", **place)


@contextmanager
def _look() -> Iterator[None]:
    settings = {"font.size": 9.5, "axes.titlesize": 11, "legend.fontsize": 8.5, "axes.axisbelow": True}
    with matplotlib.rc_context(settings):
        yield
