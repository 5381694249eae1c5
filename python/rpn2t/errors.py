"""The one error a user of RPN2T is meant to read."""


class InputError(ValueError):
    """An input that cannot be used: one line that names it as it was typed, and the cure.

    The command line prints it as ``rpn2t: <message>`` and exits with status 2.
    """


def one_line(error: BaseException) -> str:
    """What went wrong, in a line. An error that is no InputError is named by its type, too."""
    reason = (str(error).strip().splitlines() or [""])[0]
    return reason if isinstance(error, InputError) else f"{type(error).__name__}: {reason}"
