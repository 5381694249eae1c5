"""What ``rpn2t trax`` does."""

import importlib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from rpn2t.benchmark.trackers import TrackerSpec
from rpn2t.cli.chosen_tracker import TrackerOptions
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.paths import typed_path

TIMEOUT = 1800
"""Seconds after which the toolkit gives up an answer: its own 30 are less than a first frame takes."""


@dataclass(frozen=True, kw_only=True)
class TraxOptions(TrackerOptions):
    """The command line of ``rpn2t trax``, as it was typed."""

    workspace: str | None
    name: str | None
    force: bool
    random_seeds: bool

    def command(self) -> str:
        """The command that tracks with these options, from any folder."""
        given = [
            ("--tracker", self.tracker, "rpn2t"),
            ("--mode", self.mode, "auto"),
            ("--seed", str(self.seed), "0"),
            ("--device", self.device, "auto"),
            ("--weights", _anywhere(self.weights), "shipped"),
            ("--backbone", _anywhere(self.backbone), "student"),
            ("--config", _anywhere(self.config or ""), ""),
            *(("--set", setting, "") for setting in self.settings),
        ]
        words = [word for option, value, default in given if value != default for word in (option, value)]
        words += ["--tf32"] * self.tf32 + ["--random-seeds"] * self.random_seeds
        if self.bf16 is not None:
            words.append("--bf16" if self.bf16 else "--no-bf16")
        return shlex.join([sys.executable, "-m", "rpn2t", "trax", *words])


def run_trax(options: TraxOptions) -> None:
    """Serve a client at the standard streams, or write a workspace's entry.

    Raises:
        InputError: an input cannot be used.
        SystemExit: a session failed.
    """
    spec = options.spec()
    if options.workspace is not None:
        _write(options, spec, options.workspace)
        return
    if options.force:
        raise InputError("--force is for an entry of trackers.ini; give --workspace DIR as well")
    if sys.stdin.isatty() and not os.environ.get("TRAX_SOCKET"):
        raise InputError(
            "this speaks TraX to the VOT toolkit, which starts it by itself; --workspace DIR writes the "
            "entry that tells the toolkit how"
        )
    from rpn2t.toolkits.trax_server import serve

    if status := serve(spec, None if options.random_seeds else options.seed, options.name or spec.title):
        raise SystemExit(status)


def _write(options: TraxOptions, spec: TrackerSpec, workspace: str) -> None:
    from rpn2t.toolkits.trax_server import load_trax
    from rpn2t.toolkits.trax_workspace import REGISTRY, write_entry

    load_trax()
    spec.identity()  # says what is missing, now and not in the toolkit
    name = options.name or spec.title
    entry = {"label": name, "protocol": "trax", "command": options.command(), "timeout": str(TIMEOUT)}
    if ":" in spec.tracker:
        entry["env_pythonpath"] = _python_path(spec.tracker)
    written = write_entry(workspace, name, entry, force=options.force)
    where = shlex.quote(workspace)
    say(f"{name} {'is now' if written else 'was already'} in {Path(workspace) / REGISTRY}")
    say("Next, with the VOT toolkit (pip install vot-toolkit, in an environment of its own):")
    if not (typed_path(workspace) / "config.yaml").is_file():
        say(f"  vot initialize vot2016/rgb --workspace {where}")
    say(f"  cd {where}")
    for verb in ("test", "evaluate", "analysis"):
        say(f"  vot {verb} {name}")


def _anywhere(value: str) -> str:
    """A file or folder by its absolute path; a name stays."""
    from rpn2t.nets.backbone import backbone_names
    from rpn2t.nets.weight_sets import installed_sets
    from rpn2t.paths import configs_dir

    names = {*backbone_names(), *(each.name for each in installed_sets())}
    if value in names or (configs_dir() / f"{value}.toml").is_file():
        return value
    path = typed_path(value)
    return str(path.absolute()) if value and path.exists() else value


def _python_path(tracker: str) -> str:
    """PYTHONPATH with which the toolkit's process finds the module of ``module:Class``."""
    module = importlib.import_module(tracker.partition(":")[0])
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = [str(Path(path).absolute()) for path in paths if path]
    if module.__file__ is not None:
        file = Path(module.__file__).absolute()
        depth = module.__name__.count(".") + (file.name == "__init__.py")
        found.insert(0, str(file.parents[depth]))
    return os.pathsep.join(dict.fromkeys(found))
