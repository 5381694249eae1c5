"""The report: one HTML page in the paper's order. A browser shows it, :mod:`.pdf` lays it out for paper."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from rpn2t.eval.report.page import filled
from rpn2t.reproduce.conditions import Conditions
from rpn2t.reproduce.drawings import Drawn
from rpn2t.reproduce.exhibits import Exhibit

TITLE = "RPN2T: the paper's evaluation, made again"


@dataclass(frozen=True)
class Section:
    """An exhibit on the page.

    Attributes:
        exhibit: of the paper.
        drawn: what was made of it here; None if nothing was.
        why: why nothing was made.
    """

    exhibit: Exhibit
    drawn: Drawn | None
    why: str = ""


def page(conditions: Conditions, facts: Mapping[str, str], sections: Sequence[Section]) -> str:
    """The page's text. It needs no other file.

    Args:
        conditions: how everything was run; what is not as in the paper stands on every printed page.
        facts: what else the figures were made of: name -> text.
        sections: in the paper's order.
    """
    template = (files("rpn2t.reproduce") / "report.html").read_text(encoding="utf-8")
    parts = {
        "TITLE": TITLE,
        "BANNER": escape(conditions.banner),
        "NAV": "".join(f'<a href="#{each.exhibit.name}">{escape(_short(each))}</a>' for each in sections),
        "FACTS": "".join(f"<tr><th>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in facts.items()),
        "DIFFERENCES": _list(conditions.differences),
        "SECTIONS": "".join(map(_section, sections)),
    }
    return filled(template, parts)


def _without_buttons(html: str) -> str:
    """The project's own tables and plots without what a click does, which paper has no use for."""
    return re.sub(r"</?button[^>]*>", "", html)


def _short(section: Section) -> str:
    return section.exhibit.place.partition(",")[0]


def _section(section: Section) -> str:
    exhibit, drawn = section.exhibit, section.drawn
    quotes = "".join(f"<blockquote>{escape(quote)}</blockquote>" for quote in exhibit.quotes)
    differences = _list(drawn.differences) if drawn else ""
    finding = "".join(f'<p class="finding">{escape(each)}</p>' for each in (drawn.findings if drawn else ()))
    here = (
        _without_buttons(drawn.html) if drawn else f'<p class="missing">Not made: {escape(section.why)}.</p>'
    )
    text = finding + (differences or "<p>See the head of the page.</p>")
    beside = f"<div><h3>What differs here</h3>{text}</div>"
    return (
        f'<section id="{exhibit.name}"><h2>{escape(exhibit.place)}</h2>'
        f'<p class="caption">{escape(exhibit.title)}</p>'
        f'<div class="beside"><div><h3>The paper says</h3>{quotes}</div>{beside if drawn else ""}</div>'
        f'<h3 class="made">Made here</h3>{here}</section>'
    )


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""
