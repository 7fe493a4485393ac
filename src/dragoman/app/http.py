"""Servers over HTTP: the ASGI application, and uvicorn around it.

Binds to loopback and answers only loopback names unless told otherwise.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import math
import socket
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dragoman.app.draining import DrainingServer
from dragoman.app.heads import configured
from dragoman.app.options import HttpOptions, check_options
from dragoman.app.saying import say
from dragoman.errors import LocalError
from dragoman.ports.sessions import Sessions
from dragoman.ports.verifier import Gate
from dragoman.protocol.bearer import checked_resource
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.protocol.hosts import HostPolicy
from dragoman.protocol.proxies import Proxies
from dragoman.serving.sessions import Sessions as OwnSessions
from dragoman.transport.asgi import Endpoint
from dragoman.transport.sse_server import POST_PATH, STREAM_PATH, SseServer
from dragoman.transport.stream_log import Shelf

if TYPE_CHECKING:
    from dragoman.app.server import Server

LOOPBACK = ("localhost", "::1")
IDLE = 30  # seconds that an unused connection stays open
BACKLOG = 2048


def endpoint(server: Server, options: HttpOptions, host: str = "127.0.0.1", bound: str = "") -> Endpoint:
    """Return the ASGI application of `server`, for a bind to `host`; `bound` is its URL if it listens already."""
    check_options("the HTTP endpoint", options, HttpOptions)
    sessions = _sessions(server) if options.get("sessions", True) else None
    near = bound if host in LOOPBACK or host.startswith("127.") else ""
    declared = next((str(found) for each in server.auth if (found := getattr(each, "resource", ""))), "")
    url = options.get("url", declared or near)
    # What clients are told to call has to answer by that name.
    own = [urlsplit(checked_resource(url)).netloc] if "url" in options or declared else []
    named = [*options.get("allowed_hosts", ()), *own]
    policy = HostPolicy.for_bind(host, named, options.get("allowed_origins", ()))
    if trusted := options.get("trusted_proxies", ()):
        policy.proxies = Proxies(trusted)
    path = options.get("path", "/mcp")
    sse = SseServer(server.service) if options.get("sse", False) else None
    if sse is not None and path.rstrip("/") in (STREAM_PATH, POST_PATH):
        raise LocalError(f"with sse, {STREAM_PATH} and {POST_PATH} are those of the older transport; change path")
    gate = _gate(server, url)
    beside = import_module("dragoman.app.protection").site(server) if server.auth else None
    return Endpoint(server.service, sessions, policy, path, sse, gate, beside or server.surface.beside)


def _gate(server: Server, url: str) -> Gate | None:
    protection = import_module("dragoman.app.protection") if server.auth else None
    if protection is None:
        _without_auth(server)
        return None
    made: Gate = protection.gate(server, url)
    return made


def _without_auth(server: Server) -> None:
    """Raise LocalError for a server that anybody may call, and that has things which need a scope."""
    if needed := sorted(set(server.surface.scopes.listed())):
        raise LocalError(
            f"something here needs the scope {needed[0]!r}, and without auth nobody has any: "
            "give Server(auth=...), or remove scopes="
        )


def _sessions(server: Server) -> Sessions:
    if server.sharing is not None:
        return server.sharing.sessions(Shelf(server.limits.replay, server.sharing.streams).of)
    return OwnSessions(server.limits, streams=Shelf(server.limits.replay).of)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises LocalError with what to do if the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, since asyncio looks for it: without, a response's body waits 40 ms for the acknowledgement of its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OverflowError:
        listener.close()
        raise LocalError(f"{port} is no port; ports are 0 to 65535") from None
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise LocalError(f"port {port} on {host} is in use; stop what uses it, or choose another port") from None
        if error.errno == errno.EACCES:
            raise LocalError(f"port {port} needs privileges; choose one above 1023") from None
        raise LocalError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    return listener


def run(server: Server, host: str, port: int, options: HttpOptions) -> None:
    """Serve over HTTP until SIGINT or SIGTERM. Raises LocalError if the port is taken."""
    listener = listen(host, port)
    versions = ", ".join([*STATELESS, *HANDSHAKE])
    say(f"{server.name} {server.version} serves {address(listener, options.get('path', '/mcp'))} ({versions})")
    try:
        serve(endpoint(server, options, host, address(listener, options.get("path", "/mcp"))), listener)
    finally:
        listener.close()


def address(listener: socket.socket, path: str) -> str:
    """Return the URL of the endpoint behind a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


def serve(app: Endpoint, listener: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM. Uses uvloop and httptools where they are installed.

    Raises LocalError if the server's own start fails.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    config = configured(
        app,
        app.service.limits.head_seconds,
        app.service.limits.late_seconds,
        app.service.limits.stalled_seconds,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=math.ceil(app.service.limits.drain_seconds),
        ws="none",
        proxy_headers=False,  # nothing here asks where a request came from
        lifespan="on",
    )
    running = DrainingServer(config, app.service)
    # What is registered by now stays: the collector need not walk a thousand tools again and again.
    gc.freeze()
    try:
        running.run(sockets=[listener])
    except SystemExit:
        # uvicorn's own way to say that the lifespan failed; its log has the cause.
        raise LocalError("the server could not start; the log above says why") from None
    finally:
        gc.unfreeze()  # what is frozen is not ended by the interpreter, and some packages complain of it


def _is_news(record: logging.LogRecord) -> bool:
    """Keep calls that are cancelled because the server stops out of the log: that is no fault."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
