"""A project's events as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any

from rpn2t.serve.events import Event
from rpn2t.serve.jobs import Jobs
from rpn2t.serve.project import Project

_PAUSE = 0.1
"""Seconds between two looks. What happens meanwhile is sent together."""
_SECOND = 1.0
_ALIVE = 15.0
"""Seconds without an event after which a comment shows that the connection is alive."""


async def stream(
    project: Project, jobs: Jobs, after: str | None, is_over: Callable[[], bool]
) -> AsyncIterator[str]:
    """The events of a project from now on, or from those on that the page got last, until the server stops.

    The last event of a project that is thrown away is ``deleted``.

    Args:
        project: the project.
        jobs: where its job is.
        after: the id of the last event that the page got, if it was connected before.
        is_over: whether the server stops.
    """
    number = project.events.number(after) if after else project.events.last
    if number is None:
        number = project.events.last
        yield _changed(project, number)
    else:
        yield f"id: {project.events.mark(number)}\n: hello\n\n"
    said: dict[str, Any] | None = None
    said_at = alive_at = monotonic()
    while not (is_over() or project.is_gone):
        news = project.events.since(number)
        job = jobs.of(project)  # after the rows: when it says done, they have been sent
        now = monotonic()
        for text in _texts(project, news):
            yield text
            alive_at = now
        number = news[-1].number if news else number
        told = job.told() if job is not None else None
        is_new = told is not None and (said is None or any(told[key] != said[key] for key in ("id", "state")))
        if told is not None and (is_new or (told != said and now - said_at >= _SECOND / 2)
                                 or (job is not None and job.runs and now - said_at >= _SECOND)):  # fmt: skip
            yield _event("job", told)
            said, said_at, alive_at = told, now, now
        if now - alive_at > _ALIVE:
            yield ": alive\n\n"
            alive_at = now
        await asyncio.sleep(_PAUSE)
    if project.is_gone:
        yield _event("deleted", {})


def _texts(project: Project, news: list[Event]) -> list[str]:
    """The events, those of rows that follow one another as one."""
    texts, rows = list[str](), list[list[Any]]()
    number = 0
    for event in news:
        if event.name == "rows":
            rows += event.data
            number = event.number
            continue
        if rows:
            texts.append(_event("rows", rows, project.events.mark(number)))
            rows = []
        texts.append(_changed(project, event.number))
    if rows:
        texts.append(_event("rows", rows, project.events.mark(number)))
    return texts


def _changed(project: Project, number: int) -> str:
    return _event("changed", {"version": number}, project.events.mark(number))


def _event(name: str, data: Any, mark: str | None = None) -> str:
    head = "" if mark is None else f"id: {mark}\n"
    return f"{head}event: {name}\ndata: {json.dumps(data, allow_nan=False)}\n\n"
