"""What ``rpn2t evaluate`` does."""

from dataclasses import dataclass

from rpn2t.benchmark.experiments import as_otb_experiment
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.eval.otb.evaluation import evaluate as evaluate_otb
from rpn2t.eval.report.command_line import words
from rpn2t.eval.vot.evaluation import evaluate as evaluate_vot
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import find_dataset, root_of


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions:
    """The command line of ``rpn2t evaluate``, as it was typed."""

    dataset: str
    root: str | None
    results: str
    output: str
    trackers: str | None
    sequences: str | None
    attributes: str | None
    frames: int | None
    experiment: str
    normalised: bool
    no_strips: bool
    protocol: str


def run_evaluate(options: EvaluateOptions) -> None:
    """Measure, draw and tabulate results.

    Raises:
        InputError: an input cannot be used.
    """
    place = root_of(options.dataset, options.root)
    if find_dataset(options.dataset).kind == "vot":
        _evaluate_vot(options, place)
        return
    evaluate_otb(
        place,
        options.results,
        options.output,
        dataset=options.dataset,
        protocol=as_protocol(options.protocol),
        trackers=words(options.trackers or ""),
        attributes=words(options.attributes or ""),
        sequences=words(options.sequences or ""),
        frames=options.frames,
        experiment=as_otb_experiment(options.experiment),
        normalised=options.normalised,
        strips=not options.no_strips,
        say=say,
    )


def _evaluate_vot(options: EvaluateOptions, place: str) -> None:
    ignored = {
        "--attributes": options.attributes,
        "--normalised": options.normalised or None,
    }
    if wrong := [option for option, value in ignored.items() if value is not None]:
        raise InputError(f"{wrong[0]}: is for OTB's sequences; leave it out for VOT's")
    evaluate_vot(
        place,
        options.results,
        options.output,
        dataset=options.dataset,
        trackers=words(options.trackers or ""),
        sequences=words(options.sequences or ""),
        frames=options.frames,
        strips=not options.no_strips,
        say=say,
    )
