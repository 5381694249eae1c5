"""Frames of a camera."""

from collections.abc import Iterator
from fractions import Fraction
from time import perf_counter

import cv2
import numpy as np

from rpn2t.errors import InputError
from rpn2t.video.frames import Frame, Source
from rpn2t.video.stills import quiet_opencv


class CameraSource(Source):
    """A camera of this machine. A frame's time is when it came."""

    def __init__(self, spec: str, number: int) -> None:
        super().__init__(spec, f"camera{number}")
        self.live = True
        with quiet_opencv():
            self._camera = cv2.VideoCapture(number)
        if not self._camera.isOpened():
            raise InputError(f"{spec}: no camera {number} on this machine, or another program holds it")
        rate = self._camera.get(cv2.CAP_PROP_FPS)
        if 1 <= rate <= 1000:
            self.fps = Fraction(rate).limit_denominator(1001)

    def _read(self, start: int, stop: int | None) -> Iterator[Frame]:
        index, began = 0, None
        while stop is None or index < stop:
            read, image = self._camera.read()
            if not read:
                raise InputError(f"{self.spec}: the camera stopped at frame {index}")
            now = perf_counter()
            began = began or now
            if index >= start:
                yield Frame(index, np.asarray(image, dtype=np.uint8), f"frame {index}", now - began)
            index += 1

    def close(self) -> None:
        """Give the camera back."""
        self._camera.release()
