"""Fetching sequences from a real server on this machine, which misbehaves on purpose."""

import hashlib
import json
import os
import signal
import stat
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from misbehaving import Site, image, otb_members, served, zipped

from rpn2t.cli import main
from rpn2t.errors import InputError
from rpn2t.fetch.plan import plan_fetch
from rpn2t.fetch.run import HOME, FetchOutcome, FetchState, fetch
from rpn2t.fetch.sequence import Patience
from rpn2t.sequences.registry import find_dataset
from support import command

HASTY = Patience(attempts=1, pause=0.01, timeout=5)
DEER = otb_members("Deer", 1, 71)
SKIING = otb_members("Skiing", 1, 81)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served() as made:
        made.files = {"Deer.zip": zipped(DEER), "Skiing.zip": zipped(SKIING)}
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "OTB"


def get(site: Site, root: Path, *names: str, patience: Patience = HASTY) -> FetchOutcome:
    return fetch(plan_fetch("otb100", root, names, mirror=site.url), patience=patience)


def images_of(root: Path, folder: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (root / folder / "img").iterdir()}


def part(root: Path, name: str = "Deer.zip") -> Path:
    return root / HOME / f"{name}.part"


def assert_nothing_escaped(root: Path) -> None:
    """Only the root is there, and in it no sequence and nothing unpacked."""
    assert [path.name for path in root.parent.iterdir()] == [root.name]
    assert [path for path in root.rglob("*") if HOME not in path.parts] == []
    assert list(root.glob(f"{HOME}/Deer*")) == []


# What there is to fetch


def test_a_plan_names_what_is_missing_and_opens_no_connection(root: Path) -> None:
    plan = plan_fetch("otb100", root)
    assert len(plan.items) == 98  # folders: two targets share one
    assert plan.present == ()
    deer = next(item for item in plan.items if item.name == "Deer")
    assert deer.url == "http://cvlab.hanyang.ac.kr/tracker_benchmark/seq/Deer.zip"
    assert deer.bytes is None
    assert plan.is_estimate
    assert plan.bytes == sum(item.estimate for item in plan.items) > 10**9
    assert not root.exists()


def test_one_archive_serves_the_targets_of_a_folder(root: Path) -> None:
    names = ("Jogging-1", "jogging_2", "Skating2-1", "Human4")
    plan = plan_fetch("otb100", root, names, mirror="http://host/copy")
    assert {item.name: item.url for item in plan.items} == {
        name: f"http://host/copy/{name}.zip" for name in ("Jogging", "Skating2", "Human4")
    }
    assert [len(item.entries) for item in plan.items] == [1, 2, 2]  # in the list's order: Human4 first


@pytest.mark.parametrize("name", ["otb100", "otb50", "otb2013", "vot2016"])
def test_every_sequence_of_a_list_has_an_address(name: str, root: Path) -> None:
    items = {item.name: item for item in plan_fetch(name, root).items}
    assert set(items) == {entry.folder for entry in find_dataset(name).entries}
    if name != "vot2016":
        assert all(item.url.endswith(f"/seq/{item.name}.zip") for item in items.values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["uav123", "--root", "x"], "get it by hand from https://cemse.kaust.edu.sa/ivul/uav123/"),
        (["LaSOT", "--root", "x"], "get it by hand from http://vision.cs.stonybrook.edu/~lasot/"),
        (["otb99", "--root", "x"], "otb99: no data set that can be fetched; there are otb100, "),
        (["otb50", "--root", "x", "--sequences", "Nobody"], "Nobody: no sequence of otb50"),
        (["otb50", "--root", "x", "--mirror", "nowhere"], "--mirror nowhere: not a folder, and no http"),
        (["otb50", "--root", __file__], "not a folder; --root names the one for the sequences"),
    ],
)
def test_wrong_wishes_are_one_line(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["datasets", "fetch", *arguments]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert errors.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


# What is fetched


def test_sequences_are_there_and_can_be_opened(site: Site, root: Path) -> None:
    junk = {"__MACOSX/Skiing/img/._0001.jpg": b"x", "Skiing/Thumbs.db": b"x", "Skiing/img/.DS_Store": b"x"}
    site.files["Skiing.zip"] = zipped(SKIING | junk)
    said: list[str] = []
    states: list[FetchState] = []
    plan = plan_fetch("otb100", root, ["Deer", "Skiing"], mirror=site.url)
    outcome = fetch(plan, say=said.append, progress=states.append, patience=HASTY)
    assert set(outcome.fetched) == {"Deer", "Skiing"}
    assert outcome.failed == {}
    assert sorted(path.name for path in root.iterdir()) == ["Deer", "Skiing"]  # and nothing unfinished
    assert images_of(root, "Deer") == {f"{n:04d}.jpg": image(n) for n in range(1, 72)}
    assert sorted(path.name for path in (root / "Skiing").iterdir()) == ["groundtruth_rect.txt", "img"]
    assert len(images_of(root, "Skiing")) == 81
    opened = find_dataset("otb100").select(["Deer", "Skiing"]).open(root)
    assert [len(each) for each in opened.sequences] == [71, 81]
    assert sorted(line.split(":")[0] for line in said) == ["Deer", "Skiing"]
    whole = sum(map(len, site.files.values()))
    assert states[-1] == FetchState(whole, whole, 2, 2)


def test_what_is_there_is_not_asked_for(site: Site, root: Path) -> None:
    get(site, root, "Deer")
    site.asked.clear()
    plan = plan_fetch("otb100", root, ["Deer", "Skiing"], mirror=site.url)
    assert plan.present == ("Deer",)
    assert [item.name for item in plan.items] == ["Skiing"]
    assert fetch(plan, patience=HASTY).fetched == ("Skiing",)
    assert [each.path for each in site.asked] == ["Skiing.zip"]


def test_a_damaged_copy_is_named_and_left(site: Site, root: Path) -> None:
    get(site, root, "Deer")
    (root / "Deer" / "img" / "0071.jpg").unlink()
    site.asked.clear()
    outcome = get(site, root, "Deer", "Skiing")
    assert outcome.fetched == ("Skiing",)
    assert outcome.failed["Deer"].startswith("it is there, but 1 of 71 images are missing")
    assert outcome.failed["Deer"].endswith("; move it away, and the same command fetches it")
    assert len(images_of(root, "Deer")) == 70
    assert [each.path for each in site.asked] == ["Skiing.zip"]


def test_peculiar_archives_of_otb(site: Site, root: Path) -> None:
    """Images before the first row (David), two targets, no folder around it, another case, backslashes."""
    david = otb_members("David", 1, 770) | {"David/groundtruth_rect.txt": b"1\t2\t3\t4\n" * 471}
    site.files["David.zip"] = zipped({name.replace("/", "\\"): data for name, data in david.items()})
    pair = ("groundtruth_rect.1.txt", "groundtruth_rect.2.txt")
    jogging = otb_members("Jogging", 1, 307, pair)
    site.files["Jogging.zip"] = zipped(
        {name.removeprefix("Jogging/"): data for name, data in jogging.items()}
    )
    site.files["Deer.zip"] = zipped({f"data/{name.lower()}": data for name, data in DEER.items()})
    outcome = get(site, root, "David", "Jogging-2", "Deer")
    assert outcome.failed == {}
    opened = find_dataset("otb100").select(["David", "Jogging", "Deer"]).open(root)
    assert {each.name: len(each) for each in opened.sequences} == {
        "David": 471, "Jogging-1": 307, "Jogging-2": 307, "Deer": 71
    }  # fmt: skip
    assert opened.sequences[0].images[0].name == "0300.jpg"
    assert len(images_of(root, "David")) == 770


def test_a_folder_can_be_the_mirror(site: Site, root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "Deer.zip").write_bytes(site.files["Deer.zip"])
    outcome = fetch(plan_fetch("otb100", root, ["Deer"], mirror=str(copy)), patience=HASTY)
    assert outcome == FetchOutcome(("Deer",), {})
    assert (copy / "Deer.zip").exists()


# Downloads that stop


def test_a_broken_download_goes_on_where_it_stopped(site: Site, root: Path) -> None:
    content = site.files["Deer.zip"]
    site.breaks["Deer.zip"] = 40_000
    outcome = get(site, root, "Deer", "Skiing")
    assert outcome.fetched == ("Skiing",)  # the others go on
    assert "the connection ended after 0.0 of 0.1 MB; what has arrived is kept" in outcome.failed["Deer"]
    assert part(root).read_bytes() == content[:40_000]
    del site.breaks["Deer.zip"]
    assert get(site, root, "Deer").fetched == ("Deer",)
    _, again = site.requests("Deer.zip")
    assert (again.range, again.status) == ("bytes=40000-", 206)
    assert again.sent == len(content) - 40_000
    assert not (root / HOME).exists()


def test_one_run_tries_again_by_itself(site: Site, root: Path) -> None:
    site.breaks["Deer.zip"] = 40_000
    site.once.add("Deer.zip")
    assert get(site, root, "Deer", patience=Patience(2, 0.01, 5)).failed == {}
    assert [each.range for each in site.requests("Deer.zip")] == ["", "bytes=40000-"]


def test_a_file_that_changed_between_two_runs_begins_anew(site: Site, root: Path) -> None:
    site.breaks["Deer.zip"] = 40_000
    get(site, root, "Deer")
    site.breaks.clear()
    site.files["Deer.zip"] = zipped(DEER | {"Deer/new.txt": b"corrected"})
    assert get(site, root, "Deer").failed == {}
    _, again = site.requests("Deer.zip")
    assert (again.range, again.status) == ("bytes=40000-", 200)  # If-Range made it send all
    assert (root / "Deer" / "new.txt").read_bytes() == b"corrected"


def test_a_server_that_ignores_if_range_does_not_mix_two_files(site: Site, root: Path) -> None:
    site.breaks["Deer.zip"] = 40_000
    get(site, root, "Deer")
    site.breaks.clear()
    site.careless = True
    site.files["Deer.zip"] = zipped(DEER | {"Deer/new.txt": b"corrected"})
    assert get(site, root, "Deer", patience=Patience(2, 0.01, 5)).failed == {}
    assert [each.status for each in site.requests("Deer.zip")] == [200, 206, 200]
    assert (root / "Deer" / "new.txt").exists()


@pytest.mark.parametrize("lack", ["no_ranges", "unnamed"])
def test_without_parts_or_a_name_of_the_file_it_begins_anew(lack: str, site: Site, root: Path) -> None:
    setattr(site, lack, True)
    site.breaks["Deer.zip"] = 40_000
    get(site, root, "Deer")
    site.breaks.clear()
    assert get(site, root, "Deer").failed == {}
    assert [each.status for each in site.requests("Deer.zip")] == [200, 200]
    assert images_of(root, "Deer")["0071.jpg"] == image(71)


def test_a_part_that_is_the_whole_file_needs_no_byte_more(site: Site, root: Path) -> None:
    """The earlier run was killed before it renamed the file."""
    content = site.files["Deer.zip"]
    site.breaks["Deer.zip"] = 40_000
    get(site, root, "Deer")
    part(root).write_bytes(content)
    assert get(site, root, "Deer").failed == {}
    assert (site.asked[-1].status, site.asked[-1].sent) == (416, 0)


def test_an_archive_of_an_earlier_run_is_used(site: Site, root: Path) -> None:
    """The earlier run was killed while it unpacked."""
    (root / HOME / "Deer" / "img").mkdir(parents=True)
    (root / HOME / "Deer" / "img" / "0099.jpg").write_bytes(b"half")
    (root / HOME / "Deer.zip").write_bytes(site.files["Deer.zip"])
    assert get(site, root, "Deer").failed == {}
    assert site.asked == []
    assert len(images_of(root, "Deer")) == 71


def test_a_slow_server_is_not_waited_for_without_end(site: Site, root: Path) -> None:
    site.hangs["Deer.zip"] = 40_000
    outcome = get(site, root, "Deer", "Skiing", patience=Patience(1, 0.01, 1.5))
    assert outcome.fetched == ("Skiing",)
    assert "the connection broke: no answer in time" in outcome.failed["Deer"]
    assert part(root).stat().st_size == 40_000


# Answers that are no archive of the sequence


def test_no_such_file(site: Site, root: Path) -> None:
    site.files.pop("Deer.zip")
    outcome = get(site, root, "Deer", "Skiing", patience=Patience(3, 0.01, 5))
    assert outcome.fetched == ("Skiing",)
    assert outcome.failed == {"Deer": f"{site.url}Deer.zip: 404 Not Found; --mirror names another site"}
    assert len(site.requests("Deer.zip")) == 1  # it will not be there in a second either


def test_a_busy_server_is_asked_again(site: Site, root: Path) -> None:
    site.statuses["Deer.zip"] = 503
    outcome = get(site, root, "Deer", patience=Patience(3, 0.01, 5))
    assert "503 Service Unavailable; what has arrived is kept" in outcome.failed["Deer"]
    assert len(site.requests("Deer.zip")) == 3


@pytest.mark.parametrize("difference", [-500, +500])
def test_a_wrong_length(difference: int, site: Site, root: Path) -> None:
    site.claims["Deer.zip"] = len(site.files["Deer.zip"]) + difference
    outcome = get(site, root, "Deer")
    words = "the connection ended after" if difference > 0 else "its archive cannot be used: it is damaged"
    assert words in outcome.failed["Deer"]
    assert not (root / "Deer").exists()
    site.claims.clear()
    assert get(site, root, "Deer").failed == {}


def linked(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def damaged() -> bytes:
    """An archive with one wrong byte in an image, which only its CRC-32 shows."""
    content = bytearray(zipped(DEER))
    content[content.index(image(30)[100:120])] ^= 1
    return bytes(content)


HOSTILE = {
    "a path that leaves": ({"../x": b"out"}, "it has a path that leaves its folder: ../x"),
    "one in the middle": ({"Deer/img/../../../x": b"out"}, "it has a path that leaves its folder"),
    "backslashes": ({"Deer\\..\\..\\x": b"out"}, "it has a path that leaves its folder"),
    "an absolute path": ({"/tmp/x": b"out"}, "it has a path that leaves its folder: /tmp/x"),
    "a drive": ({"C:\\x": b"out"}, "it has a path that leaves its folder"),
    "a link": ({linked("Deer/link", stat.S_IFLNK | 0o777): b"/etc"}, "it has a link or a device: Deer/link"),
    "a device": ({linked("Deer/null", stat.S_IFCHR | 0o666): b""}, "it has a link or a device: Deer/null"),
    "a bomb": ({"Deer/zeros": bytes(10_000_000)}, "it would grow from 0.1 to 10.1 MB"),
    "a file as folder": ({"Deer/img": b"x"}, "it has two members of one name: Deer/img"),
}


@pytest.mark.parametrize(("extra", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_archives_leave_nothing(
    extra: dict[str | zipfile.ZipInfo, bytes], words: str, site: Site, root: Path
) -> None:
    site.files["Deer.zip"] = zipped({**DEER, **extra})
    outcome = get(site, root, "Deer")
    assert outcome.failed["Deer"].startswith(f"its archive cannot be used: {words}")
    assert_nothing_escaped(root)


def without(*names: str) -> bytes:
    return zipped({name: data for name, data in DEER.items() if name not in names})


USELESS = {
    "a wrong checksum": (damaged(), "it is damaged (Bad CRC-32 for file 'Deer/img/0030.jpg')"),
    "a page": (b"<html>Sorry</html>", "it is damaged (File is not a zip file)"),
    "a lacking image": (
        without("Deer/img/0050.jpg"),
        "it is not the benchmark's: 1 of 71 images",
    ),
    "too few rows": (
        zipped(DEER | {"Deer/groundtruth_rect.txt": b"1,2,3,4\n" * 70}),
        "it is not the benchmark's: groundtruth_rect.txt has 70 rows, the benchmark's has 71; ",
    ),
    "no ground truth": (without("Deer/groundtruth_rect.txt"), "it does not hold the sequence"),
}


@pytest.mark.parametrize(("content", "words"), USELESS.values(), ids=USELESS.keys())
def test_useless_archives_leave_nothing_and_are_downloaded_again(
    content: bytes, words: str, site: Site, root: Path
) -> None:
    site.files["Deer.zip"], good = content, site.files["Deer.zip"]
    outcome = get(site, root, "Deer")
    assert outcome.failed["Deer"].startswith(f"its archive cannot be used: {words}")
    assert "the same command downloads it again" in outcome.failed["Deer"]
    assert_nothing_escaped(root)
    site.files["Deer.zip"] = good
    assert get(site, root, "Deer").failed == {}


def test_no_network_is_said_once_and_not_tried_for_each(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with served() as gone:
        url = gone.url
    said: list[str] = []
    plan = plan_fetch("otb100", root, mirror=url)
    began = time.monotonic()
    outcome = fetch(plan, jobs=2, say=said.append, patience=Patience(2, 0.2, 5))
    assert time.monotonic() - began < 8  # with 0.2 s between two tries for each it would be 9.8 s
    assert len(outcome.failed) == 98
    assert len(said) == 1
    assert "cannot be reached (Connection refused); check the network" in said[0]


def test_a_full_disk(site: Site, root: Path) -> None:
    (root / HOME).mkdir(parents=True)
    part(root).symlink_to("/dev/full")  # takes no byte, as a full disk
    outcome = get(site, root, "Deer", "Skiing")
    assert outcome.fetched == ("Skiing",)
    assert outcome.failed == {"Deer": f"the disk of {root} is full; make room, and the same command goes on"}


def test_a_second_run_is_kept_out(site: Site, root: Path) -> None:
    seen: list[str] = []

    def second(state: FetchState) -> None:
        try:
            get(site, root, "Skiing")
        except InputError as error:
            seen.append(str(error))

    fetch(plan_fetch("otb100", root, ["Deer"], mirror=site.url), progress=second, patience=HASTY)
    assert seen[0] == f"{root}: another run is fetching there; wait for it, or give another --root"


# VOT


def vot_site(site: Site, name: str, frames: int) -> None:
    """Fills the site with a sequence in the layout of VOT's, of which the description names the archives."""
    images = zipped({f"{number:08d}.jpg": image(number) for number in range(1, frames + 1)})
    truth = zipped({"groundtruth.txt": b"1,1,9,1,9,5,1,5\n" * frames, "occlusion.tag": b"0\n" * frames})
    description = {
        "sequences": [
            {
                "name": name,
                "annotations": {
                    "url": f"{name}.zip",
                    "checksum": hashlib.sha1(truth).hexdigest(),
                    "compressed": len(truth),
                },
                "channels": {
                    "color": {
                        "url": "../../sequences/0123.zip",
                        "checksum": hashlib.md5(images).hexdigest(),
                        "compressed": len(images),
                    }
                },
            }
        ]
    }
    site.files |= {
        "vot2016/main/description.json": json.dumps(description).encode(),
        f"vot2016/main/{name}.zip": truth,
        "sequences/0123.zip": images,
    }


def test_vot_by_its_description(site: Site, root: Path) -> None:
    vot_site(site, "ball2", 41)
    plan = plan_fetch("vot2016", root, ["ball2", "bag"], mirror=site.url)
    states: list[FetchState] = []
    outcome = fetch(plan, patience=HASTY, progress=states.append)
    assert outcome.fetched == ("ball2",)
    assert outcome.failed == {
        "bag": f"{site.url}vot2016/main/description.json does not name it; --mirror names another site"
    }
    assert sorted(path.name for path in (root / "ball2").iterdir()) == [
        "color", "groundtruth.txt", "occlusion.tag"
    ]  # fmt: skip
    opened = find_dataset("vot2016").select(["ball2"]).open(root)
    assert len(opened.sequences[0]) == 41
    both = len(site.files["vot2016/main/ball2.zip"]) + len(site.files["sequences/0123.zip"])
    assert states[-1].here == states[-1].total == both


def test_a_published_checksum_counts(site: Site, root: Path) -> None:
    vot_site(site, "ball2", 41)
    others = {f"{number:08d}.jpg": image(1000 + number) for number in range(1, 42)}
    site.files["sequences/0123.zip"] = zipped(others)  # whole in itself, but not what was published
    plan = plan_fetch("vot2016", root, ["ball2"], mirror=site.url)
    outcome = fetch(plan, patience=HASTY)
    assert "it has not the published checksum" in outcome.failed["ball2"]
    assert not (root / "ball2").exists()


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"sequences": [{"name": "ball2"}]}'])
def test_a_page_instead_of_the_description(content: bytes, site: Site, root: Path) -> None:
    site.files["vot2016/main/description.json"] = content
    outcome = fetch(plan_fetch("vot2016", root, ["ball2"], mirror=site.url), patience=HASTY)
    assert "not a description of VOT's sequences" in outcome.failed["ball2"]
    assert "\n" not in outcome.failed["ball2"]


# The command


def test_the_command_says_what_is_missing_and_fails(
    site: Site, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.files.pop("Deer.zip")
    arguments = ["datasets", "fetch", "otb50", "--root", str(root), "--mirror", site.url]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--sequences", "Deer,Skiing", "--jobs", "1"])
    assert stop.value.code == 1
    output, errors = capsys.readouterr()
    first, *lines = output.splitlines()
    about = 47_000 * (71 + 81) / 1e6
    assert first == (
        f"0 sequences of otb50 are in {root}, 2 to fetch from {site.url}, about {about:.0f} MB by the number "
        "of frames"
    )
    assert f"Deer: not fetched: {site.url}Deer.zip: 404 Not Found; --mirror names another site" in lines
    assert "missing: Deer" in errors.splitlines()
    assert main([*arguments, "--sequences", "Skiing"]) == 0
    *_, count, following = capsys.readouterr().out.splitlines()
    assert count == f"1 of 1 sequences of otb50 are in {root}"
    assert following == f"run a tracker on them with: rpn2t benchmark otb50 --root {root}"


def test_ctrl_c_keeps_the_parts(site: Site, root: Path) -> None:
    site.hangs["Deer.zip"] = 40_000
    arguments = ["datasets", "fetch", "otb50", "--root", str(root), "--mirror", site.url]
    run = subprocess.Popen(
        [*command(), *arguments, "--sequences", "Deer"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    assert site.hung.wait(30)
    while not part(root).exists() or part(root).stat().st_size < 40_000:
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, errors = run.communicate(timeout=20)
    assert time.monotonic() - began < 15
    assert run.returncode == 130
    assert errors == (
        "rpn2t: stopped by Ctrl-C; what has arrived is kept, the same command goes on with the rest\n"
    )
    site.hangs.clear()
    assert get(site, root, "Deer").failed == {}
    assert site.asked[-1].range == "bytes=40000-"
