"""``rpn2t datasets``: the options and their help. What it does is in rpn2t.cli.actions.datasets."""

import click

from rpn2t.cli.options import PROTOCOL, Group


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def datasets(context: click.Context) -> None:
    """List the benchmarks' data sets, or check your copy of one.

    \b
    rpn2t datasets                                  the data sets
    rpn2t datasets show otb50                       the sequences of one
    rpn2t datasets check otb100 --root /data/OTB    what is missing or odd in a copy

    A data set is one of those listed, or a folder of sequences. The list says how these may lie: as in OTB,
    TColor-128, LaSOT, GOT-10k, VOT, TrackingNet, UAV123 or NfS. A folder whose ground truth has the first
    frame's box alone, as the test splits of GOT-10k and TrackingNet, can be run but not evaluated.
    """
    if context.invoked_subcommand is None:
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
