"""Where a reproduction's data sets lie below its one root.

    ROOT/otb/Deer/img/0001.jpg     OTB; or ROOT/Deer/..., if sequences lie there
    ROOT/vot2016/bag/00000001.jpg  VOT2016; or ROOT/bag/...

The folders may be called in capitals.
"""

from dataclasses import dataclass
from pathlib import Path

from rpn2t.benchmark.experiments import Experiment
from rpn2t.errors import InputError
from rpn2t.sequences.protocols import Protocol
from rpn2t.sequences.registry import DataSet, describe_absent, find_dataset
from rpn2t.sequences.target import Target

PROTOCOL: Protocol = "otb"
"""Whose rules are followed: the paper evaluates by OTB's own toolkit."""

_NOTHING = "nothing of the data set is there"

_FOLDERS = {"otb": "otb", "vot": "vot2016"}


@dataclass(frozen=True)
class Place:
    """What is here of a data set.

    Attributes:
        dataset: all of it, or the part that was asked for.
        root: the folder of its sequences.
        targets: those that can be run, in all of their frames.
        absent: name of each other target -> why.
        asked_for: whether any of it is meant.
    """

    dataset: DataSet
    root: Path
    targets: tuple[Target, ...]
    absent: dict[str, str]
    asked_for: bool = True

    @property
    def experiment(self) -> Experiment:
        """How it is run."""
        return experiment_of(self.dataset)

    @property
    def left_out(self) -> list[str]:
        """What is not here and why, in lines."""
        if self.absent and set(self.absent.values()) == {_NOTHING}:
            return ["all of it: nothing is there"]
        return describe_absent(self.absent)

    @property
    def count(self) -> str:
        """``3 of 100 sequences``; of a part that was asked for, also how many there are in all."""
        whole = len(find_dataset(self.dataset.name).entries)
        part = "" if len(self.dataset.entries) == whole else f" that were asked for ({whole} in all)"
        return f"{len(self.targets)} of {len(self.dataset.entries)} sequences{part}"


def experiment_of(dataset: DataSet) -> Experiment:
    """How a data set is run: OTB in one pass, VOT by its own experiment."""
    return "vot" if dataset.kind == "vot" else "ope"


def root_below(root: Path, dataset: DataSet) -> Path:
    """The folder of a data set's sequences; it need not be there.

    Args:
        root: the reproduction's.
        dataset: OTB's lists lie in one folder.
    """
    name = _FOLDERS[dataset.kind]
    inside = [path for path in sorted(root.glob("*/")) if path.name.lower() == name]
    if inside:
        return inside[0]
    own = any((root / entry.folder).is_dir() for entry in dataset.entries)
    return root if own else root / name


def look(root: Path, name: str, sequences: tuple[str, ...] = ()) -> Place:
    """What is here of a data set. A root that lacks it has no targets.

    Args:
        root: the reproduction's.
        name: of the data set: otb100, otb50, vot2016.
        sequences: the only ones that are meant; those of other data sets are passed over. Empty for all.
    """
    whole = find_dataset(name)
    wanted = [each for each in sequences if _holds(whole, each)]
    dataset = whole.select(wanted) if wanted else whole
    folder = root_below(root, whole)
    if sequences and not wanted:
        return Place(whole, folder, (), {entry.name: "not asked for" for entry in whole.entries}, False)
    try:
        opened = dataset.open(folder, PROTOCOL)
    except InputError:
        return Place(dataset, folder, (), dict.fromkeys((entry.name for entry in dataset.entries), _NOTHING))
    targets = tuple(target for target in opened.sequences if target.images)
    bare = {target.name: f"{target.name}: no images" for target in opened.sequences if not target.images}
    return Place(dataset, folder, targets, {**opened.absent, **bare})


def require_known(sequences: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Check that every sequence belongs to one of the data sets.

    Raises:
        InputError: one does not.
    """
    for each in sequences:
        if not any(_holds(find_dataset(name), each) for name in names):
            raise InputError(f"--sequences {each}: no sequence of {' or '.join(names)}")


def _holds(dataset: DataSet, sequence: str) -> bool:
    try:
        dataset.select([sequence])
    except InputError:
        return False
    return True
