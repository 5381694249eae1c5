"""An HTML page in one file: it needs no other file, no network and no program but a browser."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

from rpn2t.eval.report.figures import saved
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table
from rpn2t.sequences.registry import describe_absent
from rpn2t.system.plotting import Figure


def render(
    title: str,
    scope: str,
    trackers: Sequence[str],
    absent: Mapping[str, str],
    notes: Sequence[str],
    sections: Mapping[str, str],
) -> str:
    """A page that needs no other file.

    Args:
        title: of it.
        scope: what was measured, and by which rules.
        trackers: for the legend, in the order of their styles.
        absent: sequence -> why it is left out.
        notes: what else is left out, or odd in the input.
        sections: heading -> HTML.
    """
    template = (files("rpn2t.eval.report") / "page.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": escape(title),
        "SCOPE": escape(scope),
        "NAV": "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in sections),
        "TRACKERS": _legend(trackers),
        "NOTES": _notes(absent, notes),
        "SECTIONS": "".join(
            f'<h2 id="{_anchor(name)}">{escape(name)}</h2>{text}' for name, text in sections.items()
        ),
    }
    return filled(template, parts)


def filled(template: str, parts: Mapping[str, str]) -> str:
    """A page whose places are filled: ``<!--NAME-->`` with the text of this name."""
    for name, text in parts.items():
        template = template.replace(f"<!--{name}-->", text)
    return template


def score_list(what: str, rows: Iterable[tuple[str, str, str]]) -> str:
    """A sequence's scores, each tracker beside its colour.

    Args:
        what: both scores are, in words.
        rows: of each tracker, in the order of their styles: its name and two scores. The first is in bold.
    """
    items = "".join(
        f'<li><i style="background:{style_of(number).colour}"></i>{escape(name)} '
        f"<b>{first}</b> / {second}</li>"
        for number, (name, first, second) in enumerate(rows)
    )
    return f'<ul class="scores" title="{what}">{items}</ul>'


def image(figure: Figure, alt: str) -> str:
    """A figure as an image within the text; a click enlarges it."""
    data = b64encode(saved(figure, "svg")).decode()
    return (
        '<button type="button" class="enlarge">'
        f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}"></button>'
    )


def counted(amount: int, what: str) -> str:
    """``1 sequence``, ``2 sequences``."""
    return f"{amount} {what}{'s' * (amount != 1)}"


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


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


def _notes(absent: Mapping[str, str], notes: Sequence[str]) -> str:
    """What is left out, behind one line that says how much it is."""
    amounts = [
        counted(amount, what) for amount, what in ((len(absent), "sequence"), (len(notes), "note")) if amount
    ]
    if not amounts:
        return ""
    lines = [f"left out of every mean, {line}" for line in describe_absent(absent)]
    body = "".join(f"<li>{escape(line)}</li>" for line in (*lines, *notes))
    return (
        f"<details><summary>Left out, or odd: {' and '.join(amounts)}</summary>"
        f'<ul class="notes">{body}</ul></details>'
    )


def table_html(table: Table, *, heading: bool = True) -> str:
    """A table that is sorted by a click on a column's head; published rows stay below.

    Args:
        table: what is shown, with the best cells in bold.
        heading: whether its title stands above it.
    """
    head = "".join(f'<th><button type="button">{escape(text)}</button></th>' for text in table.header)
    measured = len(table.rows) - table.reference
    rows = [_row(table, number) for number in range(len(table.rows))]
    text = "".join(
        f'<tbody class="{name}">{"".join(lines)}</tbody>'
        for name, lines in (("measured", rows[:measured]), ("published", rows[measured:]))
        if lines
    )
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in table.notes)
    title = f"<h3>{escape(table.title.partition(':')[0])}</h3>" if heading else ""
    return (
        f'<div class="table">{title}<div class="scroll"><table>'
        f"<thead><tr>{head}</tr></thead>{text}</table></div>{notes}</div>"
    )


def _row(table: Table, number: int) -> str:
    cells = []
    for column, cell in enumerate(table.rows[number]):
        text = escape(cell) or "&ndash;"
        label = escape(table.header[column])
        best = (number, column) in table.best
        cells.append(f'<td data-label="{label}">{f"<b>{text}</b>" if best else text}</td>')
    return f"<tr>{''.join(cells)}</tr>"
