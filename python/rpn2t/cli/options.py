"""Options that several verbs share, and help that lists options under headings."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TRACKER = "The tracker"
PHOTOGRAPHS = "What it learns from"
LEARNING = "How it learns"
_RUN = "The run"


class _Option(click.Option):
    """An option that help lists under a heading."""

    def __init__(self, *declarations: Any, group: str, **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.group = group


class GroupedCommand(click.Command):
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
        help="auto takes a GPU that works, else the CPU, and the first line says which.",
    )


def any_tracker_option(group: str) -> Callable[[Decorated], Decorated]:
    """``--tracker``, of the verbs that run others than RPN2T as well."""
    return grouped_option(
        group,
        "--tracker",
        default="rpn2t",
        show_default=True,
        metavar="NAME",
        help="rpn2t, OpenCV's csrt, kcf, mil or mosse, or module:Class with init(image, box) and "
        "update(image) -> box, score.",
    )


_TRACKER_OPTIONS = (
    grouped_option(
        TRACKER,
        "--mode",
        type=click.Choice(["auto", "paper", "fast"]),
        default="auto",
        show_default=True,
        help="paper: the method and the numbers of the paper. fast: one forward pass a frame, for a CPU. "
        "auto: paper on a GPU, fast on a CPU.",
    ),
    _seed_option(TRACKER),
    _device_option(TRACKER),
    grouped_option(
        TRACKER,
        "--tf32",
        is_flag=True,
        help="Let a GPU compute in TF32: faster, less exact. Without it, in float as the paper did.",
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
        help="Hyper-parameters: a TOML file, or a named configuration: quarter, for paper mode.",
    ),
    grouped_option(
        TRACKER,
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="One hyper-parameter, after --config; may be repeated.",
    ),
)


def tracker_options(function: Decorated) -> Decorated:
    """Give a verb the options that choose RPN2T: mode, seed, device, tf32, weights and the other three."""
    return _with(_TRACKER_OPTIONS, function)


def training_options(output: str) -> Callable[[Decorated], Decorated]:
    """Give a verb that trains the options that choose its photographs, ``--output`` with this default,
    ``--seed`` and ``--device``.
    """
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
            help="Pascal VOC's XML files, or a list in JSON lines (needless where --images is Pascal VOC's).",
        ),
        grouped_option(
            PHOTOGRAPHS,
            "--held-out-source",
            metavar="NAME",
            help="Hold out every tenth photograph of this source of the list alone, and not of all.",
        ),
        grouped_option(
            _RUN, "--output", default=output, show_default=True, metavar="DIR", help="Folder to write."
        ),
        _seed_option(_RUN),
        _device_option(_RUN),
    )
    return lambda function: _with(options, function)


def _with(options: Sequence[Callable[[Decorated], Decorated]], function: Decorated) -> Decorated:
    for option in reversed(options):
        function = option(function)
    return function
