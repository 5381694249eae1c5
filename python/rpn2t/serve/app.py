"""What the server answers: the page's files, and the page's requests. docs/serve.md lists them."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from rpn2t.errors import InputError
from rpn2t.serve.exports import export
from rpn2t.serve.jobs import Job, Jobs, draw
from rpn2t.serve.library import MOST, Library, too_large
from rpn2t.serve.pictures import Pictures
from rpn2t.serve.project import Project
from rpn2t.serve.projects import Projects
from rpn2t.serve.refusal import Refusal
from rpn2t.serve.security import Guard
from rpn2t.serve.stream import stream
from rpn2t.serve.wishes import Wishes, whole
from rpn2t.serve.worker import Maker


class App:
    """The server's parts, and an answer to each request."""

    def __init__(self, folder: Path, runs: Path, maker: Maker, upload_limit: int) -> None:
        """Put the parts together.

        Args:
            folder: what is served.
            runs: where the projects are.
            maker: of trackers.
            upload_limit: the most bytes of an upload.
        """
        self.library = Library(folder, runs)
        self.library.clean()
        self.pictures = Pictures(self.library)
        self.projects = Projects(runs, self.library)
        self.jobs = Jobs(maker, self._named)
        self.is_over: Callable[[], bool] = lambda: False
        self._upload_limit = upload_limit

    def routes(self) -> list[Route | Mount]:
        """All addresses."""
        page = Path(str(files("rpn2t.serve") / "page"))
        return [
            Route("/", lambda _: FileResponse(page / "index.html", headers={"cache-control": "no-cache"})),
            Mount("/page", StaticFiles(directory=page)),
            Route("/api/sources", self.sources),
            Route("/api/source", self.source),
            Route("/api/thumbnail", self.thumbnail),
            Route("/api/frame", self.frame),
            Route("/api/upload", self.upload, methods=["POST"]),
            Route("/api/projects", self.list_projects),
            Route("/api/projects", self.create_project, methods=["POST"]),
            Route("/api/projects/{id}", self.project),
            Route("/api/projects/{id}", self.delete_project, methods=["DELETE"]),
            Route("/api/projects/{id}/track", self.track, methods=["POST"]),
            Route("/api/projects/{id}/job", self.command_job, methods=["POST"]),
            Route("/api/projects/{id}/events", self.events),
            Route("/api/projects/{id}/objects", self.change_objects, methods=["POST"]),
            Route("/api/projects/{id}/export", self.export),
        ]

    def sources(self, request: Request) -> Response:
        """The videos and folders, and how many runs each has."""
        runs = Counter(each["path"] for each in self.projects.listed())
        found = list(islice(self.library.sources(), MOST + 1))
        answer: dict[str, Any] = {
            "folder": self.library.folder.name,
            "sources": [
                {
                    "path": each.path, "name": Path(each.path).name or self.library.folder.name,
                    "kind": each.kind, "bytes": each.bytes, "runs": runs[each.path],
                }
                for each in found[:MOST]
            ],
            "upload_limit": self._upload_limit,
        }  # fmt: skip
        if len(found) > MOST:
            answer["more"] = True
        return _json(answer)

    def source(self, request: Request) -> Response:
        """What is known of a source."""
        path = _asked(request, "path")
        reader = self.pictures.reader(path)
        return _json(
            {
                "path": path,
                "name": Path(path).name or self.library.folder.name,
                "frames": reader.count,
                "width": reader.info.width,
                "height": reader.info.height,
                "fps": reader.info.fps,
                "has_truth": reader.has_truth,
                "notes": [self._named(note) for note in reader.notes],
            }
        )

    def thumbnail(self, request: Request) -> Response:
        """The first frame, small."""
        path = _asked(request, "path")
        return self._picture(request, self.pictures.tag(path), lambda: self.pictures.thumbnail(path))

    def frame(self, request: Request) -> Response:
        """A frame."""
        path, index = _asked(request, "path"), _asked(request, "index")
        number = whole(int(index) if index.isascii() and index.isdigit() else index, "index")
        tag = f"{self.pictures.tag(path)}-{number}"
        return self._picture(request, tag, lambda: self.pictures.reader(path).jpeg(number))

    def _picture(self, request: Request, tag: str, make: Callable[[], bytes]) -> Response:
        """A picture, or only the word that the browser has it already."""
        headers = {"etag": f'"{tag}"', "cache-control": "private, no-cache"}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(make(), media_type="image/jpeg", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Take a video."""
        name = _asked(request, "name")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._upload_limit:
            raise too_large(name, self._upload_limit)
        try:
            return _json({"path": await self.library.take(name, request.stream(), self._upload_limit)})
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it

    def list_projects(self, request: Request) -> Response:
        """All projects, or those of a source."""
        return _json({"projects": self.projects.listed(request.query_params.get("path"))})

    async def create_project(self, request: Request) -> Response:
        """A new project, and its first job if one is wished. If that is refused, there is no project."""
        said = await _said(request)
        first = said.get("track")
        if first is not None and not isinstance(first, dict):
            raise InputError("track: bring a JSON object")
        wishes = None if first is None else Wishes.read(first)

        def create() -> Response:
            path = said.get("path")
            if not isinstance(path, str):
                raise InputError("path: which video or folder?")
            reader = self.pictures.reader(path)
            if wishes is not None:
                wishes.plan({}, reader.count)  # raises what the job would be refused for
            project = self.projects.create(path, reader.info, reader.notes)
            if wishes is not None:
                self._start(project, wishes)
            return _json(self._told(project))

        return await run_in_threadpool(create)

    def project(self, request: Request) -> Response:
        """A project with all its rows."""
        return _json(self._told(self._project(request)))

    def delete_project(self, request: Request) -> Response:
        """Throw a project away."""
        name = request.path_params["id"]
        self.projects.delete(name)
        self.jobs.forget(name)
        return _json({})

    async def track(self, request: Request) -> Response:
        """Begin a job."""
        wishes = Wishes.read(await _said(request))

        def start() -> Response:
            return _json({"job": self._start(self._project(request), wishes).told()})

        return await run_in_threadpool(start)

    def _start(self, project: Project, wishes: Wishes) -> Job:
        path = self._source_of(project)
        length = self.pictures.reader(path).count
        place = str(self.library.find(path))
        return self.jobs.start(project, place, lambda: wishes.plan(project.marks(), length))

    async def command_job(self, request: Request) -> Response:
        """Pause, resume or stop a job."""
        said = await _said(request)
        project = await run_in_threadpool(self._project, request)
        job = self.jobs.of(project)
        if job is None:
            raise Refusal(404, f"{project.id}: no job runs.")
        job.command(str(said.get("do")))
        return _json({"job": job.told()})

    async def events(self, request: Request) -> Response:
        """What happens to a project, as server-sent events."""
        project = await run_in_threadpool(self._project, request)
        after = request.headers.get("last-event-id")

        async def watched() -> AsyncIterator[str]:
            self.projects.watch(project, 1)
            try:
                async for text in stream(project, self.jobs, after, self.is_over):
                    yield text
            finally:
                self.projects.watch(project, -1)

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(watched(), media_type="text/event-stream", headers=headers)

    async def change_objects(self, request: Request) -> Response:
        """Rename or delete an object, or some of its rows."""
        said = await _said(request)

        def change() -> Response:
            project = self._project(request)
            _change(project, said)
            return _json(self._told(project))

        return await run_in_threadpool(change)

    def export(self, request: Request) -> Response:
        """A file to download."""
        project, name = self._project(request), _asked(request, "format")
        if name == "mp4":
            video = project.folder / "video.mp4"
            if project.is_busy or not video.is_file():
                draw(project, str(self.library.find(self._source_of(project))))
            return FileResponse(video, media_type="video/mp4", filename=f"{project.id}.mp4")
        download = export(project, name)
        kind = {"csv": "text/csv", "json": "application/json", "coco": "application/json", "cvat": "text/xml"}
        return Response(
            download.data,
            media_type=kind.get(name, "application/octet-stream"),
            headers={
                "content-disposition": FileResponse("", filename=download.name).headers["content-disposition"]
            },
        )

    def _project(self, request: Request) -> Project:
        return self.projects.get(request.path_params["id"])

    def _told(self, project: Project) -> dict[str, Any]:
        job = self.jobs.of(project)
        return {**project.told(), "job": None if job is None else job.told()}

    def _source_of(self, project: Project) -> str:
        if project.path is None:
            raise Refusal(404, f"{project.id}: its video is not in this folder.")
        return project.path

    def refuse(self, request: Request, error: Exception) -> Response:
        """The answer to a request that cannot be done."""
        if isinstance(error, Refusal):
            status = error.status
        elif isinstance(error, InputError):
            status = 400
        else:
            status = error.status_code if isinstance(error, HTTPException) else 500
        sentence = error.detail if isinstance(error, HTTPException) else str(error)
        if status == 500:
            sentence = "The server failed; see its terminal."
        return JSONResponse({"error": self._named(sentence)}, status)

    def _named(self, sentence: str) -> str:
        """The sentence with files named by their path below the served folder, as people know them."""
        return sentence.replace(f"{self.library.folder}/", "")


def make_app(app: App, *, token: str, host: str, port: int) -> Starlette:
    """The application of ASGI, guarded."""

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(app.jobs.close)

    return Starlette(
        routes=app.routes(),
        middleware=[Middleware(Guard, token=token, host=host, port=port)],
        exception_handlers={
            kind: app.refuse for kind in (Refusal, InputError, HTTPException, Exception)
        },
        lifespan=life,
    )  # fmt: skip


def _change(project: Project, said: Mapping[str, Any]) -> None:
    """Do what a request says of objects.

    Raises:
        InputError: it says nothing that can be done.
    """
    rename, delete, rows = said.get("rename"), said.get("delete"), said.get("delete_rows")
    if isinstance(rename, list) and len(rename) == 2 and all(isinstance(each, str) for each in rename):
        project.rename(*rename)
    elif isinstance(delete, str):
        project.delete(delete)
    elif isinstance(rows, dict) and isinstance(rows.get("object"), str):
        project.delete(rows["object"], whole(rows.get("from"), "from"), whole(rows.get("to"), "to"))
    else:
        raise InputError("objects: say rename, delete or delete_rows")


def _asked(request: Request, name: str) -> str:
    if name not in request.query_params:
        raise InputError(f"{name}: is missing in the address")
    return request.query_params[name]


async def _said(request: Request) -> dict[str, Any]:
    """The JSON object that a request brings.

    Raises:
        InputError: it brings none.
    """
    try:
        said = json.loads(await request.body())
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise InputError("the request: bring a JSON object")
    return said


def _json(content: Mapping[str, Any]) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})
