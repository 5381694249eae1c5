"""MATLAB's result files. They are read in a child process.

SciPy's reader trusts what a file says of its own lengths: a damaged file may end the process that reads it,
or keep it busy without end. A child that dies, or does not answer, is how such a file is found. Starting one
takes as long as hundreds of files, so it reads all files as long as it lives.
"""

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rpn2t.errors import InputError
from rpn2t.system.closing import Closing

_CHILD = Path(__file__).with_name("mat_child.py")


class MatReader(Closing):
    """Reads MATLAB's result files. Use it as a context manager. The child starts with the first file."""

    def __init__(self, patience: float = 10.0) -> None:
        """Nothing is started yet.

        Args:
            patience: seconds after which a file is damaged; others are read in milliseconds.
        """
        self._patience = patience
        self._child: subprocess.Popen[bytes] | None = None
        self._line: Connection[Any, Any] | None = None

    def read(self, path: Path) -> list[dict[str, Any]]:
        """The structs in a file's cell `results`: name of a field -> array, number, text, or None.

        Raises:
            InputError: it is no such file.
        """
        structs = self._ask(path)
        if structs is None:
            raise InputError(
                f"{path}: no MATLAB file with a cell `results` (version 7 or older); get it again"
            )
        return structs

    def close(self) -> None:
        """End the child. A second call does nothing."""
        if self._line is not None:
            self._line.close()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._child = self._line = None

    def _ask(self, path: Path) -> list[dict[str, Any]] | None:
        """What the child says of a file; None if it finds no structs in it, or does not survive it."""
        if self._child is not None and self._child.poll() is not None:
            self.close()  # something else ended it
        line = self._line or self._start()
        try:
            line.send(str(path.absolute()))
            if line.poll(self._patience):
                answer: list[dict[str, Any]] | None = line.recv()
                return answer
        except (EOFError, OSError):
            pass
        self.close()
        return None

    def _start(self) -> "Connection[Any, Any]":
        line, theirs = Pipe()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(_CHILD), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # threads would take up its memory
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._line = line
        line.recv()  # it is ready
        return line
