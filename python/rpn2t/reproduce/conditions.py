"""The conditions of a reproduction: what is not as in the paper is said on every page."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from rpn2t.benchmark.vot_supervised import REPETITIONS
from rpn2t.config import Config, read_toml
from rpn2t.nets.weight_sets import AUTHORS, SHIPPED, installed_sets
from rpn2t.paths import configs_dir

QUICK_FRAMES = 40
"""First frames of each sequence in a quick look."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How everything of one reproduction is run.

    Attributes:
        mode: ``paper`` or ``fast``.
        weights: a weight set, see :class:`rpn2t.Tracker`.
        seed: of every random choice, or the first of them.
        seeds: how many runs with a seed each; None for a single one.
        quick: whether it is a quick look: the first frames, and a quarter of the sample numbers.
        changed: numbers of the method that were changed, as ``--set`` takes them.
        sequences: the only ones that are run; empty for all.
    """

    mode: str
    weights: str
    seed: int = 0
    seeds: int | None = None
    quick: bool = False
    changed: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the folder is called: ``paper-authors``, ``fast-shipped-quick``."""
        words = [self.mode, PurePath(self.weights).name or "weights"]
        words += ["quick"] if self.quick else []
        words += ["changed"] if self.changed else []
        return "-".join([*words, *([f"seed{self.seed}"] if self.seed else [])])

    @property
    def frames(self) -> int | None:
        """How many first frames of a sequence are run; None for all."""
        return QUICK_FRAMES if self.quick else None

    @property
    def repetitions(self) -> int:
        """Runs of a sequence of VOT at most."""
        return 1 if self.quick else REPETITIONS

    @property
    def settings(self) -> tuple[str, ...]:
        """The numbers that differ from the mode's own, as ``--set`` takes them. What was changed stays."""
        if not self.quick:
            return self.changed
        names = {_number(each) for each in self.changed}
        quarters = quarter_of(Config.for_mode(self.mode))
        return (*(each for each in quarters if _number(each) not in names), *self.changed)

    @property
    def banner(self) -> str:
        """One line for every page: what a reader must not overlook."""
        parts = []
        if self.quick:
            parts.append(
                f"QUICK LOOK: first {QUICK_FRAMES} frames of each sequence, a quarter of the sample numbers"
            )
        parts.append("paper mode" if self.mode == "paper" else "fast mode, which is ours and not the paper's")
        parts.append(_weights_in_words(self.weights))
        parts += [f"{' '.join(self.changed)} set by hand"] if self.changed else []
        parts += [f"only {', '.join(self.sequences)}"] if self.sequences else []
        return "; ".join(parts)

    @property
    def differences(self) -> list[str]:
        """What is not as in the paper whatever is shown, a sentence each."""
        lines = []
        if self.quick:
            lines.append(
                f"A quick look: only the first {QUICK_FRAMES} frames of each sequence are run, with a "
                "quarter of the paper's sample numbers. These figures cannot be compared with published ones."
            )
        if self.mode != "paper":
            lines.append(
                "The tracker is in fast mode. That is ours, not the paper's: one pass over the surroundings."
            )
        if self.weights != AUTHORS:
            lines.append(
                f"The networks are not the authors': {_weights_in_words(self.weights)}. "
                "`rpn2t weights fetch` installs the authors', and they are then taken."
            )
        lines += [f"Set by hand: {', '.join(self.changed)}."] if self.changed else []
        lines += [f"Only these sequences were asked for: {', '.join(self.sequences)}."] * bool(self.sequences)
        return [*lines, f"{self.seeds_text.capitalize()}; the paper names none."]

    @property
    def seeds_text(self) -> str:
        """Which seeds were run."""
        return f"one seed, {self.seed}" if self.seeds is None else f"{self.seeds} seeds from {self.seed} on"


def best_weights() -> str:
    """The authors' weights if they are installed, else the shipped ones."""
    return AUTHORS if any(each.name == AUTHORS and each.files for each in installed_sets()) else SHIPPED


def quarter_of(config: Config) -> tuple[str, ...]:
    """A quarter of every sample number, as ``--set`` takes them.

    Args:
        config: of a mode. Of paper mode it gives the numbers of ``--config quarter``.
    """
    return tuple(f"{name}={max(1, int(getattr(config, name)) // 4)}" for name in _sample_numbers())


def _sample_numbers() -> Iterable[str]:
    """The numbers that ``--config quarter`` takes a quarter of."""
    return [name for name in read_toml(configs_dir() / "quarter.toml", "quarter") if name != "mode"]


def _number(setting: str) -> str:
    """The name in ``NAME=VALUE``."""
    return setting.partition("=")[0].strip()


def _weights_in_words(weights: str) -> str:
    known = {AUTHORS: "the authors' weights", SHIPPED: "the shipped weights, which are our own"}
    return known.get(weights, f"the weights {weights}")
