"""The paper's own comparisons: variants of the tracker with one thing changed in each.

Figure 3 shows the tracker before the new loss: one label map, for which the matching IoU is varied. Eq. 1's
regression term, which the paper blames for the growing box, and the extreme case, all positions under one
label, stand beside it. Section 3.2 adds the second term of the loss to the first; here either is dropped,
and the matching IoU is varied with both. Section 3.3 compares the student with the teacher, and with the
teacher's network on half its input. Section 3.1 runs the same tracker on networks that were trained to
classify. We add the student without distillation, which the paper leaves out. Every other setting stays.
"""

from dataclasses import dataclass, replace

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.errors import InputError
from rpn2t.nets.backbone import BackboneSpec
from rpn2t.nets.weight_sets import find_set


@dataclass(frozen=True)
class Variant:
    """One thing changed.

    Attributes:
        name: short, fit for a folder's name.
        about: what is changed, for a table.
        settings: of the configuration, as ``--set`` takes them.
        backbone: the network, if it is another one.
        paper_mode_only: whether fast mode cannot run it.
    """

    name: str
    about: str
    settings: tuple[str, ...] = ()
    backbone: str | None = None
    paper_mode_only: bool = False

    def of(self, spec: TrackerSpec) -> TrackerSpec:
        """The tracker with this changed."""
        config = spec.config.with_settings(self.settings)
        return replace(spec, config=config, backbone=self.backbone or spec.backbone)

    def lacking(self, weights: str, mode: str = "paper") -> str | None:
        """What keeps the variant from running with this weight set in this mode, in a line, or None."""
        if self.paper_mode_only and mode != "paper":
            return "it is a variant of paper mode; leave --mode out, or say --mode paper"
        if self.backbone is None:
            return None
        try:
            BackboneSpec.find(self.backbone).weights_file(find_set(weights))
        except InputError as error:
            return str(error)
        return None


# The score is a weighted mean: the term that is left takes the whole weight, so that the success thresholds
# keep their meaning. The regressor reads its 12 positions with any loss.
_TERM1 = ("beta=0", "score_weight_quality=0", "score_weight_anchor=1")
_TERM2 = ("alpha=0", "score_weight_anchor=0", "score_weight_quality=1")

_TERM1_ALONE = Variant("term1", "term 1 alone, the matched anchors: the tracker before the new loss", _TERM1)

# Eq. 1's classification term is term 1 with its weight of 1: the tracker before the new loss.
_BEFORE: tuple[Variant, ...] = (
    Variant("term1-0.5", "term 1 alone, matching IoU 0.5", (*_TERM1, "matching_iou=0.5")),
    Variant("term1-0.6", "term 1 alone, matching IoU 0.6", (*_TERM1, "matching_iou=0.6")),
    _TERM1_ALONE,
    Variant(
        "term1-0.8", "term 1 alone, matching IoU 0.8: 0.7's 12 positions, so the same",
        (*_TERM1, "matching_iou=0.8"),
    ),
    Variant("term1-0.9", "term 1 alone, matching IoU 0.9", (*_TERM1, "matching_iou=0.9")),
    # Errors add up over the frames only if the state follows the box that the term gives.
    Variant(
        "term1-box", "eq. 1 whole: term 1, and the box learned online, which the state follows",
        (*_TERM1, "regression_weight=1", "centre_follows=1", "size_follows=1"), paper_mode_only=True,
    ),
    Variant(
        "term1-all", "term 1 alone at all 14 x 14 positions, one label as in MDNet",
        (*_TERM1, "matching_iou=0"),
    ),
)  # fmt: skip

_IOU: tuple[Variant, ...] = (
    Variant("iou-0.5", "matching IoU 0.5", ("matching_iou=0.5",)),
    Variant("iou-0.6", "matching IoU 0.6", ("matching_iou=0.6",)),
    Variant("iou-0.8", "matching IoU 0.8: 0.7's 12 positions, so the same", ("matching_iou=0.8",)),
    Variant("iou-0.9", "matching IoU 0.9", ("matching_iou=0.9",)),
)

# Both terms together have the weight 1 + 10, and the 3x3 layer learns by it.
_TERMS: tuple[Variant, ...] = (
    _TERM1_ALONE,
    Variant("term1-alpha11", "term 1 alone at alpha 11: both terms' learning rate", ("alpha=11", *_TERM1)),
    Variant("term2", "term 2 alone, the box quality", _TERM2),
)

_STUDENT: tuple[Variant, ...] = (
    Variant("teacher", "the teacher at 203 px", backbone="teacher"),
    # Half the target's pixels for the same network: a step of the map is twice as large against the target.
    Variant(
        "teacher-half", "the teacher's network at 101 px, a 7 x 7 map",
        ("anchor_stride=32", "quality_margin=1"), "teacher_half",
    ),
    Variant("undistilled", "the student with the teacher's weights", backbone="student_undistilled"),
)  # fmt: skip

_CLASSIFIERS: tuple[Variant, ...] = (
    Variant("alexnet", "AlexNet, trained to classify", backbone="alexnet"),
    Variant("caffenet", "CaffeNet, trained to classify: a stand-in for ZF", backbone="caffenet"),
    Variant("zf", "ZF, trained to classify", backbone="zf"),
    Variant("vgg16", "VGG-16, trained to classify", backbone="vgg16"),
    Variant("vgg19", "VGG-19, trained to classify", backbone="vgg19"),
)

_FULL = Variant("full", "RPN2T: both terms, matching IoU 0.7, the distilled student")

_FIGURES: dict[str, tuple[Variant, ...]] = {
    "fig3": (_FULL, *_BEFORE),
    "section3.1": (_FULL, *_CLASSIFIERS),
    "section3.2": (_FULL, *_IOU, *_TERMS),
    "section3.3": (_FULL, *_STUDENT),
}

VARIANTS: tuple[Variant, ...] = tuple(
    dict.fromkeys((_FULL, *_BEFORE, *_IOU, *_TERMS, *_STUDENT, *_CLASSIFIERS))
)
"""All of them, in the order of the table."""


def of_figure(name: str) -> tuple[Variant, ...]:
    """The variants that a figure or a section of the paper compares; ``full`` is the first.

    Args:
        name: ``fig3``, ``section3.1``, ``section3.2`` or ``section3.3``.

    Raises:
        InputError: there is no such comparison.
    """
    if name not in _FIGURES:
        raise InputError(f"{name}: no comparison of the paper's; there are {', '.join(_FIGURES)}")
    return _FIGURES[name]


def find_variants(names: str | None) -> tuple[Variant, ...]:
    """The variants of these names, separated by commas, in the paper's order; None for all.

    Raises:
        InputError: no such variant.
    """
    if names is None:
        return VARIANTS
    wanted = [name.strip() for name in names.split(",")]
    known = [variant.name for variant in VARIANTS]
    for name in wanted:
        if name not in known:
            raise InputError(f"--variants {name}: no such variant; there are {', '.join(known)}")
    return tuple(variant for variant in VARIANTS if variant.name in wanted)
