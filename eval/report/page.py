"""The HTML page of an evaluation: one file that needs no other, no network and no program but a browser."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files

import numpy as np
from matplotlib.figure import Figure

from rpn2t.boxes import Floats
from rpn2t.eval.otb import metrics
from rpn2t.eval.otb.curves import KINDS, plot, saved
from rpn2t.eval.otb.scores import Evaluation
from rpn2t.eval.otb.strips import can_draw, chosen_frames, picture
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table
from rpn2t.sequences.registry import describe_absent
from rpn2t.sequences.target import ATTRIBUTES, Target

_PLOT_WIDTH, _PLOT_HEIGHT = 900, 130
_LEFT, _BOTTOM = 30, 18


def page(evaluation: Evaluation, found: list[Table], *, strips: bool) -> str:
    """The page's text.

    Args:
        evaluation: what was measured.
        found: its tables.
        strips: whether frames are shown, where there are any.
    """
    lines = [f"left out of every mean, {line}" for line in describe_absent(evaluation.absent)]
    sections = {
        "Overall": _curves(evaluation, None) + table_html(found[0]),
        "Attributes": _attributes(evaluation, found),
        "Sequences": '<div class="pair">'
        + "".join(table_html(table) for table in found if table.name.startswith("sequences"))
        + "</div>",
        "Frames": '<p class="note">Success and precision by tracker; the ground truth is the thin white box; '
        "frames are numbered from 1. Below, the overlap with the ground truth frame by frame.</p>"
        + "".join(_sequences(evaluation, strips and can_draw(evaluation))),
    }
    names = [tracker.name for tracker in evaluation.trackers]
    return render("OTB evaluation", evaluation.scope, names, [*lines, *evaluation.notes], sections)


def render(
    title: str, scope: str, trackers: Sequence[str], notes: Sequence[str], sections: Mapping[str, str]
) -> str:
    """A page that needs no other file.

    Args:
        title: of it.
        scope: what was measured, and by which rules.
        trackers: for the legend, in the order of their styles.
        notes: what was left out, and what is odd in the input.
        sections: heading -> HTML.
    """
    template = (files("rpn2t.eval.report") / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(title),
        "SCOPE": escape(scope),
        "NAV": "".join(f'<a href="#{name.lower()}">{name}</a>' for name in sections),
        "TRACKERS": _legend(trackers),
        "NOTES": _notes(notes),
        "SECTIONS": "".join(f'<h2 id="{name.lower()}">{name}</h2>{text}' for name, text in sections.items()),
    }
    for name, text in parts.items():
        template = template.replace(f"<!--{name}-->", text)
    return template


def image(figure: Figure, alt: str) -> str:
    """A figure as an image within the text."""
    data = b64encode(saved(figure, "svg")).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}">'


def _legend(trackers: Sequence[str]) -> str:
    """The trackers' names beside their lines."""
    items = []
    for number, tracker in enumerate(trackers):
        style = style_of(number)
        line = (
            f'<svg width="30" height="10" aria-hidden="true"><line x1="1" y1="5" x2="29" y2="5" '
            f'stroke="{style.colour}" stroke-width="{style.width + 0.6:.1f}" '
            f'stroke-dasharray="{style.svg_dash}"/></svg>'
        )
        items.append(f"<li>{line} {escape(tracker)}</li>")
    return "".join(items)


def _notes(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    body = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<details open><summary>Left out, or odd</summary><ul class="notes">{body}</ul></details>'


def _curves(evaluation: Evaluation, attribute: str | None) -> str:
    """Both plots, overall or of an attribute, as images within the text."""
    images = []
    for kind in KINDS:
        what = f"{KINDS[kind].title}, {ATTRIBUTES[attribute] if attribute else 'all sequences'}"
        images.append(image(plot(evaluation, kind, attribute), what))
    return f'<div class="plots">{"".join(images)}</div>'


def _attributes(evaluation: Evaluation, found: list[Table]) -> str:
    if not evaluation.attributes:
        return "<p>None of these sequences has an attribute.</p>"
    listed = "".join(table_html(table) for table in found if table.name.startswith("attributes"))
    plots = "".join(
        f"<details><summary>{escape(ATTRIBUTES[name])} ({len(names)} sequences)</summary>"
        f"{_curves(evaluation, name)}</details>"
        for name, names in evaluation.attributes.items()
    )
    return f'<div class="pair">{listed}</div>{plots}'


def table_html(table: Table) -> str:
    """A table that is sorted by a click on a column's head; published rows stay below."""
    head = "".join(f'<th><button type="button">{escape(text)}</button></th>' for text in table.header)
    measured = len(table.rows) - table.reference
    bodies = [table.rows[:measured], table.rows[measured:]]
    text = "".join(
        f'<tbody class="{name}">{"".join(_row(row) for row in rows)}</tbody>'
        for name, rows in zip(("measured", "published"), bodies, strict=True)
        if rows
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    title = table.title.partition(":")[0]
    return (
        f'<div class="table"><h3>{escape(title)}</h3><div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead>{text}</table></div>{notes}</div>"
    )


def _row(cells: tuple[str, ...]) -> str:
    inside = "".join(f"<td>{escape(cell) or '&ndash;'}</td>" for cell in cells)
    return f"<tr>{inside}</tr>"


def _sequences(evaluation: Evaluation, strips: bool) -> Iterator[str]:
    """Per sequence its scores, frames and overlap curves; where the first tracker is worst comes first."""
    if evaluation.experiment != "ope":
        yield "<p>Frames and overlap curves are shown for single passes (OPE) alone.</p>"
        return
    if not strips:
        yield "<p>No frames: the root holds none for these sequences, or they were not asked for.</p>"
    first = evaluation.trackers[0]
    for target in sorted(evaluation.sequences, key=lambda each: first.scores[each.name].auc):
        images = _strip(evaluation, target) if strips and target.images else ""
        yield (
            f'<section class="sequence" id="{escape(target.name)}"><h3>{escape(target.name)} '
            f"<small>{len(target)} frames {escape(' '.join(target.attributes))}</small></h3>"
            f"{_scores(evaluation, target)}{images}{_overlap_plot(evaluation, target)}</section>"
        )


def _scores(evaluation: Evaluation, target: Target) -> str:
    items = []
    for number, tracker in enumerate(evaluation.trackers):
        score = tracker.scores[target.name]
        items.append(
            f'<li><i style="background:{style_of(number).colour}"></i>{escape(tracker.name)} '
            f"<b>{score.auc:.3f}</b> / {score.precision_20:.3f}</li>"
        )
    return f'<ul class="scores" title="success / precision">{"".join(items)}</ul>'


def _strip(evaluation: Evaluation, target: Target) -> str:
    images = []
    for row in chosen_frames(len(target)):
        data = b64encode(picture(evaluation, target, row)).decode()
        images.append(f'<img src="data:image/jpeg;base64,{data}" alt="frame {row + 1}" loading="lazy">')
    return f'<div class="strip">{"".join(images)}</div>'


def _overlap_plot(evaluation: Evaluation, target: Target) -> str:
    """Overlap over the frames, drawn as SVG; long sequences as means of neighbouring frames."""
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
    """Means of so many frames; NaN where none of them has a ground truth."""
    padded = np.full(-(-len(found) // step) * step, np.nan)
    padded[: len(found)] = np.where(found < 0, np.nan, found)
    parts = padded.reshape(-1, step)
    known = np.isfinite(parts)
    totals, counts = np.where(known, parts, 0).sum(axis=1), known.sum(axis=1)
    means: Floats = np.divide(totals, counts, out=np.full(len(parts), np.nan), where=counts > 0)
    return means


def _path(values: Floats, step: int, count: int) -> str:
    """SVG's path through the values, with gaps where there is none."""
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
    """The place of a frame that is shown, with its number."""
    x = _x(row, count)
    anchor = "end" if row == count - 1 else "middle"
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="4" y2="{_y(0):.1f}" class="mark"/>'
        f'<text x="{x:.1f}" y="{_PLOT_HEIGHT - 4}" text-anchor="{anchor}">{row + 1}</text>'
    )
