"""Options that several verbs share, and help that lists options under headings."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from rpn2t.benchmark.experiments import OTB_EXPERIMENTS
from rpn2t.config import MODES
from rpn2t.run.formats.names import FILES
from rpn2t.sequences.protocols import PROTOCOLS

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TRACKER = "The tracker"
RUN = "What is run"
PHOTOGRAPHS = "What it learns from"
LEARNING = "How it learns"
_PLACE = "Where it runs"
_TRAINING = "The training"

FORMAT = click.Choice(list(FILES))
"""Of a run's table, for ``--format``."""

EXPERIMENTS = click.Choice(OTB_EXPERIMENTS)
"""OTB's, for ``--experiment``."""


class _Option(click.Option):
    """An option that help lists under a heading."""

    def __init__(self, *declarations: Any, group: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.group = group


class Command(click.Command):
    """A command that refuses a second value where only one counts, so that none is passed over unsaid."""

    def make_parser(self, ctx: click.Context) -> Any:
        """click's parser, which would take the last value of an option and drop the others."""
        parser = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_once(args: list[str]) -> Any:
            values, rest, order = parse(args)
            for option in order:
                single = isinstance(option, click.Option) and not (option.is_flag or option.multiple)
                if single and order.count(option) > 1:
                    raise click.UsageError(f"{option.opts[0]} is given twice; give it once.", ctx)
            return values, rest, order

        parser.parse_args = parse_once  # type: ignore[method-assign]
        return parser


class Group(click.Group):
    """A group of such commands."""

    command_class = Command


class GroupedCommand(Command):
    """A command whose help lists its options under their headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, heading by heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if isinstance(option, click.Option) and record is not None:
                groups.setdefault(option.group if isinstance(option, _Option) else "Other", []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)


def grouped_option(group: str, *declarations: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """`click.option`, listed under a heading."""
    return click.option(*declarations, cls=_Option, group=group, **settings)


PROTOCOL = grouped_option(
    RUN,
    "--protocol",
    type=click.Choice(PROTOCOLS),
    default="otb",
    show_default=True,
    help="Whose rules to follow where the community disagrees; docs/evaluation.md lists the differences.",
)

RESULTS = grouped_option(
    RUN, "--results", metavar="DIR", default="results", show_default=True, help="Folder of all results."
)


def _seed_option(group: str) -> Callable[[Decorated], Decorated]:
    return grouped_option(
        group,
        "--seed",
        type=click.IntRange(0, 2**32 - 1),
        default=0,
        show_default=True,
        metavar="N",
        help="Seed of every random choice.",
    )


def _device_option(group: str) -> Callable[[Decorated], Decorated]:
    return grouped_option(
        group,
        "--device",
        default="auto",
        show_default=True,
        metavar="auto|cpu|gpu:N",
        help="auto: a GPU if one works, otherwise the CPU. The first line says which.",
    )


any_tracker_option = grouped_option(
    RUN,
    "--tracker",
    default="rpn2t",
    show_default=True,
    metavar="NAME",
    help="rpn2t; csrt, kcf, mil or mosse of OpenCV; or module:Class, with init(image, box) and "
    "update(image) -> box, score.",
)
"""``--tracker``, of the verbs that run other trackers than RPN2T as well."""


_TRACKER_OPTIONS = (
    grouped_option(
        TRACKER,
        "--mode",
        type=click.Choice(["auto", *MODES]),
        default="auto",
        show_default=True,
        help="paper: the paper's method and numbers. fast: one forward pass for each frame, for a CPU. "
        "auto: paper on a GPU, fast on a CPU.",
    ),
    _seed_option(TRACKER),
    _device_option(TRACKER),
    grouped_option(
        TRACKER,
        "--tf32",
        is_flag=True,
        help="Let a GPU compute in TF32: faster, but less exact. The default is float32, as in the paper.",
    ),
    grouped_option(
        TRACKER,
        "--bf16/--no-bf16",
        default=None,
        help="Let a CPU with AVX512-BF16 or AMX compute in bfloat16: faster, but less exact. "
        "The default: in fast mode it does.",
    ),
    grouped_option(
        TRACKER,
        "--weights",
        default="shipped",
        show_default=True,
        metavar="NAME|DIR",
        help="A set of weights; `rpn2t weights` lists them.",
    ),
    grouped_option(
        TRACKER,
        "--backbone",
        default="student",
        show_default=True,
        metavar="NAME|DIR",
        help="The network that makes the features: student, teacher, or one of your own.",
    ),
    grouped_option(
        TRACKER,
        "--config",
        metavar="NAME|FILE",
        help="Hyper-parameters: a TOML file, or the named configuration quarter, which is for paper mode.",
    ),
    grouped_option(
        TRACKER,
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Change one hyper-parameter, after --config. May be repeated.",
    ),
)


def tracker_options(function: Decorated) -> Decorated:
    """Give a verb the options that choose how RPN2T runs, from ``--mode`` to ``--set``."""
    return _with(_TRACKER_OPTIONS, function)


REPETITIONS = grouped_option(
    RUN,
    "--repetitions",
    type=click.IntRange(1, 15),
    default=15,
    show_default=True,
    metavar="N",
    help="Run VOT's experiment at most N times. If the first three runs agree, they are enough.",
)

_RUNNING_OPTIONS = (
    grouped_option(
        RUN, "--root", metavar="DIR", help="Folder of the sequences. Not needed if DATASET is a folder."
    ),
    RESULTS,
    grouped_option(RUN, "--sequences", metavar="A,B", help="Run only these sequences."),
    grouped_option(
        RUN, "--frames", type=click.IntRange(min=2), metavar="N", help="Run only the first N frames of each."
    ),
)


_SEEDS_OPTION = grouped_option(
    RUN,
    "--seeds",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Run N seeds, from --seed on, each into a folder NAME-seedS. `rpn2t evaluate` shows them as one "
    "tracker, with mean and spread.  [default: one seed, in NAME]",
)

_PLACE_OPTIONS = (
    grouped_option(
        _PLACE,
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        metavar="N",
        help="Processes on this machine. They share the cores evenly.",
    ),
    grouped_option(
        _PLACE,
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        help="Threads of each worker, at most one a core.  [default: cores / workers]",
    ),
    grouped_option(
        _PLACE, "--scheduler", metavar="ADDRESS", help="Use the dask cluster there, as in tcp://host:8786."
    ),
)


def running_options(function: Decorated) -> Decorated:
    """Give a verb that runs over a data set the options that choose its sequences and its workers."""
    return _with((*_RUNNING_OPTIONS, _SEEDS_OPTION, *_PLACE_OPTIONS), function)


def reproducing_options(function: Decorated) -> Decorated:
    """Give a verb what the paper's evaluation leaves open: seeds, device and workers."""
    return _with((_seed_option(TRACKER), _SEEDS_OPTION, _device_option(TRACKER), *_PLACE_OPTIONS), function)


def training_options(output: str) -> Callable[[Decorated], Decorated]:
    """Give a verb that trains its photographs, its seed, its device and ``--output`` with this default."""
    options = (
        grouped_option(
            PHOTOGRAPHS,
            "--images",
            required=True,
            metavar="DIR",
            help="Folder of photographs, or of Pascal VOC.",
        ),
        grouped_option(
            PHOTOGRAPHS,
            "--annotations",
            metavar="DIR|FILE",
            help="Folder of Pascal VOC's XML files, or a list in JSON lines. Not needed if --images is "
            "Pascal VOC's folder.",
        ),
        grouped_option(
            PHOTOGRAPHS,
            "--held-out-source",
            metavar="NAME",
            help="Hold out every tenth photograph of only this source of the list, instead of all.",
        ),
        grouped_option(
            _TRAINING, "--output", default=output, show_default=True, metavar="DIR", help="Folder to write."
        ),
        _seed_option(_TRAINING),
        _device_option(_TRAINING),
    )
    return lambda function: _with(options, function)


def _with(options: Sequence[Callable[[Decorated], Decorated]], function: Decorated) -> Decorated:
    for option in reversed(options):
        function = option(function)
    return function
