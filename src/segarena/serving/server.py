"""The process of a server: its address, its connections, its end."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from PIL import Image
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from segarena.errors import ConfigError, Interrupted
from segarena.formats import command
from segarena.serving.guard import HEADERS
from segarena.serving.problems import ProblemError, retry

#: Seconds in which a new connection has to send the head of its first request, and an idle one its next.
_HEAD_SECONDS, _IDLE_SECONDS = 15.0, 5
#: Connections beyond the requests that are answered at once: for the page, and for clients that are refused.
_FURTHER_CONNECTIONS = 200
_LAST_PORT = 65535


class _Protocol(H11Protocol):
    """HTTP/1.1, without connections that send nothing, and with a limit of connections.

    uvicorn has such a limit, whose answer is a word of text.
    """

    most: int

    def handle_events(self) -> None:
        """Answer the next request; beyond the limit with a refusal."""
        busy = max(len(self.connections), len(self.tasks)) >= self.most
        self.app = _refuse if busy else self.config.loaded_app
        super().handle_events()

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        self._patience = asyncio.get_running_loop().call_later(_HEAD_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._patience.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self.cycle is None:
            self.transport.close()


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503 and close the connection. The body is not read."""
    problem = ProblemError(503, "the server has too many connections", "Try again later", headers=retry())
    headers = {**HEADERS, **problem.headers, "connection": "close"}
    await JSONResponse(problem.content(), problem.status, headers)(scope, receive, send)


class _Server(uvicorn.Server):
    """A server whose end is the command's: uvicorn's own would end the process by the signal again."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None], on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop, self._on_start = on_stop, on_start
        self.interrupted = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take requests."""
        await super().startup(sockets)
        self._on_start()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle Ctrl-C and SIGTERM in the block; in another thread than the main one there are none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self.interrupted |= sig == signal.SIGINT
        self._on_stop()
        super().handle_exit(sig, frame)


def open_socket(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Args:
        host: A name or an address.
        port: The port; 0 is a free one.

    Raises:
        ConfigError: The address does not exist here, or is in use.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _not_here(host, error) from None
    family, kind, protocol, _, address = found[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_FURTHER_CONNECTIONS)
    except OSError as error:
        listening.close()
        reason = error.strerror or error
        if error.errno == errno.EADDRNOTAVAIL:
            raise _not_here(host, reason) from None
        if isinstance(error, PermissionError):
            remedy = "Choose a port of 1024 or more"
        else:
            other = port + 1 if port < _LAST_PORT else port - 1
            remedy = f"Choose another port, e.g. {command('--port', str(other))}, or 0 for a free one"
        raise ConfigError(f"{host}:{port} cannot be used ({reason})", where="--port", remedy=remedy) from None
    return listening


def _not_here(host: str, reason: object) -> ConfigError:
    return ConfigError(
        f"{host!r} is not an address of this computer ({reason})",
        where="--host",
        remedy="Give 127.0.0.1 for this computer only, or 0.0.0.0 for all of its addresses",
    )


def address_of(listening: socket.socket) -> str:
    """Return the address of the page, as it is typed into a browser on this computer."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(
    app: ASGIApp,
    listening: socket.socket,
    *,
    requests: int,
    patience: float,
    on_stop: Callable[[], None],
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests until SIGTERM or Ctrl-C. What is being answered is finished first; a second Ctrl-C does not wait.

    Args:
        app: The application.
        listening: The socket, see `open_socket`.
        requests: Requests that are answered at once.
        patience: Seconds for which the requests are waited for at the end.
        on_stop: Called when the signal arrives.
        on_start: Called when requests are taken.

    Raises:
        Interrupted: It was Ctrl-C.
    """
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # such images are refused
    server = _Server(make_config(app, requests=requests, patience=patience), on_stop, on_start)
    server.run([listening])
    if server.interrupted:
        raise Interrupted("stopped")


def make_config(app: ASGIApp, *, requests: int, patience: float) -> uvicorn.Config:
    """Return how uvicorn serves the application; the arguments are those of `serve`."""
    return uvicorn.Config(
        app,
        http=type("_Limited", (_Protocol,), {"most": requests + _FURTHER_CONNECTIONS}),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(patience)),
    )
