"""The server: an address, and an application that answers there until a signal stops it."""

import socket
from collections.abc import Callable
from pathlib import Path
from secrets import token_urlsafe

import uvicorn

from rpn2t.errors import InputError
from rpn2t.serve.app import App, make_app
from rpn2t.serve.security import ANYWHERE
from rpn2t.serve.worker import Maker
from rpn2t.system.files import exclusive

_LOCK = ".serve.lock"


def serve(
    folder: Path,
    runs: Path,
    maker: Maker,
    *,
    host: str,
    port: int,
    upload_limit: int,
    say: Callable[[str], None],
) -> None:
    """Serve a folder until SIGINT or SIGTERM, which is raised again at the end.

    Args:
        folder: of videos.
        runs: of projects.
        maker: of trackers.
        host: the address to listen at.
        port: its port; 0: any that is free.
        upload_limit: the most bytes of an upload.
        say: is told the address to open.

    Raises:
        InputError: there is no such folder, it is served already, or the port is taken.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; name a folder of videos")
    busy = f"{runs}: another `rpn2t serve` works there; stop it, or choose another --runs"
    with exclusive(runs / _LOCK, "--runs", busy), listen(host, port) as listening:
        port = listening.getsockname()[1]
        token = token_urlsafe(24)
        app = App(folder, runs, maker, upload_limit)
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(app, token=token, host=host, port=port),
                log_level="error",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=3,
            )
        )
        app.is_over = lambda: server.should_exit
        shown = "127.0.0.1" if host in ANYWHERE else host
        say(f"open http://{f'[{shown}]' if ':' in shown else shown}:{port}/?token={token}")
        server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: it cannot.
    """
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InputError(
            f"{host}:{port}: cannot listen there ({error.strerror}); choose another --port"
        ) from error
    return listening
