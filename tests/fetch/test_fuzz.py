"""Damaged archives: each is unpacked as it was, or refused as an archive."""

import random
import shutil
from pathlib import Path

from misbehaving import otb_members, zipped

from rpn2t.fetch.unpack import ArchiveError, unpack


def test_damaged_archives_are_refused_as_archives(tmp_path: Path) -> None:
    members = {name: content[:40] for name, content in otb_members("Deer", 1, 4).items()}
    whole = zipped(members)
    archive, folder = tmp_path / "Deer.zip", tmp_path / "Deer"
    chance = random.Random(3)
    refused = 0
    for _ in range(200):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 5))):
            # mostly in the directory at the end, where the numbers are
            begin = 0 if chance.random() < 0.4 else len(content) - 380
            content[chance.randrange(begin, len(content))] = chance.randrange(256)
        archive.write_bytes(content[: chance.choice((len(content), len(content), len(content) - 30))])
        shutil.rmtree(folder, ignore_errors=True)
        try:
            unpack(archive, folder, lambda name: name == "groundtruth_rect.txt")
        except ArchiveError:
            refused += 1
            continue
        for file in folder.rglob("*"):
            assert file.is_dir() or file.read_bytes() in members.values()
    assert refused > 100
    assert {path.name for path in tmp_path.iterdir()} <= {"Deer.zip", "Deer"}
