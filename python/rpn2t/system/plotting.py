"""Matplotlib as we use it, whatever the user's environment sets.

A notebook's shell has ``MPLBACKEND=module://matplotlib_inline.backend_inline``, with which Matplotlib does
not even import where that module is not installed. A matplotlibrc may want LaTeX for every word. So the
classes that we use are imported here and nowhere else, and all of our figures are made and saved within
:func:`plain`.
A figure without a window is drawn by Agg, or by the writer of its file's format.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["Figure", "Line2D", "PdfPages", "Polygon", "Rectangle", "plain"]


def _import_matplotlib() -> ModuleType:
    """Matplotlib, without the backend of the environment, which it then gets if it can."""
    chosen = None if "matplotlib" in sys.modules else os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if chosen is not None:
            os.environ["MPLBACKEND"] = chosen
    try:
        if chosen:  # what the program that imports us expects
            matplotlib.rcParams["backend"] = chosen
    except ValueError:
        pass  # there is no such backend
    return matplotlib


matplotlib = _import_matplotlib()

from matplotlib.backends.backend_pdf import PdfPages  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.patches import Polygon, Rectangle  # noqa: E402


@contextmanager
def plain(settings: Mapping[str, Any] | None = None) -> Iterator[None]:
    """A block in which Matplotlib has its default settings, changed by these; then it has its own again.

    Args:
        settings: Matplotlib's names and values.
    """
    defaults = {
        name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")
    }
    with matplotlib.rc_context({**defaults, **(settings or {})}):
        yield
