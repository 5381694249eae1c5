"""A table, as CSV, Markdown and LaTeX."""

import csv
import io
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rpn2t.eval.report.spread import PLUS_MINUS

Better = Literal["higher", "lower"]

_NUMBER = re.compile(r"-?\d+(\.\d+)?")

_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "\n": " ",
}  # fmt: skip
"""What TeX would read otherwise."""


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
        best: the cells, as row and column, that are the best of those that they compete with.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    reference: int = 0
    best: frozenset[tuple[int, int]] = frozenset()

    def files(self) -> dict[str, bytes]:
        """Its three files: path within an evaluation's folder -> content."""
        texts = {"csv": self.csv(), "md": self.markdown(), "tex": self.latex()}
        return {f"tables/{self.name}.{form}": text.encode() for form, text in texts.items()}

    def csv(self) -> str:
        """The header and the rows, without title and notes. A deviation has a column of its own."""
        spread = {
            column
            for column in range(len(self.header))
            if any(PLUS_MINUS in row[column] for row in self.rows)
        }
        header = [f"{text}{PLUS_MINUS}{text}: deviation" for text in self.header]
        lines = [_csv_row(row, spread) for row in (header, *self.rows)]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        return text.getvalue()

    def markdown(self) -> str:
        """The table with its title and notes."""
        lines = [self.header, tuple("---" if i == 0 else "---:" for i in range(len(self.header))), *self.rows]
        texts = ([cell.replace("|", r"\|") or "-" for cell in line] for line in lines)
        rows = "".join(f"| {' | '.join(line)} |\n" for line in texts)
        return f"{self.title}\n\n{rows}" + "".join(f"\n{note}\n" for note in self.notes)

    def latex(self) -> str:
        """A tabular for the package booktabs, with the best in bold; title and notes are comments."""
        lines = [f"% {' '.join(text.split())}" for text in ("Needs \\usepackage{booktabs}.", self.title)]
        lines += [f"% {' '.join(note.split())}" for note in self.notes]
        columns = "".join("r" if self._is_number(column) else "l" for column in range(len(self.header)))
        lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _tex_row(map(_tex, self.header))]
        lines += [r"\midrule"]
        measured = len(self.rows) - self.reference
        for number, row in enumerate(self.rows):
            lines += [r"\midrule"] if number == measured > 0 else []
            lines.append(
                _tex_row(
                    rf"\textbf{{{_tex(cell)}}}" if (number, column) in self.best else _tex(cell)
                    for column, cell in enumerate(row)
                )
            )
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def _is_number(self, column: int) -> bool:
        """Whether a column holds numbers, and no words."""
        cells = [row[column] for row in self.rows if row[column]]
        return column > 0 and all(_value(cell) is not None for cell in cells)


def _csv_row(cells: Sequence[str], spread: Collection[int]) -> list[str]:
    """A row, with the deviation apart in these columns."""
    row: list[str] = []
    for column, cell in enumerate(cells):
        mean, _, deviation = cell.partition(PLUS_MINUS)
        row += [mean, deviation] if column in spread else [mean]
    return row


def best_in_columns(
    rows: Sequence[Sequence[str]], columns: Mapping[int, Better]
) -> frozenset[tuple[int, int]]:
    """The best cells of each column, as they are written: two that are written alike are both the best.

    A single row has no best.

    Args:
        rows: those that compete.
        columns: which columns are compared, and what is better there.
    """
    found: set[tuple[int, int]] = set()
    for column, better in columns.items():
        values = {number: _value(row[column]) for number, row in enumerate(rows)}
        found |= {(number, column) for number in _best(values, better)}
    return frozenset(found)


def best_in_rows(
    rows: Sequence[Sequence[str]], columns: Iterable[int], better: Better = "higher"
) -> frozenset[tuple[int, int]]:
    """The best of these cells in each row; a single one is not the best."""
    wanted = list(columns)
    return frozenset(
        (number, column)
        for number, row in enumerate(rows)
        for column in _best({column: _value(row[column]) for column in wanted}, better)
    )


def _best(values: Mapping[int, float | None], better: Better) -> list[int]:
    known = {place: value for place, value in values.items() if value is not None}
    if len(known) < 2:
        return []
    top = max(known.values()) if better == "higher" else min(known.values())
    return [place for place, value in known.items() if value == top]


def _value(cell: str) -> float | None:
    """A cell's number without its deviation; None if it holds none."""
    number = cell.partition(PLUS_MINUS)[0]
    return float(number) if _NUMBER.fullmatch(number) else None


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def _tex_row(cells: Iterable[str]) -> str:
    return " & ".join(cell or "--" for cell in cells) + r" \\"
