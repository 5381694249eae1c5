"""``rpn2t datasets``: the options and their help. What it does is in rpn2t.cli.actions.datasets."""

import click

from rpn2t.cli.options import PROTOCOL, Group


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    """List the benchmarks' data sets, fetch one, or check your copy of it.

    \b
    rpn2t datasets                                  the data sets
    rpn2t datasets show otb50                       the sequences of one
    rpn2t datasets fetch otb100 --root /data/OTB    download what is missing in a copy
    rpn2t datasets check otb100 --root /data/OTB    what is missing or odd in a copy

    A data set is one of those listed, or a folder of sequences. The list says how these may lie: as in OTB,
    TColor-128, LaSOT, GOT-10k, VOT, TrackingNet, UAV123 or NfS. A folder whose ground truth has the first
    frame's box alone, as the test splits of GOT-10k and TrackingNet, can be run but not evaluated.

    Without a verb: list the data sets.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_all)


@datasets.command("list")
def list_all() -> None:
    """List the data sets, their sites, and the layouts of others."""
    from rpn2t.cli.actions.datasets import list_datasets

    list_datasets()


@datasets.command()
@click.argument("dataset")
@PROTOCOL
def show(dataset: str, protocol: str) -> None:
    """List the sequences of DATASET: images, ground truth and attributes."""
    from rpn2t.cli.actions.datasets import show_sequences

    show_sequences(dataset, protocol)


@datasets.command()
@click.argument("dataset")
@click.option("--root", metavar="DIR", required=True, help="Folder for the sequences. It is made if need be.")
@click.option("--sequences", metavar="A,B", help="Fetch only these.")
@click.option("--mirror", metavar="URL|DIR", help="Take the files from a copy of the site, in its layout.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 16),
    default=4,
    show_default=True,
    metavar="N",
    help="Fetch N sequences at a time.",
)
def fetch(dataset: str, root: str, sequences: str | None, mirror: str | None, jobs: int) -> None:
    """Download the sequences of DATASET that are missing under --root, from the benchmark's own site.

    \b
    Examples:
      rpn2t datasets fetch otb100 --root /data/OTB
      rpn2t datasets fetch otb100 --root /data/OTB --sequences Deer,Jogging-1
      rpn2t datasets fetch vot2016 --root /data/VOT2016 --jobs 8

    DATASET is otb100, otb50, otb2013 or vot2016. A sequence that is there is checked and left. Each archive
    is checked (its length, its checksums, the numbers of images and of ground-truth rows), unpacked beside
    its place and put there as a whole.

    After Ctrl-C, or if the network fails, the same command goes on where the downloads stopped. What has
    arrived is in DIR/.fetch. A sequence that cannot be had is named, the others go on, and the exit status is
    1. The sequences belong to the benchmarks' authors.
    """
    from rpn2t.cli.actions.datasets import fetch_missing

    fetch_missing(dataset, root, sequences, mirror, jobs)


@datasets.command()
@click.argument("dataset")
@click.option("--root", metavar="DIR", help="Folder of the sequences. Not needed if DATASET is a folder.")
@click.option("--quick", is_flag=True, help="Do not read the images.")
@PROTOCOL
def check(dataset: str, root: str | None, quick: bool, protocol: str) -> None:
    """Say what is missing or odd in a copy of DATASET, and what to do.

    The numbers of images and of ground-truth rows are compared with the benchmark's. Names in another case,
    ground truth that is no box and frames without any are reported. Every image is read. The exit status is 1
    if something is missing.
    """
    from rpn2t.cli.actions.datasets import check_copy

    check_copy(dataset, root, protocol, read_images=not quick)
