"""Who may ask the server: whoever has the token, from a page of the server itself."""

from hmac import compare_digest

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "rpn2t_token_{port}"
"""A browser keeps one set of cookies for all ports of a machine, and several servers may run on it."""

ANYWHERE = frozenset({"0.0.0.0", "::"})
"""Addresses to bind that stand for all of the machine's. Nobody knows by which names it is called then."""

_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'self'",
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Of every answer: a page takes nothing from elsewhere, and no other page frames it."""


class Guard:
    """Lets only those requests through that may be answered.

    Other pages in the user's browser can send requests to this machine, but cannot read the token. The cookie
    is not sent along with theirs, and their Origin gives them away. A page that has renamed itself to this
    machine's address (DNS rebinding) has another Host.
    """

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int) -> None:
        """Guard an application.

        Args:
            app: the application.
            token: what every request must know.
            host: the address that is served, as the user gave it.
            port: the port.
        """
        self._app = app
        self._token = token
        self._cookie = COOKIE.format(port=port)
        names = {host.lower(), "localhost", "127.0.0.1", "::1"}
        self._hosts = {f"[{name}]:{port}" if ":" in name else f"{name}:{port}" for name in names}
        if port == 80:
            self._hosts |= {name.removesuffix(":80") for name in self._hosts}
        self._any_host = host in ANYWHERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for key, value in _HEADERS.items():
                    headers.setdefault(key, value)
            await send(message)

        answer = self._answer(HTTPConnection(scope)) or self._app
        await answer(scope, receive, send_guarded)

    def _answer(self, request: HTTPConnection) -> Response | None:
        """The guard's own answer; None if the request may go on."""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not (self._any_host or host.lower() in self._hosts):
            return _refused("This address is not the one that is served; open the one that rpn2t printed.")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return _refused("The request comes from another page.")
        if request.url.path == "/" and "token" in request.query_params:
            return self._welcome(request.query_params["token"])
        if not self._knows(_bearer(request.headers)) and not self._knows(
            request.cookies.get(self._cookie, "")
        ):
            return _refused("The token is missing or wrong; open the address that rpn2t printed.")
        return None

    def _welcome(self, token: str) -> Response:
        """Keep the token in a cookie, and take it out of the address."""
        if not self._knows(token):
            return _refused("The token is of an earlier start; open the address that rpn2t printed.")
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, token, path="/", httponly=True, samesite="strict")
        return answer

    def _knows(self, token: str) -> bool:
        return compare_digest(token.encode(), self._token.encode())


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token if kind.lower() == "bearer" else ""


def _refused(sentence: str) -> Response:
    return JSONResponse({"error": sentence}, 403)
