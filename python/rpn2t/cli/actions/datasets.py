"""What ``rpn2t datasets`` does."""

from tqdm import tqdm

from rpn2t.cli.console import FetchProgress, say
from rpn2t.errors import InputError
from rpn2t.fetch.archives import read_archives
from rpn2t.fetch.plan import FetchPlan, plan_fetch
from rpn2t.fetch.run import FetchOutcome, fetch
from rpn2t.paths import typed_path
from rpn2t.sequences.check import check_target
from rpn2t.sequences.layouts import LAYOUTS
from rpn2t.sequences.on_disk import is_nowhere
from rpn2t.sequences.protocols import as_protocol
from rpn2t.sequences.registry import dataset_names, find_dataset, root_of
from rpn2t.sequences.target import Entry, Target
from rpn2t.system.interruption import Interrupted, Interruption


def list_datasets() -> None:
    """Say which data sets there are, and how sequences of any other have to lie."""
    pages = read_archives().pages
    for name in dataset_names():
        say(f"{name:<9} {find_dataset(name).title}, {pages[name]}")
    say("get one with: rpn2t datasets fetch NAME --root DIR")
    say("or a folder of sequences, which lie in it or up to two folders deeper, in one of these layouts:")
    for layout in LAYOUTS:
        places = " or ".join(f"{layout.sequence}/{place}".removesuffix("/.") for place in layout.images)
        signs = f", with {' or '.join(layout.signs)}" if layout.signs else ""
        first = f"pixels from {int(layout.one_based)}"
        say(f"  {layout.name:<18} images in {places}, ground truth {layout.truths[0]}{signs}, {first}")


def show_sequences(dataset: str, protocol: str) -> None:
    """Say what a data set holds, a line for each sequence.

    Raises:
        InputError: there is no such data set.
    """
    for entry in find_dataset(dataset).entries:
        images, attributes = _images(entry, protocol), ",".join(entry.attributes)
        say(f"{entry.name:<14} {images:<10} {entry.truth:<22} {attributes}".rstrip())


def _images(entry: Entry, protocol: str) -> str:
    first = entry.begins.get(protocol, entry.first)
    return f"{first}-{entry.last}" if entry.last is not None else f"{first}-"


def fetch_missing(dataset: str, root: str, sequences: str | None, mirror: str | None, jobs: int) -> None:
    """Download what a copy of a data set lacks, and say how that went.

    Args:
        dataset: its name.
        root: the folder of its sequences.
        sequences: names with commas between them; None for all.
        mirror: address or folder of a copy of the site.
        jobs: how many sequences at a time.

    Raises:
        InputError: an input cannot be used.
        SystemExit: 1 if sequences could not be fetched, 128 + the signal that stopped the run.
    """
    plan = plan_fetch(dataset, root, sequences.split(",") if sequences else None, mirror=mirror)
    count = len(plan.items)
    what = f"{len(plan.present)} sequences of {plan.dataset.name} are in {root}"
    if count:
        about = f"about {plan.bytes / 1e6:.0f} MB by the number of frames"
        what += f", {count} to fetch from {plan.site.address}, {about}"
    say(what)
    _report(plan, fetch_plan(plan, jobs), root)


def fetch_plan(plan: FetchPlan, jobs: int) -> FetchOutcome:
    """Download what a plan names, and show how far it is.

    Raises:
        InputError: the root cannot be written.
        SystemExit: 128 + the signal that stopped it.
    """
    try:
        with Interruption() as interruption, FetchProgress() as progress, interruption.allowed():
            return fetch(plan, jobs=jobs, say=progress.line, progress=progress.show)
    except Interrupted as stop:
        say(f"rpn2t: {stop}; what has arrived is kept, the same command goes on with the rest", error=True)
        raise SystemExit(128 + stop.signum) from None


def _report(plan: FetchPlan, outcome: FetchOutcome, root: str) -> None:
    """Say which sequences are still missing, or what to do next."""
    if outcome.failed:
        count = len(outcome.failed)
        say(f"missing: {', '.join(outcome.failed)}", error=True)
        were = "sequence was" if count == 1 else "sequences were"
        say(f"rpn2t: {count} {were} not fetched; the same command tries again", error=True)
        raise SystemExit(1)
    there = len(plan.present) + len(outcome.fetched)
    say(f"{there} of {there} sequences of {plan.dataset.name} are in {root}")
    say(f"run a tracker on them with: rpn2t benchmark {plan.dataset.name} --root {root}")


def check_copy(dataset: str, root: str | None, protocol: str, *, read_images: bool) -> None:
    """Say what is missing or odd in a copy of a data set.

    Args:
        dataset: its name or folder.
        root: the folder of its sequences.
        protocol: whose rules hold.
        read_images: read every image as well.

    Raises:
        InputError: there is no such data set or folder.
        SystemExit: 1 if something is missing.
    """
    found = find_dataset(dataset)
    folder = typed_path(root_of(dataset, root))
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; --root names the one that holds the sequences")
    read = _read_images if read_images else None
    missing: set[str] = set()
    nowhere: list[str] = []
    for entry in tqdm(found.entries, unit="sequence", leave=False, disable=None):
        for finding in check_target(found, entry, folder, as_protocol(protocol), read):
            if finding.kind == "missing":
                missing.add(entry.name)
            if is_nowhere(finding.text):
                nowhere.append(entry.name)
            else:
                tqdm.write(f"{finding.sequence}: {finding.kind}: {finding.text}")
    if nowhere:
        say(f"missing, not in {folder}: {', '.join(nowhere)}")
    complete = len(found.entries) - len(missing)
    say(f"{complete} of {len(found.entries)} sequences of {found.name} can be used ({protocol} protocol)")
    if missing and found.folder is None:
        say(f"get what is missing with: rpn2t datasets fetch {found.name} --root {root}")
    if missing:
        raise SystemExit(1)


def _read_images(target: Target) -> None:
    """Read every image of a target.

    Raises:
        InputError: one cannot be read.
    """
    from rpn2t.video.images import ImageSource  # OpenCV, which the lists do not need

    for _ in ImageSource(target.name, target.name, list(target.images)).frames():
        pass
