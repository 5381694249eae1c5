"""Results in other toolkits' layouts (tests/benchmark/test_benchmark.py has the layouts)."""

from pathlib import Path

import pytest

from rpn2t.benchmark.result_files import ResultFolder
from rpn2t.errors import InputError
from rpn2t.sequences.registry import find_dataset
from rpn2t.toolkits.export import export


def test_damaged_times_are_refused_in_one_line(tmp_path: Path) -> None:
    dataset = find_dataset("otb100")
    folder, deer = ResultFolder(tmp_path, dataset, "ope", "T"), dataset.entry("Deer")
    assert deer is not None
    folder.times(deer).parent.mkdir(parents=True)
    folder.boxes(deer).write_text("1,1,4,3\n" * 2)
    folder.times(deer).write_text("0.5\n0,5\n")
    with pytest.raises(InputError, match=r"Deer_time\.txt: not a list of seconds; remove it"):
        export("got10k", folder, dataset, tmp_path / "out", "otb")
    folder.times(deer).write_text("0.5\n0.25\n")
    assert export("got10k", folder, dataset, tmp_path / "out", "otb")[0] == 1
    written = (tmp_path / "out" / "OTB2015" / "T" / "times" / "Deer_time.txt").read_text()
    assert written == "0.50000000\n0.25000000\n"
