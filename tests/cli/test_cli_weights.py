"""``rpn2t weights`` as a user types it."""

import socket
from pathlib import Path

import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.nets.caffemodel import ZF_SHAPES, read_caffemodel, write_caffemodel
from rpn2t.nets.weight_sets import FILES
from rpn2t.paths import models_dir


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RPN2T_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "weights"


@pytest.fixture(scope="module")
def zf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zf") / "some.caffemodel"
    layers = {name: [np.ones(shape, np.float32) for shape in shapes] for name, shapes in ZF_SHAPES.items()}
    write_caffemodel(path, layers)
    return path


def test_no_verb_lists_the_shipped_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights"]) == 0
    shown = capsys.readouterr().out
    assert main(["weights", "list"]) == 0
    assert capsys.readouterr().out == shown
    lines = shown.splitlines()
    assert lines[0].startswith("shipped  ")
    assert lines[1].split()[:3] == ["zf_refiner.caffemodel", "18.3", "MB"]
    assert lines[2].split()[:3] == ["zf_student.caffemodel", "14.9", "MB"]
    assert lines[2].endswith("  ok")
    assert lines[3].split()[:3] == ["zf_teacher.caffemodel", "17.3", "MB"]
    assert lines[4] == "  3x3 layer: yes"


def test_verify_passes_on_the_shipped_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "verify"]) == 0
    parts = ("refiner", "student", "teacher")
    assert capsys.readouterr().out == "".join(f"shipped/zf_{part}.caffemodel: ok\n" for part in parts)


def test_import_then_damage(home: Path, zf_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "import", "mine", "--student", str(zf_file)]) == 0
    assert "--weights mine" in capsys.readouterr().out
    assert main(["weights", "verify", "mine"]) == 0
    (home / "mine" / "zf_student.caffemodel").write_bytes(b"damaged")
    capsys.readouterr()
    assert main(["weights", "verify", "mine"]) == 1
    assert capsys.readouterr().out == "mine/zf_student.caffemodel: changed\n"
    assert main(["weights"]) == 0
    assert "  changed\n" in capsys.readouterr().out


def test_import_of_a_teacher_says_that_its_student_is_undistilled(
    home: Path, zf_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["weights", "import", "mine", "--teacher", str(zf_file), "--mean", "102.98,115.95,122.77"]
    assert main(arguments) == 0
    *_, last_but_one, last = capsys.readouterr().out.splitlines()
    assert last_but_one.endswith("undistilled;")
    assert last == "distil it with: rpn2t distill --images PHOTOGRAPHS --weights mine"
    bias = read_caffemodel(home / "mine" / "zf_student.caffemodel")["conv1"][1]
    np.testing.assert_allclose(bias, 1 + 49 * (3 * 128 - 102.98 - 115.95 - 122.77), rtol=1e-6)
    assert main(["weights", "verify", "mine"]) == 0


def test_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "scale", "shipped", "2", "--output", str(tmp_path / "twice")]) == 0
    *_, last = capsys.readouterr().out.splitlines()
    assert last == f"use it with: rpn2t track SOURCE --weights {tmp_path / 'twice'}"
    assert main(["weights", "verify", str(tmp_path / "twice")]) == 0
    for name in FILES.values():
        before, after = (read_caffemodel(folder / name) for folder in (models_dir(), tmp_path / "twice"))
        np.testing.assert_array_equal(after["conv5"][0], 2 * before["conv5"][0])
        np.testing.assert_array_equal(after["conv4"][0], before["conv4"][0])
    name = "zf_refiner.caffemodel"
    before, after = (read_caffemodel(folder / name) for folder in (models_dir(), tmp_path / "twice"))
    np.testing.assert_array_equal(after["now5"][0], before["now5"][0] / 2)
    np.testing.assert_array_equal(after["now3"][0], before["now3"][0])


def test_verify_reads_a_file_without_a_checksum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "zf_student.caffemodel").write_bytes(b"damaged")
    assert main(["weights", "verify", str(tmp_path)]) == 1
    assert "not a Caffe model" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "nobody"], "rpn2t: weights nobody: no such set or folder (installed: shipped)\n"),
        (
            ["import", "x", "--student", "no/such.file"],
            "rpn2t: no/such.file: cannot be read (No such file or dir",
        ),
        (
            ["import", "x"],
            "rpn2t: weights x: nothing to import; give --teacher FILE, --student FILE or both\n",
        ),
        (["import", "x", "--teacher", "f", "--mean", "1,2"], "rpn2t: --mean 1,2: give three numbers, blue,"),
        (["import", "x", "--teacher", "f", "--mean", "1,2,nan"], "rpn2t: --mean 1,2,nan: give three numbers"),
        (
            ["scale", "shipped", "0", "--output", "{tmp}/o"],
            "rpn2t: factor 0.0: give a number from 1e-6 to 1e6\n",
        ),
        (["scale", "shipped", "2", "--output", "{tmp}"], "rpn2t: {tmp}: not an empty folder; give another"),
        (["scale", "nobody", "2", "--output", "{tmp}/o"], "rpn2t: weights nobody: no such set or folder"),
        (["import", "shipped", "--student", "f"], "rpn2t: weights 'shipped': not a name for a set"),
    ],
)
def test_refusals_take_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "full").touch()
    assert main(["weights", *(word.format(tmp=tmp_path) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(message.format(tmp=tmp_path))
    assert error.count("\n") == 1


def test_the_authors_weights_before_they_are_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "verify", "authors"]) == 2
    assert capsys.readouterr().err == (
        "rpn2t: weights authors: no such set or folder (installed: shipped); "
        "`rpn2t weights fetch` downloads them\n"
    )


def test_fetch_without_a_network_takes_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as closed:  # bound but not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        assert main(["weights", "fetch", "--from", url]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"rpn2t: {url}/proposal_learn_160k_voc_5_9000: cannot be fetched (")
    assert error.count("\n") == 1
    assert list(home.iterdir()) == []
