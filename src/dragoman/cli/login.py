"""Log in to a server over HTTP, as a user. The other commands use the login by themselves.

What is kept lies in the system's keyring, else in an encrypted file; nothing of it is ever printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from contextlib import AbstractAsyncContextManager, suppress
from typing import NamedTuple

from dragoman.app.client import Client
from dragoman.auth.discovery import UnwantedLoginError
from dragoman.auth.oauth import OAuth, show_in_browser
from dragoman.auth.session import Session
from dragoman.auth.wallet import Held, client_key
from dragoman.auth.wallet_disk import default_wallet
from dragoman.cli import show
from dragoman.cli.amounts import port, seconds
from dragoman.cli.kept import http_url
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.target import AT_A_URL, Target, choose
from dragoman.cli.terminal import Paper, one_line, visible
from dragoman.errors import PeerError
from dragoman.ports.credentials import Fetchers, Waiting
from dragoman.ports.wallet import Wallet
from dragoman.transport.fetch import SafeFetcher

SECRET = "DRAGOMAN_CLIENT_SECRET"
EPILOG = f"""\
examples:
  dragoman login https://mcp.example.com/mcp
  dragoman login https://mcp.example.com/mcp --scope files:write
  dragoman login https://mcp.example.com/mcp --no-browser      on a machine without one
  dragoman login https://mcp.example.com/mcp --client-id ID    for a server that registers nobody

A client's secret is read from the environment variable {SECRET}."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "\n  dragoman login [options] URL"
    parser.add_argument("words", nargs="*", metavar="URL", help="the server, or an entry of a client's file")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")
    parser.add_argument("--scope", action="append", default=[], metavar="NAME", help="ask for this too; repeatable")
    parser.add_argument("--no-browser", action="store_true", help="print the page's address, and take the answer's")
    parser.add_argument("--client-id", default="", metavar="ID", help="the client that the server knows")
    parser.add_argument("--issuer", default="", metavar="URL", help="the authorization server that knows the client")
    parser.add_argument("--client-metadata", default="", metavar="URL", help="the client's own metadata document")
    parser.add_argument("--register", action="store_true", help="register this client anew, if its server forgot it")
    parser.add_argument("--port", type=port, default=0, metavar="N", help="wait for the browser on this port")
    parser.add_argument("--timeout", type=seconds, default=300.0, metavar="SECONDS", help="for the login (default 300)")


def run(options: argparse.Namespace) -> int:
    """Log in, and say where."""
    target, rest = choose(options.words, options.command, starts=False, what=AT_A_URL)
    if rest:
        raise UsageError(f"login takes one server; what is {rest[0]!r}?")
    held = asyncio.run(log_in(target, options, default_wallet()))
    paper = Paper(sys.stdout)
    server = server_url(target)
    if options.json:
        paper.line(show.as_json(told(server, held)))
    elif held is None:
        paper.line(f"{one_line(server)} asks for no login")
    else:
        scopes = f", for {' '.join(held.granted or held.scopes)}" if held.granted or held.scopes else ""
        paper.line(visible(f"logged in to {server} at {held.issuer}{scopes}"))
    return OK


def told(server: str, held: Held | None) -> dict[str, object]:
    """Return what may be told of a login."""
    if held is None:
        return {"server": server, "loggedIn": False}
    return {
        "server": server,
        "loggedIn": True,
        "issuer": held.issuer,
        "scopes": list(held.scopes if held.granted is None else held.granted),
        "expires": held.expires or None,
        "renews": bool(held.refresh),
    }


def server_url(target: Target) -> str:
    """Return the URL of the server. Raises UsageError for one that is started as a command."""
    url = http_url(target)
    if not url:
        raise UsageError("only servers at a URL have logins; a command gets what it needs from its environment")
    return url


async def log_in(target: Target, options: argparse.Namespace, wallet: Wallet) -> Held | None:
    """Return the login, None if the server wants none. Raises AuthorizationError."""
    url = server_url(target)
    auth = OAuth(
        client_id=options.client_id,
        client_secret=os.environ.get(SECRET, "") if options.client_id else "",
        issuer=options.issuer,
        client_metadata_url=options.client_metadata,
        scopes=options.scope,
        on_authorize=show_and_ask if options.no_browser else show_page,
        login_seconds=options.timeout,
        port=options.port,
        wallet=_Unregistered(wallet) if options.register else wallet,
    )
    session = auth.session(url, SafeFetcher)
    session.begin_anew()
    # The user's time is bounded above.
    async with Client(target, timeout=None, auth=_Begun(session)) as client:
        if session.held is None:
            with suppress(PeerError):  # it has none; a refusal is what is looked for
                await client.list_tools()
        if session.held is None:
            try:
                return await session.login()
            except UnwantedLoginError:
                if options.scope:
                    raise
        return session.held


class _Unregistered(NamedTuple):
    """A wallet whose registrations are not looked at; what is registered now replaces them."""

    wallet: Wallet

    async def read(self, key: str) -> bytes | None:
        """Return the value, None for a registration."""
        return None if key.startswith(client_key("")) else await self.wallet.read(key)

    async def write(self, key: str, value: bytes) -> None:
        """Set the value."""
        await self.wallet.write(key, value)

    async def remove(self, key: str) -> bool:
        """Remove the value."""
        return await self.wallet.remove(key)

    def alone(self, key: str) -> AbstractAsyncContextManager[None]:
        """Hold the wallet's lock."""
        return self.wallet.alone(key)


class _Begun(NamedTuple):
    """A login that is looked at while it is used."""

    begun: Session

    def session(self, url: str, fetchers: Fetchers, waiting: Waiting) -> Session:
        """Return the credentials."""
        return self.begun


async def show_page(url: str) -> None:
    """Open the browser, and say so: it may be hidden behind the terminal."""
    print("dragoman: log in in the browser that opens now", file=sys.stderr, flush=True)
    await show_in_browser(url)


async def show_and_ask(url: str) -> str | None:
    """Print the address, and return the one that the user ended at; None if they have no terminal to give it at."""
    print(f"Open this page in a browser, on any machine:\n\n  {visible(url)}\n", file=sys.stderr)
    print("It ends at an address of 127.0.0.1 that may not load. Paste that address here:", file=sys.stderr, flush=True)
    line = (await _line()).strip()
    return line or None


async def _line() -> str:
    """Return a line of stdin. The thread is a daemon: nobody can end its wait, and nobody has to."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[str] = loop.create_future()

    def tell(line: str) -> None:
        if not found.done():
            found.set_result(line)

    def read() -> None:
        line = sys.stdin.readline()
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, line)

    threading.Thread(target=read, daemon=True).start()
    return await found
