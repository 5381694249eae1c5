"""The page of a VOT evaluation: curves, tables, and frames of each sequence."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape

from rpn2t.benchmark.vot_supervised import ground_truth
from rpn2t.eval.report.page import image, render, score_list, table_html
from rpn2t.eval.report.strips import Corners, Strip, box_corners, html, strip
from rpn2t.eval.report.tables import Table
from rpn2t.eval.vot.scores import VotEvaluation
from rpn2t.eval.vot.tables import name_of
from rpn2t.sequences.target import Target
from rpn2t.sequences.vot_regions import Region, is_state
from rpn2t.system.plotting import Figure


def page(
    evaluation: VotEvaluation, figures: Mapping[str, Figure], found: Mapping[str, Table], *, strips: bool
) -> str:
    """The page's text.

    Args:
        evaluation: what was measured.
        figures: what they show -> the plots above the first table.
        found: its tables by their names.
        strips: whether frames are shown, if there are any.
    """
    plots = "".join(image(figure, what) for what, figure in figures.items())
    sections = {
        "Overall": f'<div class="plots">{plots}</div>{table_html(found["overall"], heading=False)}',
        "Sequences": table_html(found["sequences"], heading=False),
    }
    if strips and can_draw(evaluation):
        sections["Frames"] = (
            '<p class="note">Accuracy and failures by tracker; the ground truth is the thin white outline; '
            "frames count from 0. Regions are those of a tracker's first repetition. It has none in a frame "
            "in which it failed, was started, or waited to be started.</p>" + "".join(_sequences(evaluation))
        )
    names = [name_of(evaluation, name) for name in evaluation.trackers]
    return render("VOT report", evaluation.scope, names, evaluation.absent, evaluation.notes, sections)


def can_draw(evaluation: VotEvaluation) -> bool:
    """Whether there are images to draw regions on."""
    return any(target.images for target in evaluation.shown)


def strip_of(evaluation: VotEvaluation, target: Target) -> Strip:
    """The frames of a sequence that has images, with the truth and what every tracker's first run tracked."""
    truth = ground_truth(target)
    found = [_rows(regions[target.name]) for regions in evaluation.regions.values()]
    return strip(target.name, target.images[: len(truth)], _rows(truth), found)


def region_corners(region: Region) -> Corners:
    """The corners of a region; none for a state."""
    if is_state(region):
        return ()
    return box_corners(region) if len(region) == 4 else tuple(zip(region[::2], region[1::2], strict=True))


def _rows(regions: Sequence[Region]) -> Callable[[int], Corners]:
    return lambda row: region_corners(regions[row])


def _sequences(evaluation: VotEvaluation) -> Iterator[str]:
    """Scores and frames of each sequence; those where the first tracker fails most often come first."""
    first = next(iter(evaluation.trackers.values()))
    for target in sorted(evaluation.shown, key=lambda each: -first[each.name].failures):
        images = html(strip_of(evaluation, target)) if target.images else ""
        yield (
            f'<section class="sequence" id="{escape(target.name)}"><h3>{escape(target.name)} '
            f"<small>{len(target)} frames</small></h3>{_scores(evaluation, target)}{images}</section>"
        )


def _scores(evaluation: VotEvaluation, target: Target) -> str:
    found = [(name, scores[target.name]) for name, scores in evaluation.trackers.items()]
    rows = [(name, f"{score.accuracy:.3f}", f"{score.failures:.3g}") for name, score in found]
    return score_list("accuracy / failures", rows)
