"""What the server refuses, and with which status."""


class Refusal(Exception):
    """A request that is refused: a sentence for the user, and the status of HTTP.

    Attributes:
        status: 403, 404, 409 or 413. What cannot be used is an InputError, which becomes 400.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
