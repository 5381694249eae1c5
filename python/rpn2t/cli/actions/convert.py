"""What ``rpn2t convert`` does."""

from pathlib import Path

from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.run.formats.finished_run import REPORT, TABLE, run_text
from rpn2t.run.formats.registry import FORMATS
from rpn2t.system.files import write_whole


def convert_run(run: str, name: str, output: str | None, *, overwrite: bool) -> None:
    """Write a run's table in the format of this name, and say where.

    Args:
        run: the run's folder, as it was typed.
        name: of the format.
        output: the file to write; by default the format's own in the run's folder.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: the run cannot be read, the file is there, or it cannot be written.
    """
    folder = Path(run).expanduser()
    file = folder / FORMATS[name].file if output is None else Path(output).expanduser()
    text = run_text(folder, name)
    if file.resolve() in {(folder / read).resolve() for read in (TABLE, REPORT)}:
        raise InputError(f"{file}: the run itself needs it; choose another --output")
    if file.exists() and not overwrite:
        raise InputError(f"{file}: is there already; choose another --output, or replace it with --overwrite")
    write_whole(file, text)
    say(f"{file}")
