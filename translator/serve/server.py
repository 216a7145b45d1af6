"""The process that serves: it listens, answers, and ends when it has answered all that it has accepted."""

import logging
import signal
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from translator.serve.errors import ServerError

log = logging.getLogger(__name__)
BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """Binds a port; 0 is any that is free.

    Raises:
        ServerError: it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        raise ServerError(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another --port or --host"
        ) from None
    bound.listen(BACKLOG)
    return bound


def run(app: FastAPI, bound: socket.socket, on_ready: Callable[[str], None], seconds: float) -> None:
    """Answers requests until SIGTERM or SIGINT, and then those that have been accepted.

    Args:
        app: what answers.
        bound: of `listen`.
        on_ready: told the address once requests are answered.
        seconds: the longest that accepted requests are waited for.
    """
    # Requests are not logged: a client may put texts into an address.
    config = uvicorn.Config(
        app, access_log=False, log_config=None, log_level="warning", server_header=False, lifespan="on",
        timeout_graceful_shutdown=max(1, int(seconds)),
    )  # fmt: skip
    before = {number: signal.signal(number, _ignored) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        _Server(config, on_ready).run([bound])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit and sockets:
            self._on_ready(address_of(sockets[0]))


def address_of(bound: socket.socket) -> str:
    """Where clients find it."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _ignored(number: int, _: object) -> None:
    """Uvicorn sends itself the signal again once it is done; then there is nothing left to end."""
