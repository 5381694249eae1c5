"""Windows of conv5, kept in Caffe's own memory: on a GPU they never pass through the host.

A window is what the head reads of a box's feature map, (channels, size, size). Windows are rows of a
store; code that chooses among them (batches, hard negatives, the memory) handles row numbers only.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rpn2t.boxes import Floats
from rpn2t.errors import InputError
from rpn2t.images import Image
from rpn2t.nets.backbone import Maps
from rpn2t.nets.caffe import Blob, load_caffe
from rpn2t.system.stages import Stage, stage
from rpn2t.tracker.features import PatchFeatures

_LARGEST_BLOB = 2**31 - 1  # numbers in it


class Windows:
    """Some windows of a store, in an order.

    Attributes:
        store: the store that holds them.
        rows: their rows in it.
    """

    def __init__(self, store: "WindowStore", rows: ArrayLike) -> None:
        self.store = store
        self.rows: NDArray[np.int64] = np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        """How many windows."""
        return len(self.rows)

    def take(self, which: ArrayLike | slice) -> "Windows":
        """The windows at places of this order, which may repeat, or in a slice of it; nothing is copied."""
        places = which if isinstance(which, slice) else np.asarray(which, dtype=np.int64)
        return Windows(self.store, self.rows[places])

    def copy_to(self, blob: Blob, start: int = 0) -> None:
        """Copy them to the rows of a Caffe blob from `start` on."""
        with stage(Stage.COPY):
            load_caffe().copy_rows(self.store.blob, self.rows, blob, np.arange(start, start + len(self)))

    def array(self) -> Maps:
        """A copy on the host, of shape (n, channels, size, size)."""
        blob = self.store.outgoing
        if len(self):
            blob.reshape(len(self), *self.store.shape)
            self.copy_to(blob)
        with stage(Stage.COPY):
            return np.array(blob.values[: len(self)])


class WindowStore:
    """Room for a number of windows. It grows with its use.

    Attributes:
        shape: of a window, (channels, size, size).
        capacity: how many.
        blob: the Caffe blob, of shape (capacity or less, \\*shape).
        outgoing: another, through which windows go to the host. It is kept, as new memory that a GPU can
            copy to takes longer than the copy.

    Raises:
        InputError: more than one blob can hold.
    """

    def __init__(self, capacity: int, shape: Sequence[int]) -> None:
        self.shape = tuple(shape)
        self.capacity = capacity
        most = _LARGEST_BLOB // math.prod(self.shape)
        if capacity > most:
            raise InputError(
                f"{capacity} windows of conv5 are more than the {most} that can be held: "
                "lower the sample numbers, long_term_frames or short_term_frames"
            )
        self.blob: Blob = load_caffe().Blob((1, *self.shape))
        self.outgoing: Blob = load_caffe().Blob((1, *self.shape))
        self._free: list[int] = []
        self.clear()

    def reserve(self, count: int) -> Windows:
        """Room for `count` windows, for the caller to fill.

        Raises:
            ValueError: there is not so much.
        """
        if count > len(self._free):
            raise ValueError(f"no room for {count} windows: {len(self._free)} rows are free")
        windows = Windows(self, [self._free.pop() for _ in range(count)])
        if count:
            self._grow(int(windows.rows.max()) + 1)
        return windows

    def _grow(self, rows: int) -> None:
        """Make sure that the blob has this many rows. If it grows, it at least doubles."""
        there = self.blob.shape[0]
        if rows > there:
            caffe = load_caffe()
            blob = caffe.Blob((min(max(rows, 2 * there), self.capacity), *self.shape))
            caffe.copy_rows(self.blob, np.arange(there), blob, np.arange(there))
            self.blob = blob

    def release(self, windows: Windows) -> None:
        """Give the room of windows of this store back."""
        self._free.extend(windows.rows[::-1].tolist())

    def clear(self) -> None:
        """Give all room back."""
        self._free = list(range(self.capacity))[::-1]

    def fill(self, windows: Windows, blob: Blob) -> None:
        """Copy the first rows of a Caffe blob to reserved windows of this store, one each."""
        with stage(Stage.COPY):
            load_caffe().copy_rows(blob, np.arange(len(windows)), self.blob, windows.rows)

    def put(self, array: ArrayLike) -> Windows:
        """Windows from an array of shape (n, \\*shape)."""
        values = np.asarray(array, dtype=np.float32)
        windows = self.reserve(len(values))
        if len(values):
            blob = load_caffe().Blob(values.shape)
            blob.data[...] = values
            self.fill(windows, blob)
        return windows

    def empty(self) -> Windows:
        """No windows."""
        return Windows(self, np.empty(0))


def joined(parts: Sequence[Windows]) -> Windows:
    """Windows of one store as one sequence; at least one part."""
    return Windows(parts[0].store, np.concatenate([part.rows for part in parts]))


def cut_windows(features: PatchFeatures, image: Image, boxes: Floats, store: WindowStore) -> Windows:
    """Windows of boxes, each from a patch of its own, in room reserved in a store.

    Args:
        features: the backbone on patches.
        image: the frame.
        boxes: shape (n, 4).
        store: with room for n.
    """
    windows = store.reserve(len(boxes))
    try:
        features.each(image, boxes, lambda part, blob: store.fill(windows.take(part), blob))
    except BaseException:
        store.release(windows)
        raise
    return windows
