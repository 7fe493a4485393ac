"""List what a server has: its tools, resources, resource templates and prompts.

Asks only for what the server says it has.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.cli import show
from dragoman.cli.outcome import UsageError
from dragoman.cli.session import use
from dragoman.cli.target import add_options, choose
from dragoman.cli.terminal import Paper, one_line

KINDS = ("tools", "resources", "prompts")
EPILOG = """\
examples:
  dragoman list http://127.0.0.1:8848/mcp
  dragoman list -- python server.py
  dragoman list tools --json -- uvx some-server
  dragoman list ~/.cursor/mcp.json#weather            a server of a client's configuration file"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman list [options] URL [tools|resources|prompts]
  dragoman list [options] [tools|resources|prompts] -- COMMAND [ARG ...]"""
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to list, of which server")
    add_options(parser)


def run(options: argparse.Namespace) -> int:
    """Print the lists."""
    words: list[str] = options.words
    target, kinds = choose(words, options.command)
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"cannot list {kind!r}; there is {', '.join(KINDS)}")
    options.kinds = kinds or KINDS
    return use(target, options, act)


async def act(client: Client, options: argparse.Namespace, paper: Paper) -> None:
    """Ask `client` for the lists that `options.kinds` names, and print them."""
    lists = await gather(client, options.kinds)
    if options.json:
        server = {"serverInfo": client.server_info, "protocolVersion": client.version}
        paper.line(show.as_json({**server, "instructions": client.instructions, **lists}))
        return
    about = client.server_info
    name = one_line(f"{about.name} {about.version}") if about else "a server that did not say its name"
    paper.line(paper.faint(f"{name}, protocol {one_line(client.version)}"))
    shown = 0
    for title, items in lists.items():
        if items:
            paper.line(f"\n{'templates' if title == 'resourceTemplates' else title}")
            shown += len(items)
        for item in items:
            printer: Any = {"tools": show.tool, "prompts": show.prompt}.get(title, show.resource)
            printer(paper, item)
    if not shown:
        paper.line(f"\nno {' and no '.join(options.kinds)}")


async def gather(client: Client, kinds: Sequence[str]) -> dict[str, list[Any]]:
    """Return the lists by the names that the protocol has for them; one that the server does not have is empty."""
    able = client.server_capabilities
    lists: dict[str, list[Any]] = {}
    if "tools" in kinds:
        lists["tools"] = await client.list_tools() if able.tools is not UNSET else []
    if "resources" in kinds:
        has = able.resources is not UNSET
        lists["resources"] = await client.list_resources() if has else []
        lists["resourceTemplates"] = await client.list_resource_templates() if has else []
    if "prompts" in kinds:
        lists["prompts"] = await client.list_prompts() if able.prompts is not UNSET else []
    return lists
