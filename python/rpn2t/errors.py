"""The one error a user of RPN2T is meant to read."""


class InputError(ValueError):
    """An input that cannot be used: one line that names it as it was typed, and the cure.

    The command line prints it as ``rpn2t: <message>`` and exits with status 2.
    """
