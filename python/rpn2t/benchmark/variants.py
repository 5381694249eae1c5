"""The paper's own comparisons: variants of the tracker with one thing changed in each.

Figure 3 varies the IoU above which anchors match. Section 3.2 adds the second term of the loss to the first;
here either is dropped. Section 3.3 compares the student with the teacher, and with the teacher's network on
half its input. Section 3.1 runs the same tracker on networks that were trained to classify. We add the
student without distillation, which the paper leaves out. Every other setting stays.
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
    """

    name: str
    about: str
    settings: tuple[str, ...] = ()
    backbone: str | None = None

    def of(self, spec: TrackerSpec) -> TrackerSpec:
        """The tracker with this changed."""
        config = spec.config.with_settings(self.settings)
        return replace(spec, config=config, backbone=self.backbone or spec.backbone)

    def lacking(self, weights: str) -> str | None:
        """What is missing to run the variant with this weight set, in a line; None if nothing is."""
        if self.backbone is None:
            return None
        try:
            BackboneSpec.find(self.backbone).weights_file(find_set(weights))
        except InputError as error:
            return str(error)
        return None


# The score is a weighted mean: the term that is left takes the whole weight, so that the success thresholds
# keep their meaning. The regressor reads its 12 positions with any loss.
VARIANTS: tuple[Variant, ...] = (
    Variant("full", "RPN2T: both terms, matching IoU 0.7, the distilled student"),
    Variant("iou-0.5", "matching IoU 0.5", ("matching_iou=0.5",)),
    Variant("iou-0.6", "matching IoU 0.6", ("matching_iou=0.6",)),
    Variant("iou-0.8", "matching IoU 0.8: 0.7's 12 positions, so the same", ("matching_iou=0.8",)),
    Variant("iou-0.9", "matching IoU 0.9", ("matching_iou=0.9",)),
    Variant(
        "term1", "term 1 alone, the matched anchors",
        ("beta=0", "score_weight_quality=0", "score_weight_anchor=1"),
    ),
    Variant(
        "term2", "term 2 alone, the box quality",
        ("alpha=0", "score_weight_anchor=0", "score_weight_quality=1"),
    ),
    Variant("teacher", "the teacher at 203 px", backbone="teacher"),
    # Half the target's pixels for the same network: a step of the map is twice as large against the target.
    Variant(
        "teacher-half", "the teacher's network at 101 px, a 7 x 7 map",
        ("anchor_stride=32", "quality_margin=1"), "teacher_half",
    ),
    Variant("undistilled", "the student with the teacher's weights", backbone="student_undistilled"),
    Variant("alexnet", "AlexNet, trained to classify", backbone="alexnet"),
    Variant("zf", "ZF, trained to classify", backbone="zf"),
    Variant("vgg16", "VGG-16, trained to classify", backbone="vgg16"),
    Variant("vgg19", "VGG-19, trained to classify", backbone="vgg19"),
)  # fmt: skip


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
