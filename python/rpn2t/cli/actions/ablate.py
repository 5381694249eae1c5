"""What ``rpn2t ablate`` does."""

from collections.abc import Iterable
from dataclasses import replace

from rpn2t.benchmark.result_files import ablations_of
from rpn2t.benchmark.variants import Variant, find_variants
from rpn2t.cli.actions.benchmark import BenchmarkOptions, open_dataset, run_over, seed_places
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.eval.otb.ablation import ablation_table, measure
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import DataSet
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
    if dataset.kind != "otb":
        raise InputError(f"{options.dataset}: the comparisons are run on sequences in OTB's layout")
    spec = options.spec()
    lacking = {variant: why for variant in variants if (why := variant.lacking(options.weights))}
    for variant, why in lacking.items():
        if names is not None:
            raise InputError(f"--variants {variant.name}: {why}")
        say(f"{variant.name} is left out: {why}")
    failed = False
    for variant in variants:
        if variant in lacking:
            continue
        try:
            run_over(options, variant.of(spec), dataset, sequences, _folder(variant))
        except SystemExit as stop:
            if stop.code != 1:
                raise
            failed = True  # its sequences were named, and the other variants can still run
    _write_table(options, dataset, sequences, variants)
    if failed:
        raise SystemExit(1)


def _folder(variant: Variant) -> str:
    return f"ablate-{variant.name}"


def _write_table(
    options: BenchmarkOptions, dataset: DataSet, targets: tuple[Target, ...], variants: Iterable[Variant]
) -> None:
    places = {each: seed_places(options, dataset, _folder(each)) for each in variants}
    protocol = as_protocol(options.protocol)
    found = {
        variant: [measure(folder, targets, protocol) for folder in seeds.values()]
        for variant, seeds in places.items()
    }
    found = {variant: seeds for variant, seeds in found.items() if all(seeds)}
    if not found:
        return
    first = next(iter(places.values()))
    how = f"seed{'s' * (len(first) > 1)} {', '.join(map(str, first))}"
    frames = f", first {options.frames} frames" if options.frames else ""
    table = ablation_table(found, dataset.name, f"{frames}, {options.protocol} protocol, {how}")
    if table is None:
        say("no sequence has results of every variant yet; there is no table")
        return
    place = next(iter(first.values())).path.parent
    write_whole(place / "ablation.md", table.markdown())
    write_whole(place / "ablation.csv", table.csv())
    say(table.markdown())
    say(f"written to {place / 'ablation.md'} and ablation.csv")
