"""How figures look, and their files."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from rpn2t.system.plotting import Figure, plain

_SIZE = 9.5


@contextmanager
def look(size: float = _SIZE) -> Iterator[None]:
    """Fonts of this size in points, for figures that are made within the block."""
    with plain(_fonts(size)):
        yield


def saved(figure: Figure, form: str) -> bytes:
    """The figure as png, pdf or svg; the same bytes for the same figure."""
    stream = BytesIO()
    # No date, no random ids; text stays text.
    metadata: dict[str, Any] = {"png": {}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[form]
    with plain({**_fonts(_SIZE), "svg.hashsalt": "rpn2t", "svg.fonttype": "none", "pdf.fonttype": 42}):
        figure.savefig(stream, format=form, dpi=150, metadata=metadata)
    return stream.getvalue()


def _fonts(size: float) -> dict[str, Any]:
    return {
        "font.size": size,
        "axes.titlesize": size + 1.5,
        "legend.fontsize": size - 1,
        "axes.axisbelow": True,
    }
