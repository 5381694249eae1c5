"""``rpn2t weights``: the options and their help. What it does is in rpn2t.cli.actions.weights."""

from collections.abc import Callable
from math import isfinite

import click

from rpn2t.cli.options import Decorated, Group
from rpn2t.errors import InputError


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


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def weights(context: click.Context) -> None:
    """List, verify, import, fetch or scale weights.

    A set of weights is a folder with zf_student.caffemodel and, in most, zf_teacher.caffemodel.
    `shipped` comes with the package. Your own sets are in $RPN2T_HOME/weights or
    ~/.local/share/rpn2t/weights. `rpn2t track --weights` takes a set's name or any such folder.

    Without a verb: list what is installed.
    """
    if context.invoked_subcommand is None:
        context.invoke(list_sets)


@weights.command("list")
def list_sets() -> None:
    """List the installed sets, file by file.

    By the set's SHA256SUMS a file is ok, changed or missing; unlisted, if SHA256SUMS does not name it. The
    last line of a set says whether it holds a region proposal network's 3x3 layer, from which the tracker's
    head starts. Without one the head starts from a gaussian. The exit status is 0 even if a file is damaged:
    `rpn2t weights verify` is the test.
    """
    from rpn2t.cli.actions.weights import list_installed

    list_installed()


@weights.command("verify")
@click.argument("names", metavar="[NAME_OR_DIR]...", nargs=-1)
@click.pass_context
def verify_sets(context: click.Context, names: tuple[str, ...]) -> None:
    """Check sets (all, if none is named): checksums, format, shapes.

    The exit status is 1 if a file is damaged: changed, missing, unreadable, or not a ZF net's weights. A
    file that SHA256SUMS does not list is read, and its shapes are checked.
    """
    from rpn2t.cli.actions.weights import verify_named

    context.exit(0 if verify_named(names) else 1)


@weights.command("import")
@click.argument("name")
@click.option("--student", metavar="FILE", help="Caffe model with the ZF net's conv1 to conv5.")
@click.option(
    "--teacher", metavar="FILE", help="The teacher's model, with the RPN's 3x3 layer if it has one."
)
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

    Without --student the student is the teacher's conv1 to conv5, undistilled. Both of Caffe's formats are
    read. The layers' shapes are checked first: if a file is not a ZF net's, the first layer that does not
    fit is named. If a file has mean 128 and the layer names used here (conv_proposal1, rpn_cls_score and
    rpn_bbox_pred, if it has an RPN), it is copied as it is. Otherwise conv1 to conv5 and the RPN's layers
    are kept, under these names and with the mean in conv1's bias.
    """
    from rpn2t.cli.actions.weights import install_files

    install_files(name, student, teacher, mean, force)


@weights.command("scale")
@click.argument("source", metavar="NAME|DIR")
@click.argument("factor", type=float)
@click.option(
    "--output",
    required=True,
    metavar="DIR",
    help="Folder of the scaled set, for `--weights DIR`. It must be new or empty.",
)
@click.option(
    "--half", is_flag=True, help="Round to half precision, so that the files compress to half the size."
)
def scale(source: str, factor: float, output: str, half: bool) -> None:
    """Write a set with conv5 multiplied by FACTOR, in the student and in the teacher.

    The head's learning rates suit the magnitudes of the authors' conv5. Other weights may track better at
    another scale. The RPN's 3x3 layer, which reads conv5, is divided by FACTOR, so that its proposals stay
    what they were.
    """
    from rpn2t.cli.actions.weights import write_scaled

    write_scaled(source, factor, output, half)


@weights.command("import-backbone")
@click.argument("name")
@click.argument("file")
@_mean_option("104,117,123")
@click.option("--force", is_flag=True, help="Replace what is installed.")
def import_backbone(name: str, file: str, mean: tuple[float, ...], force: bool) -> None:
    """Install a classification network's weights, for the comparison of section 3.1.

    NAME is alexnet, caffenet, zf, vgg16 or vgg19. FILE is a Caffe model of it: bvlc_alexnet.caffemodel,
    bvlc_reference_caffenet.caffemodel, VGG_ILSVRC_16_layers.caffemodel or VGG_ILSVRC_19_layers.caffemodel,
    which are known by their SHA-1, or another one with these layers. No checksum of a ZF that was trained to
    classify is known: ZF.v2.caffemodel of py-faster-rcnn has its layers, and CaffeNet can stand in for it.
    Then `rpn2t track --backbone NAME` and `rpn2t ablate` can use it.
    """
    from rpn2t.cli.actions.weights import install_backbone

    install_backbone(name, file, mean, force)


@weights.command("match-backbone")
@click.argument("name")
@click.argument("source")
@click.option(
    "--weights", default="shipped", show_default=True, metavar="NAME|DIR", help="The set with the student."
)
def match_backbone(name: str, source: str, weights: str) -> None:
    """Bring the conv5 of an installed classification network to the student's magnitude.

    The head's learning rates suit the magnitude of the student's conv5. One factor on the network's last
    convolution makes its feature vectors as long, as the root mean square over every tenth frame of SOURCE,
    eight at most. SOURCE is whatever `rpn2t track` takes. `rpn2t ablate` says which networks lack it.
    """
    from rpn2t.cli.actions.weights import scale_backbone

    scale_backbone(name, source, weights)


@weights.command("fetch")
@click.argument(
    "name",
    type=click.Choice(["authors", "alexnet", "caffenet", "vgg16", "vgg19"]),
    default="authors",
    metavar="[authors|alexnet|caffenet|vgg16|vgg19]",
)
@click.option("--from", "url", metavar="URL", help="Take the files from this folder (a mirror).")
@click.option("--force", is_flag=True, help="Replace what is installed.")
def fetch(name: str, url: str | None, force: bool) -> None:
    """Download published weights: the authors', or those of a classification network.

    The authors' are two files of their public repository, github.com/jimmy-ren/RPN2T, and become the set
    `authors`. Both must be byte for byte the authors' (by their git blob ids). The others are BVLC's AlexNet
    and CaffeNet and Oxford's VGGs, half a gigabyte each, which must have the SHA-1 that is known of them; see
    `rpn2t weights import-backbone`. Otherwise nothing is installed.
    """
    from rpn2t.cli.actions.weights import download

    download(name, url, force)
