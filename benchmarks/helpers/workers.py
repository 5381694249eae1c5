"""Processes that are asked in turn for a timing, so that all see the same machine."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rpn2t.errors import InputError
from rpn2t.system.threads import POOLS, SLEEP_AT_ONCE


@dataclass(frozen=True)
class Engine:
    """Something that can be timed: a command of a Python, and what it gets added to the environment.

    The command runs in benchmarks/, where Python finds ``-m helpers.worker_track``.
    """

    name: str
    command: list[str]
    environment: dict[str, str]


def pools(threads: int) -> dict[str, str]:
    """The environment of a process whose libraries use this number of threads."""
    return dict.fromkeys(POOLS, str(threads))


class Worker:
    """An engine's process, from entering to leaving; see serving.py for its end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        python, *arguments = self.engine.command
        environment = {name: value for name, value in os.environ.items() if name not in SLEEP_AT_ONCE}
        self._process = subprocess.Popen(
            [str(Path(python).absolute()), *arguments],
            cwd=Path(__file__).parents[1],
            env=environment | self.engine.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, **request: Any) -> Any:
        """The reply to a request.

        Raises:
            InputError: the process has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            said = self._process.stderr.read().strip().splitlines()
            python, reason = self.engine.command[0], said[-1] if said else "ended"
            raise InputError(f"{self.engine.name} ({python}): {reason}; see benchmarks/README.md")
        return json.loads(line)
