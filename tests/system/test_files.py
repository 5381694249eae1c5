"""Files that are written whole or not at all, and folders that one run has to itself."""

import os
import stat
from pathlib import Path

import pytest

from rpn2t.errors import InputError
from rpn2t.system import files
from rpn2t.system.files import exclusive, require_writable, unfinished, write_whole


@pytest.mark.parametrize("content", ["läßt\n", b"\x00\xff"])
def test_what_is_written_is_there_with_its_folder_for_everyone_to_read(
    tmp_path: Path, content: str | bytes
) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, "before")
    write_whole(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["file"]


def test_what_breaks_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_whole(path, "before")

    def full(descriptor: int) -> None:
        assert [each.parent for each in unfinished(path)] == [tmp_path]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match=f"^{path}: cannot write: No space left on device$"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_cannot_hold_another(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="below: cannot write: "):
        write_whole(tmp_path / "file" / "below", "")
    with pytest.raises(InputError, match="is not a folder; choose another --output"):
        require_writable(tmp_path / "file" / "below", "--output")
    with (
        pytest.raises(InputError, match=r"file: cannot write there \(.*\); choose another --results"),
        exclusive(tmp_path / "file" / "lock", "--results", "busy"),
    ):
        pass


def test_a_second_run_is_refused_until_the_first_is_over(tmp_path: Path) -> None:
    lock = tmp_path / "folder" / "lock"
    with (
        exclusive(lock, "--output", "busy"),
        pytest.raises(InputError, match="busy"),
        exclusive(lock, "--output", "busy"),
    ):
        pass
    with exclusive(lock, "--output", "busy"):
        pass
