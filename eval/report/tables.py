"""A table, as CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

SPEED = "Frames/s: mean of 1 / seconds over the frames, then over the sequences whose times are known."
"""A note for tables with speeds."""


@dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        name: of its files.
        title: what it shows, and how that was measured.
        header: the columns' names.
        rows: of cells; numbers have three decimals.
        notes: lines below the table.
        reference: how many rows at the end are published figures.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    reference: int = 0

    def files(self) -> dict[str, bytes]:
        """Its three files: path within an evaluation's folder -> content."""
        texts = {"csv": self.csv(), "md": self.markdown(), "tex": self.latex()}
        return {f"tables/{self.name}.{form}": text.encode() for form, text in texts.items()}

    def csv(self) -> str:
        """The header and the rows, without title and notes."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.header, *self.rows])
        return text.getvalue()

    def markdown(self) -> str:
        """The table with its title and notes."""
        lines = [self.header, tuple("---" if i == 0 else "---:" for i in range(len(self.header))), *self.rows]
        rows = "".join(f"| {' | '.join(cell or '-' for cell in line)} |\n" for line in lines)
        return f"{self.title}\n\n{rows}" + "".join(f"\n{note}\n" for note in self.notes)

    def latex(self) -> str:
        """A tabular that needs no LaTeX package, with title and notes as comments."""
        lines = [f"% {text}" for text in (self.title, *self.notes)]
        lines += [
            rf"\begin{{tabular}}{{l{'r' * (len(self.header) - 1)}}}",
            r"\hline",
            _tex(self.header),
            r"\hline",
        ]
        measured = len(self.rows) - self.reference
        for number, row in enumerate(self.rows):
            lines += [r"\hline"] if number == measured > 0 else []
            lines.append(_tex(row))
        return "\n".join([*lines, r"\hline", r"\end{tabular}", ""])


def speed_text(fps: float | None) -> str:
    """Frames a second with three digits; empty if they were not measured."""
    return "" if fps is None else f"{fps:.0f}" if fps >= 100 else f"{fps:.3g}"


def _tex(cells: Sequence[str]) -> str:
    escaped = (
        cell.replace("_", r"\_").replace("%", r"\%").replace("&", r"\&").replace("#", r"\#") for cell in cells
    )
    return " & ".join(cell or "--" for cell in escaped) + r" \\"
