"""What holds for the options of every verb."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rpn2t.cli import cli, main
from rpn2t.cli.options import Command
from rpn2t.eval.otb_plots import main as otb_plots


def commands(group: click.Group) -> Iterator[click.Command]:
    """The verbs, and the verbs of verbs."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command)
        else:
            yield command


def test_every_verb_refuses_an_option_that_is_given_twice() -> None:
    found = list(commands(cli))
    assert len(found) > 10
    assert [command.name for command in found if not isinstance(command, Command)] == []


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["track", "clip.mp4", "--init-file", "a.txt", "--init-file", "b.txt"], "--init-file"),
        (["track", "clip.mp4", "--seed", "0", "--seed=0"], "--seed"),
        (["evaluate", "otb100", "--root", "a", "--root", "b"], "--root"),
        (["datasets", "check", "otb100", "--root", "a", "--root", "b"], "--root"),
    ],
)
def test_an_option_that_takes_one_value_is_given_once(
    arguments: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert f"rpn2t: {option} is given twice; give it once." in errors
    assert errors.count("\n") == 1


def test_flags_and_settings_may_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["--set", "candidates=16", "--set", "batch_maps=1", "--no-video", "--no-video"]
    assert main(["track", "nowhere.mp4", *settings]) == 2
    assert "nowhere.mp4" in capsys.readouterr().err
    assert main(["track", "nowhere.mp4", *settings, "--set", "candidates=32"]) == 2
    assert "--set candidates=32: candidates is set twice; set it once" in capsys.readouterr().err


def test_the_scripts_of_evaluation_refuse_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--root", str(tmp_path), "--results", str(tmp_path), "--output", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as stop:
        otb_plots([*places, "--frames", "3", "--frames", "4"])
    assert stop.value.code == 2
    assert "otb_plots.py: --frames is given twice; give it once" in capsys.readouterr().err


def test_an_option_that_is_missing_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "Missing option '--format'. Choose from: mot, coco, cvat" in errors
