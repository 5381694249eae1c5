"""What the two scripts of eval/ share: a parser whose errors are one line, and how they use it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rpn2t.errors import InputError


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Print it, and exit with status 2."""
        print(f"{self.prog}: {message}; -h lists the options", file=sys.stderr)
        raise SystemExit(2)


def run(parser: Parser, arguments: Sequence[str] | None, work: Callable[..., Any]) -> int:
    """Call the work with what the command line says; returns the exit status.

    Args:
        parser: with --root, --results and --output among its options.
        arguments: what follows the script's name; None for the process's own.
        work: called with root, results and output, and with the other options by their names.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        parser.error("give --root DIR (the sequences), --results DIR (the trackers' files) and --output DIR")
    options = vars(parser.parse_args(given))
    try:
        work(options.pop("root"), options.pop("results"), options.pop("output"), **options)
    except InputError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    return 0


def words(text: str) -> tuple[str, ...]:
    """The parts of ``A,B``."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
