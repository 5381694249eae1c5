"""How large the box gets along a sequence: what figure 3 shows in frames, as a curve.

"the bounding box will gradually get large" (section 3.2): the area of the tracker's box, as a multiple of the
truth's area, over the course of the sequences.
"""

import numpy as np

from rpn2t.boxes import Floats
from rpn2t.eval.otb.box_growth import area_ratio
from rpn2t.eval.otb.scores import OtbEvaluation, Tracked
from rpn2t.eval.report.figures import look
from rpn2t.eval.report.styles import style_of
from rpn2t.system.plotting import Figure

STEPS = 20
"""Equal parts of every sequence, however long it is."""


def size_curve(evaluation: OtbEvaluation, tracker: Tracked) -> Floats:
    """The ratio in each part of a sequence, median of the part's frames, then median over the sequences.

    Returns:
        Shape (STEPS,); NaN for a part that no sequence has.
    """
    rows = []
    for target in evaluation.sequences:
        ratio = area_ratio(tracker.boxes[target.name][: len(target.truth)], target.truth)
        rows.append([_median(part) for part in np.array_split(ratio, STEPS)])
    return np.array([_median(column) for column in np.transpose(rows)])


def size_plot(evaluation: OtbEvaluation) -> Figure:
    """The curves of all trackers; 1 is the truth's own size."""
    with look():
        figure = Figure(figsize=(5.6, 4.6))
        figure.subplots_adjust(left=0.12, right=0.97, top=0.92, bottom=0.17)
        axes = figure.add_subplot()
        middles = (np.arange(STEPS) + 0.5) / STEPS
        for number, tracker in enumerate(evaluation.trackers):
            style = style_of(number)
            axes.plot(
                middles, size_curve(evaluation, tracker), color=style.colour, linestyle=style.dash,
                linewidth=style.width, label=tracker.name,
            )  # fmt: skip
        axes.axhline(1, color="0.6", linewidth=0.8)
        axes.set(xlim=(0, 1), xlabel="Part of the sequence", ylabel="Area of the box / true area")
        axes.set_title("How large the box gets")
        axes.grid(color="0.9", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", framealpha=0.85, edgecolor="0.8")
        figure.text(0.5, 0.025, evaluation.scope, fontsize=8, color="0.35", ha="center")
    return figure


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
