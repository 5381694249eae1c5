"""The tracker's memory: windows of conv5 from the frames in which it was sure (MDNet's scheme).

Positives of the last 100 successful frames serve the long-term update, those of the last 20 the
short-term one; negatives are kept for 20. Its size is bounded: at most 2,975 positive and 2,000
negative windows of 147 KB in the paper's setting, 0.73 GB.
"""

from collections import deque

from rpn2t.config import Config
from rpn2t.tracker.paper.windows import Windows, WindowStore, joined


def memory_capacity(config: Config) -> int:
    """The most windows that a memory holds: the first frame's positives are more than a later one's."""
    positives = config.positives_first + (config.long_term_frames - 1) * config.positives_later
    largest = max(positives, config.long_term_frames * config.positives_later)
    return largest + config.short_term_frames * config.negatives_later


class Memory:
    """Positives and negatives of successful frames, the oldest forgotten first.

    Attributes:
        store: holds its windows; what is added must be in it.
    """

    def __init__(self, store: WindowStore, long_term: int, short_term: int) -> None:
        """Keep positives for `long_term` and negatives for `short_term` successful frames."""
        self.store = store
        self.long_term = long_term
        self.short_term = short_term
        self._positives: deque[Windows] = deque()
        self._negatives: deque[Windows] = deque()

    def make_room(self) -> None:
        """Forget what the next frame would push out, so that its windows find room in the store."""
        for frames, most in ((self._positives, self.long_term), (self._negatives, self.short_term)):
            while len(frames) >= most:
                self.store.release(frames.popleft())

    def add(self, positives: Windows, negatives: Windows) -> None:
        """Keep a successful frame; the first frame counts as one and leaves like the others."""
        self.make_room()
        self._positives.append(positives)
        self._negatives.append(negatives)

    def long_term_positives(self) -> Windows:
        """All positives kept."""
        return joined([self.store.empty(), *self._positives])

    def short_term_positives(self) -> Windows:
        """Positives of the last `short_term` successful frames."""
        return joined([self.store.empty(), *list(self._positives)[-self.short_term :]])

    def negatives(self) -> Windows:
        """All negatives kept: those of the last `short_term` successful frames."""
        return joined([self.store.empty(), *self._negatives])
