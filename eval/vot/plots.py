"""VOT's plots: the expected average overlap by length, and accuracy against reliability."""

import numpy as np

from rpn2t.eval.report.spread import band
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.vot.metrics import SENSITIVITY, common_curves
from rpn2t.eval.vot.scores import VotEvaluation
from rpn2t.eval.vot.tables import eao_text
from rpn2t.system.plotting import Figure, plain

_MARKS = "osD^v<>"


@plain()
def eao_plot(evaluation: VotEvaluation) -> Figure:
    """Expected average overlap by length; the score's interval is shaded."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.axvspan(*evaluation.interval, color="#eef1f4")
    for number, (name, measured) in enumerate(evaluation.overall.items()):
        style, above = style_of(number), 3 - number / 1000  # the first tracker is drawn last
        seeds = evaluation.by_seed[name]
        lengths = np.arange(1, len(measured.curve))
        spread = band(common_curves(seeds))
        if spread is not None:
            low, high = (curve[1:] for curve in spread)
            axes.fill_between(lengths, low, high, color=style.colour, alpha=0.2, linewidth=0, zorder=above)
        axes.plot(
            lengths, measured.curve[1:], color=style.colour, linestyle=style.dash,
            linewidth=style.width, label=f"{name} [{eao_text(seeds) or '-'}]", zorder=above,
        )  # fmt: skip
    axes.set(xlabel="Sequence length (frames)", ylabel="Expected average overlap", ylim=(0, 1))
    axes.set_title("Expected average overlap")
    axes.grid(True, color="#e8ebee")
    axes.legend(loc="upper right", fontsize=8)
    figure.supxlabel(evaluation.scope, fontsize=7, color="#59636e")
    return figure


@plain()
def ar_plot(evaluation: VotEvaluation) -> Figure:
    """Accuracy against reliability; the best trackers are in the upper right corner. Small marks: seeds."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, measured) in enumerate(evaluation.overall.items()):
        axes.plot(
            measured.reliability, measured.accuracy, _MARKS[number % 7], color=style_of(number).colour,
            markersize=9, label=name, linestyle="none", clip_on=False, zorder=4 - number / 1000,
        )  # fmt: skip
        seeds = evaluation.by_seed[name]
        if len(seeds) > 1:
            axes.plot(
                [each.reliability for each in seeds], [each.accuracy for each in seeds],
                _MARKS[number % 7], color=style_of(number).colour, markersize=4, alpha=0.5, linestyle="none",
                clip_on=False, zorder=3,
            )  # fmt: skip
    axes.set(
        xlabel=f"Robustness: exp(-{SENSITIVITY} failures / frames)",
        ylabel="Accuracy",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.set_title("AR plot")
    axes.grid(True, color="#e8ebee")
    axes.legend(loc="lower left", fontsize=8)
    figure.supxlabel(evaluation.scope, fontsize=7, color="#59636e")
    return figure
