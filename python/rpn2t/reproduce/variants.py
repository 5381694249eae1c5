"""The variants of the paper's comparisons, by the name of the figure or section."""

import importlib

from rpn2t.benchmark.variants import Variant, find_variants

_NAMES = {
    "fig3": "full,iou-0.5,iou-0.6,iou-0.8,iou-0.9",
    "section3.1": "full,alexnet,zf,vgg16,vgg19",
}


def variants_of(comparison: str) -> tuple[Variant, ...]:
    """The variants that a figure or section compares, the paper's tracker among them.

    Args:
        comparison: ``fig3`` or ``section3.1``.
    """
    known = getattr(importlib.import_module("rpn2t.benchmark.variants"), "of_figure", None)
    if known is None:
        return find_variants(_NAMES[comparison])
    found: tuple[Variant, ...] = known(comparison)
    full = find_variants("full")
    return found if full[0] in found else (*full, *found)
