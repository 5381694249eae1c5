"""What a target is: its line in a data set's list, and what a copy on the disk holds of it.

A sequence is a folder of images. It has a target for each of its ground-truth files: most sequences have one,
Jogging and Skating2 have two. Trackers are run on targets, and results are called after them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import Floats, to_one_based
from rpn2t.sequences.layouts import Kind
from rpn2t.sequences.protocols import Protocol

ATTRIBUTES = {
    "IV": "illumination variation", "OPR": "out-of-plane rotation", "SV": "scale variation",
    "OCC": "occlusion", "DEF": "deformation", "MB": "motion blur", "FM": "fast motion",
    "IPR": "in-plane rotation", "OV": "out of view", "BC": "background clutter", "LR": "low resolution",
}  # fmt: skip
"""OTB's attributes in the order of its files and plots."""


@dataclass(frozen=True)
class Entry:
    """A line of a list.

    Attributes:
        name: of the target: Deer, Jogging-1.
        folder: of the sequence, within the data set's: Deer, Jogging, airplane/airplane-1.
        truth: the ground-truth file, from that folder on.
        first: number of the image that the first row of the ground truth describes.
        last: number of the image that the last row describes; None if only the folder knows.
        sets: the lists it belongs to.
        attributes: OTB's.
        begins: protocol -> number of the image at which it begins, if that is not `first`.
    """

    name: str
    folder: str
    truth: str
    first: int
    last: int | None
    sets: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    begins: Mapping[str, int] = field(default_factory=dict)

    @property
    def folder_name(self) -> str:
        """The name of the sequence's own folder."""
        return PurePosixPath(self.folder).name

    @property
    def rows(self) -> int | None:
        """Rows of the whole ground truth; None if only the folder knows."""
        return None if self.last is None else self.last - self.first + 1

    def omitted(self, protocol: Protocol) -> int:
        """How many rows at the beginning this protocol leaves out."""
        return self.begins.get(protocol, self.first) - self.first


@dataclass(frozen=True)
class Target:
    """One target to track.

    Attributes:
        entry: its line.
        kind: ``otb`` or ``vot``.
        truth: (n, 4) boxes of the first frames, 0-based; rows that are no box stay as they are. A data set
            that keeps its ground truth secret has the first frame's alone.
        images: the files of all frames, in order; empty if the root holds only annotations.
        regions: VOT's ground truth as it was annotated: for each row 4 numbers (x, y, w, h) or the corners
            of a polygon; empty for OTB.
        attributes: the entry's, or those of the root's own att/NAME.txt.
    """

    entry: Entry
    kind: Kind
    truth: Floats
    images: tuple[Path, ...]
    regions: tuple[Floats, ...]
    attributes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The target's name."""
        return self.entry.name

    def __len__(self) -> int:
        """The frames that are run."""
        return len(self.images) or len(self.truth)

    @property
    def is_measurable(self) -> bool:
        """Whether a frame besides the first, whose box is given to the tracker, has a ground truth."""
        return len(self) == 1 or bool(np.isfinite(self.truth[1:]).all(axis=1).any())

    def head(self, frames: int | None) -> "Target":
        """The target in the first frames of its sequence, or in all if None."""
        return replace(
            self, truth=self.truth[:frames], images=self.images[:frames], regions=self.regions[:frames]
        )


def valid_truth(truth: ArrayLike) -> NDArray[np.bool_]:
    """Which rows of the ground truth are boxes: all four numbers are positive in OTB's 1-based pixels.

    Args:
        truth: (n, 4) ground truth, 0-based here as everywhere.

    Returns:
        Shape (n,).
    """
    valid: NDArray[np.bool_] = np.all(to_one_based(truth) > 0, axis=1)
    return valid


def plain_name(name: str) -> str:
    """A name without what toolkits spell differently: Jogging-1, Jogging.1 and jogging_1 are jogging1."""
    return re.sub(r"[-._ ]", "", name).lower()


def spelled(name: str) -> str:
    """A name with one sign where toolkits have several: Jogging-1 and jogging_1 are jogging.1, not jogging1.

    UAV123 has a car1_1 and a car11.
    """
    return re.sub(r"[-._ ]", ".", name).lower()
