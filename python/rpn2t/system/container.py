"""What the user of the Docker image is told: how to start it, and what a container can see and write.

The image says that it is one by the variable ``RPN2T_CONTAINER``: ``cpu`` or ``cuda``.
"""

import os

MOUNT = '-v "$PWD":/work'
CALLER = '--user "$(id -u):$(id -g)"'


def in_container() -> bool:
    """Whether this process runs in the project's image."""
    return bool(os.environ.get("RPN2T_CONTAINER"))


def command() -> str:
    """What a user types before a verb: ``rpn2t``, or all of ``docker run ... rpn2t``."""
    if not in_container():
        return "rpn2t"
    gpus = "--gpus all " if os.environ["RPN2T_CONTAINER"] == "cuda" else ""
    return f"docker run --rm {gpus}{MOUNT} {CALLER} rpn2t"


def missing_hint() -> str:
    """The end of a line about a file that is not there; empty outside a container."""
    if not in_container():
        return ""
    return f" in the container; mount its folder with {MOUNT} and name it as seen from there"


def denied_hint(error: Exception) -> str:
    """The end of a line about a file that the caller may read or write but the container's user may not.

    Empty outside a container, and for any other error.
    """
    if not in_container() or not isinstance(error, PermissionError):
        return ""
    return f"; run the container as yourself, in a folder of yours: {MOUNT} {CALLER}"
