"""Where frames come from: videos, folders, globs, benchmark sequences, streams and cameras.

:func:`open_source` turns what a person typed into a :class:`~rpn2t.video.frames.Source`, which yields uint8
BGR frames one by one. An input that cannot be read raises :class:`~rpn2t.errors.InputError` with one line
that names it as it was typed and the frame; the frames before it have been yielded by then.
"""

import glob
import os
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from rpn2t.errors import InputError
from rpn2t.images import IMAGE_SUFFIXES
from rpn2t.paths import typed_path
from rpn2t.sequences.image_files import natural
from rpn2t.sequences.layouts import IMAGE_FOLDERS, places_under
from rpn2t.sequences.on_disk import read_sequence
from rpn2t.system.container import denied_hint, missing_hint
from rpn2t.video.camera import CameraSource
from rpn2t.video.container import VideoSource
from rpn2t.video.frames import Source
from rpn2t.video.images import ImageSource

_UNREADABLE = frozenset({".heic", ".heif", ".jxl"})
"""Images that FFmpeg opens as if they were videos, or not at all."""
_CONVERT = "convert images to .jpg or .png"


def open_source(spec: str, truth: str | None = None) -> Source:
    """Open what a person typed.

    Args:
        spec: a camera's index ("0", or "/dev/video0" where something is called 0), a stream's URL, a video
            file, an image file, a folder of images, a sequence folder in one of the layouts of
            :mod:`rpn2t.sequences.layouts`, a glob of images, or a pattern of numbered images
            ("dir/%04d.jpg").
        truth: a ground-truth file; if it is one of the sequence's, its target is meant and not the first.

    Raises:
        InputError: there is no such thing, it holds no frames, or it cannot be read.
    """
    try:
        return _open(spec, truth)
    except OSError as error:
        raise InputError(f"{spec}: {error.strerror}{denied_hint(error)}") from error


def _open(spec: str, truth: str | None) -> Source:
    if not spec:
        raise InputError("the source is empty: name a video, a folder of images, a stream or a camera")
    if "://" in spec:
        return VideoSource(spec, spec, _stream_name(spec))
    path = typed_path(spec)
    camera = re.fullmatch(r"(?:/dev/video)?(0|[1-9][0-9]{0,3})", spec)
    if camera and (spec.startswith("/") or not path.exists()):
        return CameraSource(spec, int(camera[1]))
    if not path.exists():
        return _open_pattern(spec, path)
    if path.is_dir():
        source = _open_folder(spec, path, Path(truth) if truth else None)
    else:
        source = _open_file(spec, path)
    if camera:
        source.notes.append(
            f"{spec} is taken as the file or folder of that name; the camera is /dev/video{spec}."
        )
    return source


def _stream_name(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"{address}: not an address ({error})") from None
    return Path(parts.path).stem or parts.hostname or "stream"


def _open_file(spec: str, path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES and path.is_file():
        return ImageSource(spec, path.stem, [path])
    if suffix in _UNREADABLE:
        raise InputError(f"{spec}: {suffix} cannot be read; {_CONVERT}")
    return VideoSource(spec, str(path.absolute()), path.stem)


def _open_pattern(spec: str, path: Path) -> Source:
    """Images that a printf pattern or a glob names."""
    number = re.fullmatch(r"([^%]*)%(?:0?([1-9]?))d([^%]*)", path.name)
    if number:
        name = re.compile(rf"{re.escape(number[1])}\d{{{number[2] or 1},}}{re.escape(number[3])}")
        folder = path.parent.iterdir() if path.parent.is_dir() else ()
        files = natural(file for file in folder if name.fullmatch(file.name) and not file.is_dir())
    elif glob.has_magic(spec):
        matches = map(Path, glob.glob(_literal_folders(path), recursive=True))
        files = natural(file for file in matches if file.is_file())
    else:
        raise InputError(f"{spec}: no such file or folder{missing_hint()}")
    if not files:
        raise InputError(f"{spec}: no file matches{missing_hint()}")
    return _several(spec, _sequence_name(files[0].parent), files)


def _literal_folders(path: Path) -> str:
    """The pattern, in which a folder that exists by its name ("clip [1]") stands for itself."""
    known = next(folder for folder in (*path.parents, Path()) if folder.exists())
    return os.path.join(glob.escape(str(known)), path.relative_to(known))


def _open_folder(spec: str, folder: Path, truth: Path | None) -> Source:
    """A folder of images, or a sequence folder with its ground truth."""
    sequence = read_sequence(folder, truth)
    if not sequence.images:
        inside = [place.folder for place in places_under(folder)]
        if len(inside) == 1 and inside[0] != folder:
            return _open_folder(spec, inside[0], truth)
        hint = f"; name one of the sequences in it, such as {inside[0]}" if len(inside) > 1 else ""
        raise InputError(f"{spec}: no images in this folder{hint or _what_else(folder)}")
    source = _several(spec, _sequence_name(folder), sequence.images)
    source.ground_truth, source.ground_truth_file = sequence.truth, sequence.truth_file
    source.ground_truth_fault = sequence.fault
    source.notes += sequence.notes
    return source


def _several(spec: str, name: str, files: list[Path]) -> ImageSource:
    source = ImageSource(spec, name, files)
    source.folders = frozenset(file.resolve().parent for file in files)
    return source


def _what_else(folder: Path) -> str:
    """What a folder without images has, and what to do about it."""
    items = [item for item in natural(folder.iterdir()) if not item.name.startswith(".")]
    folders = [item.name for item in items if item.is_dir()]
    suffixes = Counter(item.suffix.lower() for item in items if item.is_file())
    told = "" if items else ", it is empty: name one with images, or a video"
    if suffixes:
        suffix, count = suffixes.most_common(1)[0]
        files = f"{count} {suffix or 'nameless'} file{'s' * (count > 1)}"
        told += f", but {files}: name a video, {_CONVERT}"
    if folders:
        more = " ..." * (len(folders) > 3)
        told += f"{';' if told else ', but'} folders: name one ({', '.join(folders[:3])}{more})"
    return told


def _sequence_name(folder: Path) -> str:
    """The folder's name, or that of the sequence whose img/ it is."""
    folder = folder.resolve()
    return folder.parent.name if folder.name in IMAGE_FOLDERS else folder.name
