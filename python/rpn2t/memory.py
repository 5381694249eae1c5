"""The tracker's memory: windows of conv5 from the frames in which it was sure (MDNet's scheme).

Positives of the last 100 successful frames serve the long-term update, those of the last 20 the
short-term one; negatives are kept for 20. Its size is bounded: at most 3,000 positive and 2,000
negative windows of 147 KB in the paper's setting, 0.74 GB.
"""

from collections import deque
from collections.abc import Sequence

import numpy as np

from rpn2t.backbone import Windows


class Pool:
    """Windows of several frames, indexed as one array without ever being joined into one."""

    def __init__(self, frames: Sequence[Windows]) -> None:
        """Look at `frames`, each of shape (n_i, channels, size, size); nothing is copied."""
        self.frames = list(frames)
        self._ends = np.cumsum([len(frame) for frame in self.frames], dtype=np.int64)

    def __len__(self) -> int:
        """Windows in all frames."""
        return int(self._ends[-1]) if self.frames else 0

    def take(self, indices: np.ndarray) -> Windows:
        """The windows at `indices`, in that order, copied: shape (len(indices), channels, size, size)."""
        where = np.searchsorted(self._ends, indices, side="right")
        taken = np.empty((len(indices), *self.frames[0].shape[1:]), dtype=np.float32)
        for row, (index, frame) in enumerate(zip(indices, where, strict=True)):
            taken[row] = self.frames[frame][index - self._ends[frame]]  # counted from the frame's end
        return taken


class Memory:
    """Positives and negatives of successful frames, the oldest forgotten first."""

    def __init__(self, long_term: int, short_term: int) -> None:
        """Keep positives for `long_term` and negatives for `short_term` successful frames."""
        self.short_term = short_term
        self._positives: deque[Windows] = deque(maxlen=long_term)
        self._negatives: deque[Windows] = deque(maxlen=short_term)

    def add(self, positives: Windows, negatives: Windows) -> None:
        """Store a successful frame; the first frame counts as one and leaves like the others."""
        self._positives.append(positives)
        self._negatives.append(negatives)

    def long_term_positives(self) -> Pool:
        """All positives kept."""
        return Pool(self._positives)

    def short_term_positives(self) -> Pool:
        """Positives of the last `short_term` successful frames."""
        return Pool(list(self._positives)[-self.short_term :])

    def negatives(self) -> Pool:
        """All negatives kept: those of the last `short_term` successful frames."""
        return Pool(self._negatives)
