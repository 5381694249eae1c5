"""Photographs with boxes, and windows onto them: as `rpn2t train-rpn` shows them, and as the tracker does."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import crops
import torch
from anchors import clipped
from torch import Tensor

COMPLETE = {
    # Every object of VOC's 20 classes, or of COCO's 80, has a box.
    "voc2007_subset", "voc2007_test", "voc2012_animals", "coco256", "coco_tiny",
    # Rooms, about eight boxes a photograph: furniture and household things.
    "indoor_map85",
    # From above: every car, and hardly anything else. A runway with one thing on it.
    "aerial_cars", "fod_a",
}  # fmt: skip
"""Sources whose photographs show, as good as, no object without a box. In the others one object has a box
(animalpose_web, imagenet_val1k), or those of one kind (ccp_fashion, human_seg and pennfudan: people;
kangaroo, raccoon, fruit, kitti21), and what else is in the picture has none."""

HELD_OUT_SOURCE, HOLD_OUT = "voc2007_subset", 10  # as `rpn2t train-rpn --held-out-source voc2007_subset`
DRAWS = 16  # random numbers a window takes
SHORTER, LONGEST = (384.0, 540.0), 1.8  # px of the shorter side; `train-rpn`: 384 to 600
CANVASES = [
    (512, 384), (576, 384), (576, 432), (640, 480), (448, 448), (480, 480),
    (384, 512), (384, 576), (432, 576), (480, 640),
]  # fmt: skip
"""Width and height, px. A pixel of other sizes, larger ones above all, can take the CPU's library four times
as long: 704 x 512, 768 x 576."""
SHIFT, SCALE, ASPECT, SQUARE = 0.35, (0.58, 1.57), 0.25, 0.3
CONTEXT = 16  # px around a target on each side, in the teacher and in the student
SMALLEST_TARGET = 16  # px of the photograph
VISIBLE = 0.4  # share of an object's area that the tracker's window must show
BLURRED = 0.2  # share of the windows


@dataclass
class Annotated:
    """Photographs, those of them that are targets, and the boxes of each, (x, y, width, height)."""

    photographs: crops.Photographs
    boxes: list[Tensor]
    complete: list[bool]

    def __post_init__(self) -> None:
        """List the objects that are large enough to be followed: numbers of photograph and box."""
        self.objects = torch.tensor(
            [
                (number, index)
                for number, boxes in enumerate(self.boxes)
                for index in (boxes[:, 2:].amin(1) >= SMALLEST_TARGET).nonzero()[:, 0].tolist()
            ]
        ).view(-1, 2)

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass
class Windows:
    """Images (n, 3, height, width), BGR minus 128, with what is known of each.

    Attributes:
        images: channels last.
        boxes: every labelled box, in px of the window.
        taught: which of them are to be proposed: those of which enough is to be seen.
        complete: whether every object has a box.
    """

    images: Tensor
    boxes: list[Tensor]
    taught: list[Tensor]
    complete: list[bool]


def find(folder: Path, list_of_boxes: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Lines of a list in JSON lines: photographs with boxes to train on, and held out."""
    lines = [json.loads(line) for line in list_of_boxes.read_text().splitlines() if line.strip()]
    counted = [line for line in lines if line["source"] == HELD_OUT_SOURCE]
    held_out = {line["file"] for line in counted[HOLD_OUT - 1 :: HOLD_OUT]}
    boxed = [line for line in lines if line["boxes"] and (folder / line["file"]).is_file()]
    parts = [[line for line in boxed if (line["file"] in held_out) == held] for held in (False, True)]
    return parts[0], parts[1]


def decode(folder: Path, lines: list[dict[str, Any]], threads: int) -> Annotated:
    """Read the photographs of these lines, in their own size."""
    photographs = crops.decode([folder / line["file"] for line in lines], 1 << 30, threads)
    boxes = [torch.tensor(line["boxes"], dtype=torch.float32).view(-1, 4) for line in lines]
    return Annotated(photographs, boxes, [line["source"] in COMPLETE for line in lines])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give a training on photographs with boxes the options that say where they are."""
    add = parser.add_argument
    add("--images", type=Path, required=True, help="folder of photographs")
    add("--boxes", type=Path, help="their list [boxes.jsonl in that folder]")
    add("--snapshots", type=Path, required=True, help="folder to write to, and to go on from")


def read(folder: Path, list_of_boxes: Path | None, threads: int) -> tuple[Annotated, Annotated]:
    """The photographs to train on and those held out; says how many there are.

    Args:
        folder: of the photographs.
        list_of_boxes: None: boxes.jsonl in it.
        threads: that read them.

    Raises:
        SystemExit: there are too few.
    """
    lines = find(folder, list_of_boxes or folder / "boxes.jsonl")
    if not all(lines):
        raise SystemExit(f"{folder}: too few photographs with boxes")
    print(f"{len(lines[0])} photographs to train on, {len(lines[1])} held out", flush=True)
    training, held_out = (decode(folder, each, threads) for each in lines)
    return training, held_out


def draw(seed: int, stream: int, start: int, count: int) -> Tensor:
    """The random numbers of windows `start` to `start + count`, (count, DRAWS), uniform in 0 to 1."""
    return torch.rand(count, DRAWS, generator=crops.generator(seed, stream, start))


def scenes(data: Annotated, which: Tensor, draws: Tensor, *, plain: bool = False) -> list[Windows]:
    """Whole photographs at the sizes at which `rpn2t train-rpn` shows them: windows of one image each.

    Each is fitted to the nearest of CANVASES.
    """
    found = []
    for number, part in zip(which.split(1), draws.split(1), strict=True):
        sides = torch.stack([data.photographs.widths[number], data.photographs.heights[number]], 1).float()
        shorter = SHORTER[0] * (SHORTER[1] / SHORTER[0]) ** part[:, 0]
        factor = torch.minimum(shorter / sides.amin(1), LONGEST * shorter / sides.amax(1))
        distances = (sides * factor[:, None] / torch.tensor(CANVASES)).log().abs().sum(1)
        frame = torch.cat([torch.zeros(1, 2), sides], 1)
        windows = _cut(data, number, frame, part, CANVASES[int(distances.argmin())], plain)
        windows.taught = [torch.ones(len(boxes), dtype=torch.bool) for boxes in windows.boxes]
        found.append(windows)
    return found


def closeups(data: Annotated, which: Tensor, draws: Tensor, size: int, *, plain: bool = False) -> Windows:
    """Windows around jittered boxes, warped to squares, as the tracker looks for its target."""
    pairs = data.objects[which]
    boxes = torch.stack([data.boxes[number][index] for number, index in pairs.tolist()])
    centres = boxes[:, :2] + boxes[:, 2:] * (0.5 + SHIFT * (2 * draws[:, 0:2] - 1))
    stretch = torch.exp(ASPECT / 2 * (2 * draws[:, 2:3] - 1)) ** torch.tensor([1.0, -1.0])
    square = boxes[:, 2:].prod(1, keepdim=True).sqrt().expand(-1, 2)
    shape = torch.where(draws[:, 3:4] < SQUARE, square, boxes[:, 2:] * stretch)
    scale = SCALE[0] * (SCALE[1] / SCALE[0]) ** draws[:, 4:5]
    length = shape * scale * size / (size - 2 * CONTEXT)
    found = _cut(data, pairs[:, 0], torch.cat([centres - length / 2, length], 1), draws, (size, size), plain)
    _teach(found, size)
    return found


def _cut(
    data: Annotated, which: Tensor, frames: Tensor, draws: Tensor, size: tuple[int, int], plain: bool
) -> Windows:
    """The windows that these rectangles of the photographs become; beyond a photograph's edge all is grey."""
    mirrored = draws[:, 12:13] < 0.5
    photographs = data.photographs
    right, down = (((torch.arange(side) + 0.5) / side).expand(len(which), side) for side in size)
    places = torch.where(mirrored, 1 - right, right), down
    at = [frames[:, k, None] + place * frames[:, k + 2, None] for k, place in enumerate(places)]
    wholes = photographs.widths[which], photographs.heights[which]
    across, down = (crops.between(each - 0.5, whole) for each, whole in zip(at, wholes, strict=True))
    inside = [(each >= 0) & (each < whole[:, None]) for each, whole in zip(at, wholes, strict=True)]
    pixels = crops.bilinear(photographs, which, across, down)
    if plain:
        bgr = pixels[..., :3].contiguous()
    else:
        bgr = (pixels.view(len(which), -1, 4) @ crops.colour(draws)).view(*pixels.shape[:3], 3)
    bgr = bgr.clamp_(0, 255).sub_(128) * (inside[1][:, :, None] & inside[0][:, None, :])[..., None]
    images = bgr.permute(0, 3, 1, 2)
    if not plain:
        _blur(images, draws[:, 13])
    return _labelled(data, which, frames, mirrored, size, images)


def _blur(images: Tensor, draws: Tensor) -> None:
    """Blur some of the images, over 3 or 5 px, in place."""
    for kernel, low in ((3, 0.0), (5, BLURRED / 2)):
        chosen = (draws >= low) & (draws < low + BLURRED / 2)
        if chosen.any():
            images[chosen] = torch.nn.functional.avg_pool2d(
                images[chosen], kernel, 1, kernel // 2, count_include_pad=False
            )


def _labelled(
    data: Annotated, which: Tensor, frames: Tensor, mirrored: Tensor, size: tuple[int, int], images: Tensor
) -> Windows:
    """Carry the photographs' boxes over into the windows; those outside are left out."""
    found = Windows(images, [], [], [data.complete[number] for number in which.tolist()])
    for number, frame, mirror in zip(which.tolist(), frames, mirrored, strict=True):
        scale = torch.tensor(size) / frame[2:]
        boxes = torch.cat(
            [(data.boxes[number][:, :2] - frame[:2]) * scale, data.boxes[number][:, 2:] * scale], 1
        )
        if mirror:
            boxes[:, 0] = size[0] - boxes[:, 0] - boxes[:, 2]
        found.boxes.append(boxes)
    return found


def _teach(windows: Windows, size: int) -> None:
    """Leave out what lies outside; of the rest, say what can be seen well enough to be proposed."""
    for index, boxes in enumerate(windows.boxes):
        seen = clipped(boxes, (size, size))[:, 2:].prod(1) / boxes[:, 2:].prod(1)
        windows.boxes[index] = boxes[seen > 0]
        windows.taught.append(seen[seen > 0] >= VISIBLE)
