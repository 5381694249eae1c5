"""Still pictures: the bytes of an image file, and files that hold several pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

_PNG, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
_STACKS = frozenset({".avif", ".mpo", ".tif", ".tiff", ".webp"})
_NO_FRAME = 1 | 4
"""In TIFF's tag NewSubfileType: a smaller copy of another picture, or the mask of one."""
_SUBFILE_TYPE = 254


def decode_image(data: bytes) -> NDArray[np.generic] | None:
    """An image file's bytes as BGR of shape (h, w, 3); None if it is no image, or not a whole one.

    Grey is repeated, alpha is dropped, and EXIF's orientation is applied. Values are uint8, or uint16 if the
    file is 16 bits deep; :class:`rpn2t.video.depth.To8Bits` makes 8 of them.
    """
    # libpng complains on stderr by itself; the usual damage, a file that was cut off, lacks the end.
    if not data or (data.startswith(_PNG) and _PNG_END not in data):
        return None
    with quiet_opencv():
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error:  # more pixels than OpenCV takes
            return None
    return None if image is None else np.asarray(image)


def pictures_in(file: Path, *, alone: bool) -> Sequence[int]:
    """The numbers of a file's pictures that are frames; one of them if it holds one, or cannot be read.

    Smaller copies and masks beside a picture are no frames.

    Args:
        file: the image file.
        alone: whether it is all that there is to track. Only then a PNG is asked whether it is animated:
            among many, it is one frame.
    """
    suffix = file.suffix.lower()
    if suffix not in _STACKS and not (alone and suffix == ".png"):
        return (0,)
    try:
        with PIL.Image.open(file) as image:
            if image.format in ("TIFF", "MPO"):
                return list(_of_the_first_size(image))
            return range(getattr(image, "n_frames", 1))
    except Exception:  # Pillow's readers raise whatever a broken file leads to; reading the frame tells
        return (0,)


def read_pictures(file: Path, numbers: Sequence[int]) -> Iterator[NDArray[np.generic]]:
    """Read several pictures of one file, as BGR or grey of the file's depth.

    Raises:
        ValueError: one cannot be read; those before it have been yielded.
    """
    try:
        with PIL.Image.open(file) as image:
            for number in numbers:
                image.seek(number)
                yield _pixels(image)
    except Exception as error:  # as above
        raise ValueError(str(error)) from error


def picture_rate(file: Path) -> Fraction | None:
    """Pictures a second of an animation, by how long it shows the first; None if it does not say."""
    try:
        with PIL.Image.open(file) as image:
            image.load()
            milliseconds = float(image.info.get("duration") or 0)
    except Exception:  # as above
        return None
    return 1000 / Fraction(milliseconds).limit_denominator(1000) if milliseconds >= 1 else None


def _of_the_first_size(image: PIL.Image.Image) -> Iterator[int]:
    """The numbers of the pictures that are frames, then that of one that is broken: reading it tells."""
    size = image.size
    for number in count():
        try:
            image.seek(number)
        except EOFError:
            return
        except Exception:  # as above
            yield number
            return
        tags = getattr(image, "tag_v2", {})
        if number == 0 or (image.size == size and not int(tags.get(_SUBFILE_TYPE, 0)) & _NO_FRAME):
            yield number


def _pixels(image: PIL.Image.Image) -> NDArray[np.generic]:
    """The current picture, upright; 16 bits, 32 bits and floats stay as they are."""
    upright = PIL.ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        deep = np.asarray(upright)
        return deep.astype(deep.dtype.newbyteorder("="))
    return np.ascontiguousarray(np.asarray(upright.convert("RGB"))[:, :, ::-1])


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from logging what it cannot read: InputError's one line says it."""
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
