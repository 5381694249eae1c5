"""What the two scripts of this folder share: a parser whose errors are one line."""

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Print it, and exit with status 2."""
        print(f"{self.prog}: {message}; -h lists the options", file=sys.stderr)
        raise SystemExit(2)


def words(text: str) -> tuple[str, ...]:
    """``A,B`` as its parts."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
