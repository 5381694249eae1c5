"""What ``rpn2t frame`` does."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import cv2

from rpn2t.boxes import Box, iou
from rpn2t.cli.console import say
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.run.given import note_beyond
from rpn2t.sequences.box_files import parse_box
from rpn2t.system.container import command
from rpn2t.system.files import write_whole
from rpn2t.video.annotate import outline
from rpn2t.video.frames import Source
from rpn2t.video.grid import with_grid
from rpn2t.video.sources import open_source

_FORMATS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """The command line of ``rpn2t frame``, as it was typed."""

    source: str
    number: int
    grid: bool
    boxes: tuple[str, ...]
    output: str | None
    overwrite: bool


def write_frame(options: FrameOptions) -> None:
    """Write the frame, and say what it is and how to go on.

    Raises:
        InputError: an input cannot be used; nothing is written.
    """
    boxes = [parse_box(text) for text in options.boxes]
    with open_source(options.source) as source:
        path = _path(options, source)
        image = next(source.frames(options.number, options.number + 1)).image
        _require_inside(image, options.boxes, boxes)
        picture = outline(image, boxes)
        if options.grid:
            picture = with_grid(picture)
        write_whole(path, cv2.imencode(path.suffix.lower(), picture)[1].tobytes())
    height, width = image.shape[:2]
    beyond = [
        note_beyond(f"--box {text}", box, (width, height))
        for text, box in zip(options.boxes, boxes, strict=True)
    ]
    for note in (*source.notes, *filter(None, beyond)):
        say(f"note: {note}")
    say(
        f"frame {options.number}, {width} x {height} px, is in {path}; to follow an object from there on: "
        f"{_next_command(options, source)}"
    )


def _path(options: FrameOptions, source: Source) -> Path:
    """Where the picture is to be written.

    Raises:
        InputError: it cannot be there.
    """
    path = Path(options.output or f"{source.name}_{options.number:06d}.png")
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"--output {path}: a picture's name ends in .png or .jpg")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; choose another --output")
    if path.resolve() == Path(options.source).resolve():
        raise InputError(f"{options.source}: the picture would replace it; choose another --output")
    if path.resolve().parent in source.folders:
        raise InputError(
            f"{path}: the picture would be among the frames of {options.source}; choose another --output"
        )
    if path.exists() and not options.overwrite:
        raise InputError(f"{path}: is there already; choose another --output, or replace it with --overwrite")
    return path


def _require_inside(image: Image, texts: tuple[str, ...], boxes: list[Box]) -> None:
    height, width = image.shape[:2]
    for text, box in zip(texts, boxes, strict=True):
        if not iou(box, (0, 0, width, height))[0] > 0:
            raise InputError(f"box {text}: lies outside the frame of {width} x {height} px; give one in it")


def _next_command(options: FrameOptions, source: Source) -> str:
    """How to track from this frame on. The frame of a live source does not come again."""
    frames = f" --frames {options.number}:" if options.number and not source.live else ""
    box = shlex.quote(options.boxes[0]) if options.boxes else "X,Y,W,H"
    return f"{command()} track {shlex.quote(options.source)}{frames} --init {box}"
