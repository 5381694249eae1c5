"""The image: what its user is told, and the Dockerfile as far as it can be checked without Docker."""

import importlib.util
import platform
import re
import subprocess
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.run.folder import RunFolder
from rpn2t.video.sources import open_source
from support import ROOT

MOUNT = '-v "$PWD":/work'
CALLER = '--user "$(id -u):$(id -g)"'


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RPN2T_CONTAINER", "cpu")


def stages() -> dict[str, list[list[str]]]:
    """The instructions of each stage of the Dockerfile, as words."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, list[list[str]]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if words[:1] == ["FROM"]:
            found[words[-1]] = []
        elif words and found:
            found[list(found)[-1]].append(words)
    return found


def copied(stage: list[list[str]]) -> list[str]:
    """What a stage copies out of the repository."""
    copies = [words[1:-1] for words in stage if words[0] == "COPY" and not words[1].startswith("--from")]
    return [source for sources in copies for source in sources]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path go to the builder: the last pattern that fits decides."""
    verdict = True
    parts = [PurePath(path), *PurePath(path).parents]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!").removeprefix("**/")
        names = [part.name if "**/" in line else str(part) for part in parts]
        if line and not line.startswith("#") and any(fnmatchcase(name, pattern) for name in names):
            verdict = line.startswith("!")
    return verdict


# What the user is told


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_track_alone_shows_how_the_image_is_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    monkeypatch.setenv("RPN2T_CONTAINER", kind)
    assert main(["track"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    gpus = "--gpus all " if kind == "cuda" else ""
    assert f"`docker run --rm {gpus}{MOUNT} {CALLER} rpn2t track clip.mp4 --init 68,36,54,62`" in said.err


def test_track_alone_outside_a_container(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RPN2T_CONTAINER", raising=False)
    assert main(["track"]) == 2
    said = capsys.readouterr().err
    assert "as in `rpn2t track clip.mp4 --init" in said
    assert "docker" not in said


@pytest.mark.usefixtures("container")
@pytest.mark.parametrize("source", ["clip.mp4", "frames/*.png"])
def test_a_missing_source_in_a_container_names_the_mount(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match=re.escape(MOUNT)) as refused:
        open_source(str(tmp_path / source))
    assert str(refused.value).startswith(str(tmp_path / source))


@pytest.mark.usefixtures("container")
def test_a_folder_of_somebody_else_in_a_container_names_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rpn2t.system.files.TemporaryFile", refuse)
    with pytest.raises(InputError, match=re.escape(CALLER)):
        RunFolder(tmp_path / "runs")
    monkeypatch.delenv("RPN2T_CONTAINER")
    with pytest.raises(InputError, match="choose another --output") as refused:
        RunFolder(tmp_path / "runs")
    assert "--user" not in str(refused.value)


@pytest.mark.usefixtures("container")
def test_results_of_somebody_else_in_a_container_name_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    folder = RunFolder(tmp_path)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=re.escape(CALLER)), folder.recording({}):
        pass


@pytest.mark.usefixtures("container")
def test_a_container_has_no_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", str(tmp_path), "--show"]) == 2
    assert "make gui" not in capsys.readouterr().err


# The Dockerfile


def test_plain_docker_build_makes_the_cuda_image() -> None:
    assert list(stages())[-1] == "cuda"


@pytest.mark.parametrize("stage", stages())
def test_what_a_stage_copies_is_there_and_is_sent(stage: str) -> None:
    for source in copied(stages()[stage]):
        path = ROOT / source
        assert path.exists(), source
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        kept = [str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts]
        assert [file for file in kept if not sent(file)] == []


@pytest.mark.parametrize(
    "path",
    [".git/HEAD", ".venv/bin/python", "build/caffe/x.o", "runs/clip/video.mp4", "clip.mp4",
     "OTB/Deer/img/1.jpg", "docker/README.md", "python/rpn2t/__pycache__/x.pyc", "rpn2t.egg-info/PKG-INFO"],
)  # fmt: skip
def test_nothing_else_is_sent(path: str) -> None:
    assert not sent(path)


def test_the_whole_package_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    linked = {path.resolve().name for path in (ROOT / "python" / "rpn2t").iterdir() if path.is_symlink()}
    assert linked == {"data", "eval", "layers", "prototxt"}
    folders = {*project["tool"]["setuptools"]["package-dir"].values(), *linked}
    assert folders | {"pyproject.toml", project["project"]["readme"]} <= set(copied(stages()["package"]))


def test_code_is_copied_after_caffe_was_built() -> None:
    code = set(copied(stages()["package"])) - {"requirements.txt"}
    for stage in ("builder", "caffe-cpu", "caffe-cuda", "runtime"):
        assert not code & set(copied(stages()[stage])), stage


def debian_release() -> str:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ""
    return f"{release['ID']}-{release.get('VERSION_ID', '')}"


@pytest.mark.skipif(debian_release() != "debian-12", reason="the image's packages are Debian 12's")
def test_the_image_has_the_libraries_that_caffe_links() -> None:
    named = {word for words in stages()["runtime"] if words[0] == "RUN" for word in words}
    spec = importlib.util.find_spec("caffe")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    packages = {}
    for library in folder.glob("*.so*"):
        needed = set(re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", str(library))))
        for name, path in re.findall(r"^\s*(\S+) => (\S+)", run("ldd", str(library)), re.MULTILINE):
            assert path != "not", f"{name} is not found"
            if name in needed and folder.parent not in Path(path).parents:
                owner = run("dpkg-query", "--search", f"*/{Path(path).resolve().name}").split(":")[0]
                packages[name] = owner
    assert len(packages) > 8
    always = {"libc6", "libgcc-s1", "libstdc++6"}  # every other package brings them
    assert {name: owner for name, owner in packages.items() if owner not in named | always} == {}


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
