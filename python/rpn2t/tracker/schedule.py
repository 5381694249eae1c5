"""When the head learns (MDNet's scheme): every tenth frame for slow change, and at once when a frame fails.

Long term: every tenth frame, on the positives of the last 100 successful frames. Short term: as soon as a
frame fails, on those of the last 20. Both use the negatives of the last 20. If both are due, the short-term
update is done.
"""

from enum import Enum

from rpn2t.config import Config


def success_score(frame: int, config: Config) -> float:
    """The score below which a frame has failed; frames count from 1."""
    return config.success_score_early if frame <= config.early_frames else config.success_score_late


class Update(Enum):
    """Which update is due after a frame."""

    NONE = "none"
    LONG_TERM = "long term"
    SHORT_TERM = "short term"


def due_update(frame: int, failed: bool, config: Config) -> Update:
    """The update due after a frame; frames count from 1."""
    if failed:
        return Update.SHORT_TERM
    return Update.LONG_TERM if frame % config.update_interval == 0 else Update.NONE
