"""Published OTB figures: rows for comparison, never measured here."""

import csv
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True)
class Published:
    """A tracker's published figures on a data set, as text with three decimals; empty where none was found.

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
    text = (files("rpn2t.eval") / "published.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [
        Published(row["tracker"], row["success_auc"], row["precision_20"], row["source"])
        for row in csv.DictReader(lines)
        if row["dataset"] == dataset
    ]
