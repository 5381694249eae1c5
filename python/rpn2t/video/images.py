"""Frames of image files: a folder's, a glob's, or the pictures of one file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rpn2t.errors import InputError
from rpn2t.video.depth import To8Bits
from rpn2t.video.frames import HELD, Frame, Source, blocks_backward
from rpn2t.video.stills import decode_image, picture_rate, pictures_in, read_pictures


class ImageSource(Source):
    """Images in the order given, one file a frame, but every picture of a file that holds several is one.

    Whatever a file holds becomes 8-bit BGR: grey is repeated, more than 8 bits are scaled down
    (:mod:`rpn2t.video.depth`), alpha is dropped, and EXIF's orientation is applied.
    """

    def __init__(self, spec: str, name: str, files: Sequence[Path]) -> None:
        super().__init__(spec, name)
        alone = len(files) == 1
        self._files = [(file, pictures_in(file, alone=alone)) for file in files]
        self.length = sum(len(numbers) for _, numbers in self._files)
        if alone and self.length > 1 and (rate := picture_rate(files[0])):
            self.fps = rate
        self._to_8_bits = To8Bits()

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        index = 0
        for file, numbers in self._files:
            if stop is not None and index >= stop:
                return
            wanted = numbers[max(start - index, 0) : None if stop is None else stop - index]
            index += len(numbers) - len(numbers[max(start - index, 0) :])
            for frame in self._frames(file, wanted, index, len(numbers)):
                yield frame
                index += 1

    def _read_backward(self, start: int, stop: int | None) -> Iterator[Frame]:
        first = next(self._read(start, start + 1), None)  # how deep pixels are scaled is settled by it
        if first is None:
            return
        size = max(1, HELD // first.image.nbytes)
        end = self.length or 0
        for file, numbers in reversed(self._files):
            begin = end - len(numbers)
            wanted = range(max(start, begin), end if stop is None else min(stop, end))
            for block in blocks_backward(wanted.start, wanted.stop, size):
                some = numbers[block.start - begin : block.stop - begin]
                yield from reversed(list(self._frames(file, some, block.start, len(numbers))))
            end = begin

    def _frames(self, file: Path, wanted: Sequence[int], index: int, of: int) -> Iterator[Frame]:
        """The wanted ones of a file's `of` pictures, of which the first is frame `index`."""
        for pixels, name in self._pictures(file, wanted, index, of):
            yield Frame(index, self._image(pixels), name, float(index / self.fps))
            index += 1

    def _pictures(
        self, file: Path, wanted: Sequence[int], index: int, of: int
    ) -> Iterator[tuple[NDArray[np.generic], str]]:
        """The wanted ones of a file's `of` pictures, of which the first is frame `index`, and their names."""
        if not wanted:
            return
        if of == 1:
            yield self._only_picture(file, index), file.name
            return
        at = index
        try:
            for number, pixels in zip(wanted, read_pictures(file, wanted), strict=True):
                yield pixels, f"{file.name}, picture {number}"
                at += 1
        except ValueError as error:
            raise InputError(
                f"{self.spec}: frame {at}, picture {wanted[at - index]} of {file.name}, cannot be read as an "
                f"image"
            ) from error

    def _only_picture(self, file: Path, index: int) -> NDArray[np.generic]:
        try:
            pixels = decode_image(file.read_bytes())
        except OSError as error:
            raise InputError(f"{self.spec}: frame {index}, {file.name}: {error.strerror}") from error
        if pixels is None:
            raise InputError(f"{self.spec}: frame {index}, {file.name}, cannot be read as an image")
        return pixels

    def _image(self, pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        known, image = self.scaled_from, self._to_8_bits(pixels)
        if known is None and self._to_8_bits.range is not None:
            self.scaled_from = self._to_8_bits.range
            self.notes.append(self._to_8_bits.note())
        return image
