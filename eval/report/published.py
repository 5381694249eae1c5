"""Published figures: rows to compare with, which were never measured here.

They are over whole data sets. So they stand only beside figures over a whole data set, in all of its frames.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

ORIGIN = "published, not measured here"
"""Stands beside every published row."""


@dataclass(frozen=True)
class Published:
    """A tracker's published OTB figures, as text with three decimals; one that was not found is empty.

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
    """The rows of published.csv on a data set that have a figure, in its order."""
    return [
        Published(row["tracker"], row["success_auc"], row["precision_20"], row["source"])
        for row in published_rows("published.csv", dataset)
    ]


def published_rows(file: str, dataset: str) -> list[dict[str, str]]:
    """The rows on a data set that have a figure, in one of the package's files: column -> text."""
    return [row for row in _rows(file, dataset) if _has_figure(row)]


def without_figures(file: str, dataset: str) -> list[str]:
    """A line that names the trackers of such a file for which no figure was found; none if there is none."""
    names = [row["tracker"] for row in _rows(file, dataset) if not _has_figure(row)]
    return [f"No published figures are at hand for {', '.join(names)}."] if names else []


def _has_figure(row: Mapping[str, str]) -> bool:
    return any(text for column, text in row.items() if column not in ("tracker", "dataset", "source"))


def _rows(file: str, dataset: str) -> list[dict[str, str]]:
    text = (files("rpn2t.eval.report") / file).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [row for row in csv.DictReader(lines) if row["dataset"] == dataset]
