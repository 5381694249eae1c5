"""``rpn2t weights``: list, verify, import, fetch and scale weights."""

import sys
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rpn2t.cli.options import Decorated
from rpn2t.errors import InputError

if TYPE_CHECKING:
    from rpn2t.nets.weight_sets import WeightSet


def _mean(context: click.Context, parameter: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = ()
    if len(values) != 3 or not all(map(isfinite, values)):
        raise InputError(f"--mean {text}: give three numbers, blue,green,red")
    return values


def _mean_option(default: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        "--mean",
        metavar="B,G,R",
        default=default,
        show_default=True,
        callback=_mean,
        help="What the network subtracts: blue, green, red.",
    )


@click.group(invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List, verify, import, fetch or scale weights.

    A set of weights is a folder with zf_student.caffemodel and, in most, zf_teacher.caffemodel.
    `shipped` comes with the package; your own lie in $RPN2T_HOME/weights or
    ~/.local/share/rpn2t/weights. `rpn2t track --weights` takes a set's name or any such folder.

    Without a verb: list what is installed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_sets)


@weights.command("list")
def list_sets() -> None:
    """List the installed sets, file by file.

    A file is ok, changed or missing by the set's SHA256SUMS, or unlisted there. The last line of a
    set says whether it holds a region proposal network's 3x3 layer, from which the tracker's head
    starts; without one the head starts from a gaussian. Looking is no test: the exit status is 0
    even where a file is damaged. `rpn2t weights verify` is the test.
    """
    from rpn2t.nets.weight_sets import installed_sets, verify

    for each in installed_sets():
        click.echo(f"{each.name}  {each.folder}")
        for name, state in verify(each).items():
            click.echo(f"  {_file_line(each.folder / name, state)}")
        click.echo(f"  3x3 layer: {_conv3x3(each)}")


@weights.command("verify")
@click.argument("names", metavar="[NAME_OR_DIR]...", nargs=-1)
@click.pass_context
def verify_sets(context: click.Context, names: tuple[str, ...]) -> None:
    """Check sets (all, if none is named): checksums, format, shapes.

    Exit status 1 if a file is damaged: changed, missing, unreadable, or not a ZF net's weights. A
    file that SHA256SUMS does not list is read and its shapes are checked.
    """
    from rpn2t.nets.weight_sets import find_set, installed_sets, verify

    damaged = False
    for each in [find_set(name) for name in names] or installed_sets():
        for name, state in verify(each).items():
            fault = _fault(each.folder / name, state)
            damaged |= fault is not None
            click.echo(f"{each.name}/{name}: {fault or state}")
    context.exit(1 if damaged else 0)


@weights.command("import")
@click.argument("name")
@click.option("--student", metavar="FILE", help="Caffe model with the ZF net's conv1 to conv5.")
@click.option("--teacher", metavar="FILE", help="The teacher's, with the RPN's 3x3 layer if it has one.")
@_mean_option("128,128,128")
@click.option("--force", is_flag=True, help="Replace a set of this name.")
def import_files(
    name: str, student: str | None, teacher: str | None, mean: tuple[float, ...], force: bool
) -> None:
    """Install local .caffemodel files in your folder, as the set NAME.

    \b
    The authors' two files, and a ZF model of py-faster-rcnn:
    rpn2t weights import NAME --student proposal_learn_160k_voc_5_9000 --teacher ZF_iter_160000
    rpn2t weights import NAME --teacher ZF_faster_rcnn_final.caffemodel --mean 102.98,115.95,122.77

    Without --student the student starts as the teacher's conv1 to conv5, undistilled. Both of Caffe's
    formats are taken. The layers' shapes are checked first: a file that is not a ZF net's is refused,
    with the first layer that does not fit. A file with mean 128 and the layer names used here
    (conv_proposal1, rpn_cls_score and rpn_bbox_pred, if it has an RPN) is copied as it is; of another,
    conv1 to conv5 and the RPN's layers are kept, under these names and with the mean in conv1's bias.
    """
    from rpn2t.nets.install import import_set

    made = import_set(name, student, teacher, mean, force=force)
    _say_installed(made)
    if student is None:
        click.echo("its student is the teacher's conv1 to conv5, undistilled;")
        click.echo(f"distil it with: rpn2t distill --images PHOTOGRAPHS --weights {made.name}")


@weights.command("scale")
@click.argument("source", metavar="NAME|DIR")
@click.argument("factor", type=float)
@click.option(
    "--output",
    required=True,
    metavar="DIR",
    help="The folder of the scaled set; `--weights DIR` uses it. It must be new or empty.",
)
@click.option("--half", is_flag=True, help="Round to half precision: half the size where it is compressed.")
def scale(source: str, factor: float, output: str, half: bool) -> None:
    """Write a set with conv5 multiplied by FACTOR, student and teacher alike.

    The head's learning rates are tuned to the magnitudes of the authors' conv5; other weights may track
    better at another scale. The RPN's 3x3 layer, which reads conv5, is divided by FACTOR, so that its
    proposals stay what they were.
    """
    from rpn2t.nets.install import scale_set
    from rpn2t.nets.weight_sets import find_set

    made = scale_set(find_set(source), factor, output, half=half)
    click.echo(f"wrote {', '.join(path.name for path in made.files.values())} to {made.folder}")
    click.echo(f"use it with: rpn2t track SOURCE --weights {made.folder}")


@weights.command("import-backbone")
@click.argument("name")
@click.argument("file")
@_mean_option("104,117,123")
@click.option("--force", is_flag=True, help="Replace what is installed.")
def import_backbone(name: str, file: str, mean: tuple[float, ...], force: bool) -> None:
    """Install a classification network's weights, for the comparison of section 3.1.

    NAME is alexnet, zf, vgg16 or vgg19, and FILE a Caffe model of it: bvlc_alexnet.caffemodel,
    ZF.v2.caffemodel of py-faster-rcnn, VGG_ILSVRC_16_layers.caffemodel or
    VGG_ILSVRC_19_layers.caffemodel. Afterwards `rpn2t track --backbone NAME` and `rpn2t ablate` use it.
    """
    from rpn2t.nets.install import import_backbone as install

    click.echo(f"installed {name} as {install(name, file, mean, force=force)}")


@weights.command("fetch")
@click.argument("name", type=click.Choice(["authors"]), default="authors", metavar="[authors]")
@click.option("--from", "url", metavar="URL", help="Take the two files from this folder (a mirror).")
@click.option("--force", is_flag=True, help="Replace the set that was fetched before.")
def fetch(name: str, url: str | None, force: bool) -> None:
    """Download the authors' weights, as the set `authors`.

    They are two files of their public repository, github.com/jimmy-ren/RPN2T. A file is taken only if
    it is byte for byte the authors' (by its git blob id); nothing is installed otherwise.
    """
    from rpn2t.nets.install import AUTHORS_URL, fetch_authors

    show = _show_progress if sys.stderr.isatty() else None
    _say_installed(fetch_authors(url or AUTHORS_URL, name=name, force=force, progress=show))


def _say_installed(made: "WeightSet") -> None:
    click.echo(f"installed {made.name} in {made.folder}: {', '.join(p.name for p in made.files.values())}")
    click.echo(f"use it with: rpn2t track SOURCE --weights {made.name}")


def _file_line(path: Path, state: str) -> str:
    from rpn2t.system.files import sha256

    if state == "missing":
        return f"{path.name}  missing"
    return f"{path.name}  {path.stat().st_size / 1e6:.1f} MB  sha256 {sha256(path)[:12]}  {state}"


def _conv3x3(each: "WeightSet") -> str:
    from rpn2t.nets.weight_sets import rpn_conv3x3

    try:
        return "none (the head starts from a gaussian)" if rpn_conv3x3(each) is None else "yes"
    except InputError as error:
        return f"unknown: {error}"


def _fault(path: Path, state: str) -> str | None:
    """What is wrong with a file, or None."""
    from rpn2t.nets.caffemodel import check_zf, read_caffemodel

    if state in ("changed", "missing"):
        return state
    try:
        check_zf(read_caffemodel(path), source=path)
    except InputError as error:
        return str(error)
    return None


def _show_progress(name: str, here: int, total: int) -> None:
    size = f"{here / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{here / 1e6:.1f} MB"
    click.echo(f"\r{name}: {size}", nl=here == total, err=True)
