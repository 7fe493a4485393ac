"""Give a client that speaks only stdio any server over HTTP.

Everything goes through as it is, in the revision that the client speaks; a login or header of yours goes with it.
"""

from __future__ import annotations

import argparse
from typing import Any

from dragoman.app.server import Server
from dragoman.app.target import Options
from dragoman.cli import hosting
from dragoman.cli.amounts import seconds
from dragoman.cli.kept import kept_login
from dragoman.cli.outcome import UsageError
from dragoman.cli.target import AT_A_URL, choose, read_headers
from dragoman.transport.wire_fds import seize

EPILOG = """\
examples:
  dragoman bridge https://api.example.com/mcp
  dragoman bridge https://api.example.com/mcp --header 'Authorization: Bearer ${TOKEN}'

In the configuration of a client:
  {"mcpServers": {"example": {"command": "dragoman", "args": ["bridge", "https://api.example.com/mcp"]}}}

${TOKEN} is taken from the environment, where a client's configuration can put it with "env"."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "dragoman bridge [options] URL"
    parser.add_argument("words", nargs="*", metavar="URL", help="address of the server")
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help="send this HTTP header")
    parser.add_argument("--timeout", type=seconds, default=None, metavar="SECONDS", help="per call (default 300)")


def run(options: argparse.Namespace) -> int:
    """Serve on stdin and stdout until the client leaves."""
    if options.command is not None:
        raise UsageError("a bridge leads to a URL; a command after -- speaks stdio already")
    target, rest = choose(options.words, None, what=AT_A_URL)
    if rest:
        raise UsageError(f"one URL, please: {rest[0]!r} is too much")
    if isinstance(target, list) or not target.lower().startswith(("http://", "https://")):
        raise UsageError(f"{target!r} is no URL; a bridge leads to a server over HTTP")
    # Before anything else can print: stdout belongs to the protocol.
    streams = seize()
    headers = read_headers(options.header)
    # As an entry of a configuration, so that references in headers are filled in: they are this user's own words.
    login = kept_login(target, headers)
    return lead({"url": target, "headers": headers}, None, login, streams, "bridge", options.timeout)


def lead(
    target: str | dict[str, Any],
    headers: dict[str, str] | None,
    login: Any,
    streams: tuple[int, int],
    name: str,
    timeout: float | None = None,
) -> int:
    """Serve on `streams` what is at the other end of `target`, until the client leaves."""
    options = Options()
    server = Server.proxy(target, name=name, headers=headers, credentials=login, timeout=timeout, options=options)
    return hosting.on_stdio(server, streams)
