"""What is closed at the end of a block."""

from types import TracebackType
from typing import Self


class Closing:
    """Its `with` block ends with :meth:`close`, however the block ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is held. A second call does nothing."""
        raise NotImplementedError
