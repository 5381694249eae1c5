"""Our entry in trackers.ini, the file in which the VOT toolkit finds the trackers of a workspace.

Only the text of our own entry is ever changed, and the file is written whole or not at all.
"""

import configparser
import re
from collections.abc import Mapping
from pathlib import Path

from rpn2t.errors import InputError
from rpn2t.paths import typed_path
from rpn2t.system.container import missing_hint
from rpn2t.system.files import write_whole

REGISTRY = "trackers.ini"

_NAME = re.compile(r"[a-zA-Z0-9_-]+")  # the toolkit's rule


def write_entry(workspace: str | Path, name: str, entry: Mapping[str, str], *, force: bool = False) -> bool:
    """Put a tracker into a workspace.

    Args:
        workspace: its folder.
        name: of the tracker.
        entry: its keys, in lower case, and values.
        force: replace an entry of this name that differs.

    Returns:
        Whether something was written: False if the same entry is there already.

    Raises:
        InputError: the folder or its trackers.ini cannot be used, or it has another tracker of this name.
    """
    folder = typed_path(workspace)
    if not folder.is_dir():
        raise InputError(
            f"{workspace}: no such folder{missing_hint()}; `vot initialize STACK --workspace {workspace}` "
            "makes a workspace"
        )
    if not _NAME.fullmatch(name):
        raise InputError(f"--name {name}: the VOT toolkit takes only letters, digits, - and _")
    path = folder / REGISTRY
    text = _read(path)
    found = _entries(path, text).get(name)
    block = _block(name, entry)
    if found == dict(entry):
        return False
    if found is None:
        before = text.rstrip("\n")
        write_whole(path, f"{before}\n\n{block}" if before else block)
        return True
    if not force:
        differing = ", ".join(key for key in sorted({*found, *entry}) if found.get(key) != entry.get(key))
        raise InputError(
            f"{path}: has another tracker {name} (what differs: {differing}); --force replaces it, "
            "--name gives this one another name"
        )
    write_whole(path, _replaced(text, name, block))
    return True


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _entries(path: Path, text: str) -> dict[str, dict[str, str]]:
    """Every entry's keys and values as the toolkit reads them."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, source=path.name)
        return {name: dict(parser.items(name)) for name in parser.sections()}
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: the VOT toolkit cannot read this file either: {reason}") from None


def _block(name: str, entry: Mapping[str, str]) -> str:
    lines = [f"{key} = {value.replace('%', '%%')}" for key, value in entry.items()]
    return "\n".join([f"[{name}]", *lines]) + "\n"


def _replaced(text: str, name: str, block: str) -> str:
    """The text with the entry's own lines replaced; comments and blank lines after them stay."""
    lines = text.splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if configparser.ConfigParser.SECTCRE.match(line)]
    first = next(number for number in heads if lines[number].startswith(f"[{name}]"))
    last = next((number for number in heads if number > first), len(lines))
    while last > first + 1 and (not lines[last - 1].strip() or lines[last - 1].lstrip()[0] in "#;"):
        last -= 1
    return "".join([*lines[:first], block, *lines[last:]])
