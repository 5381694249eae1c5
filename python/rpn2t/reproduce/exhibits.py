"""The paper's evaluation in one table: what each figure, table and comparison shows, says, and is made of.

Read EXHIBITS from above: it is the paper's order. ``rpn2t reproduce`` runs and draws nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rpn2t.errors import InputError
from rpn2t.reproduce import drawings
from rpn2t.reproduce.drawings import Drawn
from rpn2t.reproduce.reproduction import Reproduction


@dataclass(frozen=True)
class Run:
    """What is run over a data set.

    Attributes:
        dataset: otb100 or vot2016. otb50 is a part of otb100.
        comparison: the name of a comparison, all of whose variants are run; None for the paper's tracker.
        few: run only so many sequences, evenly spread over those that are here; None for all.
    """

    dataset: str
    comparison: str | None = None
    few: int | None = None


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A figure, a table or a comparison of the paper.

    Attributes:
        name: as it is asked for.
        place: in the paper.
        title: what it shows, in the paper's caption or ours.
        quotes: what the paper says of it, word for word.
        runs: what is run for it. It is drawn if one of the data sets is here.
        draw: makes it of what was reproduction.
    """

    name: str
    place: str
    title: str
    quotes: tuple[str, ...]
    runs: tuple[Run, ...]
    draw: Callable[[Reproduction], Drawn]


EXHIBITS = (
    Exhibit(
        name="section3.1",
        place="Section 3.1",
        title="Features of classification networks under the same tracker",
        quotes=(
            "We tested this hypothesis using four off-the-shelf CNNs trained for ImageNet, namely AlexNet, "
            "ZF net, VGG-16 and VGG-19 network. Except replacing the backbone network, we kept all the other "
            "settings the same with our method.",
            "comparing to the state-of-the-art results these models showed significant performance "
            "degeneration",
        ),
        runs=(Run("otb100", "section3.1"), Run("vot2016", "section3.1")),
        draw=drawings.classifiers,
    ),
    Exhibit(
        name="fig2",
        place="Figure 2, section 3.2",
        title="Structure of the top layer feature map",
        quotes=(
            "If we set the IoU threshold to 0.7, fig.2 (a) shows all the anchors which have the matched "
            "anchor box.",
            "we treat the central 2x2 position the same",
        ),
        runs=(),
        draw=drawings.matched_anchors,
    ),
    Exhibit(
        name="fig3",
        place="Figure 3, section 3.2",
        title="The tracking result with the model which does not use the new loss function",
        quotes=(
            "We explored different IoU values from 0.5 to 0.9 for anchor box matching [...]. However, the "
            "results were disappointing.",
            "[a relatively big IoU threshold:] the system is able to successfully track most of the objects "
            "[...] at the beginning but the bounding box will gradually get large",
            "[a relatively small one:] we found improved bounding box quality. However, this only happens "
            "for those objects whose appearance does not change dramatically",
        ),
        runs=(Run("otb100", "fig3"),),
        draw=drawings.matching_iou,
    ),
    Exhibit(
        name="fig4",
        place="Figure 4, section 4.1",
        title="Overall results on OTB 50 and OTB 100",
        quotes=(
            "our approach not only outperformed all the methods use hand-crafted features, it also "
            "outperformed other CNN based methods",
            "MDNet was not included in the comparison because the usage of labeled tracking data in offline "
            "training is prohibited in recent standard benchmarks",
        ),
        runs=(Run("otb100"),),
        draw=drawings.overall,
    ),
    Exhibit(
        name="fig5",
        place="Figure 5, section 4.1",
        title="Performance comparison within 8 different challenging scenarios in OTB 100",
        quotes=(
            "Our method is able to robustly handled all the 8 types of scenarios and outperformed all the "
            "other methods.",
        ),
        runs=(Run("otb100"),),
        draw=drawings.scenarios,
    ),
    Exhibit(
        name="fig6",
        place="Figure 6, section 4.1",
        title="Qualitative results of our method",
        quotes=("Some of the qualitative results can be found in fig.6.",),
        runs=(Run("otb100", few=drawings.FEW),),
        draw=drawings.qualitative,
    ),
    Exhibit(
        name="table1",
        place="Table 1, section 4.2",
        title="Results on VOT 2016",
        quotes=(
            "Our method was also quantitatively compared with the top 5 methods in the VOT 2016 challange "
            "including TCNN, C-COT, Staple, SSAT and MLDF.",
            "Our method ranks the first in EAO and is competitive in ACC and ROB.",
        ),
        runs=(Run("vot2016"),),
        draw=drawings.challenge,
    ),
)
"""All of it, in the paper's order."""

ALL = "all"


def find_exhibits(name: str) -> tuple[Exhibit, ...]:
    """The exhibit of this name, or all of them.

    Raises:
        InputError: there is none.
    """
    found = tuple(each for each in EXHIBITS if name in (each.name, ALL))
    if not found:
        names = ", ".join(each.name for each in EXHIBITS)
        raise InputError(f"{name}: no such part of the paper; there are {names}, {ALL}")
    return found
