"""What the scripts here end with: a table, and a file with every number."""

import argparse
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rpn2t.errors import InputError

BUILD = Path(__file__).parents[2] / "build"
_LIST = re.compile(r'\[\n([^][{}"]+)\n *\]')  # of no lists, objects or strings


def add_output_option(parser: argparse.ArgumentParser, question: str) -> None:
    """Add ``--output``. The file lies in build/ unless the user says otherwise."""
    default = BUILD / f"benchmark-{question}.json"
    parser.add_argument(
        "--output",
        metavar="FILE.json",
        type=Path,
        default=default,
        help=f"file for every number (default: build/{default.name})",
    )


def check_output(path: Path) -> None:
    """Before the work, that the file can be written after it.

    Raises:
        InputError: its folder does not exist. Only build/ is made.
    """
    if path.absolute().parent == BUILD:
        BUILD.mkdir(exist_ok=True)
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; make it first")


def write_json(path: Path, report: Any) -> None:
    """Write the numbers and say in which file they are. A list of numbers, such as a box, is one line."""
    text = json.dumps(report, indent=1)
    path.write_text(_LIST.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n")
    print(f"Every number is in {path}")


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first row is the header."""
    head, *others = rows
    return "\n".join([row(head), row(["---"] * len(head)), *map(row, others)])
