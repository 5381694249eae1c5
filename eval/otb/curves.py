"""Precision and success plots with OTB's ranked legend, a sheet of them for all attributes, and bars.

A tracker has one colour in all of them. The first one, which a reader looks for, is drawn last and stands
first in every legend.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rpn2t.boxes import Floats
from rpn2t.eval.otb.metrics import PRECISION_THRESHOLDS, SUCCESS_THRESHOLDS
from rpn2t.eval.otb.scores import OtbEvaluation, Score
from rpn2t.eval.report.figures import look
from rpn2t.eval.report.spread import band, figure_text
from rpn2t.eval.report.styles import style_of, tint
from rpn2t.sequences.target import ATTRIBUTES
from rpn2t.system.plotting import Figure, Rectangle

_INSIDE = 10
"""More trackers than this find no room in a legend within the axes."""


@dataclass(frozen=True)
class _Plot:
    """One of the two plots."""

    title: str
    x_label: str
    y_label: str
    x: Floats
    curve: Callable[[Score], Floats]
    score: Callable[[Score], float]
    corner: str


PLOTS: dict[str, _Plot] = {
    "success": _Plot(
        "Success plots",
        "Overlap threshold",
        "Success rate",
        SUCCESS_THRESHOLDS,
        lambda score: score.success,
        lambda score: score.auc,
        "lower left",
    ),
    "precision": _Plot(
        "Precision plots",
        "Location error threshold (px)",
        "Precision",
        PRECISION_THRESHOLDS,
        lambda score: score.precision,
        lambda score: score.precision_20,
        "lower right",
    ),
}
"""The two plots by name."""


def plot(evaluation: OtbEvaluation, kind: str, attribute: str | None = None) -> Figure:
    """One plot of all trackers, over all sequences or over those of an attribute."""
    names = evaluation.names if attribute is None else evaluation.attributes[attribute]
    outside = len(evaluation.trackers) > _INSIDE
    with look():
        # Fixed margins: a layout that is computed takes most of the time of all these plots.
        figure = Figure(figsize=(8.6 if outside else 5.6, 4.6))
        figure.subplots_adjust(
            left=0.08 if outside else 0.12, right=0.7 if outside else 0.97, top=0.92, bottom=0.17
        )
        axes = figure.add_subplot()
        _draw(axes, evaluation, kind, names)
        what = "" if attribute is None else f" - {ATTRIBUTES[attribute]} ({len(names)})"
        axes.set_title(f"{PLOTS[kind].title} of {evaluation.experiment.upper()}{what}")
        figure.text(0.5, 0.025, evaluation.scope, fontsize=8, color="0.35", ha="center")
        _legend(axes, kind, outside)
    return figure


def attribute_sheet(evaluation: OtbEvaluation) -> Figure:
    """Both plots of every attribute on one sheet: success above, precision below."""
    columns = 4
    rows = -(-len(evaluation.attributes) // columns)
    with look(8):
        height = 3.5 * 2 * rows + 1
        figure = Figure(figsize=(4.1 * columns, height))
        figure.subplots_adjust(
            left=0.04, right=0.985, top=1 - 0.9 / height, bottom=0.55 / height, hspace=0.33, wspace=0.2
        )
        figure.suptitle(f"By attribute: {evaluation.scope}", fontsize=13, y=1 - 0.25 / height)
        grid = figure.subplots(2 * rows, columns, squeeze=False)
        for half, kind in enumerate(PLOTS):
            cells = grid[half * rows : (half + 1) * rows].ravel()
            for axes in cells[len(evaluation.attributes) :]:
                axes.set_axis_off()
            for axes, (name, names) in zip(cells, evaluation.attributes.items(), strict=False):
                _draw(axes, evaluation, kind, names)
                axes.set_title(f"{PLOTS[kind].title.split()[0]}: {ATTRIBUTES[name]} ({len(names)})")
                _legend(axes, kind, outside=False, most=_INSIDE)
    return figure


_PARTS: dict[str, tuple[float, Callable[[Score], float]]] = {
    "as it is": (1.0, lambda score: score.auc),
    "true aspect ratio": (0.62, lambda score: score.breakdown.true_aspect),
    "true size": (0.4, lambda score: score.breakdown.true_size),
    "true centre": (0.22, lambda score: score.breakdown.true_centre),
}
"""Bars of the breakdown, from above: how much of the tracker's colour, and the length."""


def breakdown_plot(evaluation: OtbEvaluation) -> Figure:
    """Success AUC as it is and with a part of each box true: bars for each tracker, the best above."""
    ranked = _ranked(evaluation, evaluation.names, lambda score: score.auc)[::-1]  # the axis points up
    with look():
        height = 0.95 * len(ranked) + 1.6
        figure = Figure(figsize=(7.2, height))
        figure.subplots_adjust(left=0.24, right=0.97, top=1 - 0.85 / height, bottom=0.6 / height)
        axes = figure.add_subplot()
        names = []
        for row, (number, mean) in enumerate(ranked):
            tracker = evaluation.trackers[number]
            names.append(f"{tracker.name}\nlost {100 * mean.breakdown.lost:.1f} %")
            for place, (share, length) in enumerate(_PARTS.values()):
                bars = axes.barh(
                    row + 0.3 - 0.2 * place, length(mean), 0.19, color=tint(style_of(number).colour, share)
                )
                text = figure_text(tracker.values(evaluation.names, length))
                axes.bar_label(bars, [text], padding=2, fontsize=7.5, color="0.25")
        axes.set_yticks(range(len(ranked)), names)
        axes.set(xlim=(0, 1), xlabel="Success (AUC)")
        axes.grid(axis="x", color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle("Success, and what it would be with a part of each box true", y=1 - 0.16 / height)
        shades = [
            Rectangle((0, 0), 1, 1, color=tint("#333333", share), label=label)
            for label, (share, _) in _PARTS.items()
        ]
        figure.legend(
            handles=shades, loc="upper center", bbox_to_anchor=(0.55, 1 - 0.38 / height), ncols=4,
            frameon=False,
        )  # fmt: skip
        figure.text(0.99, 0.06 / height, evaluation.scope, fontsize=7, color="0.35", ha="right")
    return figure


def _ranked(
    evaluation: OtbEvaluation, names: Sequence[str], measure: Callable[[Score], float]
) -> list[tuple[int, Score]]:
    """Number and mean of every tracker, best first."""
    means = [(number, tracker.mean(names)) for number, tracker in enumerate(evaluation.trackers)]
    return sorted(means, key=lambda item: -measure(item[1]))


def _draw(axes: Any, evaluation: OtbEvaluation, kind: str, names: Sequence[str]) -> None:
    """Draw the curves and the bands of their seeds: the first tracker above all others, then the best.

    The legend has the first tracker first, and the others ranked below it.
    """
    what = PLOTS[kind]
    ranked = _ranked(evaluation, names, what.score)
    ranked.sort(key=lambda item: item[0] != 0)
    for rank, (number, mean) in enumerate(ranked):
        tracker, style, above = evaluation.trackers[number], style_of(number), 3 - rank / 1000
        spread = band([what.curve(score) for score in tracker.by_seed(names)])
        if spread is not None:
            axes.fill_between(what.x, *spread, color=style.colour, alpha=0.2, linewidth=0, zorder=above)
        axes.plot(
            what.x,
            what.curve(mean),
            color=style.colour,
            linestyle=style.dash,
            linewidth=style.width,
            label=f"{tracker.name} [{figure_text(tracker.values(names, what.score))}]",
            zorder=above,
        )
    axes.set(xlabel=what.x_label, ylabel=what.y_label, xlim=(0, what.x[-1]), ylim=(0, 1))
    axes.set_yticks(np.arange(6) / 5)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(axes: Any, kind: str, outside: bool, most: int | None = None) -> None:
    handles, labels = axes.get_legend_handles_labels()
    place: dict[str, Any] = {"loc": PLOTS[kind].corner}
    if outside:
        place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    axes.legend(handles[:most], labels[:most], framealpha=0.85, edgecolor="0.8", **place)
