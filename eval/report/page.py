"""An HTML page in one file: it needs no other file, no network and no program but a browser."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from rpn2t.eval.report.figures import saved
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table
from rpn2t.system.plotting import Figure


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
