"""Stores of windows: rows of a Caffe blob."""

import numpy as np
import pytest

from rpn2t.errors import InputError
from rpn2t.nets.caffe import load_caffe
from rpn2t.tracker.paper.windows import WindowStore, joined
from support import windows_of

caffe = load_caffe()
SHAPE = (3, 2, 2)


def maps(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, *SHAPE)).astype(np.float32)


def test_windows_are_indexed_like_an_array() -> None:
    values = maps(9)
    windows = windows_of(values)
    assert len(windows) == 9
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_array_equal(windows.array(), values)
    np.testing.assert_array_equal(windows.take(order).array(), values[order])
    np.testing.assert_array_equal(windows.take(order).take([2, 2, 3]).array(), values[order][[2, 2, 3]])
    np.testing.assert_array_equal(windows.take(slice(4, None)).array(), values[4:])
    assert windows.take([]).array().shape == (0, *SHAPE)


def test_room_is_given_back_and_used_again() -> None:
    store = WindowStore(6, SHAPE)
    first, second = store.put(maps(2, 1)), store.put(maps(3, 2))
    with pytest.raises(ValueError, match="no room for 2 windows: 1 rows are free"):
        store.reserve(2)
    store.release(first)
    third = store.put(maps(3, 3))
    np.testing.assert_array_equal(joined([third, second]).array(), np.concatenate([maps(3, 3), maps(3, 2)]))
    store.clear()
    assert len(store.reserve(6)) == 6
    assert len(store.empty()) == 0


def test_a_store_grows_with_its_use() -> None:
    store = WindowStore(1000, SHAPE)
    parts = [store.put(maps(n, n)) for n in (1, 3, 2, 30)]
    assert store.blob.shape[0] < 100
    np.testing.assert_array_equal(joined(parts).array(), np.concatenate([maps(n, n) for n in (1, 3, 2, 30)]))
    store.reserve(1000 - 36)
    assert store.blob.shape[0] == 1000
    with pytest.raises(InputError, match="3000000000 windows of conv5 are more than the 178956970"):
        WindowStore(3_000_000_000, SHAPE)


def test_copies_go_to_the_rows_they_are_meant_for() -> None:
    blob = caffe.Blob((5, *SHAPE))
    blob.data[...] = 7
    windows_of(maps(2)).copy_to(blob, 3)
    np.testing.assert_array_equal(blob.data[3:], maps(2))
    assert (blob.data[:3] == 7).all()


def test_what_cannot_be_copied_is_an_error_and_no_abort() -> None:
    blob, other = caffe.Blob((5, *SHAPE)), caffe.Blob((5, 3, 2, 1))
    for arguments in (
        (blob, [0], other, [0]),
        (blob, [5], blob, [0]),
        (blob, [-1], blob, [0]),
        (blob, [0, 1], blob, [2]),
        (caffe.Blob(()), [0], blob, [0]),
    ):
        with pytest.raises(RuntimeError, match="copy_rows"):
            caffe.copy_rows(*arguments)
    for shape in ((1 << 20, 1 << 20), (0, 3), (-1, -1), (1,) * 33):
        with pytest.raises(RuntimeError, match="empty or too large"):
            caffe.Blob(shape)
    with pytest.raises((TypeError, ValueError)):
        caffe.copy_rows(blob, ["a"], blob, [0])


def test_values_are_what_is_there_and_cannot_be_written() -> None:
    blob = caffe.Blob((2, 3))
    blob.data[...] = [[1, 2, 3], [4, 5, 6]]
    values = blob.values
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match="read-only"):
        values[0, 0] = 9
    blob.data[1, 2] = 7
    assert values[1, 2] == 7  # no copy
    blob.reshape(50, 60)  # other memory: the array keeps its own
    del blob
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 7]])
