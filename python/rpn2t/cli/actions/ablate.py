"""What ``rpn2t ablate`` does."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rpn2t.benchmark.result_files import ablations_of, store_name
from rpn2t.benchmark.variants import Variant, find_variants
from rpn2t.cli.actions.benchmark import BenchmarkOptions, open_dataset, run_among_others, seed_places
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.eval.otb import ablation as otb
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot import ablation as vot
from rpn2t.eval.vot.scores import compute
from rpn2t.nets.classifiers import BROUGHT, UNMATCHED, is_unmatched
from rpn2t.nets.weight_sets import find_set
from rpn2t.paths import typed_path
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import DataSet, root_of
from rpn2t.sequences.target import Target
from rpn2t.system.files import write_whole


def run_ablation(options: BenchmarkOptions, names: str | None) -> None:
    """Run the variants one after another, then write and print the table.

    Raises:
        InputError: an input cannot be used; a variant that was asked for by name lacks its weights.
        SystemExit: 1 if sequences failed, 128 + the signal that stopped the run.
    """
    if options.mode == "auto":  # they are the paper's comparisons, on any device
        options = replace(options, mode="paper")
    variants = find_variants(names)
    whole, sequences = open_dataset(options)
    dataset = ablations_of(whole)
    spec = options.spec()
    lacking = {variant: why for variant in variants if (why := variant.lacking(options.weights, spec.mode))}
    for variant, why in lacking.items():
        if names is not None:
            raise InputError(f"--variants {variant.name}: {why}")
        say(f"{variant.name} is left out: {why}")
    _say_unmatched((variant for variant in variants if variant not in lacking), options.weights)
    failed = False
    for variant in variants:
        if variant in lacking:
            continue
        failed |= run_among_others(options, variant.of(spec), dataset, sequences, _folder(variant))
    table = _otb_table if dataset.kind == "otb" else _vot_table
    place = typed_path(options.results) / store_name(dataset, "ope")
    _write(table(options, dataset, sequences, variants), place)
    if failed:
        raise SystemExit(1)


def _say_unmatched(variants: Iterable[Variant], weights: str) -> None:
    """Name the classification networks whose features have a scale of their own."""
    for variant in variants:
        name = variant.backbone
        if name and is_unmatched(name, find_set(weights)):
            say(f"note: {variant.name}: {UNMATCHED}; `rpn2t weights match-backbone {name} SOURCE` {BROUGHT}")


def _folder(variant: Variant) -> str:
    return f"ablate-{variant.name}"


def _otb_table(
    options: BenchmarkOptions, dataset: DataSet, targets: tuple[Target, ...], variants: Iterable[Variant]
) -> Table | None:
    """Success, precision, and what figure 3 shows, of the variants that have results."""
    places = {each: seed_places(options, dataset, _folder(each)) for each in variants}
    found = otb.measure_all(
        {variant: seeds.values() for variant, seeds in places.items()}, targets, as_protocol(options.protocol)
    )
    if not found:
        return None
    frames = f", first {options.frames} frames" if options.frames else ""
    how = f"{frames}, {options.protocol} protocol, {_seeds(options, dataset)}"
    table = otb.ablation_table(found, dataset.name, how)
    if table is None:
        say("no sequence has results of every variant yet; there is no table")
    return table


def _vot_table(
    options: BenchmarkOptions, dataset: DataSet, targets: tuple[Target, ...], variants: Iterable[Variant]
) -> Table | None:
    """Accuracy, robustness and EAO of the variants that have results."""
    places = {_folder(each): seed_places(options, dataset, _folder(each)) for each in variants}
    made = [name for name, seeds in places.items() if any(each.has_runs for each in seeds.values())]
    if not made:
        return None
    results = next(iter(places[made[0]].values())).path.parent
    try:
        evaluation = compute(
            root_of(options.dataset, options.root), results, dataset=options.dataset,
            trackers=made, sequences=[target.name for target in targets], frames=options.frames,
        )  # fmt: skip
    except InputError as error:
        say(f"there is no table: {error}")
        return None
    how = f", {_seeds(options, dataset)}"
    return vot.ablation_table(evaluation, {_folder(each): each for each in variants}, how)


def _seeds(options: BenchmarkOptions, dataset: DataSet) -> str:
    seeds = seed_places(options, dataset, "")
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _write(table: Table | None, place: Path) -> None:
    if table is None:
        return
    write_whole(place / "ablation.md", table.markdown())
    write_whole(place / "ablation.csv", table.csv())
    say(table.markdown())
    say(f"written to {place / 'ablation.md'} and ablation.csv")
