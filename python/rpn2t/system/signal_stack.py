"""A stack of its own for what a signal puts on the stack.

A signal that arrives while oneDNN multiplies matrices ruins the heap, and the process ends with "corrupted
size vs. prev_size" or the like (seen with AVX-512). Python's handlers run on another stack where there is one
(SA_ONSTACK), and then nothing happens.
"""

import ctypes
import threading

_DISABLED = 2  # SS_DISABLE
_SIZE = 1 << 16  # the registers of AVX-512 and AMX alone take 11 KB


_thread = threading.local()
"""`has_stack`: the calling thread was found to have one, or was given one."""


class _Stack(ctypes.Structure):
    """stack_t of sigaltstack(2)."""

    _fields_ = (("place", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def ensure_signal_stack() -> None:
    """Give the calling thread such a stack, unless it has one.

    It is never freed, because a signal may come at any time.
    """
    if getattr(_thread, "has_stack", False):
        return
    libc = ctypes.CDLL(None)
    stack = _Stack()
    libc.sigaltstack(None, ctypes.byref(stack))
    if stack.flags & _DISABLED:
        libc.malloc.restype = ctypes.c_void_p
        stack = _Stack(libc.malloc(ctypes.c_size_t(_SIZE)), 0, _SIZE)
        libc.sigaltstack(ctypes.byref(stack), None)
    _thread.has_stack = True
