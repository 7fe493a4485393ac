"""Serve folders of documents, files, databases, repositories and scripts as one MCP server, without code.

The server has tools to search, fetch, list and describe what is in them, and others where a source needs them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dragoman.app.saying import say
from dragoman.app.server import Server
from dragoman.app.surroundings import HOSTED
from dragoman.cli import hosting
from dragoman.cli.outcome import OK, UsageError
from dragoman.cli.paste import own_words
from dragoman.connectors.assembly import PROFILES, build
from dragoman.errors import LocalError
from dragoman.transport.wire_fds import seize

FILES = ("dragoman.yaml", "dragoman.yml", "dragoman.json")
EPILOG = """\
SOURCE is a folder of documents (PDF, Word, Excel, CSV, HTML, Markdown, text), a single document, a database (an SQLite
file or an address), files (files:PATH, a zip, s3://...), or a Git repository (git:PATH). NAME=SOURCE gives it a name.
Without sources, dragoman.yaml in this folder says what is served; it is followed while the server runs.
Without --stdio and --http: in a terminal over HTTP, and on stdio when another program started it.

examples:
  dragoman serve ./documents
  dragoman serve ./documents sales.db --name acme
  dragoman serve ./documents --http --port 9000
  dragoman serve --config acme.yaml --check              does it all work, and what does it cost
  dragoman serve ./documents --install cursor            let a client start it
  dragoman call http://127.0.0.1:8848/mcp search query="sales report"     from another terminal

exit status of --check: 0 all is well, 1 a source does not answer or a command is not approved, 2 the file is wrong"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="a folder, a document, a database, a repository")
    parser.add_argument("--name", help="what the server calls itself")
    parser.add_argument("--config", metavar="FILE", help="what is served, and to whom (default: ./dragoman.yaml)")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of dragoman.yaml, and end")
    parser.add_argument("--check", action="store_true", help="try all of it, say how it is and what it costs, and end")
    parser.add_argument("--json", action="store_true", help="with --check: print JSON")
    parser.add_argument(
        "--allow-write", action="append", default=[], metavar="SOURCE", help="let a source be changed; repeatable"
    )
    parser.add_argument("--index", metavar="URL", default="", help="keep indexes in a database: postgresql://HOST/NAME")
    parser.add_argument("--record", metavar="FILE", help="note which items went to which client")
    parser.add_argument("--profile", choices=PROFILES, help="the shape of search and fetch (default: default)")
    parser.add_argument("--install", metavar="CLIENT", help="put it into a client program, such as cursor, and end")
    parser.add_argument("--uninstall", metavar="CLIENT", help="take it out of a client program, and end")
    parser.add_argument("--yes", action="store_true", help="with --install and --uninstall: do not ask")
    hosting.add_options(parser)
    parser.add_argument(
        "--anyone",
        action="store_true",
        help="let other machines in without asking who they are",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    if options.command is not None:
        raise UsageError("serve takes sources, not a command after --")
    if options.schema:
        print(json.dumps(import_module("dragoman.connectors.settings.schema").schema(), indent=2))
        return OK
    if options.json and not (options.check or options.install or options.uninstall):
        raise UsageError("--json is for: dragoman serve --check")
    config = config_of(options)
    if options.install:
        # What no client could start is told now, not there.
        import_module("dragoman.cli.serve_check").opens(options, config)
    if options.install or options.uninstall:
        return int(import_module("dragoman.cli.serve_install").run(options, words_of(options, config)))
    if options.check:
        return int(import_module("dragoman.cli.serve_check").run(options, config))
    place = hosting.choose(options)
    streams = seize() if place.stdio else None
    near = place.stdio or (place.host.startswith(hosting.LOOPBACK) and not options.url and not options.allow_host)
    server = configured(options, config, near) if config else simple(options)
    if streams is not None:
        return hosting.on_stdio(server, streams)
    hosting.protect(server, options)
    judge_openness(server, place, options)
    listener = hosting.listen(place)
    return hosting.over_http(server, listener, place, hosting.http_options(options), words_of(options, config))


def index_of(options: argparse.Namespace) -> str:
    """Return the address of the database for indexes, "" for none.  Raises UsageError for one with a password."""
    address: str = options.index
    if urlsplit(address).password:
        raise UsageError(
            "a password on the command line can be read by others on this machine: write index: postgresql://"
            "USER:${PASSWORD}@HOST/NAME into dragoman.yaml, or keep it in ~/.pgpass"
        )
    return address


def config_of(options: argparse.Namespace) -> Path | None:
    """Return the file that says what is served, None if the command line does.  Raises UsageError."""
    if options.config and options.sources:
        raise UsageError(f"name the sources in {options.config} or on the command line, not in both")
    if options.sources:
        return None
    if options.config:
        return Path(options.config).absolute()
    found = next((Path(name).absolute() for name in FILES if Path(name).is_file()), None)
    if found is None:
        raise UsageError(
            "what shall be served? Give folders or files, as in: dragoman serve ./documents; or write a dragoman.yaml"
        )
    return found


def simple(options: argparse.Namespace) -> Server:
    """Return the server over the sources of the command line."""
    return build(
        options.sources, name=options.name, allow_write=options.allow_write, record=options.record,
        profile=options.profile or "default", index=index_of(options),
    )  # fmt: skip


def configured(options: argparse.Namespace, config: Path, near: bool) -> Server:
    """Return the server as the file says it, which follows the file."""
    # Only for those who have such a file.
    building: Any = import_module("dragoman.connectors.settings.building")
    following: Any = import_module("dragoman.connectors.settings.following")
    made = building.Configured(config, wishes_of(options, near))
    for reason in made.opened.inactive.values():
        say(f"inactive: {reason}")
    server: Server = made.server
    protect(server, made)
    server.surface.companions.append(following.Follower(made, say))
    return server


def wishes_of(options: argparse.Namespace, near: bool) -> Any:
    """Return what the command line says beside the file."""
    building: Any = import_module("dragoman.connectors.settings.building")
    return building.Wishes(
        allow_write=tuple(options.allow_write),
        local=near,
        asks=bool(options.auth_issuer),
        record=os.path.abspath(options.record) if options.record else "",
        profile=options.profile or "",
        name=options.name or "",
        index_at=index_of(options),
        hosted=os.environ.get(HOSTED) == "1",
    )


def protect(server: Server, made: Any) -> None:
    """Ask callers over HTTP for the tokens that the file says."""
    said = made.auth
    if said:
        protection: Any = import_module("dragoman.app.protection")
        shaping: Any = import_module("dragoman.connectors.shaping")
        try:
            protection.protect(server, shaping.shaped(said, protection.AuthSettings, "auth"))
        except ValueError as fault:
            raise UsageError(f"{made.read.path}: {fault}") from None
        except LocalError as fault:
            raise UsageError(f"{made.read.path}: auth: {fault}") from None


def judge_openness(server: Server, place: hosting.Place, options: argparse.Namespace) -> None:
    """Raise UsageError if other machines could read everything without anybody having said so."""
    if not (server.auth or place.host.startswith(hosting.LOOPBACK) or options.anyone):
        raise UsageError(
            f"anyone who reaches {place.host} could read all of this: say whose tokens are taken (--auth-issuer, or "
            "auth in dragoman.yaml), or --anyone if that is what you want"
        )


def words_of(options: argparse.Namespace, config: Path | None) -> list[str]:
    """Return the words that start the same server on stdio, from anywhere."""
    what = ["--config", str(config)] if config else [absolute(source) for source in options.sources]
    words = [*own_words(), "serve", *what, "--stdio", *(["--name", options.name] if options.name else [])]
    words += [word for source in options.allow_write for word in ("--allow-write", source)]
    words += ["--index", options.index] if options.index else []
    words += ["--record", os.path.abspath(options.record)] if options.record else []
    return words + (["--profile", options.profile] if options.profile else [])


def absolute(source: str) -> str:
    """Return a source, PATH or NAME=PATH or SCHEME:PATH, with its path as it is from anywhere."""
    if os.path.exists(source):
        return str(Path(source).resolve())
    found = re.fullmatch(
        r"([a-z][a-z0-9-]*=)?(sqlite:///?|duckdb:///?|file://|[a-z]{2,20}:(?!//))?(.*)", source, re.DOTALL
    )
    if found is None or "://" in found[3]:
        return source
    # An absolute path after sqlite: has four slashes in all.
    prefix = found[2] or ""
    scheme = f"{prefix.partition(':')[0]}:///" if prefix[:6] in ("sqlite", "duckdb") else prefix
    return f"{found[1] or ''}{scheme}{Path(found[3]).expanduser().resolve()}"
