"""How trackers look in every plot: colours that colour-blind eyes tell apart, then line styles."""

from dataclasses import dataclass

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, without the yellow that is lost on white."""

_DASHES = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
_SVG_DASHES = ("", "6 3", "2 2", "7 3 2 3")


@dataclass(frozen=True)
class Style:
    """A tracker's look.

    Attributes:
        colour: #rrggbb.
        dash: for matplotlib.
        svg_dash: for SVG's stroke-dasharray; empty for a solid line.
        width: of the line, in points.
    """

    colour: str
    dash: str | tuple[int, tuple[float, ...]]
    svg_dash: str
    width: float


def style_of(number: int) -> Style:
    """The look of the tracker with this number; trackers are numbered as they were asked for.

    The first one's line is thicker. There are 28 different looks; then they come again in thinner lines.
    """
    ring, colour = divmod(number, len(_COLOURS))
    dash = ring % len(_DASHES)
    width = 2.6 if number == 0 else 1.7 if ring < len(_DASHES) else 0.9
    return Style(_COLOURS[colour], _DASHES[dash], _SVG_DASHES[dash], width)


def tint(colour: str, share: float) -> str:
    """A colour mixed with white, of which it keeps a share."""
    return "#" + "".join(f"{round(255 + share * (value - 255)):02x}" for value in rgb(colour))


def rgb(colour: str) -> tuple[int, int, int]:
    """#rrggbb as numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
