"""New sets of weights: from local files, from the authors' repository, or from another set, scaled.

A set appears whole or not at all. It is made and checked in a hidden folder beside its place, then renamed.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.nets.caffemodel import (
    RPN_CONV3X3,
    RPN_NAMES,
    TEACHER_LAYERS,
    Layers,
    check_zf,
    fit,
    read_caffemodel,
    scale_conv5,
    write_caffemodel,
)
from rpn2t.nets.patch import GREY_LEVEL
from rpn2t.nets.weight_sets import (
    AUTHORS,
    FILES,
    WeightSet,
    checked_layers,
    find_set,
    is_set_name,
    user_weights_dir,
    write_sums,
)
from rpn2t.paths import typed_path
from rpn2t.system.container import denied_hint
from rpn2t.system.download import DownloadError, download

Tell = Callable[[str, int, int], None]
"""Called with a file's name, the bytes that have arrived, and the bytes expected (0 if not known)."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to download: its part in the set, its name there, and its git blob id."""

    part: str
    name: str
    git_blob: str


# The authors' public repository and the two weight files in it.
AUTHORS_URL = "https://github.com/jimmy-ren/RPN2T/raw/HEAD/models/rpn"
AUTHORS_FILES = (
    RemoteFile("student", "proposal_learn_160k_voc_5_9000", "54a3343dd95f07460237c61905fc11f7185e5297"),
    RemoteFile("teacher", "ZF_iter_160000", "615bc03a41e867eae9e3ed10aebddd8e91329dd7"),
)


GREY = (float(GREY_LEVEL),) * 3
"""What the tracker and the authors' networks subtract: blue, green, red."""


def import_set(
    name: str,
    student: str | Path | None = None,
    teacher: str | Path | None = None,
    mean: Sequence[float] = GREY,
    *,
    force: bool = False,
) -> WeightSet:
    """Install local Caffe models in the user's folder as a set of this name.

    They may be the authors' two files or a ZF model of py-faster-rcnn. A file with mean 128 and our layer
    names (the first of ``RPN_CONV3X3`` and of each of ``RPN_CONV1X1``) is copied as it is. Otherwise conv1 to
    conv5 and the region proposal network's layers are kept, under our names and with the mean in conv1's
    bias.

    Args:
        name: letters, digits and ``. _ -``; not ``shipped``.
        student: file with conv1 to conv5 of the ZF net. Without one the student is the teacher's conv1 to
            conv5, undistilled, from which distillation starts.
        teacher: file with the teacher's conv1 to conv5, perhaps with a region proposal network's layers.
        mean: what the files' networks subtract: blue, green, red.
        force: replace a set of this name.

    Raises:
        InputError: no file is given, the name is taken or not allowed, or a file is not a ZF net's weights.
    """
    sources = {part: file for part, file in (("student", student), ("teacher", teacher)) if file is not None}
    if not sources:
        raise InputError(f"weights {name}: nothing to import; give --teacher FILE, --student FILE or both")
    with _new_set(name, force) as folder:
        zf = {part: _install(source, folder / FILES[part], mean) for part, source in sources.items()}
        if student is None:
            write_caffemodel(folder / FILES["student"], zf["teacher"])
    return find_set(name)


def _install(source: str | Path, place: Path, mean: Sequence[float]) -> Layers:
    """Copy a ZF net's file, or write it anew if its layers' names or its mean are not ours.

    Returns:
        The installed conv1 to conv5.
    """
    layers = read_caffemodel(source, only=TEACHER_LAYERS)
    zf = check_zf(layers, source=source)
    names = {ours: next((name for name in each if name in layers), None) for ours, each in RPN_NAMES.items()}
    rpn = {
        name: fit(layers[old], _rpn_shapes(name, layers[old]), where=f"{source}: layer {old}")
        for name, old in names.items()
        if old is not None
    }
    if tuple(mean) == GREY and all(old in (name, None) for name, old in names.items()):
        shutil.copyfile(source, place)
        return zf
    zf["conv1"] = fold_mean(zf["conv1"], mean)
    write_caffemodel(place, zf | rpn)
    return zf


def _rpn_shapes(name: str, arrays: Sequence[NDArray[np.float32]]) -> list[tuple[int, ...]]:
    """The shapes that a layer of the region proposal network must have, for the file's number of anchors."""
    if name == RPN_CONV3X3[0]:
        return [(256, 256, 3, 3), (256,)]
    outputs = arrays[0].shape[:1]
    return [(*outputs, 256, 1, 1), outputs]


def fold_mean(arrays: Sequence[NDArray[np.float32]], mean: Sequence[float]) -> list[NDArray[np.float32]]:
    """Weights and bias of a first layer that now reads BGR minus 128 instead of BGR minus another mean.

    Beyond the edge of a frame or a patch the layer then sees grey 128 instead of that mean.
    """
    kernel, bias = arrays
    change = np.einsum("ocij,c->o", kernel, GREY_LEVEL - np.asarray(mean, np.float64))
    return [kernel, (bias + change).astype(np.float32)]


def fetch_authors(
    base_url: str = AUTHORS_URL,
    files: Sequence[RemoteFile] = AUTHORS_FILES,
    *,
    name: str = AUTHORS,
    force: bool = False,
    timeout: float = 30.0,
    tell: Tell | None = None,
) -> WeightSet:
    """Download the authors' weights as a set, each file verified by its git blob id.

    Args:
        base_url: address of the folder that holds the files.
        files: what to download.
        name: the set to make.
        force: replace a set of this name.
        timeout: seconds to wait for an answer, and for each piece of a file.
        tell: called as a file arrives.

    Raises:
        InputError: no network, no such file there, or a file that is not the authors'.
    """
    with _new_set(name, force) as folder:
        for file in files:
            path = folder / FILES[file.part]
            url = f"{base_url.rstrip('/')}/{file.name}"
            fetch_file(url, path, timeout, tell)
            if (found := git_blob_id(path)) != file.git_blob:
                raise InputError(
                    f"{url}: not the authors' file, or not all of it "
                    f"(git blob {found[:12]}, expected {file.git_blob[:12]}): nothing was installed"
                )
            check_zf(read_caffemodel(path), source=url)
    return find_set(name)


def scale_set(weights: WeightSet, factor: float, folder: str | Path, *, half: bool = False) -> WeightSet:
    """Write a set with conv5 of student and teacher scaled, by :func:`rpn2t.nets.caffemodel.scale_conv5`.

    Args:
        weights: the set. Its other files are not copied.
        factor: from 1e-6 to 1e6.
        folder: for the new set, with SHA256SUMS; it must be empty, or not be there yet.
        half: round the numbers to half precision. The files stay float32, and compress to half the size.

    Raises:
        InputError: the factor is out of range, a file is not a ZF net's, or the folder cannot take the set.
    """
    place = typed_path(folder).resolve()
    if place.exists() and not (place.is_dir() and not any(place.iterdir())):
        raise InputError(f"{folder}: not an empty folder; give another --output")
    with _new_folder(place) as made:
        for path in weights.files.values():
            scaled = scale_conv5(checked_layers(path), factor, source=path)
            if half:
                scaled = {name: [each.astype(np.float16) for each in blobs] for name, blobs in scaled.items()}
            write_caffemodel(made / path.name, scaled)
    return find_set(place)


def git_blob_id(path: str | Path) -> str:
    """The id git gives a file's content: SHA-1 of ``blob``, its size, a zero byte and the content."""
    content = Path(path).read_bytes()
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def fetch_file(url: str, path: Path, timeout: float, tell: Tell | None) -> None:
    """Download a file.

    Args:
        url: its address.
        path: where to write it.
        timeout: seconds to wait for an answer, and for each piece of the file.
        tell: called as it arrives.

    Raises:
        InputError: it cannot be fetched.
    """
    name = url.rsplit("/", 1)[-1]
    try:
        download(url, path, timeout=timeout, tell=tell and (lambda here, total: tell(name, here, total)))
    except DownloadError as error:
        raise InputError(
            f"{url}: cannot be fetched ({error.reason}); check the network, or get the file by other means "
            "and use `rpn2t weights import` or `import-backbone`"
        ) from error


@contextmanager
def _new_set(name: str, force: bool) -> Iterator[Path]:
    """A folder to fill, which becomes the set ``name`` with its checksums when the block ends well."""
    if not is_set_name(name):
        raise InputError(f"weights {name!r}: not a name for a set (letters, digits, . _ -; not shipped)")
    place = user_weights_dir() / name
    if place.exists() and not force:
        raise InputError(f"weights {name}: already installed in {place}; --force replaces it")
    with _new_folder(place) as folder:
        yield folder


@contextmanager
def _new_folder(place: Path) -> Iterator[Path]:
    """A folder to fill, which becomes ``place`` with its checksums when the block ends well."""
    home = place.parent
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=home, prefix=f".{place.name}.", ignore_cleanup_errors=True
        ) as scratch:
            made = Path(scratch) / "new"
            made.mkdir()
            yield made
            write_sums(made)
            if place.exists():
                place.rename(Path(scratch) / "old")
            made.rename(place)
    except OSError as error:
        reason = f"({error.strerror}){denied_hint(error)}"
        raise InputError(f"weights {place.name}: cannot write to {home} {reason}") from error
