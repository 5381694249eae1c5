"""A run's table in other tools' formats, against texts made by hand and the tools' own readers."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.run.formats.coco import coco_text
from rpn2t.run.formats.cvat import cvat_text
from rpn2t.run.formats.mot import mot_text
from rpn2t.run.formats.names import FILES
from rpn2t.run.formats.registry import FORMATS
from rpn2t.run.formats.rows_file import read_rows
from rpn2t.run.formats.source_info import SourceInfo
from rpn2t.run.rows import Row
from rpn2t.video.sources import open_source
from support import Clip

SOURCE = SourceInfo(name="birds", width=160, height=120, length=6, fps=25.0)

ROWS = [
    Row("crane", 1, 0.04, (10.0, 20.0, 30.0, 40.0), None, "given"),
    Row("crane", 2, 0.08, (10.5, 20.25, 30.125, 40.0), 0.987654, "found"),
    Row("<chick>, 2", 2, 0.08, (0.0, 0.0, 5.0, 6.0), None, "given"),
    Row("<chick>, 2", 3, None, (-1.5, 2.0, 5.0, 6.0), 0.25, "lost"),
    Row("crane", 5, 0.2, (12.0, 22.0, 31.0, 41.0), None, "fixed"),
]
"""Of six frames: the crane is not followed in frames 3 and 4, the chick not after frame 3."""

TABLE = """\
object,frame,time_s,x,y,w,h,score,status
crane,1,0.04,10.0,20.0,30.0,40.0,,given
crane,2,0.08,10.5,20.25,30.125,40.0,0.987654,found
"<chick>, 2",2,0.08,0.0,0.0,5.0,6.0,,given
"<chick>, 2",3,,-1.5,2.0,5.0,6.0,0.25,lost
crane,5,0.2,12.0,22.0,31.0,41.0,,fixed
"""

MOT = """\
2,1,11.000,21.000,30.000,40.000,1.0000,-1,-1,-1
3,1,11.500,21.250,30.125,40.000,0.9877,-1,-1,-1
3,2,1.000,1.000,5.000,6.000,1.0000,-1,-1,-1
4,2,-0.500,3.000,5.000,6.000,0.2500,-1,-1,-1
6,1,13.000,23.000,31.000,41.000,1.0000,-1,-1,-1
"""

CVAT = """\
<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <name>birds</name>
      <size>6</size>
      <mode>interpolation</mode>
      <overlap>0</overlap>
      <start_frame>0</start_frame>
      <stop_frame>5</stop_frame>
      <labels>
        <label>
          <name>crane</name>
          <type>rectangle</type>
          <attributes />
        </label>
        <label>
          <name>&lt;chick&gt;, 2</name>
          <type>rectangle</type>
          <attributes />
        </label>
      </labels>
      <original_size>
        <width>160</width>
        <height>120</height>
      </original_size>
    </task>
  </meta>
  <track id="0" label="crane" source="auto">
    <box frame="1" keyframe="1" outside="0" occluded="0" xtl="10.000" ytl="20.000" xbr="40.000" ybr="60.000" z_order="0" />
    <box frame="2" keyframe="1" outside="0" occluded="0" xtl="10.500" ytl="20.250" xbr="40.625" ybr="60.250" z_order="0" />
    <box frame="3" keyframe="1" outside="1" occluded="0" xtl="10.500" ytl="20.250" xbr="40.625" ybr="60.250" z_order="0" />
    <box frame="5" keyframe="1" outside="0" occluded="0" xtl="12.000" ytl="22.000" xbr="43.000" ybr="63.000" z_order="0" />
  </track>
  <track id="1" label="&lt;chick&gt;, 2" source="auto">
    <box frame="2" keyframe="1" outside="0" occluded="0" xtl="0.000" ytl="0.000" xbr="5.000" ybr="6.000" z_order="0" />
    <box frame="3" keyframe="1" outside="0" occluded="1" xtl="-1.500" ytl="2.000" xbr="3.500" ybr="8.000" z_order="0" />
    <box frame="4" keyframe="1" outside="1" occluded="1" xtl="-1.500" ytl="2.000" xbr="3.500" ybr="8.000" z_order="0" />
  </track>
</annotations>
"""  # noqa: E501


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """What a run leaves of what the formats need."""
    folder = tmp_path / "birds"
    folder.mkdir()
    (folder / "boxes.csv").write_text(TABLE)
    source = {"name": "birds", "width": 160, "height": 120, "length": 6, "fps": 25.0, "files": []}
    (folder / "run.json").write_text(json.dumps({"source": source | {"first_frame": 1}, "frames": []}))
    return folder


def test_mot_is_what_the_benchmark_asks_for() -> None:
    assert mot_text(reversed(ROWS[:2]), SOURCE) == "".join(MOT.splitlines(keepends=True)[:2])
    assert mot_text(ROWS, SOURCE) == MOT
    for line in MOT.splitlines():  # TrackEval guesses the separator from the first line
        assert csv.Sniffer().sniff(line + "\n").delimiter == ","


@pytest.mark.filterwarnings("ignore")  # what it does itself is deprecated in pandas
def test_motmetrics_reads_mot_back(tmp_path: Path) -> None:
    motmetrics = pytest.importorskip("motmetrics")
    (tmp_path / "mot.txt").write_text(mot_text(ROWS, SOURCE))
    table = motmetrics.io.loadtxt(tmp_path / "mot.txt", fmt="mot15-2D")
    for row, track in zip(ROWS, (1, 1, 2, 2, 1), strict=True):
        found = table.loc[row.frame + 1, track]
        np.testing.assert_allclose(found[["X", "Y", "Width", "Height"]], row.box)
        assert found["Confidence"] == pytest.approx(1 if row.score is None else row.score, abs=1e-4)


def coco(rows: list[Row], source: SourceInfo = SOURCE) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(coco_text(rows, source))
    return content


def test_coco_has_the_keys_of_tao_and_of_cocovid() -> None:
    content = coco(ROWS)
    assert content["videos"] == [
        {
            "id": 1, "name": "birds", "width": 160, "height": 120, "length": 6, "fps": 25.0,
            "neg_category_ids": [], "not_exhaustive_category_ids": [],
        }
    ]  # fmt: skip
    assert [(each["id"], each["name"]) for each in content["categories"]] == [(1, "crane"), (2, "<chick>, 2")]
    assert [(each["id"], each["category_id"], each["video_id"]) for each in content["tracks"]] == [
        (1, 1, 1),
        (2, 2, 1),
    ]
    assert [each["frame_index"] for each in content["images"]] == [1, 2, 3, 5]
    assert content["images"][0] == {
        "id": 2, "video_id": 1, "file_name": "birds_000001.png", "width": 160, "height": 120,
        "frame_index": 1, "frame_id": 1, "time_s": 0.04,
    }  # fmt: skip
    assert content["annotations"][3] == {
        "id": 4, "image_id": 4, "video_id": 1, "category_id": 2, "track_id": 2, "instance_id": 2,
        "bbox": [-1.5, 2.0, 5.0, 6.0], "area": 30.0, "iscrowd": 0, "score": 0.25, "status": "lost",
    }  # fmt: skip
    assert [each["status"] for each in content["annotations"]] == [row.status for row in ROWS]


def test_pycocotools_reads_coco_back(tmp_path: Path) -> None:
    reader = pytest.importorskip("pycocotools.coco")
    (tmp_path / "coco.json").write_text(coco_text(ROWS, SOURCE))
    read = reader.COCO(str(tmp_path / "coco.json"))
    read.info()
    (crane,) = read.getCatIds(catNms=["crane"])
    boxes = [annotation["bbox"] for annotation in read.loadAnns(read.getAnnIds(catIds=[crane]))]
    assert boxes == [list(row.box) for row in ROWS if row.object == "crane"]
    shared = [image["id"] for image in read.dataset["images"] if image["frame_index"] == 2]
    assert len(read.getAnnIds(imgIds=shared)) == 2
    assert sorted(read.getImgIds(catIds=[crane])) == [2, 3, 6]


def test_coco_names_the_images_of_a_folder(clip: Clip) -> None:
    with open_source(str(clip.folder), None) as source:
        next(source.frames(1, 2))
        info = SourceInfo.of(source)
    assert (info.width, info.height, info.length) == (161, 121, 12)
    assert coco(ROWS, info)["images"][0]["file_name"] == "0002.png"


def test_images_of_several_folders_keep_the_folders_in_their_names(clip: Clip, tmp_path: Path) -> None:
    for part in "ab":
        (tmp_path / part).mkdir()
        (tmp_path / part / "x.png").write_bytes((clip.folder / "img" / "0001.png").read_bytes())
    with open_source(str(tmp_path / "*" / "x.png"), None) as source:
        assert source.files == ("a/x.png", "b/x.png")


def test_cvat_is_version_1_1_for_video() -> None:
    assert cvat_text(ROWS, SOURCE) == CVAT


def test_datumaro_reads_cvat_back(tmp_path: Path) -> None:
    datumaro = pytest.importorskip("datumaro")
    (tmp_path / "annotations.xml").write_text(cvat_text(ROWS, SOURCE))
    found = {
        (item.attributes["frame"], each.attributes["track_id"]): (
            each.get_bbox(),
            each.attributes["occluded"],
        )
        for item in datumaro.Dataset.import_from(str(tmp_path), "cvat")
        for each in item.annotations
        if not each.attributes["outside"]
    }
    assert found == {  # it rounds to two digits
        (row.frame, int(row.object != "crane")): (pytest.approx(row.box, abs=0.01), row.status == "lost")
        for row in ROWS
    }


def test_cvat_ends_a_track_only_where_the_video_goes_on() -> None:
    assert 'outside="1"' not in cvat_text(ROWS[:2], SourceInfo(**vars(SOURCE) | {"length": 3}))
    unknown = cvat_text(ROWS[:2], SourceInfo(**vars(SOURCE) | {"length": None}))
    assert "<size>3</size>" in unknown
    assert 'outside="1"' not in unknown


def test_a_table_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(TABLE)
    assert read_rows(tmp_path / "boxes.csv") == ROWS
    (tmp_path / "boxes.csv").write_bytes(b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n").encode() + b"\r\n")
    assert read_rows(tmp_path / "boxes.csv") == ROWS  # as Excel saves it


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("crane,3,0.1,1,2,3,4,0.5", r"line 7: has 8 columns; needs 9: object,frame"),
        (",3,0.1,1,2,3,4,0.5,found", r"line 7: object '' is not a name"),
        ("a\x01,3,0.1,1,2,3,4,0.5,found", r"line 7: object 'a\\x01' is not a name"),
        ("crane,-3,0.1,1,2,3,4,0.5,found", r"line 7: frame '-3' is not a whole number from 0"),
        ("crane,3.0,0.1,1,2,3,4,0.5,found", r"line 7: frame '3\.0' is not"),
        ("crane,²,0.1,1,2,3,4,0.5,found", r"line 7: frame '²' is not"),
        ("crane,3,soon,1,2,3,4,0.5,found", r"line 7: time_s 'soon' is not a number"),
        ("crane,3,0.1,nan,2,3,4,0.5,found", r"line 7: x 'nan' is not a number"),
        ("crane,3,0.1,1,inf,3,4,0.5,found", r"line 7: y 'inf' is not a number"),
        ("crane,3,0.1,1,2,1_0,4,0.5,found", r"line 7: w '1_0' is not a number"),
        ("crane,3,0.1,1,2,3,-4,0.5,found", r"line 7: w and h must not be below 0"),
        ("crane,3,0.1,1,2,3,4,50,found", r"line 7: score '50' is not within 0 and 1"),
        ("crane,3,0.1,1,2,3,4,,found", r"line 7: a box that is found has a score"),
        ("crane,3,0.1,1,2,3,4,0.5,fixed", r"line 7: a box that is fixed has no score"),
        ("crane,3,0.1,1,2,3,4,0.5,seen", r"line 7: status 'seen' is none of given, found, lost, fixed"),
        ("crane,5,0.1,1,2,3,4,0.5,found", r"line 7: 'crane' has a row of frame 5 above; remove one"),
        ('"crane,3,0.1,1,2,3,4,0.5,found', r"line 7: no line of a CSV file \(unexpected end of data\)"),
    ],
)
def test_a_damaged_line_is_named(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(f"{TABLE}{line}\n")
    with pytest.raises(InputError, match=rf"boxes\.csv, {message}") as raised:
        read_rows(tmp_path / "boxes.csv")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: the columns are ''; those of a boxes.csv of `rpn2t track` are object,frame,time_s,"),
        (TABLE.replace(",", ";").encode(), "line 1: the columns are 'object;frame;time_s;"),
        (TABLE.encode().splitlines()[0], "has no rows; track again"),
        (b"\xff\xfe\x00", "not a text file in UTF-8; name a boxes.csv"),
        (None, "No such file or directory; name a boxes.csv"),
    ],
)
def test_another_file_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "boxes.csv").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_rows(tmp_path / "boxes.csv")


def convert(*words: object) -> int:
    return main(["convert", *map(str, words)])


def test_a_finished_run_is_written_in_every_format(run_folder: Path) -> None:
    assert set(FORMATS) == set(FILES)
    for name, expected in {"mot": MOT, "cvat": CVAT, "coco": coco_text(ROWS, SOURCE)}.items():
        assert convert(run_folder, "--format", name) == 0
        assert (run_folder / FILES[name]).read_text() == expected


def test_convert_says_where_and_replaces_nothing_unasked(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "new" / "gt.txt"
    assert convert(run_folder, "--format", "mot", "--output", target) == 0
    assert capsys.readouterr().out == f"{target}\n"
    target.write_text("mine")
    assert convert(run_folder, "--format", "mot", "--output", target) == 2
    assert f"{target}: is there already; choose another --output, or" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert convert(run_folder, "--format", "mot", "--output", target, "--overwrite") == 0
    assert target.read_text() == MOT
    assert not (run_folder / "mot.txt").exists()
    table = run_folder / "boxes.csv"
    assert convert(run_folder, "--format", "mot", "--output", table, "--overwrite") == 2
    assert "boxes.csv: the run itself needs it; choose another --output" in capsys.readouterr().err
    assert table.read_text() == TABLE


def test_what_is_no_run_is_told_in_one_line(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(folder: Path) -> str:
        assert convert(folder, "--format", "cvat") == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "nowhere: no such folder; name the folder of results of" in told(tmp_path / "nowhere")
    assert "boxes.csv: no such folder; name the folder" in told(run_folder / "boxes.csv")
    for content in ("{", "[]", '{"source": {"name": "x"}}', (run_folder / "run.json").read_text()[:-40]):
        (run_folder / "run.json").write_text(content)
        assert "run.json: does not describe the source of a run; track again" in told(run_folder)
    source = {"name": "birds", "width": "160", "height": 120, "length": 6, "fps": 25.0, "files": []}
    (run_folder / "run.json").write_text(json.dumps({"source": source}))
    assert "run.json: does not describe the source of a run; track again" in told(run_folder)
    (run_folder / "boxes.csv").unlink()
    assert "has no boxes.csv; name the folder of results of" in (line := told(run_folder))
    assert "or track again if an older version of rpn2t made it" in line
