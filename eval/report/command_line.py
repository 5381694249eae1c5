"""What the two scripts of eval/ share: a parser whose errors are one line, and how they use it."""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rpn2t.errors import InputError


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong. An option that is given twice is wrong."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.given: set[str] = set()
        self.register("action", None, _Once)

    def error(self, message: str) -> NoReturn:
        """Print it, and exit with status 2."""
        print(f"{self.prog}: {message}; -h lists the options", file=sys.stderr)
        raise SystemExit(2)


class _Once(argparse.Action):
    """Takes an option's value, if it is the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(parser, Parser)
        if self.dest in parser.given:
            parser.error(f"{self.option_strings[0]} is given twice; give it once")
        parser.given.add(self.dest)
        setattr(namespace, self.dest, values)


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


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a whole number above 0")
    return int(text)


def words(text: str) -> tuple[str, ...]:
    """The parts of ``A,B``."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
