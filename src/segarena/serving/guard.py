"""Who may use a server: the name by which it is addressed, the page that sends the request, the token.

A server on the loopback address can be reached by every web page that its user opens: a page's own name may be made to
point to 127.0.0.1 (DNS rebinding), and a form may be sent to another site. The header `Host` shows the first, `Origin`
and `Sec-Fetch-Site` the second.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from segarena.serving.problems import ProblemError
from segarena.serving.uploads import drain

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: The names of this computer.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
#: Paths that need no token: the page, which has nothing of the models, and whether the server runs.
OPEN = ("/", "/healthz", "/static/")

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Refuses requests before anything of them is used, and adds the headers that keep browsers safe to every answer.

    Args:
        app: What answers the others.
        hosts: The names by which the server may be addressed; None for any.
        token: What clients have to send; None for nothing.
        origins: Addresses of other web pages that may use it.
        most: Bytes of a refused request's body that are read at most, and not used, see `drain`.
        count: Called with the path and the status of each answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Iterable[str] | None,
        token: str | None,
        origins: Iterable[str] = (),
        most: int,
        count: Callable[[str, int], None],
    ) -> None:
        self._app, self._count, self._most = app, count, most
        self._hosts = None if hosts is None else {name.lower() for name in hosts}
        self._token = None if token is None else _digest(token)
        self._origins = {origin.lower() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(scope["path"], message["status"])
                names = {name for name, _ in message["headers"]}
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message["headers"], *(pair for pair in own if pair[0] not in names)]
            await send(message)

        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._check(scope, headers)
        except ProblemError as problem:
            from starlette.requests import Request
            from starlette.responses import JSONResponse

            await drain(Request(scope, receive), self._most)
            answer = JSONResponse(problem.content(), problem.status, problem.headers)
            await answer(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)

    def _check(self, scope: Scope, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise ProblemError(
                400,
                f"the server is not known by the name {host[:100]!r}",
                "Address it as localhost, or start it with --allow-host NAME",
                where="Host",
            )
        origin = headers.get(b"origin", "").lower()
        is_own = origin.partition("://")[2] == host.lower()
        is_foreign = bool(origin) and not is_own and origin not in self._origins
        by_foreign = headers.get(b"sec-fetch-site") == "cross-site" and origin not in self._origins
        if scope["method"] not in ("GET", "HEAD") and (is_foreign or by_foreign):
            raise ProblemError(
                403,
                f"the web page {origin[:100] or 'of another site'} may not use this server",
                "Start it with --cors and the page's address",
                where="Origin",
            )
        if self._token is None or _is_open(scope["path"]) or _is_preflight(scope, headers):
            return
        kind, _, given = headers.get(b"authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(_digest(given.strip()), self._token):
            raise ProblemError(
                401,
                "the token is wrong" if given else "the request has no token",
                "Send the header `Authorization: Bearer TOKEN` with the token of the server",
                where="Authorization",
                headers={"www-authenticate": "Bearer"},
            )


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN[2])


def _is_preflight(scope: Scope, headers: dict[bytes, str]) -> bool:
    """Whether a browser asks what another site's page may send; it has no token for that."""
    return scope["method"] == "OPTIONS" and b"access-control-request-method" in headers


def _name(host: str) -> str:
    """The name in a header Host, without the port.

    >>> _name("Localhost:8000"), _name("[::1]:8000"), _name("[::1]")
    ('localhost', '::1', '::1')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _digest(text: str) -> bytes:
    """A digest of fixed length, so that a comparison shows nothing of the text's length either."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
