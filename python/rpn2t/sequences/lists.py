"""The lists of data/, one target a line: which images a ground truth describes, and what else is peculiar."""

from rpn2t.paths import data_dir
from rpn2t.sequences.target import Entry


def read_list(name: str) -> list[Entry]:
    """The entries of a list of data/: otb, vot or uav123."""
    lines = (data_dir() / f"{name}.txt").read_text(encoding="ascii").splitlines()
    return [_parse_line(line) for line in lines if line and not line.startswith("#")]


def _parse_line(line: str) -> Entry:
    name, folder, truth, first, last, sets, *more = line.split()
    begins = dict(word.split(":") for word in more if ":" in word)
    attributes = next((word for word in more if ":" not in word), "")
    return Entry(
        name=name,
        folder=folder,
        truth=truth,
        first=int(first),
        last=int(last),
        sets=tuple(sets.split(",")),
        attributes=tuple(attributes.split(",")) if attributes else (),
        begins={protocol: int(number) for protocol, number in begins.items()},
    )
