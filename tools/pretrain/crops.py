"""Photographs in memory, and fresh crops of them: size, place, flip, colour and mixup drawn at random."""

import hashlib
import math
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}
HELD_OUT = 32  # one photograph in 32

AREA = (0.1, 1.0)  # of the photograph
ASPECT = 2.0
DRAWS = 13  # random numbers a crop takes

Axis = tuple[Tensor, Tensor, Tensor]  # along one axis: the pixels before and after, and the second's weight


@dataclass
class Photographs:
    """Decoded photographs, one after the other: a pixel is an int32 of the bytes B, G, R and 255."""

    pixels: Tensor
    starts: Tensor
    widths: Tensor
    heights: Tensor

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: torch.device) -> "Photographs":
        """The same on a device."""
        parts = (self.pixels, self.starts, self.widths, self.heights)
        return Photographs(*(part.to(device) for part in parts))


def find(folder: Path, skip: Collection[str] = ()) -> tuple[list[Path], list[Path]]:
    """Photographs of a folder and the folders in it, in order of name: for training, and held out.

    Those whose name within the folder is in `skip` are in neither.
    """
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    kept: tuple[list[Path], list[Path]] = ([], [])
    for name in sorted(path.relative_to(folder).as_posix() for path in paths):
        if name not in skip:
            kept[is_held_out(name)].append(folder / name)
    return kept


def is_held_out(name: str) -> bool:
    """Whether a photograph never trains: which only its name within the folder decides."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % HELD_OUT == 0


def decode(paths: Sequence[Path], side: int, threads: int = 2) -> Photographs:
    """Read photographs, those whose shorter side is longer than `side` made smaller."""
    with ThreadPoolExecutor(threads) as pool:
        sizes = list(pool.map(lambda path: _size(path, side), paths))
        counts = np.array([width * height for width, height in sizes], np.int64)
        starts = np.concatenate([[0], counts.cumsum()[:-1]]) if len(paths) else counts
        pixels = np.empty(int(counts.sum()), np.int32)

        def fill(index: int) -> None:
            pixels[starts[index] :][: counts[index]] = _pixels(paths[index], sizes[index])

        for _ in pool.map(fill, range(len(paths))):
            pass
    widths, heights = np.array(sizes, np.int64).reshape(-1, 2).T.copy()
    return Photographs(*map(torch.from_numpy, (pixels, starts, widths, heights)))


def order(seed: int, start: int, count: int, photographs: int) -> Tensor:
    """Numbers `start` to `start + count` of an endless row of photographs: a permutation, then another."""
    first, last = start // photographs, (start + count - 1) // photographs
    generators = [generator(seed, 0, each) for each in range(first, last + 1)]
    rounds = [torch.randperm(photographs, generator=each) for each in generators]
    skipped = start - first * photographs
    return torch.cat(rounds)[skipped : skipped + count]


def draw(seed: int, start: int, count: int) -> Tensor:
    """The random numbers of crops `start` to `start + count`, (count, DRAWS), uniform in 0 to 1."""
    return torch.rand(count, DRAWS, generator=generator(seed, 1, start))


def cut(
    photographs: Photographs,
    which: Tensor,
    draws: Tensor,
    size: int,
    *,
    plain: bool = False,
    mixed: float = 0.5,
) -> Tensor:
    """Crops (n, 3, size, size), BGR minus 128, channels last, on the photographs' device.

    Args:
        photographs: where they are cut from.
        which: a photograph for every crop.
        draws: the random numbers of `draw`.
        size: of the crops.
        plain: size, place and flip are drawn, but no colour and no mixup.
        mixed: share of the crops that are blended with another.
    """
    device = photographs.pixels.device
    which, draws = which.to(device), draws.to(device)
    bgr = _resample(photographs, which, draws, size)
    if plain:
        bgr = bgr[..., :3].contiguous()
    else:
        bgr = (bgr.view(len(which), -1, 4) @ colour(draws)).view(len(which), size, size, 3)
    crops = bgr.clamp_(0, 255).sub_(128).permute(0, 3, 1, 2)
    return crops if plain else _mix(crops, draws, mixed)


def _size(path: Path, side: int) -> tuple[int, int]:
    with Image.open(path) as image:
        width, height = image.size
    scale = min(1.0, side / min(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _pixels(path: Path, size: tuple[int, int]) -> NDArray[np.int32]:
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        if rgb.size != size:
            rgb = rgb.resize(size, Image.Resampling.BILINEAR)
        packed = np.full((*size[::-1], 4), 255, np.uint8)
        packed[..., :3] = np.asarray(rgb)[..., ::-1]
    return packed.view(np.int32).ravel()


def generator(seed: int, stream: int, number: int) -> torch.Generator:
    """Random numbers of their own for every seed, stream and number."""
    digest = hashlib.sha256(f"{seed} {stream} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))


def _uniform(uniform: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * uniform


def _resample(photographs: Photographs, which: Tensor, draws: Tensor, size: int) -> Tensor:
    """Windows (n, size, size, 4) of random size, shape and place, half of them mirrored, bilinear."""
    widths, heights = photographs.widths[which], photographs.heights[which]
    area = _uniform(draws[:, 0], *AREA) * widths * heights
    aspect = torch.exp(math.log(ASPECT) * _uniform(draws[:, 1], -1, 1))
    left, right, across = _axis(torch.sqrt(area * aspect), widths, draws[:, 2], size, draws[:, 4] < 0.5)
    top, bottom, down = _axis(torch.sqrt(area / aspect), heights, draws[:, 3], size)
    return bilinear(photographs, which, (left, right, across), (top, bottom, down))


def bilinear(photographs: Photographs, which: Tensor, across: Axis, down: Axis) -> Tensor:
    """Windows (n, height, width, 4), B, G, R and 255 as floats: of a photograph each, at these pixels."""
    (left, right, weight), (top, bottom, below) = across, down
    starts, widths = photographs.starts[which], photographs.widths[which]

    def corner(row: Tensor, column: Tensor) -> Tensor:
        index = (starts[:, None] + row * widths[:, None])[:, :, None] + column[:, None, :]
        return photographs.pixels[index].view(torch.uint8).view(*index.shape, 4).float()

    weight = weight[:, None, :, None]
    upper = corner(top, left).lerp_(corner(top, right), weight)
    lower = corner(bottom, left).lerp_(corner(bottom, right), weight)
    return upper.lerp_(lower, below[:, :, None, None])


def _axis(length: Tensor, whole: Tensor, place: Tensor, size: int, mirrored: Tensor | None = None) -> Axis:
    """Along one axis: the pixels before and after each of the `size` positions, and the second's weight."""
    length = torch.minimum(length, whole)
    steps = (torch.arange(size, device=length.device) + 0.5) / size
    steps = steps.expand(len(length), size)
    if mirrored is not None:
        steps = torch.where(mirrored[:, None], 1 - steps, steps)
    return between((place * (whole - length))[:, None] + steps * length[:, None] - 0.5, whole)


def between(at: Tensor, whole: Tensor) -> Axis:
    """The pixels around positions, (n, size), of photographs of this length; outside it is as at the edge."""
    at = torch.minimum(at.clamp(min=0), (whole - 1)[:, None])
    before = at.floor()
    after = torch.minimum(before + 1, (whole - 1)[:, None])
    return before.long(), after.long(), at - before


def colour(draws: Tensor) -> Tensor:
    """(n, 4, 3): saturation (a tenth is grey), gains of the channels, contrast and brightness, as one map."""
    grey = torch.tensor([0.114, 0.587, 0.299], device=draws.device)
    saturation = torch.where(draws[:, 5] < 0.1, 0, _uniform(draws[:, 6], 0.5, 1.5))[:, None, None]
    contrast = torch.exp(_uniform(draws[:, 7], -0.4, 0.4))[:, None]
    gains = contrast * torch.exp(_uniform(draws[:, 8:11], -0.1, 0.1))
    brightness = 128 * (1 - contrast) + _uniform(draws[:, 11:12], -24, 24)
    matrix = saturation * torch.eye(3, device=draws.device) + (1 - saturation) * grey[:, None]
    return torch.cat([matrix * gains[:, None, :], (brightness / 255).expand(-1, 3)[:, None, :]], 1)


def _mix(crops: Tensor, draws: Tensor, mixed: float) -> Tensor:
    """Some crops are blended with their neighbour in the batch, by any share up to one half."""
    if not mixed:
        return crops
    share = 0.5 * (1 - (1 - draws[:, 12]) / mixed).clamp(min=0)[:, None, None, None]
    return crops.lerp(crops.roll(1, 0), share)
