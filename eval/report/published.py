"""Published figures: rows to compare with, which were never measured here."""

import csv
from dataclasses import dataclass
from importlib.resources import files

ORIGIN = "published, not measured here"
"""Stands beside every published row."""

PARTIAL = "Published figures are over the whole data set: not comparable with these."
"""Stands below them if only a part of the data set was measured."""


@dataclass(frozen=True)
class Published:
    """A tracker's published OTB figures, as text with three decimals; empty if none was found.

    Attributes:
        tracker: its name.
        success: area under the success curve.
        precision: at 20 px.
        source: where the figures stand.
    """

    tracker: str
    success: str
    precision: str
    source: str


def published(dataset: str) -> list[Published]:
    """The rows of published.csv on a data set, in its order."""
    return [
        Published(row["tracker"], row["success_auc"], row["precision_20"], row["source"])
        for row in published_rows("published.csv", dataset)
    ]


def published_rows(file: str, dataset: str) -> list[dict[str, str]]:
    """The rows on a data set in one of the package's files of published figures: column -> text."""
    text = (files("rpn2t.eval.report") / file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
