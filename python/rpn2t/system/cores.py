"""How many cores this process may use.

The affinity says which cores the system gives it. A container with a quota, as of ``docker run --cpus 2``,
sees all cores of its host. There only the control groups (cgroups) say how much of their time it gets.
"""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


def usable_cores(root: Path = Path("/")) -> int:
    """The cores that this process may use: the smallest of its affinity and its control groups' quotas.

    A quota of a core and a half counts as two cores, because one thread could not use it up.

    Args:
        root: folder in which /proc/self and the control groups' files are looked up.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *map(math.ceil, _quotas(root))]))


@dataclass(frozen=True)
class _Mount:
    """Where a tree of control groups can be read.

    Attributes:
        top: the group that lies at `place`; in a container this may be the container's own.
        place: the folder, from the root on.
        controllers: the tree's, by version 1; None by version 2, which has one tree for all.
    """

    top: PurePosixPath
    place: str
    controllers: frozenset[str] | None


def _quotas(root: Path) -> Iterator[float]:
    """The quotas, in cores, of the groups that this process is in, and of the groups around them."""
    mounts = list(_mounts(_text(root / "proc/self/mountinfo")))
    for line in _text(root / "proc/self/cgroup").splitlines():
        # number:controllers:path, and by version 2 0::path
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in mounts:
            if (mount.controllers is None) == (not controllers) and "cpu" in (mount.controllers or ["cpu"]):
                yield from _quotas_up(root, mount, PurePosixPath(path))


def _quotas_up(root: Path, mount: _Mount, group: PurePosixPath) -> Iterator[float]:
    """The quotas from a group up to the top of what is mounted."""
    inside = group.relative_to(mount.top) if group.is_relative_to(mount.top) else PurePosixPath()
    if ".." in inside.parts:  # the group lies outside of what this container sees
        inside = PurePosixPath()
    for part in (inside, *inside.parents):
        folder = root / mount.place / part
        if mount.controllers is None:
            yield from _quota(_text(folder / "cpu.max"))
        else:
            yield from _quota(f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}")


def _quota(text: str) -> Iterator[float]:
    """Microseconds of quota and of period, as cores; nothing if there is no quota (``max``, or -1)."""
    match = re.fullmatch(r"\s*([0-9]+)\s+([0-9]+)\s*", text)
    if match and int(match[1]) and int(match[2]):
        yield int(match[1]) / int(match[2])


def _mounts(mountinfo: str) -> Iterator[_Mount]:
    for line in mountinfo.splitlines():
        # id, parent, device, top, place, options, ... "-", type, source, options of the file system
        fields, _, system = line.partition(" - ")
        words, (kind, *more) = fields.split(), system.split() or [""]
        if len(words) < 5 or kind not in ("cgroup", "cgroup2"):
            continue
        controllers = frozenset(more[-1].split(",")) if kind == "cgroup" and more else None
        top, place = map(_unescaped, words[3:5])
        yield _Mount(PurePosixPath(top), place.lstrip("/"), controllers)


def _unescaped(path: str) -> str:
    r"""A path of mountinfo, in which a blank is ``\040``."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _text(path: Path) -> str:
    """A file's text; empty if it cannot be read, as where the system is no Linux or has no such group."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
