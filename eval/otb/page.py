"""The page of an OTB evaluation: curves, tables, and each sequence's frames and overlaps."""

from collections.abc import Iterator
from html import escape

import numpy as np

from rpn2t.boxes import Floats
from rpn2t.eval.otb import metrics
from rpn2t.eval.otb.curves import PLOTS, breakdown_plot, plot
from rpn2t.eval.otb.scores import OtbEvaluation
from rpn2t.eval.otb.strips import can_draw, strip_of
from rpn2t.eval.otb.tables import name_of
from rpn2t.eval.report.page import counted, image, render, score_list, table_html
from rpn2t.eval.report.strips import chosen_frames, html
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table
from rpn2t.sequences.target import ATTRIBUTES, Target

_PLOT_WIDTH, _PLOT_HEIGHT = 900, 130
_LEFT, _BOTTOM = 30, 18


def page(evaluation: OtbEvaluation, found: list[Table], *, strips: bool) -> str:
    """The page's text.

    Args:
        evaluation: what was measured.
        found: its tables.
        strips: whether frames are shown, if there are any.
    """
    by_name = {table.name: table for table in found}
    by_sequence = table_html(by_name["breakdown_sequences"], heading=False)
    sections = {
        "Overall": _curves(evaluation, None) + table_html(by_name["overall"], heading=False),
        "Where success is lost": '<div class="plots">'
        + image(breakdown_plot(evaluation), "bars of the success that each tracker loses")
        + f"</div>{table_html(by_name['breakdown'], heading=False)}"
        + f"<details><summary>Lost by sequence</summary>{by_sequence}</details>",
        "Attributes": _attributes(evaluation, found),
        "Sequences": "".join(table_html(table) for table in found if table.name.startswith("sequences")),
        "Frames": '<p class="note">Success and precision by tracker; the ground truth is the thin white box; '
        "frames count from 0, the first one that is compared. Below, the overlap with the ground truth frame "
        f"by frame.{_which_seed(evaluation)}</p>"
        + "".join(_sequences(evaluation, strips and can_draw(evaluation))),
    }
    names = [name_of(tracker) for tracker in evaluation.trackers]
    return render("OTB evaluation", evaluation.scope, names, evaluation.absent, evaluation.notes, sections)


def _which_seed(evaluation: OtbEvaluation) -> str:
    several = any(len(tracker.seeds) > 1 for tracker in evaluation.trackers)
    return " Boxes and overlaps are those of a tracker's first seed." if several else ""


def _curves(evaluation: OtbEvaluation, attribute: str | None) -> str:
    """Both plots, overall or of an attribute, as images within the text."""
    images = []
    for kind in PLOTS:
        what = f"{PLOTS[kind].title}, {ATTRIBUTES[attribute] if attribute else 'all sequences'}"
        images.append(image(plot(evaluation, kind, attribute), what))
    return f'<div class="plots">{"".join(images)}</div>'


def _attributes(evaluation: OtbEvaluation, found: list[Table]) -> str:
    if not evaluation.attributes:
        return "<p>None of these sequences has an attribute.</p>"
    listed = "".join(table_html(table) for table in found if table.name.startswith("attributes"))
    plots = "".join(
        f"<details><summary>{escape(ATTRIBUTES[name])} ({counted(len(names), 'sequence')})</summary>"
        f"{_curves(evaluation, name)}</details>"
        for name, names in evaluation.attributes.items()
    )
    return f'<div class="pair">{listed}</div>{plots}'


def _sequences(evaluation: OtbEvaluation, strips: bool) -> Iterator[str]:
    """Scores, frames and overlap curves of each sequence; worst of the first tracker first."""
    if evaluation.experiment != "ope":
        yield "<p>Frames and overlap curves are shown for single passes (OPE) alone.</p>"
        return
    if not strips:
        yield "<p>No frames: the root holds none for these sequences, or they were not asked for.</p>"
    first = evaluation.trackers[0]
    for target in sorted(evaluation.sequences, key=lambda each: first.scores[each.name].auc):
        images = html(strip_of(evaluation, target)) if strips and target.images else ""
        yield (
            f'<section class="sequence" id="{escape(target.name)}"><h3>{escape(target.name)} '
            f"<small>{len(target)} frames {escape(' '.join(target.attributes))}</small></h3>"
            f"{_scores(evaluation, target)}{images}{_overlap_plot(evaluation, target)}</section>"
        )


def _scores(evaluation: OtbEvaluation, target: Target) -> str:
    found = [(tracker.name, tracker.scores[target.name]) for tracker in evaluation.trackers]
    rows = [(name, f"{score.auc:.3f}", f"{score.precision_20:.3f}") for name, score in found]
    return score_list("success / precision", rows)


def _overlap_plot(evaluation: OtbEvaluation, target: Target) -> str:
    """Overlap over the frames as SVG; of a long sequence, means of neighbouring frames are drawn."""
    count = len(target)
    step = -(-count // (_PLOT_WIDTH - _LEFT))
    lines = []
    for number in reversed(range(len(evaluation.trackers))):
        tracker, style = evaluation.trackers[number], style_of(number)
        found = metrics.overlaps(tracker.boxes[target.name], target.truth, evaluation.protocol)
        lines.append(
            f'<path d="{_path(_binned(found, step), step, count)}" fill="none" stroke="{style.colour}" '
            f'stroke-width="{style.width:.1f}" stroke-dasharray="{style.svg_dash}" stroke-opacity="0.85"/>'
        )
    marks = "".join(_mark(row, count) for row in chosen_frames(count))
    means = f", means of {step} frames" if step > 1 else ""
    return (
        f'<svg class="overlap" viewBox="0 0 {_PLOT_WIDTH} {_PLOT_HEIGHT}" role="img" '
        f'aria-label="overlap by frame">{_grid()}{marks}{"".join(lines)}'
        f'<text x="{_PLOT_WIDTH}" y="12" text-anchor="end">overlap{means}</text></svg>'
    )


def _binned(found: Floats, step: int) -> Floats:
    """Means of `step` frames each; NaN if none of them has a ground truth."""
    padded = np.full(-(-len(found) // step) * step, np.nan)
    padded[: len(found)] = np.where(found < 0, np.nan, found)
    parts = padded.reshape(-1, step)
    known = np.isfinite(parts)
    totals, counts = np.where(known, parts, 0).sum(axis=1), known.sum(axis=1)
    means: Floats = np.divide(totals, counts, out=np.full(len(parts), np.nan), where=counts > 0)
    return means


def _path(values: Floats, step: int, count: int) -> str:
    """SVG's path through the values, with gaps at NaN."""
    words, pen = [], "M"
    for index, value in enumerate(values):
        if np.isnan(value):
            pen = "M"
            continue
        row = min(index * step + (step - 1) / 2, count - 1)
        words.append(f"{pen}{_x(row, count):.1f} {_y(float(value)):.1f}")
        pen = "L"
    return "".join(words)


def _x(row: float, count: int) -> float:
    return _LEFT + row * (_PLOT_WIDTH - _LEFT - 4) / max(count - 1, 1)


def _y(overlap: float) -> float:
    return 4 + (1 - overlap) * (_PLOT_HEIGHT - _BOTTOM - 4)


def _grid() -> str:
    lines = []
    for value in (0, 0.5, 1):
        y = _y(value)
        lines.append(f'<line x1="{_LEFT}" x2="{_PLOT_WIDTH}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        lines.append(f'<text x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    return "".join(lines)


def _mark(row: int, count: int) -> str:
    """A mark at a frame that is shown, with its number."""
    x = _x(row, count)
    anchor = "end" if row == count - 1 else "middle"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{_y(0):.1f}" class="mark"/>'
        f'<text x="{x:.1f}" y="{_PLOT_HEIGHT - 4}" text-anchor="{anchor}">{row}</text>'
    )
