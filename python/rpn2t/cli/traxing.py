"""What ``rpn2t trax`` does."""

import shlex
import sys
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import fields
from io import StringIO
from pathlib import Path

from rpn2t.cli.chosen import TrackerOptions
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.results import write_whole

_ENTRIES = "trackers.ini"


def serve_tracker(options: TrackerOptions, name: str | None) -> None:
    """Answer a TraX client until it has enough.

    Raises:
        InputError: the tracker cannot be made, or a request cannot be answered.
    """
    from rpn2t.trax_server import serve

    spec = options.spec()
    serve(spec.make(options.seed), name or spec.title)


def register(options: TrackerOptions, workspace: str, name: str | None, force: bool) -> None:
    """Add the tracker to a workspace's trackers.ini; other entries stay.

    Raises:
        InputError: no such folder, a file that cannot be read or written, or an entry of that name that
        differs.
    """
    folder = Path(workspace).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"{workspace}: no such folder; make it by `vot initialize STACK --workspace {workspace}`"
        )
    spec = options.spec()
    spec.identity()  # what is missing is better said now than by the toolkit
    title = name or spec.title
    command = shlex.join([sys.executable, "-m", "rpn2t", "trax", *_words(options)])
    entry = {"label": title, "protocol": "trax", "command": command}
    path = folder / _ENTRIES
    entries = _read(path)
    if entries.has_section(title) and dict(entries[title]) != entry and not force:
        raise InputError(
            f"{path}: already has a tracker {title}, made otherwise; give another --name, or --force"
        )
    entries[title] = entry
    text = StringIO()
    entries.write(text)
    write_whole(path, text.getvalue())
    say(f"{title} is registered in {path}. Next: vot --registry {path} test {title}")


def _words(options: TrackerOptions) -> list[str]:
    """The options as typed: those that differ from the defaults."""
    words = [word for setting in options.settings for word in ("--set", setting)]
    for each in fields(options):
        value = getattr(options, each.name)
        if each.name == "settings" or value == each.default:
            continue
        words += [f"--{each.name}"] if value is True else [f"--{each.name}", _absolute(each.name, str(value))]
    return words


def _read(path: Path) -> ConfigParser:
    entries = ConfigParser(interpolation=None)
    try:
        entries.read_string(path.read_text(encoding="utf-8") if path.exists() else "")
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise InputError(
            f"{path}: cannot be read ({str(error).splitlines()[0]}); mend it or remove it"
        ) from error
    return entries


def _absolute(option: str, value: str) -> str:
    """Files and folders by their whole path: the toolkit starts the tracker elsewhere."""
    there = Path(value).expanduser()
    return str(there.resolve()) if option in ("config", "weights", "backbone") and there.exists() else value
