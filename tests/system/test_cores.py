"""How many cores this process may use, by made-up control groups."""

import os
from pathlib import Path

import pytest

from rpn2t.system.cores import usable_cores

MOUNT_2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
MOUNT_1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
MEMORY_1 = "33 31 0:29 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"


def tree(root: Path, groups: str, mounts: str, **quotas: str) -> Path:
    """A root with these two files of /proc/self, and files by their names, where `__` is a slash."""
    files = {"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}
    for name, text in (files | {f"sys/fs/cgroup/{key}": text for key, text in quotas.items()}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000\n", 64),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("1000 100000\n", 1),
        ("9900000 100000\n", 64),
        ("0 0\n", 64),
        ("nonsense", 64),
    ],
)
def test_the_quota_of_version_2(tmp_path: Path, quota: str, cores: int) -> None:
    assert usable_cores(tree(tmp_path, "0::/\n", MOUNT_2, **{"cpu.max": quota})) == cores


def test_the_groups_around_it_count_as_well(tmp_path: Path) -> None:
    quotas = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "a/b/c/cpu.max": "500000 100000"}
    assert usable_cores(tree(tmp_path, "0::/a/b/c\n", MOUNT_2, **quotas)) == 3


@pytest.mark.parametrize(("quota", "cores"), [("400000", 4), ("-1", 64)])
def test_the_quota_of_version_1(tmp_path: Path, quota: str, cores: int) -> None:
    files = {"cpu.cfs_quota_us": f"{quota}\n", "cpu.cfs_period_us": "100000\n"}
    quotas = {f"cpu,cpuacct/pod/{name}": text for name, text in files.items()}
    groups = "5:memory:/pod\n4:cpu,cpuacct:/pod/x\n0::/\n"
    assert usable_cores(tree(tmp_path, groups, MEMORY_1 + MOUNT_1, **quotas)) == cores


def test_a_container_that_is_told_its_hosts_path(tmp_path: Path) -> None:
    """Docker without a name space of its own for groups: what is mounted is the container's group."""
    mount = MOUNT_1.replace(" / /sys", " /docker/1f /sys")
    quotas = {"cpu,cpuacct/cpu.cfs_quota_us": "200000", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
    for group in ("/docker/1f", "/docker/other", "/../.."):
        assert usable_cores(tree(tmp_path, f"4:cpu,cpuacct:{group}\n", mount, **quotas)) == 2


def test_a_blank_in_the_mounts_place(tmp_path: Path) -> None:
    mount = MOUNT_2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/my\\040groups")
    assert usable_cores(tree(tmp_path, "0::/\n", mount, **{"my groups/cpu.max": "200000 100000"})) == 2


def test_the_affinity_alone_without_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cores(tmp_path) == 64
    assert usable_cores(tree(tmp_path, "garbage\n::\n0::/\n", "also - cgroup\nx - \n- cgroup2\n")) == 64
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 7, 9})
    assert usable_cores(tree(tmp_path, "0::/\n", MOUNT_2, **{"cpu.max": "400000 100000"})) == 3
