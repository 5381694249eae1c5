"""The one error a user of RPN2T is meant to read."""

import re

_NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class InputError(ValueError):
    """An input that cannot be used: one line that names it as it was typed, and the cure.

    The command line prints it as ``rpn2t: <message>`` and exits with status 2. A line break or another
    control character, as a damaged file or a file's name may have one, is written as Python writes it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_NO_LINE.sub(lambda match: repr(match[0])[1:-1], message))


def one_line(error: BaseException) -> str:
    """What went wrong, in a line. An error that is no InputError is named by its type, too."""
    reason = (str(error).strip().splitlines() or [""])[0]
    return reason if isinstance(error, InputError) else f"{type(error).__name__}: {reason}"
