"""``rpn2t datasets``: list the data sets, and check a copy of one."""

from typing import TYPE_CHECKING

import click

from rpn2t.cli.console import say
from rpn2t.sequences.protocols import PROTOCOLS, as_protocol

if TYPE_CHECKING:
    from rpn2t.sequences.target import Entry, Target

PROTOCOL = click.option(
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="otb",
    show_default=True,
    help="Whose rules where the community disagrees; docs/evaluation.md says what differs.",
)


@click.group(invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    """List the benchmarks' data sets, or check your copy of one.

    \b
    rpn2t datasets                                  the data sets
    rpn2t datasets show otb50                       the sequences of one
    rpn2t datasets check otb100 --root /data/OTB    what is missing or odd in a copy

    A data set is one of those listed, or a folder of sequences in OTB's layout (NAME/img/0001.jpg and
    NAME/groundtruth_rect.txt) or VOT's (NAME/groundtruth.txt beside the images or color/).
    """
    if context.invoked_subcommand is None:
        from rpn2t.sequences.registry import dataset_names, find_dataset

        for name in dataset_names():
            say(f"{name:<9} {find_dataset(name).title}")
        say("or a folder of sequences in OTB's or VOT's layout")


@datasets.command()
@click.argument("dataset")
@PROTOCOL
def show(dataset: str, protocol: str) -> None:
    """List the sequences of DATASET: images, ground truth and attributes."""
    from rpn2t.sequences.registry import find_dataset

    for entry in find_dataset(dataset).entries:
        images, attributes = _images(entry, protocol), ",".join(entry.attributes)
        say(f"{entry.name:<14} {images:<10} {entry.truth:<22} {attributes}".rstrip())


def _images(entry: "Entry", protocol: str) -> str:
    first = entry.begins.get(protocol, entry.first)
    return f"{first}-{entry.last}" if entry.last is not None else f"{first}-"


@datasets.command()
@click.argument("dataset")
@click.option(
    "--root", metavar="DIR", help="Folder that holds the sequences (needless where DATASET is one)."
)
@click.option("--quick", is_flag=True, help="Do not read every image.")
@PROTOCOL
def check(dataset: str, root: str | None, quick: bool, protocol: str) -> None:
    """Say what is missing or odd in a copy of DATASET, and what to do.

    Compares the numbers of images and of ground-truth rows with the benchmark's, looks for names in
    another case, for ground truth that is no box, and reads every image. The exit status is 1 where
    something is missing.
    """
    from pathlib import Path

    from tqdm import tqdm

    from rpn2t.errors import InputError
    from rpn2t.sequences.check import check_target
    from rpn2t.sequences.registry import find_dataset, root_of

    found = find_dataset(dataset)
    folder = Path(root_of(dataset, root)).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --root names the one that holds the sequences")
    missing: set[str] = set()
    nowhere: list[str] = []
    for entry in tqdm(found.entries, unit="sequence", leave=False, disable=None):
        for finding in check_target(
            found, entry, folder, as_protocol(protocol), None if quick else _read_images
        ):
            if finding.kind == "missing":
                missing.add(entry.name)
            if finding.text.startswith("no folder "):
                nowhere.append(entry.name)
            else:
                tqdm.write(f"{finding.sequence}: {finding.kind}: {finding.text}")
    if nowhere:
        say(f"missing, not in {folder}: {', '.join(nowhere)}")
    complete = len(found.entries) - len(missing)
    say(f"{complete} of {len(found.entries)} sequences of {found.name} can be used ({protocol} protocol)")
    if missing:
        raise SystemExit(1)


def _read_images(target: "Target") -> None:
    """Read every image of a target.

    Raises:
        InputError: one cannot be read.
    """
    from rpn2t.video.sources import ImageSource

    for _ in ImageSource(target.name, target.name, list(target.images)).frames():
        pass
