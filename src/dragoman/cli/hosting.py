"""Where a server is served, for `run` and `serve`: stdio for a program at the other end, HTTP for a person.

Promise: what was chosen is said on stderr, and a choice that would leave somebody waiting for nothing is refused.
"""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

from dragoman.app import running
from dragoman.app.options import HttpOptions
from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.cli.amounts import port
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.paste import teach
from dragoman.errors import LocalError
from dragoman.transport.wire_fds import seize

HOST, PORT = "127.0.0.1", 8848
LOOPBACK = ("127.", "localhost", "::1")


class Place(NamedTuple):
    """Where to serve. `teaches` when a person started it by hand and wants to know what to do with it."""

    stdio: bool
    host: str
    port: int
    teaches: bool


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that say where to serve."""
    transport = parser.add_mutually_exclusive_group()
    transport.add_argument("--stdio", action="store_true", help="speak on stdin and stdout")
    transport.add_argument("--http", action="store_true", help="serve over HTTP; the endpoint is /mcp")
    parser.add_argument("--host", help=f"address to listen on (default {HOST})")
    parser.add_argument("--port", type=port, help=f"port to listen on (default {PORT}; 0 takes a free one)")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that requests may call this server by"
    )
    parser.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a web page's origin that may call it",
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a proxy, or a network of them, whose X-Forwarded-For says who calls",
    )
    parser.add_argument("--url", metavar="URL", help="the endpoint's public URL, proxies and all: what tokens are for")
    auth = parser.add_argument_group("who may call it, over HTTP")
    auth.add_argument(
        "--auth-issuer",
        action="append",
        default=[],
        metavar="URL",
        help="ask for a token of this authorization server; repeatable",
    )
    auth.add_argument(
        "--auth-audience", action="append", default=[], metavar="TEXT", help="whom tokens name (default: the URL)"
    )
    auth.add_argument("--auth-scope", action="append", default=[], metavar="NAME", help="a scope that each call needs")


def choose(options: argparse.Namespace, stdin: Any = None) -> Place:
    """Return where to serve: as the options say, else over HTTP from a terminal and on stdio from a program.

    Raises UsageError for options that contradict each other, and when stdin is nothing that could be served.
    """
    host, number = options.host or HOST, PORT if options.port is None else options.port
    run_only = getattr(options, "workers", 1) > 1 or getattr(options, "sse", False)
    over_http = bool(options.http or options.host or options.port is not None or run_only or _public(options))
    if options.stdio and over_http:
        raise UsageError(
            "--host, --port, --url, --auth-issuer, --workers and --sse are for HTTP; leave them out, or --stdio"
        )
    kind = _kind(sys.stdin if stdin is None else stdin)
    if options.stdio or over_http:
        return Place(bool(options.stdio), host, number, teaches=kind == "person" and not options.stdio | options.http)
    if kind == "nothing":
        raise UsageError("nobody can speak over an empty stdin; say --http to serve over HTTP, or --stdio")
    return Place(kind == "program", host, number, teaches=kind == "person")


def _public(options: argparse.Namespace) -> bool:
    return bool(options.url or options.auth_issuer or options.auth_audience or options.auth_scope)


def protect(server: Server, options: argparse.Namespace) -> None:
    """Ask every caller over HTTP for a token, if the options say so. Raises UsageError."""
    if not options.auth_issuer:
        if options.auth_audience or options.auth_scope:
            raise UsageError("--auth-audience and --auth-scope say what tokens are to hold: name their --auth-issuer")
        return
    # Only for those who want it: it brings the judges of tokens.
    protection = import_module("dragoman.app.protection")
    said = {"issuer": options.auth_issuer, "audience": options.auth_audience, "scopes": options.auth_scope}
    try:
        protection.protect(server, protection.AuthSettings(**said))
    except LocalError as error:
        raise UsageError(f"--auth-issuer: {error}") from None


def auth_words(options: argparse.Namespace) -> list[str]:
    """Return the options above as words, for another process that serves the same."""
    named = {"--auth-issuer": options.auth_issuer, "--auth-audience": options.auth_audience}
    named["--auth-scope"] = options.auth_scope
    words = [word for name, values in named.items() for value in values for word in (name, value)]
    return [*(["--url", options.url] if options.url else []), *words]


def _kind(stdin: Any) -> str:
    if stdin is None or stdin.closed:
        return "nothing"
    if stdin.isatty():
        return "person"
    try:
        mode = os.fstat(stdin.fileno()).st_mode
    except (OSError, ValueError):
        return "program"
    # /dev/null, as service managers and containers give it.
    return "nothing" if stat.S_ISCHR(mode) else "program"


def _http() -> ModuleType:
    # Only for those who serve over HTTP: it takes long to load, and stdio servers are started again and again.
    return import_module("dragoman.app.http")


def listen(place: Place) -> Any:
    """Return a listening socket. Raises UsageError that says which option to use if the port is taken."""
    http = _http()
    try:
        return http.listen(place.host, place.port)
    except LocalError as error:
        raise UsageError(f"{error}, as in --port {_free(place)}" if "port" in str(error) else str(error)) from None


def _free(place: Place) -> int:
    """Return a port above the wanted one that is free now, 0 if none of the next hundred is."""
    for number in range(max(place.port, 1023) + 1, min(place.port + 100, 65535)):
        try:
            _http().listen(place.host, number).close()
        except LocalError:
            continue
        return number
    return 0


def http_options(options: argparse.Namespace, *, sessions: bool = True) -> HttpOptions:
    """Return the endpoint's options."""
    made = HttpOptions(allowed_hosts=options.allow_host, allowed_origins=options.allow_origin, sessions=sessions)
    if options.url:
        made["url"] = options.url
    if options.trusted_proxy:
        made["trusted_proxies"] = options.trusted_proxy
    return made


def over_http(server: Server, listener: Any, place: Place, http: HttpOptions, command: Sequence[str] | None) -> int:
    """Serve over HTTP until told to stop; Ctrl-C goes on as KeyboardInterrupt.

    `command` starts the same server on stdio, for what clients want pasted; None to say nothing.
    """
    module = _http()
    try:
        endpoint = module.endpoint(server, http, place.host, module.address(listener, "/mcp"))
    except LocalError:
        listener.close()
        raise
    if command is not None:
        # What listens on all addresses is reached, from this machine, at the loopback one.
        near = module.address(listener, "/mcp").replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
        url = http.get("url", near)
        if place.teaches:
            print(teach(server.name, url, command), file=sys.stderr, flush=True)
        else:
            say(f"{server.name} {server.version} serves {url}")
        if issuers := [verifier.issuer for verifier in server.auth if verifier.issuer]:
            say(f"callers need a token of {' or '.join(issuers)}; to get one: dragoman login {url}")
        if not server.auth and not place.host.startswith(LOOPBACK):
            say("anyone who can reach this address can call this server: it asks for no authorization")
    try:
        module.serve(endpoint, listener)
    finally:
        listener.close()
    return OK


def on_stdio(server: Server, streams: tuple[int, int] | None = None) -> int:
    """Serve one client on stdin and stdout, or on streams set aside before, until it leaves or Ctrl-C."""
    requests, answers = streams or seize()
    if running.run_stdio(server, (requests, answers)) == signal.SIGINT:
        raise KeyboardInterrupt
    return OK
