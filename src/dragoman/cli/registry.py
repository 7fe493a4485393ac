"""Find MCP servers in a registry, put them in, keep them watched; publish and serve entries; make and open bundles.

What is put in has an exact version, its hash and its owner checked, and nothing of it runs before you saw the command.
"""

from __future__ import annotations

import argparse
from importlib import import_module

from dragoman.cli import hosting
from dragoman.cli.amounts import port, whole
from dragoman.cli.outcome import UsageError

EPILOG = """\
examples:
  dragoman registry search weather
  dragoman registry show io.github.user/weather
  dragoman registry add io.github.user/weather --to cursor
  dragoman registry add io.github.user/weather@1.2.0 --input city=Oslo --to all
  dragoman registry list --outdated
  dragoman registry remove io.github.user/weather --to all
  dragoman registry publish --check
  dragoman registry serve ./entries
  dragoman registry pack ./server --out server.mcpb
  dragoman registry verify server.mcpb
  dragoman registry install server.mcpb --to claude-desktop

Registries, and what each is trusted with, are in registries.json; see 'dragoman registry sources'."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = """
  dragoman registry search [WORD ...]
  dragoman registry show NAME[@VERSION]
  dragoman registry add [NAME[@VERSION]] [--to CLIENT[,CLIENT...]|all]
  dragoman registry remove NAME [--to CLIENT|all]
  dragoman registry list [--outdated]
  dragoman registry sources
  dragoman registry publish --check [FILE]
  dragoman registry serve DIR [--port PORT]
  dragoman registry pack DIR [--out FILE]
  dragoman registry verify FILE
  dragoman registry unpack FILE DIR
  dragoman registry install FILE [--to CLIENT|all]"""
    flag, text = "store_true", "NAME"
    parser.add_argument("words", nargs="*", metavar="WORD", help="what to do, and with what")
    parser.add_argument("--json", action=flag, help="print JSON; an error is one JSON object on stderr")
    parser.add_argument("--registry", default="", metavar="NAME|URL", help="ask this registry only")
    parser.add_argument("--limit", type=whole(1), default=30, metavar="N", help="search: at most so many (default 30)")
    parser.add_argument("--since", default="", metavar="TIME", help="search: what changed since, deleted entries too")
    parser.add_argument("--to", action="append", default=[], metavar="CLIENT", help="the client, several, or all")
    parser.add_argument("--project", action=flag, help="into the project in this folder, not for the user")
    parser.add_argument("--files", action=flag, help="write files even where the client has a command for it")
    parser.add_argument("--name", default="", metavar=text, help="the server's name in clients; publish: the entry's")
    parser.add_argument("--package", default="", metavar="KIND", help="pypi, npm, mcpb, oci or remote")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=VALUE", help="what the server asks for")
    parser.add_argument("--secret", action="append", default=[], metavar=text, help="ask for this optional secret, too")
    parser.add_argument("--lock", default="", metavar="FILE", help="the lock file (default dragoman.lock.json)")
    parser.add_argument("--upgrade", action=flag, help="add: the latest version, whatever the lock file has")
    parser.add_argument("--unwatched", action=flag, help="add: do not ask for its status at every start")
    parser.add_argument("--suspicious", action=flag, help="add: although its texts may mislead")
    parser.add_argument("--expose", action=flag, help="add: although a secret becomes a word of its command")
    parser.add_argument("--outdated", action=flag, help="list: ask for newer versions and for statuses")
    parser.add_argument("--check", action=flag, help="publish: write server.json if there is none, and check it")
    parser.add_argument("--private", action=flag, help="publish: leave out the rules of the official registry only")
    parser.add_argument("--out", default="", metavar="FILE", help="pack: where the bundle goes")
    parser.add_argument("--sha256", default="", metavar="HEX", help="verify, install: the hash that it has to have")
    parser.add_argument("--host", default=hosting.HOST, help=f"serve: address to listen on (default {hosting.HOST})")
    parser.add_argument("--port", type=port, default=8851, help="serve: port to listen on (default 8851)")
    parser.add_argument("--url", default="", metavar="URL", help="serve: how clients reach it, if not by that address")
    parser.add_argument("--dry-run", action=flag, help="show what would happen, and change nothing")
    parser.add_argument("--yes", action=flag, help="do not ask")


def run(options: argparse.Namespace) -> int:
    """Do what the first word says."""
    words: list[str] = options.words
    action = ACTIONS.get(words[0] if words else "")
    if action is None:
        what = f"registry does not know {words[0]!r}; there" if words else "registry takes a word: there"
        raise UsageError(f"{what} is {', '.join(ACTIONS)}")
    options.words = words[1:]
    # Clients start servers again and again: what serves a registry or asks for one is not loaded for that.
    module, _, function = action.partition(":")
    status: int = getattr(import_module(f"dragoman.cli.{module}"), function)(options)
    return status


ACTIONS = {
    "search": "registry_show:search",
    "show": "registry_show:show",
    "add": "registry_add:add",
    "remove": "registry_add:remove",
    "list": "registry_show:listed",
    "sources": "registry_show:sources",
    "publish": "registry_files:publish",
    "serve": "registry_files:serve",
    "pack": "registry_files:pack",
    "verify": "registry_files:verify",
    "unpack": "registry_files:unpack",
    "install": "registry_add:install",
    "start": "registry_start:start",
}
