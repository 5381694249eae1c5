"""conv5 of boxes, each in a patch of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import as_boxes
from rpn2t.images import Image
from rpn2t.nets.backbone import Backbone, Maps
from rpn2t.nets.caffe import Blob, forward
from rpn2t.nets.lanes import Lanes
from rpn2t.nets.patch import cut_into
from rpn2t.system.stages import Stage, stage


class PatchFeatures:
    """One patch a box (section 3.3: the student sees each candidate at 107 px).

    Attributes:
        lanes: the nets.
        batch: boxes in one forward pass.
        channels: of conv5.
        shape: of a box's map, (channels, rows, columns), with those of the detail.
    """

    def __init__(
        self, backbone: Backbone, rim: int, batch: int | None = None, detail: str | None = None
    ) -> None:
        """Make nets that share the backbone's weights: one a thread that Caffe has on a CPU.

        Args:
            backbone: the frozen net.
            rim: rows and columns of conv5's map to leave out on every side: those that the head never reads.
            batch: boxes in one forward pass, which a GPU always makes whole. None: as many as suit the
                device.
            detail: a blob of the net with a map as large as the whole of conv5's. Its channels come after
                conv5's in what :meth:`maps` returns.
        """
        self._context = backbone.spec.context
        self.lanes = Lanes(backbone.device, lambda: backbone.net_without_rim(rim, batch))
        self.net, self._feature = self.lanes.own
        self.batch, self.channels, height, width = self.net.blobs[self._feature].shape
        self._detail = detail
        self._inside = slice(rim, rim + height)
        more = self.net.blobs[detail].shape[1] if detail else 0
        self.shape = (self.channels + more, height, width)
        self._device = backbone.device

    def each(self, image: Image, boxes: ArrayLike, take: Callable[[slice, Blob], None]) -> None:
        """Cut, resize and run the backbone on each box, a batch at a time.

        Args:
            image: the frame.
            boxes: shape (n, 4).
            take: is told of each batch, in any order and maybe in another thread: which of the boxes, and the
                Caffe blob whose first rows hold their maps until it returns.
        """
        self._each(image, as_boxes(boxes), lambda part, net: take(part, net.blobs[self._feature]))

    def maps(self, image: Image, boxes: ArrayLike) -> Maps:
        """The maps as an array on the host, of shape (n, *shape)."""
        boxes = as_boxes(boxes)
        found = np.empty((len(boxes), *self.shape), dtype=np.float32)

        def read(part: slice, net: Any) -> None:
            with stage(Stage.COPY):
                self._read(found[part], net)

        self._each(image, boxes, read)
        return found

    def alone(self, image: Image, box: ArrayLike) -> Maps:
        """The map of one box whose surroundings are blank, shape (*shape)."""
        self._cut(self.net, image, as_boxes(box))
        data = self.net.blobs["data"].data
        inside = slice(self._context, data.shape[-1] - self._context)
        target = data[0, :, inside, inside].copy()
        data[0] = 0
        data[0, :, inside, inside] = target
        with stage(Stage.PATCHES):
            forward(self.net)
        found = np.empty((1, *self.shape), dtype=np.float32)
        self._read(found, self.net)
        one: Maps = found[0]
        return one

    def _each(self, image: Image, boxes: NDArray[np.float64], take: Callable[[slice, Any], None]) -> None:
        def work(lane: tuple[Any, str], part: slice) -> None:
            net, _ = lane
            self._cut(net, image, boxes[part])
            forward(net)
            take(part, net)

        with stage(Stage.PATCHES):
            self.lanes.share(len(boxes), self.batch, work)

    def _read(self, found: Maps, net: Any) -> None:
        found[:, : self.channels] = net.blobs[self._feature].values[: len(found)]
        if self._detail:
            detail = net.blobs[self._detail].values
            found[:, self.channels :] = detail[: len(found), :, self._inside, self._inside]

    def _cut(self, net: Any, image: Image, boxes: NDArray[np.float64]) -> None:
        data = net.blobs["data"]
        self._device.set_batch(data, len(boxes))
        cut_into(data, image, boxes, self._context)
