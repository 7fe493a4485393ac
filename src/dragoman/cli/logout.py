"""Forget a login: the token is removed here, and revoked where its issuer can be told."""

from __future__ import annotations

import argparse
import asyncio
import sys

from dragoman.auth.oauth import OAuth
from dragoman.auth.wallet_disk import any_logins, default_wallet
from dragoman.cli import show
from dragoman.cli.login import server_url
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.target import AT_A_URL, choose
from dragoman.cli.terminal import Paper, one_line
from dragoman.transport.fetch import SafeFetcher

EPILOG = """\
examples:
  dragoman logout https://mcp.example.com/mcp"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = "\n  dragoman logout [options] URL"
    parser.add_argument("words", nargs="*", metavar="URL", help="the server, or an entry of a client's file")
    parser.add_argument("--json", action="store_true", help="print JSON; an error is one JSON object on stderr")


def run(options: argparse.Namespace) -> int:
    """Forget the login. There being none is no error."""
    target, rest = choose(options.words, options.command, starts=False, what=AT_A_URL)
    if rest:
        raise UsageError(f"logout takes one server; what is {rest[0]!r}?")
    url = server_url(target)
    there = any_logins() and asyncio.run(_log_out(url))
    paper = Paper(sys.stdout)
    if options.json:
        paper.line(show.as_json({"server": url, "loggedOut": there}))
    else:
        paper.line(f"logged out of {one_line(url)}" if there else f"there was no login at {one_line(url)}")
    return OK


async def _log_out(url: str) -> bool:
    auth = OAuth(interactive=False, wallet=default_wallet())
    return await auth.session(url, SafeFetcher).logout()
