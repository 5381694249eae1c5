"""The hyper-parameters of RPN2T, in the order in which the tracker meets them.

Numbers come from the paper (arXiv 1705.10447). Where the paper only refers to MDNet's scheme, they come from
the authors' public release. Lengths are in pixels of the network's input unless a comment says otherwise.
"""

import dataclasses
import difflib
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rpn2t.errors import InputError
from rpn2t.paths import configs_dir

MODES = ("paper", "fast")
"""The tracker's two modes."""


def read_toml(path: Path, named: str) -> dict[str, Any]:
    """What a user's TOML file holds, also if it begins with a byte order mark, as Windows writes it.

    Args:
        path: the file.
        named: how the user knows it, for messages.

    Raises:
        InputError: it is no TOML.
        OSError: it cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{named}: not a TOML file: it is no text in UTF-8") from None
    except ValueError as error:  # not only TOML's own: a number may have too many digits for Python
        raise InputError(f"{named}: not a TOML file: {error}") from None
    except RecursionError:
        raise InputError(f"{named}: not a TOML file of ours: it is nested too deeply") from None


@dataclass(frozen=True, kw_only=True)
class Config:
    """The numbers of the method that can be set. Build it by keywords, :meth:`load` or :meth:`with_settings`.

    Raises:
        InputError: a value of the wrong type or out of its range, named with what is allowed.
    """

    # Anchors and matching (section 3.2, fig. 1 and 2)
    anchor_size: int = 171  # side of the one square anchor: the receptive field of the RPN's 3x3 layer
    anchor_stride: int = 16  # between neighbouring anchors
    matching_iou: float = 0.7  # term 1 uses the anchors that match the target better than this
    quality_margin: int = 2  # rows and columns of the map's rim that term 2 leaves out

    # Loss (eq. 2, and what was left of eq. 1) and score
    alpha: float = 1.0  # weight of term 1, the matched anchors
    beta: float = 10.0  # weight of term 2, the box quality
    regression_weight: float = (
        0.0  # lambda of eq. 1; above 0 the head learns the box, which the paper gave up
    )
    score_weight_anchor: float = 0.45
    score_weight_quality: float = 0.55

    # Head and solver (section 3.4)
    learning_rate: float = 0.0005
    momentum: float = 0.9
    weight_decay: float = 0.0005
    lr_mult_proposal: float = 10.0  # of the 3x3 layer; biases learn twice as fast everywhere
    lr_mult_score: float = 1.0  # of the two 1x1 layers
    proposal_std: float = 0.01  # the 3x3 layer's gaussian, if the weights have no RPN layer
    score_std: float = 0.01  # gaussian of the two 1x1 layers

    # Sampling
    scale_factor: float = 1.05  # one step of scale
    min_side: float = 10.0  # frame px; smaller targets take their own side
    frame_margin: float = 10.0  # frame px by which a sample stays smaller than the frame
    rounding: int = 1  # 1: drawn boxes and means of boxes have whole frame px; 0: they are not rounded

    # First frame
    positives_first: int = 500
    positives_first_drawn: int = 1000
    positives_first_translation: float = 0.1
    positives_first_scale: float = 5.0
    positives_first_iou: float = 0.6
    negatives_first: int = 5000  # also the number drawn of each of the two kinds
    negatives_first_translation: float = 1.0
    negatives_first_scale: float = 10.0
    negatives_first_iou: float = 0.5
    whole_steps: int = 5  # `whole`: centres a fifth of the box apart, scales from -5 to 5 steps
    iterations_first: int = 30

    # Bounding-box regression (trained once, on the first frame)
    regressor_samples: int = 10000
    regressor_positives: int = 1000
    regressor_translation: float = 0.3
    regressor_scale: float = 10.0
    regressor_scale_down: float = 0.0  # the paper's samples are never smaller than the target
    regressor_iou: float = 0.6
    regressor_matching_iou: float = 0.7  # reads conv5 at anchors that match better: 12 positions
    regressor_lambda: float = 1000.0
    regressor_views: int = 1  # of the first frame: itself, a mirror image, and two from further away (ours)

    # Each frame: candidates, score, search extension
    candidates: int = 256
    candidates_scale: float = 1.0
    translation: float = 0.6
    translation_growth: float = 1.1  # after a failed frame
    translation_max: float = 1.5
    best_candidates: int = 5  # whose mean is the target
    success_score_early: float = 0.2  # a frame whose score is below has failed
    success_score_late: float = 0.3
    early_frames: int = 50  # the last frame, counted from 1, that uses the early threshold

    centre_follows: float = 0.0  # share of the state's way to the regressed centre, after a good frame
    size_follows: float = 0.0  # and to the regressed size

    # Memory
    positives_later: int = 25
    positives_later_drawn: int = 50
    positives_later_translation: float = 0.1
    positives_later_scale: float = 5.0
    positives_later_iou: float = 0.7
    negatives_later: int = 100
    negatives_later_drawn: int = 200
    negatives_later_translation: float = 2.0
    negatives_later_scale: float = 5.0
    negatives_later_iou: float = 0.3
    negatives_memory_first_iou: float = 0.5  # of the first frame's share of the memory
    long_term_frames: int = 100  # successful frames
    short_term_frames: int = 20

    # Updates and hard negative mining
    update_interval: int = 10  # frames between long-term updates
    iterations_later: int = 10
    batch_positives: int = 32
    batch_negatives: int = 96
    mining_pool: int = 1024  # negatives scored to find a batch's hardest

    # Only for fast mode (docs/fast.md), whose other numbers differ from these in data/configs/fast.toml
    search_reach: float = 0.0  # how far to look for a lost target, in its sides; 0: not at all
    search_score: float = 0.7  # of a place at which it is believed to be
    search_likeness: float = 0.9  # and its likeness to the first frame's target, over what was usual
    search_patience: int = 2  # failed frames in a row before it is looked for
    search_collapse: float = 0.2  # below this score it is looked for at once
    search_unlike: float = 0.8  # below this part of its usual likeness, too, whatever the score
    second_look: float = 0.0  # change of a side, in logarithms, above which to measure again; 0: never
    second_look_follows: float = 0.5  # the state's size then, in place of size_follows
    refine_share: float = 0.0  # of the refinement net in the regressed box; fast mode has 0.5
    iterations_a_frame: int = 0  # of an update after a good frame, the rest frame by frame; 0: at once
    position_groups: int = 10  # of a window, on each axis, which the 1x1 layers tell apart
    batch_maps: int = 4  # frames that an iteration of an update learns from
    survey_maps: int = 12  # of the first frame, besides the target's own region
    batch_survey_maps: int = 3  # of them in an iteration

    def __post_init__(self) -> None:
        """Check every value's type and range."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            wanted = field.type
            if isinstance(value, bool) or not isinstance(value, int if wanted is int else (int, float)):
                raise InputError(f"{field.name} = {value!r}: expected {_kind(wanted)}")
            if not 0 <= value <= sys.float_info.max:
                raise InputError(f"{field.name} = {value}: must not be negative, infinite or NaN")
            if field.type is int and value > _LARGEST:
                raise InputError(f"{field.name} = {value}: must be at most {_LARGEST}")
            if field.name in _AT_LEAST_ONE and value < 1:
                raise InputError(f"{field.name} = {value}: must be at least 1")
            if field.name.endswith("_std") and value == 0:
                raise InputError(f"{field.name} = {value}: a gaussian's deviation must be positive")
            if field.name.endswith("_iou") and value >= 1:
                raise InputError(f"{field.name} = {value}: an IoU threshold lies in [0, 1)")
        for name, most in (
            ("rounding", 1),
            ("regressor_views", 4),
            ("refine_share", 1),
            ("second_look_follows", 1),
            ("search_reach", 3),
            ("search_unlike", 1),
        ):
            if getattr(self, name) > most:
                raise InputError(f"{name} = {getattr(self, name)}: must be at most {most}")
        if self.best_candidates > self.candidates:
            raise InputError(
                f"best_candidates = {self.best_candidates}: there are only {self.candidates} candidates"
            )
        if self.batch_negatives > self.mining_pool:
            raise InputError(
                f"batch_negatives = {self.batch_negatives}: mining_pool has only {self.mining_pool}"
            )

    @classmethod
    def for_mode(cls, mode: str) -> Self:
        """A mode's own numbers: those of ``paper`` are the defaults, those of ``fast`` are in a file."""
        return cls() if mode == "paper" else cls()._changed_by(mode, mode)

    @classmethod
    def load(cls, name_or_path: str | Path, mode: str = "paper") -> Self:
        """A mode's own numbers, changed by a TOML file.

        Args:
            name_or_path: a file, or the name of one of the package's own, as ``quarter``. A key ``mode`` in
                it says which mode it is made for: it would undo the other mode's own numbers.
            mode: ``paper`` or ``fast``.

        Raises:
            InputError: there is no such file, it is made for the other mode, or a setting cannot be used.
        """
        return cls.for_mode(mode)._changed_by(name_or_path, mode)

    def _changed_by(self, name_or_path: str | Path, mode: str) -> Self:
        named = configs_dir() / f"{name_or_path}.toml"
        path = named if named.is_file() else Path(name_or_path)
        try:
            values = read_toml(path, str(name_or_path))
        except OSError:
            names = ", ".join(sorted(file.stem for file in configs_dir().glob("*.toml")))
            raise InputError(f"{name_or_path}: no such configuration file; named ones are: {names}") from None
        made_for = values.pop("mode", mode)
        if made_for not in MODES:
            raise InputError(f"{name_or_path}: mode = {made_for!r}: there are {' and '.join(MODES)}")
        if made_for != mode:
            raise InputError(f"--config {name_or_path}: is made for {made_for} mode; add --mode {made_for}")
        try:
            for name in values:
                _known(name)
            return dataclasses.replace(self, **values)
        except InputError as error:
            raise InputError(f"{name_or_path}: {error}") from None

    def with_settings(self, settings: Iterable[str]) -> Self:
        """A copy with ``name=value`` texts applied, as ``--set`` gives them."""
        changed: dict[str, Any] = {}
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                raise InputError(f"--set {setting}: write name=value, as in --set candidates=128")
            field = _known(name.strip())
            if field.name in changed:
                raise InputError(f"--set {setting}: {field.name} is set twice; set it once")
            try:
                changed[field.name] = int(text) if field.type is int else float(text)
            except ValueError:
                raise InputError(f"--set {setting}: expected {_kind(field.type)}") from None
        return dataclasses.replace(self, **changed)

    def to_dict(self) -> dict[str, int | float]:
        """Every name and value, in the table's order."""
        return dataclasses.asdict(self)


_LARGEST = 1_000_000

_AT_LEAST_ONE = {
    "anchor_size", "anchor_stride", "scale_factor", "positives_first", "negatives_first",
    "whole_steps", "regressor_views", "candidates", "best_candidates", "long_term_frames",
    "short_term_frames", "position_groups", "batch_maps", "update_interval", "batch_positives",
    "batch_negatives", "mining_pool",
}  # fmt: skip


def _kind(wanted: Any) -> str:
    return "a whole number" if wanted is int else "a number"


def _known(name: str) -> "dataclasses.Field[Any]":
    fields = {field.name: field for field in dataclasses.fields(Config)}
    if name not in fields:
        near = difflib.get_close_matches(name, fields, n=1)
        cure = f"did you mean {near[0]}?" if near else "the configuration in a run.json has all of them"
        raise InputError(f"{name}: no such setting; {cure}")
    return fields[name]
