"""What is drawn of each exhibit: the project's own plots, tables and frames, over what was measured here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from rpn2t.benchmark.vot_supervised import REPETITIONS
from rpn2t.errors import InputError
from rpn2t.eval.otb import tables as otb_tables
from rpn2t.eval.otb.curves import PLOTS, plot
from rpn2t.eval.otb.scores import OtbEvaluation
from rpn2t.eval.otb.strips import can_draw, strip_of
from rpn2t.eval.report.page import image, table_html
from rpn2t.eval.report.published import ORIGIN, published_rows
from rpn2t.eval.report.strips import html as strip_html
from rpn2t.eval.report.styles import style_of
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot import tables as vot_tables
from rpn2t.eval.vot.ablation import ablation_table as vot_variants
from rpn2t.eval.vot.plots import ar_plot, eao_plot
from rpn2t.nets.classifiers import BROUGHT, UNMATCHED, is_unmatched
from rpn2t.nets.weight_sets import find_set
from rpn2t.reproduce.box_sizes import size_plot
from rpn2t.reproduce.figure2 import figure2, label_maps, positions
from rpn2t.reproduce.reproduction import OURS, Reproduction
from rpn2t.sequences.registry import describe_absent
from rpn2t.sequences.target import ATTRIBUTES, Target

FEW = 8
"""Sequences whose frames are shown: evenly spread over those that are here."""

_SHOWN_OF_VARIANTS = 4


@dataclass(frozen=True)
class Drawn:
    """What was made here of an exhibit.

    Attributes:
        html: plots, tables and frames.
        differences: what is not as in the paper, a sentence each.
        findings: whether what the paper says holds here, a sentence each.
    """

    html: str
    differences: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def matched_anchors(reproduction: Reproduction) -> Drawn:
    """Figure 2, from the label layer itself."""
    maps = label_maps()
    anchor, quality = map(positions, maps)
    return Drawn(
        _plots({"the positions that both terms use": figure2(maps)}, wide=True),
        ("Nothing is run for it: it is the output of the label layer that trains the tracker.",),
        (f"Term 1 uses {anchor} of the 196 positions, term 2 uses {quality}.",),
    )


def matching_iou(reproduction: Reproduction) -> Drawn:
    """Figure 3: the matching IoU, how large the box gets, and frames."""
    drawn, evaluation = _compared_variants(reproduction, "fig3")
    shown = evenly(evaluation.sequences, _SHOWN_OF_VARIANTS)
    return replace(
        drawn,
        html=drawn.html.replace("<!--PLOT-->", image(size_plot(evaluation), "area of the box by progress"))
        + _strips(evaluation, shown),
        differences=(
            *drawn.differences,
            "The paper shows frames of four videos, which its text does not name. Here are curves over all "
            f"sequences, and frames of {len(shown)}, evenly spread over the list.",
        ),
    )


def classifiers(reproduction: Reproduction) -> Drawn:
    """Section 3.1: other networks under the same tracker, on OTB and on VOT."""
    drawn, evaluation = _compared_variants(reproduction, "section3.1")
    unmatched = _unmatched(reproduction, [tracker.name for tracker in evaluation.trackers])
    drawn = replace(
        drawn,
        html=drawn.html.replace("<!--PLOT-->", ""),
        differences=(*drawn.differences, *unmatched),
    )
    names = [name for name in reproduction.variants("section3.1") if reproduction.has("vot2016", name)]
    if not names:
        return replace(drawn, differences=(*drawn.differences, "VOT2016 was not run."))
    try:
        on_vot = reproduction.vot(names)
    except InputError as error:
        return replace(drawn, differences=(*drawn.differences, f"VOT2016 is not shown: {error}."))
    table = vot_variants(on_vot, reproduction.variants("section3.1"), "")
    return replace(drawn, html=f"{drawn.html}<h4>VOT2016</h4>{_variants(table)}")


def overall(reproduction: Reproduction) -> Drawn:
    """Figure 4: both plots on each list, and the published figures below ours."""
    parts, differences, findings = [], [], []
    for dataset in ("otb50", "otb100"):
        try:
            evaluation = reproduction.otb(dataset)
        except InputError as error:
            differences.append(f"{dataset} is not shown: {error}.")
            continue
        table = otb_tables.overall(evaluation)
        parts.append(
            f"<h4>{evaluation.dataset.title}</h4>{_both_plots(evaluation)}{_beside_published(table, dataset)}"
        )
        differences += _otb_differences(evaluation)
        findings.append(_rank(dataset, table, evaluation.is_whole))
    if not parts:
        raise InputError(differences[0].removesuffix("."))
    differences += [
        "The paper says OTB 50. TB-50 is taken, the 50 harder targets of OTB-100.",
        "The other trackers were not run. Their figures are published ones; the table names the source.",
    ]
    return Drawn("".join(parts), tuple(differences), tuple(findings))


def scenarios(reproduction: Reproduction) -> Drawn:
    """Figure 5: the success plot of each attribute."""
    evaluation = reproduction.otb("otb100")
    figures = {
        f"success, {ATTRIBUTES[name]}": plot(evaluation, "success", name) for name in evaluation.attributes
    }
    listed = "".join(
        table_html(otb_tables.by_attribute(evaluation, score)) for score in otb_tables.SCORES if figures
    )
    return Drawn(
        _plots(figures) + f'<div class="pair">{listed}</div>',
        (
            *_otb_differences(evaluation),
            "The paper shows 8 scenarios, which its text does not name. Here is every attribute of OTB that "
            f"occurs: {len(figures)} of {len(ATTRIBUTES)}.",
            "No published figures by attribute are at hand.",
        ),
    )


def qualitative(reproduction: Reproduction) -> Drawn:
    """Figure 6: frames with boxes."""
    evaluation = reproduction.otb("otb100")
    few = {target.name for target in evenly(reproduction.place("otb100").targets, FEW)}
    shown = [target for target in evaluation.sequences if target.name in few]
    return Drawn(
        _strips(evaluation, shown),
        (
            "The paper's text names no sequence. Here are up to eight, evenly spread over those that are "
            "here, not chosen by hand.",
            "The boxes of other trackers are drawn only if you have their result files (--beside).",
        ),
    )


def challenge(reproduction: Reproduction) -> Drawn:
    """Table 1: VOT2016's three measures."""
    evaluation = reproduction.vot()
    table = vot_tables.overall(evaluation)
    figures = {
        "expected average overlap": eao_plot(evaluation),
        "accuracy and robustness": ar_plot(evaluation),
    }
    times = reproduction.conditions.repetitions
    once = [f"A sequence was run {times} time, not {REPETITIONS}."] if times < REPETITIONS else []
    return Drawn(
        _plots(figures) + _beside_published(table, "vot2016"),
        (*_missing(evaluation.absent, evaluation.sequences, "vot2016"), *once, *_notes(evaluation.notes)),
        (_rank("vot2016", table, evaluation.is_whole),),
    )


def evenly(targets: Sequence[Target], count: int) -> list[Target]:
    """At most `count` of the targets, evenly spread over them."""
    if len(targets) <= count:
        return list(targets)
    return [targets[index * len(targets) // count] for index in range(count)]


def _compared_variants(reproduction: Reproduction, comparison: str) -> tuple[Drawn, OtbEvaluation]:
    """Success plot and table of a comparison's variants that have results.

    <!--PLOT--> is the place of a second plot.
    """
    variants = reproduction.variants(comparison)
    names = [name for name in variants if reproduction.has("otb100", name)]
    if OURS not in names:
        raise InputError(f"otb100: there are no results of {OURS} yet")
    evaluation = reproduction.otb("otb100", names)
    differences = [*_otb_differences(evaluation), *_not_shown(reproduction, comparison, names)]
    differences.append("The paper's text gives no figures for this comparison.")
    table = reproduction.variant_table(comparison, "otb100")
    success = image(plot(evaluation, "success"), "success of the variants")
    html = f'<div class="plots">{success}<!--PLOT--></div>{_variants(table) if table else ""}'
    return Drawn(html, tuple(differences)), evaluation


def _not_shown(reproduction: Reproduction, comparison: str, names: Sequence[str]) -> list[str]:
    """Which variants have no results, a sentence for each reason."""
    conditions = reproduction.conditions
    by_reason: dict[str, list[str]] = {}
    for name, variant in reproduction.variants(comparison).items():
        if name in names:
            continue
        reason = "without results"
        if variant.lacking(conditions.weights, conditions.mode):
            network = "the network's weights are not installed (`rpn2t weights import-backbone`)"
            reason = network if variant.backbone else f"not for {conditions.mode} mode"
        by_reason.setdefault(reason, []).append(name)
    return [f"Not shown, {', '.join(hidden)}: {reason}." for reason, hidden in by_reason.items()]


def _unmatched(reproduction: Reproduction, names: Sequence[str]) -> list[str]:
    """Which classification networks have features of another magnitude than the student's."""
    weights = find_set(reproduction.conditions.weights)
    cure = f"`rpn2t weights match-backbone` {BROUGHT}"
    return [f"{name}: {UNMATCHED}; {cure}." for name in names if is_unmatched(name, weights)]


def _beside_published(table: Table, dataset: str) -> str:
    """A table of ours, and the published figures below it if it has none of its own.

    An evaluation may leave them out beside a part of a data set. Here the banner and the findings say that it
    is a part.
    """
    return table_html(table) + ("" if table.reference else table_html(published_table(dataset)))


def published_table(dataset: str) -> Table:
    """The published figures on a data set, with where they stand."""
    vot = dataset == "vot2016"
    file, figures = ("vot_published.csv", _VOT_FIGURES) if vot else ("published.csv", _OTB_FIGURES)
    found = [row for row in published_rows(file, dataset) if any(row[each] for each in figures)]
    rows = tuple((row["tracker"], *(row[each] for each in figures), row["source"]) for row in found)
    return Table("published", ORIGIN.capitalize(), ("Tracker", *figures.values(), "Source"), rows)


_OTB_FIGURES = {"success_auc": "Success (AUC)", "precision_20": "Precision (20 px)"}
_VOT_FIGURES = {"eao": "EAO", "accuracy": "Accuracy", "robustness": "Robustness"}


def _variants(table: Table) -> str:
    """A table of variants, whose second column has words."""
    return f'<div class="variants">{table_html(table)}</div>'


def _both_plots(evaluation: OtbEvaluation) -> str:
    return _plots({PLOTS[kind].title: plot(evaluation, kind) for kind in PLOTS})


def _plots(figures: Mapping[str, Any], *, wide: bool = False) -> str:
    images = "".join(image(figure, alt) for alt, figure in figures.items())
    return f'<div class="plots{" wide" * wide}">{images}</div>'


def _strips(evaluation: OtbEvaluation, targets: Sequence[Target]) -> str:
    """Frames of each sequence with the trackers' boxes, and a legend."""
    if not can_draw(evaluation) or not targets:
        return ""
    legend = "".join(
        f'<li><i style="background:{style_of(number).colour}"></i>{escape(tracker.name)}</li>'
        for number, tracker in enumerate(evaluation.trackers)
    )
    rows = []
    for target in targets:
        scores = ", ".join(f"{each.name} {each.scores[target.name].auc:.3f}" for each in evaluation.trackers)
        about = f"<small>success AUC: {escape(scores)}</small>"
        rows.append(
            f'<div class="sequence"><h4>{escape(target.name)} {about}</h4>'
            f"{strip_html(strip_of(evaluation, target))}</div>"
        )
    return f'<ul class="boxes">{legend}<li><i class="truth"></i>ground truth</li></ul>{"".join(rows)}'


def _otb_differences(evaluation: OtbEvaluation) -> list[str]:
    lines = _missing(evaluation.absent, evaluation.names, evaluation.dataset.name)
    return [*lines, *_notes(evaluation.notes)]


def _missing(absent: Mapping[str, str], there: Sequence[str], dataset: str) -> list[str]:
    """Which sequences of a data set are in the figures, or which are not, whichever is shorter."""
    if not absent:
        return []
    count = f"{dataset}: {len(there)} of {len(there) + len(absent)} sequences are in these figures"
    if len(there) < len(absent):
        return [f"{count}: {', '.join(there)}."]
    return [f"{count}.", *(f"Left out of {dataset}, {line}." for line in describe_absent(absent))]


def _notes(notes: Sequence[str]) -> list[str]:
    return [f"{note[:1].upper()}{note[1:]}." for note in notes]


def _number(cell: str) -> float:
    """The number that a cell begins with; a spread may follow."""
    found = re.match(r"[\d.]+", cell)
    return float(found[0]) if found else float("nan")


def _rank(dataset: str, table: Table, whole: bool) -> str:
    """Where the paper's tracker stands among the published figures, in a sentence.

    Args:
        dataset: what was run.
        table: ours above, published rows below; the score is its second column.
        whole: whether ours was run on all of it. If not, nothing is said.
    """
    if not whole:
        return f"Not all of {dataset} was run, so nothing can be said of the paper's ranking."
    ours = next(row for row in table.rows if row[0].startswith(OURS))
    published = table.rows[len(table.rows) - table.reference :]
    others = [row for row in published if row[1] and row[0] not in (OURS, "MDNet")]  # MDNet is not in fig. 4
    above = [row[0] for row in others if _number(row[1]) > _number(ours[1])]
    here = f"{dataset}: {table.header[1]} {ours[1]} is"
    if not above:
        return f"{here} above the published figures of all {len(others)} others, as in the paper."
    return f"{here} below the published figures of {', '.join(above)}. In the paper it is above them."
