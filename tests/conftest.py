"""What several tests share: a small clip whose truth is known, and one real run of the command on it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rpn2t.nets.caffe import load_caffe
from support import SMALL, TINY, Clip, TrackedRun, command, make_clip, set_options

load_caffe()  # a test that imports a layer first would import Caffe as it is, with all of its log


@pytest.fixture(autouse=True)
def cpu() -> Iterator[None]:
    """Leave Caffe on the CPU: where there is a GPU, `auto` takes it for all that follows in the process."""
    yield
    load_caffe().set_mode_cpu()


@pytest.fixture(scope="session")
def small() -> dict[str, int]:
    """Settings that make every part of the loop run in seconds."""
    return dict(SMALL)


@pytest.fixture(scope="session")
def tiny() -> dict[str, int]:
    """Settings for runs whose boxes do not matter."""
    return dict(TINY)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """The shared clip: 12 frames of 161 x 121."""
    return make_clip(tmp_path_factory.mktemp("clip") / "Square")


@pytest.fixture(scope="session")
def rpn2t() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the command in a process of its own: rpn2t("track", clip, cwd=folder)."""

    def call(*arguments: object, cwd: Path, **settings: object) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            [*command(), *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            **settings,
        )

    return call


@pytest.fixture(scope="session")
def tracked_run(
    clip: Clip,
    rpn2t: Callable[..., "subprocess.CompletedProcess[str]"],
    small: dict[str, int],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrackedRun:
    """One real run over the clip, with every default but the sample numbers; for tests that look at it."""
    cwd = tmp_path_factory.mktemp("run")
    done = rpn2t("track", clip.folder, *set_options(small), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return TrackedRun(clip, cwd / "runs" / "Square", done.stdout, done.stderr)
