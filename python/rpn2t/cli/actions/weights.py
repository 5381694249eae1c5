"""What ``rpn2t weights`` does."""

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import click

from rpn2t.errors import InputError
from rpn2t.nets.classifiers import fetch_backbone, identify, import_backbone, match_backbone
from rpn2t.nets.install import AUTHORS_URL, fetch_authors, import_set, scale_set
from rpn2t.nets.weight_sets import (
    AUTHORS,
    WeightSet,
    checked_layers,
    find_set,
    installed_sets,
    rpn_conv3x3,
    verify,
)
from rpn2t.system.files import sha256
from rpn2t.video.sources import open_source

_FRAMES_TO_MATCH, _FRAMES_APART = 8, 10


def list_installed() -> None:
    """Say which sets are installed, file by file."""
    for each in installed_sets():
        click.echo(f"{each.name}  {each.folder}")
        for name, state in verify(each).items():
            click.echo(f"  {_file_line(each.folder / name, state)}")
        click.echo(f"  3x3 layer: {_conv3x3(each)}")


def _file_line(path: Path, state: str) -> str:
    if state == "missing":
        return f"{path.name}  missing"
    return f"{path.name}  {path.stat().st_size / 1e6:.1f} MB  sha256 {sha256(path)[:12]}  {state}"


def _conv3x3(each: WeightSet) -> str:
    try:
        return "none (the head starts from a gaussian)" if rpn_conv3x3(each) is None else "yes"
    except InputError as error:
        return f"unknown: {error}"


def verify_named(names: Sequence[str]) -> bool:
    """Check sets, all if none is named, and say what was found.

    Returns:
        Whether every file is sound.

    Raises:
        InputError: there is no such set.
    """
    damaged = False
    for each in [find_set(name) for name in names] or installed_sets():
        for name, state in verify(each).items():
            fault = _fault(each.folder / name, state)
            damaged |= fault is not None
            click.echo(f"{each.name}/{name}: {fault or state}")
    return not damaged


def _fault(path: Path, state: str) -> str | None:
    """What is wrong with a file, or None."""
    if state in ("changed", "missing"):
        return state
    try:
        checked_layers(path)
    except InputError as error:
        return str(error)
    return None


def install_files(
    name: str, student: str | None, teacher: str | None, mean: Sequence[float], force: bool
) -> None:
    """Install local files as a set; see :func:`rpn2t.nets.install.import_set`.

    Raises:
        InputError: a file cannot be used, or the set is there already.
    """
    made = import_set(name, student, teacher, mean, force=force)
    _say_installed(made)
    if student is None:
        click.echo("its student is the teacher's conv1 to conv5, undistilled;")
        click.echo(f"distil it with: rpn2t distill --images PHOTOGRAPHS --weights {made.name}")


def write_scaled(source: str, factor: float, output: str, half: bool) -> None:
    """Write a set with conv5 scaled; see :func:`rpn2t.nets.install.scale_set`.

    Raises:
        InputError: the set cannot be used, or the folder cannot take it.
    """
    made = scale_set(find_set(source), factor, output, half=half)
    click.echo(f"wrote {', '.join(path.name for path in made.files.values())} to {made.folder}")
    click.echo(f"use it with: rpn2t track SOURCE --weights {made.folder}")


def install_backbone(name: str, file: str, mean: Sequence[float], force: bool) -> None:
    """Install a classification network's weights; see :func:`rpn2t.nets.classifiers.import_backbone`.

    Raises:
        InputError: there is no such network, the file does not fit, or something is installed already.
    """
    place = import_backbone(name, file, mean, force=force)
    known = identify(file)
    what = f"the published {known.name}, by its SHA-1" if known else "no published file that is known"
    click.echo(f"installed {name} as {place}: {what}")
    _say_match(name)


def scale_backbone(name: str, source: str, weights: str) -> None:
    """Bring a classification network to the student's magnitude on some frames of a source.

    Raises:
        InputError: the network is not installed, or the source cannot be read.
    """
    with open_source(source) as opened:
        frames = islice(opened.frames(), 0, _FRAMES_TO_MATCH * _FRAMES_APART, _FRAMES_APART)
        images = [frame.image for frame in frames]
    factor = match_backbone(name, images, find_set(weights))
    click.echo(
        f"{name}: conv5 times {factor:.4g}, so that on {len(images)} frames of {source} its feature vectors "
        f"are as long as the student's of {weights}"
    )


def download(name: str, url: str | None, force: bool) -> None:
    """Download the authors' weights, or a classification network's.

    Raises:
        InputError: they cannot be fetched, or are not what was published.
    """
    tell = _show_arrived if sys.stderr.isatty() else None
    if name == AUTHORS:
        _say_installed(fetch_authors(url or AUTHORS_URL, name=name, force=force, tell=tell))
    else:
        click.echo(f"installed {name} as {fetch_backbone(name, url, force=force, tell=tell)}")
        _say_match(name)


def _say_match(name: str) -> None:
    click.echo(f"bring its conv5 to the student's magnitude with: rpn2t weights match-backbone {name} SOURCE")


def _say_installed(made: WeightSet) -> None:
    click.echo(f"installed {made.name} in {made.folder}: {', '.join(p.name for p in made.files.values())}")
    click.echo(f"use it with: rpn2t track SOURCE --weights {made.name}")


def _show_arrived(name: str, here: int, total: int) -> None:
    size = f"{here / 1e6:.1f} of {total / 1e6:.1f} MB" if total else f"{here / 1e6:.1f} MB"
    click.echo(f"\r{name}: {size}", nl=here == total, err=True)
