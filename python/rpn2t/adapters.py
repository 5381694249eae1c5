"""The old name of :mod:`rpn2t.toolkits.got10k`."""

from rpn2t.toolkits.got10k import got10k_tracker

__all__ = ["got10k_tracker"]
