"""Fetching what a plan names, several sequences at a time. What fails is named, and the others go on."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic

from rpn2t.errors import InputError, one_line
from rpn2t.fetch.archives import DESCRIPTION
from rpn2t.fetch.description import Archive, read_description
from rpn2t.fetch.plan import FetchItem, FetchPlan
from rpn2t.fetch.sequence import AGAIN, FetchError, Patience, Workshop, cure, fetch_sequence
from rpn2t.system.download import DownloadError, Stopped, download, forget
from rpn2t.system.files import exclusive

HOME = ".fetch"
"""The folder of a root in which unfinished sequences are."""

_PATIENCE = Patience()
_TICK = 0.2
"""Seconds between two looks at what has arrived."""
_FAREWELL = 2.0
"""Seconds that stopped downloads have to end. Nothing is lost if one is waiting for the server then."""


@dataclass(frozen=True)
class FetchState:
    """How far it is.

    Attributes:
        here: bytes that have arrived, with those of earlier runs.
        total: bytes of all that is not lost; an estimate as long as the server has not answered for each.
        finished: sequences that are done or have failed.
        sequences: how many there are.
    """

    here: int
    total: int
    finished: int
    sequences: int


@dataclass(frozen=True)
class FetchOutcome:
    """What came of it.

    Attributes:
        fetched: names of the sequences that are there now.
        failed: name of each other -> why, and what to do, in a line.
    """

    fetched: tuple[str, ...]
    failed: dict[str, str]


def _silent(line: str) -> None:
    """Say nothing."""


def fetch(
    plan: FetchPlan,
    *,
    jobs: int = 4,
    say: Callable[[str], object] = _silent,
    progress: Callable[[FetchState], object] | None = None,
    patience: Patience = _PATIENCE,
) -> FetchOutcome:
    """Fetch the sequences of a plan. What was fetched before goes on where it stopped.

    An exception in the calling thread, as Ctrl-C raises one, ends it in seconds. What has arrived is kept.

    Args:
        plan: of :func:`rpn2t.fetch.plan.plan_fetch`.
        jobs: how many sequences are fetched at a time.
        say: told of each sequence, in a line, and of each reason for failures once.
        progress: told how far it is, a few times a second. Both are called in the calling thread.
        patience: how long the server is waited for.

    Raises:
        InputError: the root cannot be written, or another run is fetching there.
    """
    failed = {
        name: f"it is there, but {why.removesuffix(AGAIN)}; move it away, and the same command fetches it"
        for name, why in plan.damaged.items()
    }
    for name, why in failed.items():
        say(f"{name}: {why}")
    if not plan.items:
        return FetchOutcome((), failed)
    home = plan.root / HOME
    busy = f"{plan.root}: another run is fetching there; wait for it, or give another --root"
    with exclusive(home / ".lock", "--root", busy):
        shop = Workshop(plan.root, home, plan.dataset.kind, patience)
        try:
            crew = _Crew(plan.items, _archives(plan, shop), shop, say, progress)
        except FetchError as error:  # of the description: then there is nothing to go by
            say(str(error))
            return FetchOutcome((), failed | {item.name: str(error) for item in plan.items})
        else:
            crew.work(jobs)
        finally:
            _tidy(home)
    return FetchOutcome(tuple(crew.fetched), failed | crew.failed)


def _archives(plan: FetchPlan, shop: Workshop) -> Mapping[str, tuple[Archive, ...]]:
    """Name of each sequence -> its archives. A description is downloaded if one names them.

    Raises:
        FetchError: it cannot be had.
    """
    site = plan.site
    found = {item.name: (Archive(item.url),) for item in plan.items if not site.is_described(item.name)}
    lacking = [item.name for item in plan.items if item.name not in found]
    if not lacking:
        return found
    url, file = site.url(DESCRIPTION), shop.home / "description.json"
    try:
        download(url, file, timeout=shop.patience.timeout, attempts=shop.patience.attempts)
        content = file.read_bytes()
        forget(file)
        official = site.official + site.files[DESCRIPTION]
        described = read_description(content, official, site.moved)
    except DownloadError as error:
        raise FetchError(cure(url, error)) from error
    except (OSError, InputError) as error:
        raise FetchError(one_line(error)) from error
    return found | {name: described.get(name, ()) for name in lacking}


@dataclass
class _News:
    """What became of a sequence: why it failed, or nothing."""

    item: FetchItem
    error: str = ""


@dataclass
class _Crew:
    """Threads that fetch sequences, and what they have done. Only the calling thread changes the results."""

    items: Sequence[FetchItem]
    archives: Mapping[str, tuple[Archive, ...]]
    shop: Workshop
    say: Callable[[str], object]
    progress: Callable[[FetchState], object] | None
    fetched: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._left: SimpleQueue[FetchItem] = SimpleQueue()
        self._news: SimpleQueue[_News] = SimpleQueue()
        self._stop = Event()
        self._arrived: dict[str, tuple[int, int]] = {}
        self._unreachable = ""

    def work(self, jobs: int) -> None:
        """Fetch all; return when each is there or has failed."""
        for item in self.items:
            self._left.put(item)
        # Daemons: a thread that waits for a server must not keep a stopped program.
        threads = [Thread(target=self._run, daemon=True) for _ in range(min(jobs, len(self.items)))]
        for thread in threads:
            thread.start()
        try:
            while self._finished < len(self.items):
                with suppress(Empty):
                    self._hear(self._news.get(timeout=_TICK))
                if self.progress:
                    self.progress(self._state())
        finally:
            self._stop.set()
            until = monotonic() + _FAREWELL
            for thread in threads:
                thread.join(max(until - monotonic(), 0))

    @property
    def _finished(self) -> int:
        return len(self.fetched) + len(self.failed)

    def _run(self) -> None:
        """One thread: a sequence after the other."""
        while not self._stop.is_set():
            try:
                item = self._left.get_nowait()
            except Empty:
                return
            try:
                self._news.put(_News(item, self._fetch(item)))
            except Stopped:
                return

    def _fetch(self, item: FetchItem) -> str:
        """Fetch a sequence. Returns why it failed, or nothing."""
        archives = self.archives[item.name]
        if not archives:
            return f"{item.url} does not name it; --mirror names another site"
        if self._unreachable and not self._arrived:
            return self._unreachable  # the site is not waited for a hundred times

        def tell(here: int, total: int) -> None:
            self._arrived[item.name] = (here, total)

        try:
            fetch_sequence(item, archives, self.shop, tell, self._stop)
        except FetchError as error:
            if error.unreachable:
                self._unreachable = str(error)
            return one_line(InputError(str(error)))
        except Stopped:
            raise
        except Exception as error:  # what is wrong with one sequence must not end the others
            return one_line(error)
        return ""

    def _hear(self, news: _News) -> None:
        name = news.item.name
        if news.error:
            if news.error not in self.failed.values():
                self.say(f"{name}: not fetched: {news.error}")
            self.failed[name] = news.error
            return
        self.fetched.append(name)
        frames = max(entry.rows or 0 for entry in news.item.entries)
        self.say(f"{name}: fetched, {frames} frames ({self._finished} of {len(self.items)} sequences)")

    def _state(self) -> FetchState:
        arrived = dict(self._arrived)
        wanted = [item for item in self.items if item.name not in self.failed]
        here = {item.name: arrived.get(item.name, (0, 0))[0] for item in wanted}
        total = sum(
            max(here[item.name], arrived.get(item.name, (0, 0))[1] or self._expected(item)) for item in wanted
        )
        return FetchState(sum(here.values()), total, self._finished, len(self.items))

    def _expected(self, item: FetchItem) -> int:
        sizes = [archive.bytes for archive in self.archives[item.name]]
        if sizes and None not in sizes:
            return sum(size or 0 for size in sizes)
        return item.bytes or item.estimate


def _tidy(home: os.PathLike[str]) -> None:
    """Remove the folder of unfinished sequences, unless something is to go on."""
    if set(os.listdir(home)) <= {".lock"}:
        shutil.rmtree(home, ignore_errors=True)
