"""A tracker behind the TraX protocol, by which the VOT toolkit runs it (vot-trax).

The protocol owns the standard output, so whatever else would print there goes to the standard error.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rpn2t.boxes import Box, as_box
from rpn2t.errors import InputError
from rpn2t.patch import Image, as_bgr
from rpn2t.regions import as_region, upright_box
from rpn2t.session import FrameTracker
from rpn2t.sources import ImageSource


def serve(tracker: FrameTracker, name: str) -> None:
    """Answer requests until the client says that it is enough.

    Every request to initialise starts the tracker anew, from the smallest upright rectangle around the
    region; answers are rectangles, with the tracker's score as `confidence`.

    Args:
        tracker: what tracks.
        name: how it introduces itself.

    Raises:
        InputError: the tracker cannot take an image or a region, or the client speaks nonsense.
    """
    import trax
    from trax.image import Image as TraxImage
    from trax.region import Region
    from trax.server import Server

    formats = [Region.RECTANGLE, Region.POLYGON]
    images = [TraxImage.PATH, TraxImage.MEMORY, TraxImage.BUFFER]
    with redirect_stdout(sys.stderr):
        server = Server(formats, images, tracker_name=name)
        try:
            while _answer(server.wait(), tracker, server):
                pass
        except trax.TraxException as error:
            raise InputError(f"TraX: {error}; this verb is started by a TraX client") from error
        except Exception as error:  # any tracker may be served here; the client hears the reason, too
            reason = (str(error).strip().splitlines() or [""])[0]
            kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
            server.quit(f"{kind}{reason}")
            raise InputError(f"{kind}{reason}") from error
        server.quit()


def _answer(request: Any, tracker: FrameTracker, server: Any) -> bool:
    """Do what one request wants; whether others may follow."""
    from trax import TraxStatus
    from trax.region import Rectangle

    if request.type not in (TraxStatus.INITIALIZE, TraxStatus.FRAME):
        return False
    image = _image(request.image)
    if request.type == TraxStatus.INITIALIZE:
        box, score = _box(request.objects), 1.0
        tracker.init(image, box)
    else:
        box, score = tracker.update(image)
    x, y, w, h = box
    server.status([(Rectangle.create(x, y, w, h), {"confidence": f"{score:.6f}"})])
    return True


def _box(objects: Any) -> Box:
    """The upright rectangle around the one object."""
    if len(objects) != 1:
        raise InputError(f"TraX: {len(objects)} objects; this tracker follows one")
    from trax.region import Polygon, Rectangle

    region = objects[0][0]
    if isinstance(region, Rectangle):
        numbers = list(region.bounds())
    elif isinstance(region, Polygon):
        numbers = [value for point in region for value in point]
    else:
        raise InputError(f"TraX: a region of type {type(region).__name__}; send a rectangle or a polygon")
    # TraX writes four decimals, its library holds 32-bit floats: back to what was written, which is then what
    # `rpn2t benchmark` starts from.
    return as_box(upright_box(as_region([round(value, 4) for value in numbers])))


def _image(images: Any) -> Image:
    """A request's image as uint8 BGR."""
    from trax.image import BufferImage, FileImage, ImageChannel, MemoryImage

    found = images.get(ImageChannel.COLOR) if images else None
    if isinstance(found, FileImage):
        path = Path(found.path())
        return next(ImageSource(str(path), path.stem, [path]).frames()).image
    if isinstance(found, BufferImage):
        data: NDArray[np.uint8] = np.frombuffer(found.buffer(), np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        if decoded is None:
            raise InputError("TraX: an image's data cannot be decoded; send JPEG or PNG")
        return np.asarray(decoded, np.uint8)
    if isinstance(found, MemoryImage):
        array = np.asarray(found.array())
        if array.dtype != np.uint8:
            raise InputError("TraX: an image of 16 bits a pixel; send 8")
        # Memory images are RGB.
        return as_bgr(np.ascontiguousarray(array[:, :, ::-1]) if array.shape[2] == 3 else array[:, :, 0])
    raise InputError("TraX: a request without a colour image")
