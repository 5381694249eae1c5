"""How a folder of results was made: what is refused, and what is listed."""

import json
from pathlib import Path

import pytest

from rpn2t.benchmark.manifest import Manifest, read_manifest
from rpn2t.cli.actions.results import list_results
from rpn2t.errors import InputError


def test_two_data_sets_of_one_name_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    Manifest(path, {"seed": 0}, Path("/d1/clips")).add("A", {"frames": 3})
    assert Manifest(path, {"seed": 0}, Path("/d1/clips")).runs == {"A": {"frames": 3}}
    with pytest.raises(InputError, match="holds results on /d1/clips, and this is /d2/clips; give another"):
        Manifest(path, {"seed": 0}, Path("/d2/clips"))


def test_a_manifest_that_does_not_know_its_folder_goes_on(tmp_path: Path) -> None:
    """Those of version 0.1.0 do not, and those of data sets that have a list."""
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({"identity": {"seed": 0}, "runs": {"A": {}}}))
    manifest = Manifest(path, {"seed": 0}, Path("/d1/clips"))
    manifest.write()
    assert read_manifest(path) == {
        "identity": {"seed": 0}, "folder": "/d1/clips", "seed_of": None, "runs": {"A": {}}
    }  # fmt: skip


def test_results_may_become_one_of_several_seeds_and_stay_it(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    Manifest(path, {"seed": 0}).add("A", {"frames": 3})
    for asked in ("T", None):
        manifest = Manifest(path, {"seed": 0}, seed_of=asked)
        manifest.write()
        assert read_manifest(path)["seed_of"] == "T"
        assert manifest.runs == {"A": {"frames": 3}}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", '{"runs": [1]}', '{"identity": 3}', '{"runs": {"A": 1}}', '{"seed_of": 3}', "[" * 9999],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json: .*; give another --name, or remove its folder"):
        Manifest(path, {})


def test_a_damaged_manifest_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"tracker": "kcf", "protocol": "otb", "seed": 0, "frames": None}
    for name, text in (
        ("A", "damaged"), ("B", json.dumps({"identity": good, "runs": {"x": {"frames": 2, "seconds": 1}}})),
        ("C", json.dumps({"identity": good, "runs": {"x": {"frames": "two"}}})),
    ):  # fmt: skip
        (tmp_path / "clips" / name).mkdir(parents=True)
        (tmp_path / "clips" / name / "manifest.json").write_text(text)
    list_results(str(tmp_path))
    said = capsys.readouterr()
    assert said.out.startswith("clips          B                1 runs, 0.5 s a frame (tracker kcf, ")
    assert said.out.splitlines()[1:] == [
        f"compare them with: rpn2t evaluate DATASET --root DIR --results {tmp_path}"
    ]
    assert [line.split(": ")[1].split("/")[-2] for line in said.err.splitlines()] == ["A", "C"]
