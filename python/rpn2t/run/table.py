"""boxes.csv: the table of a run as text. Its rows are :class:`rpn2t.run.rows.Row`."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rpn2t.run.rows import Row

HEADER = "object,frame,time_s,x,y,w,h,score,status\n"

_PLACES = 10
"""So many stretches of lost frames are named; a longer line would not be read."""


def csv_line(row: Row) -> str:
    """A row as a line: boxes 0-based with three decimals; nothing where time or score is not known."""
    time = "" if row.time is None else f"{row.time:.6f}"
    score = "" if row.score is None else f"{row.score:.4f}"
    box = ",".join(f"{value:.3f}" for value in row.box)
    return f"{row.object},{row.frame},{time},{box},{score},{row.status}\n"


def boxes_name(name: str, *, alone: bool) -> str:
    """The file's name of an object's boxes in OTB's format: the only object's, or that of one of several."""
    return "boxes.txt" if alone else f"boxes_{name}.txt"


def lost_lines(rows: Iterable[Row], objects: Sequence[str]) -> Iterator[str]:
    """For each object that was lost a line that says in which frames; no line if none was.

    Args:
        rows: in order of frames.
        objects: the names, in order. With several of them a line begins with the object's name.
    """
    rows = list(rows)
    for name in objects:
        places = _stretches([row for row in rows if row.object == name])
        if places:
            more = len(places) - _PLACES
            shown = [*places[:_PLACES], *([f"{more} more places"] if more > 0 else [])]
            frames = " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
            one = len(places) == 1 and "-" not in places[0]
            who = f"{name}: " if len(objects) > 1 else ""
            yield f"{who}score below the threshold in frame{'s' * (not one)} {frames}: look there"


def _stretches(rows: list[Row]) -> list[str]:
    """An object's lost frames as 7 or 59-60. Frames that were not tracked do not part a stretch."""
    places = []
    for lost, stretch in groupby(rows, key=lambda row: row.status == "lost"):
        frames = [row.frame for row in stretch]
        if lost:
            places.append(f"{frames[0]}-{frames[-1]}" if len(frames) > 1 else f"{frames[0]}")
    return places
